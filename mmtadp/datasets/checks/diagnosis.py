"""Name the file when a sample of a dataset cannot be loaded."""

from typing import Any

from mmtadp.utils.errors import RunError

from .loading import find_loaders
from .report import STOP
from .samples import check_sample, label_rules


def diagnose_failures(dataset: Any, ignore: tuple[int, str] | None = None) -> None:
    """Make a dataset look at the files of a sample whose pipeline raises an error.

    Decoders do not know the file's name: OpenCV's error for an image of 0 bytes has none. The
    error becomes a ``RunError`` that names the file if its files explain it; another error stays
    as it is, with a note of the image.

    Args:
        dataset: Of mmseg or mmdet, not a wrapper; changed in place. A second call changes nothing.
        ignore (tuple[int, str], optional): See :func:`label_rules`.
    """
    if not isinstance(vars(dataset).get('prepare_data'), _Diagnosed):
        dataset.prepare_data = _Diagnosed(dataset, ignore)


class _Diagnosed:
    """``dataset.prepare_data``; a class, because it is pickled for spawned workers."""

    def __init__(self, dataset: Any, ignore: tuple[int, str] | None) -> None:
        self.dataset = dataset
        self.ignore = ignore

    def __call__(self, index: int) -> Any:
        dataset = self.dataset
        try:
            return type(dataset).prepare_data(dataset, index)
        except RunError:
            raise
        except Exception as error:
            info = dataset.get_data_info(index)
            loaders = find_loaders(dataset.pipeline)
            rules = label_rules(dataset, loaders, self.ignore)
            classes = tuple(dataset.metainfo.get('classes') or ())
            findings = check_sample(info, loaders, rules, classes).findings
            stops = [str(finding) for finding in findings if finding.level == STOP]
            if stops:
                raise RunError(' '.join(stops)) from error
            error.add_note(f'(while loading {info.get("img_path")})')
            raise
