"""Sources: where captioned media come from, by the name that `--source KIND:DIR` uses."""

from curation.sources.pair import Pair
from curation.sources.table import read_pairs

__all__ = ["Pair", "read_pairs"]
