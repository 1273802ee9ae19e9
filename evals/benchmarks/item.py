"""A benchmark's items and declaration: what is asked, how, and how answers are scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from evals.errors import EvalsError
from evals.results import Scored, Unscored
from model_adapter import Decoding, Generation
from shards.draft import Blob
from shards.errors import UsageError
from shards.formats.predictions import SubmissionFormat
from shards.sample import Kind, Modality, Sample, Truth, Turn

Answers = Mapping[str, str | Unscored]
"""What the parser made of each generation, by item id."""

Expected = TypeVar("Expected")

PLAIN: Final = "plain"
"""The prompt family of models that no other family is for."""


class ImuWindow(msgspec.Struct, frozen=True, gc=False):
    """A stretch of a motion sensor's readings, and what their file does not state; see `shards.imu.imu_part`."""

    start_s: float
    end_s: float
    rate_hz: float
    axes: tuple[str, ...]
    units: tuple[str, ...]


class MediaFile(msgspec.Struct, frozen=True, gc=False):
    """A medium that an item shows; read only for models that take its modality. `window` is of IMU readings."""

    modality: Modality
    path: str
    window: ImuWindow | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item of a benchmark.

    Args:
        id: The official id as text.
        cluster: What items share: the image, the clip.
        text: The question, "" where the prompt alone asks.
        media: What is shown with it.
        truth: For scorers alone.
        official: What the official scorer takes for this item beside or in place of the truth.
        context: Where the item is a turn of a dialogue: all turns before it, the request last. It is shown as it
            stands in place of text and media.
        blobs: The context's media by member name.
    """

    id: str
    cluster: str
    text: str
    media: tuple[MediaFile, ...]
    truth: Truth
    official: object = None
    context: tuple[Turn, ...] = ()
    blobs: Mapping[str, Blob] = {}


Score = Callable[[Sequence[Item], Answers, Sequence[Item], int], Scored]
"""Items asked, answers, all items of the split and the bootstrap's seed to numbers."""


class Scorer(NamedTuple):
    """How answers are scored, by which networks (weights and preprocessing by name), against which set (its hash)."""

    score: Score
    networks: Mapping[str, str] = {}
    reference: str = ""


Bar = Callable[[str], Callable[[int, int], None]]
"""Starts a progress bar of the given title; what comes back is told how much is done, and of how much."""


def no_bar(title: str) -> Callable[[int, int], None]:
    """Shows nothing."""
    return lambda done, total: None


class Workspace(NamedTuple):
    """What scorers with networks work with.

    Args:
        run: The folder below which made media lie, by their names.
        cache: That keeps features of media, if any.
        bar: For long work.
        note: Told what the numbers will lack.
    """

    run: Path = Path()
    cache: Path | None = None
    bar: Bar = no_bar
    note: Callable[[str], None] = lambda text: None


Judged = Callable[[Sequence[Item], Workspace], Scorer]
"""What scores answers to items of a split, opened before a model is asked."""


def by_rules(score: Score) -> Judged:
    """Without networks."""
    return lambda population, workspace: Scorer(score)


def item_of(sample: Sample, medium: MediaFile, *, cluster: str = "", official: object = None) -> Item:
    """The item that an official file's entry (`shards.formats.samples`) is, shown with its medium; by default alone."""
    if sample.truth is None:
        raise EvalsError(f"sample {sample.key}", expected="a truth", found="none")
    text = sample.turns[0].text if sample.turns else ""
    identifier = str(sample.meta["id"])
    cluster = cluster or identifier
    return Item(id=identifier, cluster=cluster, text=text, media=(medium,), truth=sample.truth, official=official)


def expected(item: Item, value: object, kind: type[Expected]) -> Expected:
    """The item's truth, or what its official scorer takes, if it is of the kind that a scorer was made for.

    Raises:
        EvalsError: If it is not: benchmark and scorer do not belong together.
    """
    if not isinstance(value, kind):
        raise EvalsError(f"item {item.id}", expected=kind.__name__, found=type(value).__name__)
    return value


def coco_image(data: Path | str, file_name: str) -> MediaFile:
    """An image of COCO 2014, in the folder that its name tells: `images/val2014/COCO_val2014_<12 digits>.jpg`."""
    return MediaFile("image", f"{data}/images/{file_name.split('_')[1]}/{file_name}")


def coco_image_of(data: Path, split: str, image_id: int | str) -> MediaFile:
    """The image of a split of COCO 2014."""
    return coco_image(data, f"COCO_{split}_{int(image_id):012d}.jpg")


class Size(msgspec.Struct, frozen=True):
    """What a split holds as published; None is unknown.

    Args:
        items: Questions, expressions, or captioned images, clips and films.
        texts: All their reference answers or captions.
        objects: Distinct objects that the expressions mean.
    """

    items: int
    texts: int | None = None
    objects: int | None = None


def first_text(generation: Generation) -> str | Unscored:
    """The generation's words without white space at the ends; a refusal or silence has no answer."""
    if generation.finish_reason in ("missing", "refusal"):
        return Unscored(generation.finish_reason)
    return generation.text.strip() or Unscored("empty_answer")


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark under one protocol for each prompt.

    Args:
        name: As on the command line, without `world/`.
        kind: The samples' kind.
        splits: The first is the default.
        train_split: Where baselines learn from.
        load: Items of a split from the folder that `--data` names.
        prompts: The words of the request by model family, "plain" first; `{text}` is the item's text. What a family
            puts around every request (system words, `[INST]`) is its adapter's.
        decoding: How the model chooses words.
        parser: Name and version of `parse`, for the protocol.
        parse: The answer in a generation, or why there is none.
        scorer: The primary metric's protocol, such as "vqa@official".
        scorer_of: Gives what scores, and opens its networks and reference set so that faults come first: UsageError if
            the weights of the primary metric's network are not here. An item's value does not depend on which other
            items were asked. Unit and direction come with the result.
        enough: Items below which the published protocol is not met.
        chance: The value of guessing from the training answers, given the items and what loads the training items;
            None if it has none.
        submission: The official file of answers.
        source: Paper and data's home.
        licence: Terms of the data.
        how_to_get: What to download into which file names.
        sizes: Of the official edition, by split.
        other_editions: Numbers of items that betray another edition, and which.
        id_rule: What holds for each item's ids in the official edition, in words and as a test.
    """

    name: str
    kind: Kind
    splits: tuple[str, ...]
    train_split: str
    load: Callable[[Path, str], Sequence[Item]]
    prompts: Mapping[str, str]
    decoding: Decoding
    parser: str = "first_text@1"
    parse: Callable[[Generation], str | Unscored] = first_text
    scorer: str
    scorer_of: Judged
    enough: int = 0
    chance: Callable[[Sequence[Item], Callable[[], Sequence[Item]]], float] | None = None
    submission: SubmissionFormat
    source: str
    licence: str
    how_to_get: str
    sizes: Mapping[str, Size] = field(default_factory=dict)
    other_editions: Mapping[int, str] = field(default_factory=dict)
    id_rule: tuple[str, Callable[[Item], bool]] | None = None

    def prompt(self, family: str) -> str:
        """The words for a model family.

        Raises:
            UsageError: If the benchmark has no prompt for it.
        """
        if family not in self.prompts:
            raise UsageError(f"--prompt for {self.name}", expected=f"one of {', '.join(self.prompts)}", found=family)
        return self.prompts[family]
