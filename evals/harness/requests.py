"""From an item to what a model is asked, and to the sample that a report shows."""

import hashlib
import io
from collections.abc import Sequence

import msgspec
import numpy as np

from evals.benchmarks import Benchmark, ImuWindow, Item, MediaFile
from model_adapter import Capabilities
from shards.draft import Blob, Draft, FileBytes, HeldBytes
from shards.errors import MediaError
from shards.imu import imu_part, imu_shape
from shards.keys import make_key
from shards.media import media_part, probe
from shards.sample import Media, Part, Provenance, Sample, Text, Turn, modality


class Shown(msgspec.Struct, frozen=True):
    """The turns of an item, the human's last, and the bytes of their media."""

    key: str
    turns: tuple[Turn, ...]
    blobs: dict[str, Blob]


def show(benchmark: Benchmark, item: Item, *, prompt: str, inputs: Capabilities | None) -> Shown:
    """The item's human turn, or the dialogue up to it.

    Args:
        benchmark: Gives the key.
        item: Gives text and media.
        prompt: The words around `{text}`.
        inputs: Media that this model does not take are left out unread; None shows all.

    Raises:
        MediaError: If a medium that is shown is missing or broken.
    """
    key = make_key(benchmark.name, item.id)
    if item.context:
        return _shown_dialogue(key, item, inputs)
    wanted = [medium for medium in item.media if inputs is None or medium.modality in inputs.inputs]
    shown = [_shown(medium, f"{key}.0-{number}") for number, medium in enumerate(wanted)]
    words = Text(prompt.replace("{text}", item.text))
    turn = Turn("human", (*(part for part, _ in shown), words))
    return Shown(key, (turn,), {part.member: blob for part, blob in shown})


def _shown_dialogue(key: str, item: Item, inputs: Capabilities | None) -> Shown:
    """The turns without media that this model does not take, and without captions, which would tell what is shown."""
    turns, blobs = [], {}
    for place, turn in enumerate(item.context):
        parts: list[Part] = []
        for number, part in enumerate(turn.parts):
            if isinstance(part, Text):
                parts.append(part)
            elif inputs is None or modality(part) in inputs.inputs:
                member = f"{key}.{place}-{number}.{part.member.rpartition('.')[2]}"
                blobs[member] = item.blobs[part.member]
                parts.append(msgspec.structs.replace(part, member=member, caption=None, provenance=Provenance()))
        turns.append(Turn(turn.role, tuple(parts)))
    return Shown(key, tuple(turns), blobs)


def example_drafts(benchmark: Benchmark, items: Sequence[Item], *, prompt: str) -> list[Draft]:
    """Items as samples with truth and media; those whose media cannot be read are left out."""
    drafts = []
    for item in items:
        try:
            shown = show(benchmark, item, prompt=prompt, inputs=None)
        except MediaError:
            continue
        sample = Sample(key=shown.key, kind=benchmark.kind, turns=shown.turns, truth=item.truth, meta={"id": item.id})
        drafts.append(Draft(sample, shown.blobs))
    return drafts


def _shown(medium: MediaFile, stem: str) -> tuple[Media, Blob]:
    if medium.window is not None:
        return _shown_window(medium.path, medium.window, member=f"{stem}.npy")
    content = FileBytes(medium.path).read()
    facts = probe(content)
    if facts.kind != medium.modality:
        raise MediaError(medium.path, expected=medium.modality, found=facts.kind)
    part = media_part(facts, member=f"{stem}.{facts.extension}", sha256=hashlib.sha256(content).hexdigest())
    return part, FileBytes(medium.path)


def _shown_window(path: str, window: ImuWindow, *, member: str) -> tuple[Media, Blob]:
    """The readings of a window, as far as the recording has them."""
    recording = FileBytes(path).read()
    imu_shape(recording)
    first, last = (max(0, round(time_s * window.rate_hz)) for time_s in (window.start_s, window.end_s))
    cut = io.BytesIO()
    np.save(cut, np.load(io.BytesIO(recording), allow_pickle=False)[first:last], allow_pickle=False)
    content = cut.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    part = imu_part(content, rate_hz=window.rate_hz, axes=window.axes, units=window.units, member=member, sha256=digest)
    return part, HeldBytes(content)
