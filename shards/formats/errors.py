"""Errors of files that come from outside.

ShardsError
├── AnnotationError    a file of questions, annotations or references breaks its format
└── PredictionError    predictions do not fit the questions asked
"""

from shards.errors import ShardsError


class AnnotationError(ShardsError):
    """A file of questions, annotations or references breaks its format."""


class PredictionError(ShardsError):
    """A prediction has an unknown or repeated id, or a value of the wrong type."""
