"""A benchmark's items and declaration: what is asked, how, and how answers are scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from evals.results import Scored, Unscored
from model_adapter import Decoding, Generation
from shards.sample import Kind, Modality, Truth

Answers = Mapping[str, str | Unscored]
"""What the parser made of each generation, by item id."""


class MediaFile(msgspec.Struct, frozen=True):
    """A medium that an item shows; read only for models that take its modality."""

    modality: Modality
    path: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item of a benchmark.

    Args:
        id: The official id as text.
        cluster: What items share: the image, the clip.
        text: The question, "" where the prompt alone asks.
        media: What is shown with it.
        truth: For scorers alone.
    """

    id: str
    cluster: str
    text: str
    media: tuple[MediaFile, ...]
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark under one protocol.

    Args:
        name: As on the command line, without `world/`.
        kind: The samples' kind.
        splits: The first is the default.
        train_split: Where baselines learn from.
        load: Items of a split from the folder that `--data` names.
        prompt: The words of the request; `{text}` is the item's text.
        decoding: How the model chooses words.
        parser: Name and version of `parse`, for the protocol.
        parse: The answer in a generation, or why there is none.
        scorer: The primary metric's protocol, such as "vqa@official".
        score: Items asked, answers, all items of the split and the bootstrap's seed to numbers. An item's value does
            not depend on which other items were asked.
        chance: The value of guessing from the training answers, given the items and the training items, if it has one.
        source: Paper and data's home.
        licence: Terms of the data.
        how_to_get: What to download into which file names.
    """

    name: str
    kind: Kind
    splits: tuple[str, ...]
    train_split: str
    load: Callable[[Path, str], Sequence[Item]]
    prompt: str
    decoding: Decoding
    parser: str
    parse: Callable[[Generation], str | Unscored]
    scorer: str
    score: Callable[[Sequence[Item], Answers, Sequence[Item], int], Scored]
    chance: Callable[[Sequence[Item], Sequence[Item]], float] | None
    source: str
    licence: str
    how_to_get: str


def first_text(generation: Generation) -> str | Unscored:
    """The generation's words without white space at the ends; a refusal or silence has no answer."""
    if generation.finish_reason in ("missing", "refusal"):
        return Unscored(generation.finish_reason)
    return generation.text.strip() or Unscored("empty_answer")
