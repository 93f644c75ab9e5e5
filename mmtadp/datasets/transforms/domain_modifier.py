"""Put a caption into a sentence that names the domain."""

import os
import re

from mmcv.transforms import BaseTransform

from mmtadp.registry import TRANSFORMS, register_module
from mmtadp.utils.errors import RunError
from mmtadp.utils.learned_tokens import read_learned_token

from .load_captions import check_caption

_CAPTION, _TOKEN = '{caption}', '{token}'


@register_module(TRANSFORMS)
class DomainModifier(BaseTransform):
    """Put a caption into a sentence that names the domain of the image.

    The modifier M(P) of TADP, Sec. 4.3, such as ``'a dark night photo of a {caption}'``. The
    default template is the null modifier of Tab. 4, which leaves captions as they are. For textual
    inversion, the sentence contains a learned token: ``'a dark {token} photo of a {caption}'``.
    The backbone needs the same file: ``prompt=dict(type='CaptionPrompt', learned_embeds=...)``.

    The empty caption stays empty. It is the null text, which ``missing='null'`` gives to images
    without a caption; ``'a dark night photo of a '`` would be neither null text nor a caption.

    Required Keys:

    - caption (str)

    Modified Keys:

    - caption (str)

    Args:
        template (str): The sentence, with ``{caption}`` exactly once, ``{token}`` in place of the
            learned token if there is one, and no other braces. Defaults to ``'{caption}'``.
        learned_embeds (str | PathLike, optional): Textual inversion file with the name of the
            token; see :func:`mmtadp.utils.learned_tokens.read_learned_token`.

    Attributes:
        token (str, optional): The learned token.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If ``template`` has no ``{caption}``, more than one, another placeholder or a
            stray brace; if only one of ``{token}`` and ``learned_embeds`` is given; or if the file
            is not a textual inversion file.
    """

    writes_caption = True

    def __init__(
        self, template: str = _CAPTION, learned_embeds: str | os.PathLike | None = None
    ) -> None:
        if not isinstance(template, str):
            raise RunError(f'template={template!r}: expected a string with {_CAPTION}')
        self.template = template
        self.learned_embeds = learned_embeds
        self._check()
        self.token = None if learned_embeds is None else read_learned_token(learned_embeds).name
        # Split once, so that braces in a caption are never taken for a placeholder.
        self._before, self._after = (
            part.replace(_TOKEN, self.token or '') for part in template.split(_CAPTION)
        )

    def _check(self) -> None:
        parts = self.template.split(_CAPTION)
        rests = [part.replace(_TOKEN, '') for part in parts]
        unknown = [name for part in rests for name in re.findall(r'{[^{}]*}', part)]
        has_token = any(_TOKEN in part for part in parts)
        if unknown:
            problem = f'unknown placeholder {", ".join(unknown)}'
        elif any(brace in part for part in rests for brace in '{}'):
            problem = 'a brace that is not part of a placeholder'
        elif len(parts) != 2:
            problem = f'{_CAPTION} occurs {len(parts) - 1} times'
        elif has_token and self.learned_embeds is None:
            problem = f'{_TOKEN} without learned_embeds, the file with the token'
        elif self.learned_embeds is not None and not has_token:
            problem = f'no {_TOKEN}, but learned_embeds={str(self.learned_embeds)!r}'
        else:
            return
        raise RunError(
            f'template={self.template!r}: {problem}; expected {_CAPTION} exactly once, {_TOKEN} '
            'if learned_embeds is set, and no other braces, as in '
            "'a dark night photo of a {caption}'"
        )

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
                "DomainModifier rewrites results['caption'], which this sample lacks (it has: "
                f'{", ".join(results)}). Put CaptionLoadTransform before it in the pipeline.'
            )
        check_caption(results['caption'])
        if results['caption']:
            results['caption'] = f'{self._before}{results["caption"]}{self._after}'
        return results

    def __repr__(self) -> str:
        learned = '' if self.token is None else f', learned_embeds={str(self.learned_embeds)!r}'
        return f'{self.__class__.__name__}(template={self.template!r}{learned})'
