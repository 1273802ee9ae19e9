"""From an item to what a model is asked, and to the sample that a report shows."""

import hashlib
from collections.abc import Sequence

import msgspec

from evals.benchmarks import Benchmark, Item, MediaFile
from model_adapter import Capabilities, Request
from shards.draft import Blob, Draft, FileBytes
from shards.errors import MediaError
from shards.keys import make_key
from shards.media import media_part, probe
from shards.sample import Media, Sample, Text, Turn


class Shown(msgspec.Struct, frozen=True):
    """The human turn of an item, and the bytes of its media."""

    key: str
    turn: Turn
    blobs: dict[str, Blob]


def show(benchmark: Benchmark, item: Item, *, inputs: Capabilities | None) -> Shown:
    """The item's human turn.

    Args:
        benchmark: Gives the prompt.
        item: Gives text and media.
        inputs: Media that this model does not take are left out unread; None shows all.

    Raises:
        MediaError: If a medium that is shown is missing or broken.
    """
    key = make_key(benchmark.name, item.id)
    wanted = [medium for medium in item.media if inputs is None or medium.modality in inputs.inputs]
    media = [_part(medium, f"{key}.0-{number}") for number, medium in enumerate(wanted)]
    words = Text(benchmark.prompt.replace("{text}", item.text))
    turn = Turn("human", (*media, words))
    blobs: dict[str, Blob] = {part.member: FileBytes(medium.path) for part, medium in zip(media, wanted, strict=True)}
    return Shown(key, turn, blobs)


def request(benchmark: Benchmark, item: Item, shown: Shown, *, seed: int) -> Request:
    """What the model is asked, under the item's official id; the truth stays behind."""
    return Request(
        key=item.id,
        turns=(shown.turn,),
        task=benchmark.name,
        decoding=benchmark.decoding,
        seed=seed,
        blobs=shown.blobs,
    )


def example_drafts(benchmark: Benchmark, items: Sequence[Item]) -> list[Draft]:
    """Items as samples with truth and media; those whose media cannot be read are left out."""
    drafts = []
    for item in items:
        try:
            shown = show(benchmark, item, inputs=None)
        except MediaError:
            continue
        sample = Sample(key=shown.key, kind=benchmark.kind, turns=(shown.turn,), truth=item.truth, meta={"id": item.id})
        drafts.append(Draft(sample, shown.blobs))
    return drafts


def _part(medium: MediaFile, stem: str) -> Media:
    content = FileBytes(medium.path).read()
    facts = probe(content)
    if facts.kind != medium.modality:
        raise MediaError(medium.path, expected=medium.modality, found=facts.kind)
    return media_part(facts, member=f"{stem}.{facts.extension}", sha256=hashlib.sha256(content).hexdigest())
