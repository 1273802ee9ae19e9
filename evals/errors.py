"""Errors of the evaluation floor.

AnymodalError
└── EvalsError
    ├── AnnotationError    an official annotation file is not what its format says
    ├── PredictionError    predictions do not fit the questions asked
    └── StatisticsError    a statistic is undefined for these numbers
"""

from shards.errors import AnymodalError


class EvalsError(AnymodalError):
    """Root of this package's errors."""


class AnnotationError(EvalsError):
    """A file of questions, annotations or references breaks its format."""


class PredictionError(EvalsError):
    """A prediction has an unknown or repeated id, or a value of the wrong type."""


class StatisticsError(EvalsError):
    """A statistic is undefined here, for example an interval over no items."""
