"""Errors of the adapter floor.

AnymodalError
├── AdapterError    a model, or the file that stands for one, cannot answer
└── MediaError
    └── ShortMediumError    a film or a sound is shorter than a network's protocol asks for
"""

from shards.errors import AnymodalError, MediaError


class AdapterError(AnymodalError):
    """A model cannot be loaded or asked, or a file of answers breaks its format."""


class ShortMediumError(MediaError):
    """A film or a sound is whole, but shorter than the protocol's input."""
