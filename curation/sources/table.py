"""The table of sources. A new source is one file beside this one and one line here."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from curation.sources.folder import read_folder
from curation.sources.nextgpt import read_nextgpt
from curation.sources.pair import Pair
from curation.sources.world.pairs import read_world
from shards.errors import UsageError

PAIR_SOURCES: Mapping[str, Callable[[Path], Iterator[Pair]]] = {
    "folder": read_folder,
    "nextgpt": read_nextgpt,
    "world": read_world,
}


def read_pairs(source: str) -> Iterator[Pair]:
    """The pairs of a source named as `KIND:DIR`.

    Raises:
        UsageError: If the kind is unknown or the folder absent.
        SourceError: If the folder is not laid out as its kind says.
    """
    kind, _, folder = source.partition(":")
    if kind not in PAIR_SOURCES or not folder:
        kinds = ", ".join(f"{name}:DIR" for name in PAIR_SOURCES)
        raise UsageError("--source", expected=f"one of {kinds}", found=repr(source))
    if not Path(folder).is_dir():
        raise UsageError("--source", expected="a folder", found=f"{folder}, which is none")
    return PAIR_SOURCES[kind](Path(folder))
