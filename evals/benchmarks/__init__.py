"""Benchmarks: what is asked and how answers are scored, one declaration each."""

from evals.benchmarks.item import PLAIN, Benchmark, ImuWindow, Item, MediaFile
from evals.benchmarks.table import BENCHMARKS, Task

__all__ = [
    "BENCHMARKS",
    "PLAIN",
    "Benchmark",
    "ImuWindow",
    "Item",
    "MediaFile",
    "Task",
]
