"""Errors of the adapter floor.

AnymodalError
└── AdapterError    a model, or the file that stands for one, cannot answer
"""

from shards.errors import AnymodalError


class AdapterError(AnymodalError):
    """A model cannot be loaded or asked, or a file of answers breaks its format."""
