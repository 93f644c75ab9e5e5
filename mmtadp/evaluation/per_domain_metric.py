"""Score each domain separately."""

import copy
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS as ROOT_METRICS

from mmtadp.registry import METRICS, register_module

MEAN = 'mean'
# pycocotools reports this where there is no ground truth, such as for the AP of small objects.
_UNDEFINED = -1


@register_module(METRICS)
class PerDomainMetric(BaseMetric):
    """Score the samples of each domain separately, with any metric.

    Several target domains are then evaluated in one run (TADP, Tab. 4): a ``ConcatDataset`` of
    their datasets, each with :class:`~mmtadp.datasets.SetDomain` in its pipeline. Names of results
    begin with the domain: ``night/mIoU``, ``fog/mIoU``, and ``mean/mIoU`` over domains, which
    weights all domains equally. A prefix of the inner metric follows the domain:
    ``comic/pascal_voc/mAP``. A number has a mean if every domain reports it, and none reports NaN
    or -1, pycocotools' value for "no such objects".

    Args:
        metric (dict | BaseMetric): Config of the inner metric, such as ``dict(type='IoUMetric')``.
            The next two arguments set how results are collected from several processes; those
            of the inner metric have no effect.
        collect_device (str): ``'cpu'`` or ``'gpu'``. Defaults to ``'cpu'``.
        collect_dir (str, optional): Folder for collecting on the CPU. Defaults to a temporary one.
        prefix (str, optional): Precedes all names. Defaults to none.

    Raises:
        ValueError: If the inner metric cannot be split by domain.
    """

    def __init__(
        self,
        metric: dict | BaseMetric,
        collect_device: str = 'cpu',
        collect_dir: str | None = None,
        prefix: str | None = None,
    ):
        super().__init__(collect_device=collect_device, collect_dir=collect_dir, prefix=prefix)
        # From the root registry, which looks in the config's default scope.
        self.metric = ROOT_METRICS.build(metric) if isinstance(metric, dict) else metric
        name = type(self.metric).__name__
        if type(self.metric).evaluate is not BaseMetric.evaluate:
            raise ValueError(
                f'PerDomainMetric cannot split {name}, which overrides evaluate(): '
                'expected a metric that only defines process() and compute_metrics()'
            )
        if getattr(self.metric, '_coco_api', None) is not None:
            raise ValueError(
                f'PerDomainMetric cannot split {name} with an ann_file, whose images are those of '
                "all domains. Leave ann_file out and name 'instances' in the meta_keys of "
                'PackDetInputs: the ground truth is then that of the samples.'
            )

    @property
    def dataset_meta(self) -> dict | None:
        """dict: Meta information of the dataset, which is passed to the inner metric."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta
        self.metric.dataset_meta = dataset_meta

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Let the inner metric process a batch, and keep its results with their domains.

        Args:
            data_batch (Any): A batch of the dataloader.
            data_samples (Sequence[dict]): The model's results for it, each with ``domain``.

        Raises:
            ValueError: If a sample has no domain.
            RuntimeError: If the inner metric does not have one result for each sample.
        """
        domains = [_domain(sample) for sample in data_samples]
        self.metric.results = []
        self.metric.process(data_batch, data_samples)
        results, self.metric.results = self.metric.results, []
        # No results at all: the metric only writes files (format_only=True).
        if results and len(results) != len(domains):
            raise RuntimeError(
                f'PerDomainMetric: {type(self.metric).__name__} has {len(results)} results for '
                f'{len(domains)} samples; expected one for each, because each has a domain'
            )
        self.results.extend(zip(domains, results))

    def compute_metrics(self, results: list[tuple[str, Any]]) -> dict[str, Any]:
        """Let the inner metric compute its numbers for each domain.

        Args:
            results (list[tuple[str, Any]]): Domain of each sample, and the inner metric's result
                for it.

        Returns:
            dict[str, Any]: ``{domain}/{name}`` in the order in which domains appear, then
            ``mean/{name}``.
        """
        by_domain: dict[str, list] = {}
        for domain, result in results:
            by_domain.setdefault(domain, []).append(result)
        scores = {}
        for domain, domain_results in by_domain.items():
            print_log(f'Domain {domain!r}: {len(domain_results):,} samples', logger='current')
            # A copy, because CocoMetric keeps the first ground truth that it sees.
            computed = copy.copy(self.metric).compute_metrics(domain_results)
            prefix = f'{self.metric.prefix}/' if self.metric.prefix else ''
            scores[domain] = {f'{prefix}{name}': value for name, value in computed.items()}
        merged = {
            f'{domain}/{name}': value
            for domain, domain_scores in scores.items()
            for name, value in domain_scores.items()
        }
        for name in next(iter(scores.values()), {}):
            values = [domain_scores.get(name) for domain_scores in scores.values()]
            if all(map(_is_defined, values)):
                merged[f'{MEAN}/{name}'] = float(np.mean(values))
        return merged


def _domain(sample: dict) -> str:
    domain = sample.get('domain')
    if isinstance(domain, str) and domain not in ('', MEAN):
        return domain
    problem = f'has domain={domain!r}' if 'domain' in sample else "has no 'domain'"
    raise ValueError(
        f'PerDomainMetric: sample {sample.get("img_path", "without img_path")} {problem}. Put '
        "dict(type='mmtadp.SetDomain', domain='night') into the pipeline of each dataset, and "
        "'domain' into the meta_keys of its PackSegInputs or PackDetInputs."
    )


def _is_defined(value: Any) -> bool:
    return isinstance(value, Real) and not np.isnan(value) and value != _UNDEFINED
