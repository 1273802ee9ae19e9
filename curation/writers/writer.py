"""What writes the words of a dialogue: the offline grammar here, language models through the same interface."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from curation.sources.pair import PairModality


class MediumBrief(msgspec.Struct, frozen=True):
    """A medium that is asked for or talked about, and what is known of it."""

    modality: PairModality
    caption: str


class Exchange(msgspec.Struct, frozen=True):
    """A request in a person's words, and the words with which a machine hands over the medium."""

    request: str
    reply: str


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a round of a dialogue, a human turn and the machine's answer, is there for.

    Args:
        act: show: the human gives a medium; ask: the machine gives one; recall: words about one given before.
        request: Whether the human says what is wanted, or only why it is.
        about: The medium's number in the dialogue, from 0; a dialogue gives its media in order.
    """

    act: Literal["show", "ask", "recall"]
    request: Literal["explicit", "implicit"]
    about: int


class MosITBrief(msgspec.Struct, frozen=True):
    """What a dialogue with several media is about, round by round."""

    topic: str
    media: Sequence[MediumBrief]
    moves: Sequence[Move]


class Fact(msgspec.Struct, frozen=True):
    """A question about a medium and its true answer."""

    question: str
    answer: str


Instruction = Literal["describe", "question", "reason", "create"]
"""What AnyMAL's MM-IT asks for (arXiv:2309.16058, section 3.2), in four kinds."""


class MMITBrief(msgspec.Struct, frozen=True):
    """What an instruction about one medium is for; `facts` are one to ask for, two to compare, or none."""

    modality: PairModality
    caption: str
    instruction: Instruction
    facts: Sequence[Fact] = ()


class Writer(Protocol):
    """Writes dialogues. `name` and `revision` go into the recipe; a new revision is a new set."""

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> int: ...

    def t2m(self, brief: MediumBrief, *, key: str, seed: int) -> Exchange:
        """An exchange that asks for, and delivers, the medium of the brief; the same for the same key and seed.

        Raises:
            WriterError: If no usable text came.
        """

    def mosit(self, brief: MosITBrief, *, key: str, seed: int) -> Sequence[str]:
        """The words of each turn, two for a move: a human's and a machine's; the same for the same key and seed.

        Raises:
            WriterError: If no usable text came.
        """

    def mm_it(self, brief: MMITBrief, *, key: str, seed: int) -> Exchange:
        """An instruction and its answer, which says nothing beyond facts and caption; the same for key and seed.

        Raises:
            WriterError: If no usable text came.
        """
