"""Intervals and paired tests; numpy only, so that reports can use them."""

from evals.statistics.bootstrap import FloatArray, cluster_interval, cluster_intervals, cluster_sums, mean_of_sums
from evals.statistics.paired import PairedDifference, paired_difference

__all__ = [
    "FloatArray",
    "PairedDifference",
    "cluster_interval",
    "cluster_intervals",
    "cluster_sums",
    "mean_of_sums",
    "paired_difference",
]
