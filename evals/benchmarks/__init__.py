"""Benchmarks: what is asked and how answers are scored, one declaration each."""

from evals.benchmarks.item import Answers, Benchmark, Item, MediaFile, first_text
from evals.benchmarks.table import BENCHMARKS, Task

__all__ = ["BENCHMARKS", "Answers", "Benchmark", "Item", "MediaFile", "Task", "first_text"]
