"""Errors of the curation floor.

AnymodalError
└── CurationError
    ├── SourceError    a source folder is not laid out as its kind says
    └── WriterError    a writer gave no usable text
"""

from shards.errors import AnymodalError


class CurationError(AnymodalError):
    """Root of this package's errors."""


class SourceError(CurationError):
    """A source's lists or folders break the layout that its kind promises."""


class WriterError(CurationError):
    """A writer gave no text, or text that breaks the rules of the set."""
