"""Set the domain of a sample."""

from mmcv.transforms import BaseTransform

from mmtadp.registry import TRANSFORMS, register_module


@register_module(TRANSFORMS)
class SetDomain(BaseTransform):
    """Set the domain of the images of a dataset.

    :class:`~mmtadp.evaluation.PerDomainMetric` scores the samples of each domain separately.

    Added Keys:

    - domain (str): Reaches the metric as a meta key: add it to the ``meta_keys`` of
      ``PackSegInputs`` or ``PackDetInputs``.

    Args:
        domain (str): Such as ``'night'``; the names of its metrics begin with it: ``night/mIoU``.

    Raises:
        ValueError: If ``domain`` is not a string, empty, or ``'mean'``, the name of the mean over
            domains.
    """

    def __init__(self, domain: str):
        if not isinstance(domain, str) or domain in ('', 'mean'):
            raise ValueError(
                f"domain={domain!r}: expected a name such as 'night', other than 'mean', under "
                'which the mean over domains is reported'
            )
        self.domain = domain

    def transform(self, results: dict) -> dict:
        """Set ``results['domain']``.

        Args:
            results (dict): Any sample.

        Returns:
            dict: The same sample.
        """
        results['domain'] = self.domain
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(domain={self.domain!r})'
