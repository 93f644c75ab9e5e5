"""Metrics."""

from .per_domain_metric import PerDomainMetric

__all__ = ['PerDomainMetric']
