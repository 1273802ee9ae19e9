"""Benchmarks: what is asked and how answers are scored, one declaration each."""

from evals.benchmarks.item import PLAIN, Answers, Benchmark, ImuWindow, Item, MediaFile, Size, first_text
from evals.benchmarks.table import BENCHMARKS, Task

__all__ = [
    "BENCHMARKS",
    "PLAIN",
    "Answers",
    "Benchmark",
    "ImuWindow",
    "Item",
    "MediaFile",
    "Size",
    "Task",
    "first_text",
]
