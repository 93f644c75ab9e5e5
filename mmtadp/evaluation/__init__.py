"""Metrics."""

from .per_domain_metric import PerDomainMetric
from .valid_depth_metric import ValidDepthMetric

__all__ = ['PerDomainMetric', 'ValidDepthMetric']
