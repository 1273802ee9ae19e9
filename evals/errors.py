"""Errors of the evaluation floor, and the two of the files that it reads.

AnymodalError
├── EvalsError
│   └── StatisticsError    a statistic is undefined for these numbers
└── ShardsError
    ├── AnnotationError    an official annotation file, or what was read from it, breaks its format
    └── PredictionError    a prediction has an unknown or repeated id, or a value of the wrong type
"""

from shards.errors import AnymodalError
from shards.formats.errors import AnnotationError, PredictionError

__all__ = ["AnnotationError", "EvalsError", "PredictionError", "StatisticsError"]


class EvalsError(AnymodalError):
    """Root of this package's errors."""


class StatisticsError(EvalsError):
    """A statistic is undefined here, for example an interval over no items."""
