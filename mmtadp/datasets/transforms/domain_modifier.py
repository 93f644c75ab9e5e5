"""Pipeline transform that words a caption for its domain."""

import re

from mmcv.transforms import BaseTransform

from mmtadp.registry import TRANSFORMS, register_module

_PLACEHOLDER = '{caption}'


@register_module(TRANSFORMS)
class DomainModifier(BaseTransform):
    """Put a caption into a sentence that names the domain of the image.

    The modifier M(P) of TADP, Sec. 4.3: ``'a dark night photo of a {caption}'``, say. The default
    template is the null modifier of Tab. 4, which leaves captions as they are.

    The empty caption stays empty. It is the null text, which ``missing='null'`` promises to
    images without a caption; ``'a dark night photo of a '`` would be neither that nor a caption.

    Required Keys:

    - caption (str)

    Modified Keys:

    - caption (str)

    Args:
        template (str): The sentence, with ``{caption}`` once where the caption goes and no other
            braces. Defaults to ``'{caption}'``.

    Raises:
        ValueError: If ``template`` has no ``{caption}``, more than one, another placeholder or a
            stray brace.
    """

    def __init__(self, template: str = _PLACEHOLDER):
        if not isinstance(template, str):
            raise ValueError(f'template={template!r}: expected a string with {_PLACEHOLDER}')
        self.template = template
        # Split once, so that braces in a caption are never taken for a placeholder.
        parts = template.split(_PLACEHOLDER)
        unknown = [name for part in parts for name in re.findall(r'{[^{}]*}', part)]
        if unknown:
            problem = f'unknown placeholder {", ".join(unknown)}'
        elif any(brace in part for part in parts for brace in '{}'):
            problem = 'a brace that belongs to no placeholder'
        elif len(parts) != 2:
            problem = f'{_PLACEHOLDER} occurs {len(parts) - 1} times'
        else:
            self._before, self._after = parts
            return
        raise ValueError(
            f'template={template!r}: {problem}; expected {_PLACEHOLDER} exactly once and no other '
            "braces, as in 'a dark night photo of a {caption}'"
        )

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
                "DomainModifier rewrites results['caption'], which this sample lacks (it has: "
                f'{", ".join(results)}). Put CaptionLoadTransform before it in the pipeline.'
            )
        if results['caption']:
            results['caption'] = f'{self._before}{results["caption"]}{self._after}'
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(template={self.template!r})'
