"""Pipeline transform that keeps of a caption its nouns."""

from logging import WARNING

from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmtadp.captions.nouns import find_nouns, load_tagger
from mmtadp.registry import TRANSFORMS, register_module

from .tally import SharedTally


@register_module(TRANSFORMS)
class NounsTransform(BaseTransform):
    """Rewrite a caption to its nouns, separated by spaces.

    TADP(NO) of TADP, Sec. 4.2: NLTK's tags NN and NNS, the first occurrence of each noun, in
    order. Put it behind :class:`CaptionLoadTransform`, of whose choice among several captions it
    takes the nouns, and in front of :class:`DomainModifier`, whose words are not the image's.

    A caption without a noun (8 of the authors' 21,503 for VOC: "a white and brown puppy") becomes
    the empty caption, which is the null text; a warning at the 1st, 10th, 100th, ... one says how
    many there were.

    Required Keys:

    - caption (str)

    Modified Keys:

    - caption (str)

    Raises:
        TaggerDataError: If the data of NLTK's tagger are not there; the message says how to
            fetch them.
    """

    writes_caption = True

    def __init__(self):
        load_tagger()  # Before training starts, and before workers are forked.
        self._tally = SharedTally()

    def transform(self, results: dict) -> dict:
        """Rewrite ``results['caption']``.

        Args:
            results (dict): Sample with ``caption``.

        Returns:
            dict: The same sample.

        Raises:
            ValueError: If the sample has no ``caption``.
        """
        if 'caption' not in results:
            raise ValueError(
                "NounsTransform rewrites results['caption'], which this sample lacks (it has: "
                f'{", ".join(results)}). Put CaptionLoadTransform before it in the pipeline.'
            )
        caption = results['caption']
        results['caption'] = ' '.join(find_nouns(caption))
        # An empty caption was counted by whoever set it.
        if self._tally.add(bool(caption.strip()) and not results['caption']):
            print_log(
                f'NounsTransform: {self._tally.wrong:,} of {self._tally.seen:,} captions so far '
                f'had no noun (NN, NNS) and became empty. Now: {caption!r}',
                logger='current',
                level=WARNING,
            )
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'
