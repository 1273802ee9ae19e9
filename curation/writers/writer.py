"""What writes the words of a dialogue: the offline grammar here, language models through the same interface."""

from typing import Protocol

import msgspec

from curation.sources.pair import PairModality


class T2MBrief(msgspec.Struct, frozen=True):
    """What a text-to-medium dialogue is about."""

    modality: PairModality
    caption: str


class Exchange(msgspec.Struct, frozen=True):
    """A request in a person's words, and the words with which a machine hands over the medium."""

    request: str
    reply: str


class Writer(Protocol):
    """Writes dialogues. `name` and `revision` go into the recipe; a new revision is a new set."""

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def t2m(self, brief: T2MBrief, *, key: str, seed: int) -> Exchange:
        """An exchange that asks for, and delivers, the medium of the brief; the same for the same key and seed.

        Raises:
            WriterError: If no usable text came.
        """
        ...
