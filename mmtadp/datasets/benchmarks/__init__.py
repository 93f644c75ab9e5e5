"""Benchmarks that mmseg and mmdet lack.

Not imported by ``import mmtadp``: mmseg and mmdet take seconds to import, and one of them will do.
The registry imports this package when a config asks for ``mmtadp.ACDCDataset`` or another name of
``mmtadp``; for plain names, ``custom_imports=dict(imports=['mmtadp.datasets.benchmarks'])``.
"""

from mmtadp.utils.dependencies import is_importable

__all__ = []

if is_importable('mmseg'):
    from .acdc import ACDCDataset

    __all__ += ['ACDCDataset']
if is_importable('mmdet'):
    from .cross_domain_detection import Comic2kDataset, Watercolor2kDataset

    __all__ += ['Comic2kDataset', 'Watercolor2kDataset']
