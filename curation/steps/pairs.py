"""Steps that every pair goes through: is there a caption, is there a medium, is it what it claims to be."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import msgspec

from curation.sources.pair import Pair, PairModality
from shards.errors import MediaError, told_as
from shards.imu import imu_part
from shards.media import MediaLimits, media_part, probe, sniff
from shards.sample import Media, Provenance, modality
from shards.work import Drop

SENSOR_FACTS = "imu.json"
"""In the folder of IMU windows or above it, states what these do not: `rate_hz`, `axes` and `units`."""


class ProbedPair(msgspec.Struct, frozen=True):
    """A pair whose medium exists and was probed; `medium` has no member name yet."""

    pair: Pair
    medium: Media
    extension: str

    @property
    def modality(self) -> PairModality:
        """What the medium is."""
        return cast(PairModality, modality(self.medium))

    @property
    def caption(self) -> str:
        """The medium's caption, which is not empty."""
        return self.medium.caption or ""

    def part(self, stem: str) -> Media:
        """The medium as a sample's part, under the member name STEM and its usual extension."""
        return msgspec.structs.replace(self.medium, member=f"{stem}.{self.extension}")


class CheckCaption(msgspec.Struct, frozen=True):
    """Drop pairs without words; fold white space in the others."""

    name: str = "check_caption"
    version: int = 1

    def __call__(self, pair: Pair) -> Pair | Drop:
        caption = " ".join((pair.caption or "").split())
        if not caption:
            return Drop("empty_caption", "no text" if pair.caption is None else "only white space")
        return msgspec.structs.replace(pair, caption=caption)


class ProbeMedia(msgspec.Struct, frozen=True):
    """Find the medium, hash it, and read what its container states; nothing is decoded or re-encoded."""

    limits: MediaLimits = MediaLimits()
    name: str = "probe_media"
    version: int = 2

    def __call__(self, pair: Pair) -> ProbedPair | Drop:
        if not pair.is_inside:
            return Drop("outside_source", pair.file)
        path = Path(pair.path)
        try:
            if path.exists() and not path.is_file() and not path.is_dir():  # a pipe's end may never come
                return Drop("missing_media", f"{pair.file}: no regular file")
            if (found := path.stat().st_size) > self.limits.max_size_bytes:
                return Drop("broken_media", f"expected at most {self.limits.max_size_bytes:g} bytes, found {found:g}")
            content = path.read_bytes()
        except OSError as error:
            return Drop("missing_media", f"{pair.file}: {error.strerror}")
        try:
            medium, extension = self._probed(pair, content)
        except MediaError as error:
            return Drop("broken_media", f"expected {error.expected}, found {error.found}")
        if pair.modality not in (None, modality(medium)):
            return Drop("wrong_modality", f"listed as {pair.modality}, is {modality(medium)}")
        return ProbedPair(pair, medium, extension)

    def _probed(self, pair: Pair, content: bytes) -> tuple[Media, str]:
        """The medium without a member name, and its extension."""
        sha256 = hashlib.sha256(content).hexdigest()
        origin = Provenance(source=pair.source, id=pair.source_id, url=pair.url, licence=pair.licence)
        if sniff(content) == "npy":
            facts = msgspec.structs.asdict(_sensor_facts(pair))
            window = imu_part(content, **facts, member="", sha256=sha256, limits=self.limits, provenance=origin)
            return msgspec.structs.replace(window, caption=pair.caption), "npy"
        found = probe(content, limits=self.limits)
        return media_part(found, member="", sha256=sha256, caption=pair.caption, provenance=origin), found.extension


class _SensorFacts(msgspec.Struct, frozen=True):
    rate_hz: float
    axes: tuple[str, ...]
    units: tuple[str, ...]


def probe_pairs(pairs: Iterable[Pair], *, limits: MediaLimits) -> tuple[ProbedPair, ...] | Drop:
    """Several pairs through both steps; the first that is dropped drops them all, and is named."""
    probed: list[ProbedPair] = []
    for pair in pairs:
        checked = CheckCaption()(pair)
        one = checked if isinstance(checked, Drop) else ProbeMedia(limits)(checked)
        if isinstance(one, Drop):
            return Drop(one.reason, f"{pair.id}: {one.detail}")
        probed.append(one)
    return tuple(probed)


def _sensor_facts(pair: Pair) -> _SensorFacts:
    """What the nearest `imu.json` between the window and its source's root says.

    Raises:
        MediaError: If there is none, or it lacks a field.
    """
    root = Path(pair.root).resolve()
    folders = [folder for folder in Path(pair.path).resolve().parents if folder.is_relative_to(root)]
    place = next((folder / SENSOR_FACTS for folder in folders if (folder / SENSOR_FACTS).is_file()), None)
    if place is None:
        raise MediaError(pair.file, expected=f"an {SENSOR_FACTS} in its folder or above", found="none")
    with told_as((OSError, msgspec.MsgspecError), MediaError, str(place), expected="rate_hz, axes and units"):
        return msgspec.json.decode(place.read_bytes(), type=_SensorFacts)
