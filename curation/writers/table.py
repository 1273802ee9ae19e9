"""The table of writers, by the name that `--writer` uses."""

from collections.abc import Callable, Mapping

from curation.writers.grammar import NOTICE, GrammarWriter
from curation.writers.writer import Writer
from shards.errors import UsageError

WRITERS: Mapping[str, Callable[[], Writer]] = {"offline": GrammarWriter}


def make_writer(name: str) -> Writer:
    """The writer that `--writer NAME` names.

    Raises:
        UsageError: If there is none of that name.
    """
    if name not in WRITERS:
        raise UsageError("--writer", expected=f"one of {', '.join(WRITERS)}", found=repr(name))
    return WRITERS[name]()


def notice(writer: str) -> str:
    """What a set's card must say about the writer of its dialogues, "" if nothing."""
    return NOTICE if writer == "grammar" else ""
