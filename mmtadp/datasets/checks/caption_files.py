"""Check the caption files of a config with the images of its datasets."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from mmtadp.captions import CaptionFileError, CaptionStore, check_captions
from mmtadp.utils.image_sources import ImageFile

from .config_parts import Part
from .report import NOTE, STOP, WARN, Finding, SplitReport

CountTokens = Callable[[list[str]], list[int]]
# What `check_captions` finds in a file: the level here, and the wording.
_PROBLEMS = {
    'ambiguous': (WARN, 'keys that fit several images'),
    'empty': (WARN, 'empty captions'),
    'long': (WARN, 'captions that the text encoder cuts off after 77 tokens'),
    'extra': (NOTE, 'keys that no image of these splits has'),
}


def check_caption_files(
    reports: Sequence[SplitReport],
    parts: Mapping[str, Sequence[Part]],
    count_tokens: CountTokens | None,
) -> None:
    """Check each caption file once, with the images of all splits that read it.

    Args:
        reports (Sequence[SplitReport]): Changed in place: findings go to the first split.
        parts (Mapping[str, Sequence[Part]]): The datasets of each split.
        count_tokens (Callable, optional): From captions to the number of tokens of each.
    """
    images: dict[tuple, list[ImageFile]] = {}
    first: dict[tuple, SplitReport] = {}
    for report in reports:
        for part in parts[report.name]:
            for loader in part.caption_loaders():
                setting = caption_setting(loader)
                first.setdefault(setting, report)
                paths = [os.path.abspath(info['img_path']) for info in part.infos()]
                found = [ImageFile(path, os.path.dirname(path)) for path in paths]
                images.setdefault(setting, []).extend(found)
    for setting, report in first.items():
        files = setting[0]
        unique = list(dict.fromkeys(images[setting]))
        try:
            report.add(list(_check(*setting, unique, count_tokens)))
        except FileNotFoundError as error:
            path = str(error.filename or files[0])
            text = 'does not exist (ann_file of CaptionLoadTransform).'
            report.add([Finding(STOP, 'captions', path, text)])
        except (CaptionFileError, OSError, ValueError) as error:
            text = str(error).removeprefix(f'{files[0]}: ')
            report.add([Finding(STOP, 'captions', files[0], text)])


def caption_setting(loader: Mapping) -> tuple[tuple[str, ...], str, str]:
    """Return the files, the key policy and ``missing`` of a caption loader's config."""
    files = loader['ann_file']
    files = (files,) if isinstance(files, str | os.PathLike) else files
    return tuple(map(str, files)), loader.get('key', 'auto'), loader.get('missing', 'error')


def _check(
    files: Sequence[str],
    key: str,
    missing: str,
    images: Sequence[ImageFile],
    count_tokens: CountTokens | None,
) -> Iterator[Finding]:
    store = CaptionStore.load(list(files), key, allow_blank=missing == 'null')
    without = [image.path for image in images if not store.find(image.path)]
    if without:
        text = f'no caption for {len(without):,} of {len(images):,} images, such as {without[0]}'
        if missing == 'null':
            level, text = NOTE, f"{text}; they have the empty caption (missing='null')."
        else:
            level, text = STOP, f"{text}. Caption them, or set missing='null'."
        yield Finding(level, 'captions', ', '.join(files), text)
    for file in files:
        report = check_captions(file, images, key, count_tokens=count_tokens)
        for kind, (level, words) in _PROBLEMS.items():
            cases = report.problems[kind]
            if cases:
                yield Finding(level, 'captions', file, f'{len(cases):,} {words}: {cases[0]}')
