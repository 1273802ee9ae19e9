"""Files by which other readers know a set: derived from its manifest and index, equal for equal sets."""

from shards.indexes.check import index_faults, stale_files
from shards.indexes.croissant import CROISSANT, croissant
from shards.indexes.energon import energon
from shards.indexes.huggingface import front_matter
from shards.indexes.wids import WIDS, wids

__all__ = ["CROISSANT", "WIDS", "croissant", "energon", "front_matter", "index_faults", "stale_files", "wids"]
