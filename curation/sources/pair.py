"""A medium and its caption: what every pair source yields, one a record of its list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from curation.errors import SourceError

PairModality = Literal["image", "audio", "video", "imu"]


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One captioned medium.

    Args:
        source: The collection, such as "cc3m"; with `source_id` it makes the sample's key.
        source_id: The record's id in the collection.
        root: The folder that the media must lie in.
        file: The media file as the list names it, relative to `root`; "" if it names none. It need not exist.
        caption: The caption as the list has it; None if it has no text there.
        modality: What the list says the file is; None where it does not say.
        licence: Terms of the medium, for the card.
        url: Where the medium was found.
    """

    source: str
    source_id: str
    root: str
    file: str
    caption: str | None
    modality: PairModality | None = None
    licence: str = "unknown"
    url: str | None = None

    @property
    def id(self) -> str:
        """The ledger's name for the record."""
        return f"{self.source}/{self.source_id}"

    @property
    def files(self) -> Sequence[str]:
        """The files that the record stands on."""
        return (self.path,)

    @property
    def path(self) -> str:
        """Where the medium should be."""
        return str(Path(self.root) / self.file)

    @property
    def is_inside(self) -> bool:
        """Whether the file lies in `root`, links followed."""
        return Path(self.path).resolve().is_relative_to(Path(self.root).resolve())


def id_field(record: Any, name: str, *, place: str) -> str:
    """A record's id; numbers are written out.

    Raises:
        SourceError: If the record has no id, so that nothing could be said about it later.
    """
    value = record.get(name) if isinstance(record, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise SourceError(place, expected=f"a text or number under {name!r}", found=repr(value)[:80])
    return str(value)


def optional_text(record: Any, name: str) -> str | None:
    """A field as text, None if it is absent or of another type; a step drops what cannot do without it."""
    value = record.get(name)
    return value if isinstance(value, str) else None
