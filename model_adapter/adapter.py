"""The one interface to every model: requests in, generations out, never a truth in sight."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from shards.draft import Blob
from shards.sample import Boxes, Modality, Part, Text, Turn

FinishReason = Literal["stop", "length", "refusal", "missing"]


class Decoding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a model chooses its words; temperature 0 is greedy."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a model.

    Args:
        key: The item's key; answers come back in the order of requests, the key is for stores and logs.
        turns: The dialogue so far; the last turn is the human's.
        task: The benchmark or pipeline that asks, such as "vqav2".
        decoding: How to choose words.
        seed: For sampling models.
        blobs: Media bytes by the member name of their part.
    """

    key: str
    turns: tuple[Turn, ...]
    task: str
    decoding: Decoding
    seed: int = 0
    blobs: Mapping[str, Blob] = {}


class Usage(msgspec.Struct, frozen=True):
    """What an answer cost, as far as the model says."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A model's answer: text, boxes and media in the order in which they came.

    `finish_reason` is "missing" when a replayed file has no answer for the request; `blobs` holds made media.
    """

    parts: tuple[Part | Boxes, ...]
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    blobs: Mapping[str, Blob] = {}

    @property
    def text(self) -> str:
        """The answer's words, parts joined by a blank."""
        return " ".join(part.text for part in self.parts if isinstance(part, Text))


class Capabilities(msgspec.Struct, frozen=True):
    """What a model takes and gives; media that it does not take are not even read for it."""

    inputs: frozenset[Modality] = frozenset({"text"})
    outputs: frozenset[Modality] = frozenset({"text"})
    scores_continuations: bool = False


class Adapter(Protocol):
    """A model as the suite sees it."""

    def capabilities(self) -> Capabilities:
        """What the model takes and gives."""

    def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """One generation a request, in order.

        Raises:
            AdapterError: If the model cannot answer at all.
        """

    def score(self, requests: Sequence[Request], continuations: Sequence[str]) -> list[float]:
        """Natural-log probability of each continuation after its request.

        Raises:
            AdapterError: If the model gives no probabilities; `capabilities` says so beforehand.
        """


def text_generation(text: str) -> Generation:
    """A generation of words alone."""
    return Generation(parts=(Text(text),))
