"""Pipeline transform that says which domain a sample is of."""

from mmcv.transforms import BaseTransform

from mmtadp.registry import TRANSFORMS, register_module


@register_module(TRANSFORMS)
class SetDomain(BaseTransform):
    """Name the domain of the images of a dataset.

    :class:`~mmtadp.evaluation.PerDomainMetric` scores the samples of each domain by themselves.

    Added Keys:

    - domain (str): Goes on to the metric as a meta key: name it in the ``meta_keys`` of
      ``PackSegInputs`` or ``PackDetInputs``.

    Args:
        domain (str): Such as ``'night'``; begins the names of its metrics, as in ``night/mIoU``.

    Raises:
        ValueError: If ``domain`` is not a string, empty, or ``'mean'``, which is how the mean over
            domains is reported.
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
