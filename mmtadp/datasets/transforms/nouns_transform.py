"""Rewrite a caption to its nouns."""

from logging import WARNING

from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmtadp.captions.nouns import find_nouns, load_tagger
from mmtadp.registry import TRANSFORMS, register_module
from mmtadp.utils.errors import RunError

from .load_captions import check_caption, is_power_of_ten


@register_module(TRANSFORMS)
class NounsTransform(BaseTransform):
    """Rewrite a caption to its nouns, separated by spaces.

    TADP(NO) of TADP, Sec. 4.2: NLTK's tags NN and NNS, the first occurrence of each noun, in
    order. Put it after :class:`CaptionLoadTransform`, which chooses among several captions, and
    before :class:`DomainModifier`, whose words do not describe the image.

    A caption without a noun (8 of the authors' 21,503 for VOC: "a white and brown puppy") becomes
    the empty caption, which is the null text, with a warning at the 1st, 10th, 100th, ... one of
    each dataloader worker.

    Required Keys:

    - caption (str)

    Modified Keys:

    - caption (str)

    Raises:
        TaggerDataError: If the data of NLTK's tagger are missing; the message describes how to
            download them.
    """

    writes_caption = True

    def __init__(self):
        load_tagger()  # Before training starts, and before workers are forked.
        self._num_captions = self._num_empty = 0

    def transform(self, results: dict) -> dict:
        """Rewrite ``results['caption']``.

        Args:
            results (dict): Sample with ``caption``.

        Returns:
            dict: The same sample.

        Raises:
            RunError: If the sample has no ``caption``, or it is not a string.
        """
        if 'caption' not in results:
            raise RunError(
                "NounsTransform rewrites results['caption'], which this sample lacks (it has: "
                f'{", ".join(results)}). Put CaptionLoadTransform before it in the pipeline.'
            )
        caption = check_caption(results['caption'])
        results['caption'] = ' '.join(find_nouns(caption))
        self._num_captions += 1
        # The transform that sets an empty caption warns of it.
        if caption.strip() and not results['caption']:
            self._num_empty += 1
            if is_power_of_ten(self._num_empty):
                print_log(
                    f'NounsTransform: {self._num_empty:,} of {self._num_captions:,} captions of '
                    f'this process had no noun (NN, NNS) and became empty. Now: {caption!r}',
                    logger='current',
                    level=WARNING,
                )
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'
