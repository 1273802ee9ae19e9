"""Ego4D: what the wearer of a head-mounted camera does, told from the motion sensor alone."""

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from evals.benchmarks.captioning import AUDIOCAPS
from evals.benchmarks.item import ImuWindow, Item, MediaFile
from evals.errors import AnnotationError
from shards.formats.records import read_document
from shards.formats.videos import read_narrations
from shards.sample import References

HALF_WINDOW_S: Final = 2.5
"""Readings on either side of a narration, as IMU2CLIP cuts them."""


class _Sensor(msgspec.Struct):
    rate_hz: float
    axes: tuple[str, ...]
    units: tuple[str, ...]


def load(data: Path, split: str) -> list[Item]:
    """The narrated moments of a split's recordings; narrations of one moment are references of equal standing.

    Raises:
        AnnotationError: If a file breaks its format, or a recording of the split has no narrations.
    """
    folder = data / "ego4d"
    splits = read_document(folder / "splits.json", dict[str, list[str]], what="uids by split", error=AnnotationError)
    sensor = read_document(folder / "imu.json", _Sensor, what="rate, axes and units", error=AnnotationError)
    narrations, items = read_narrations(folder / "narration.json"), []
    for uid in splits.get(split, []):
        if uid not in narrations:
            raise AnnotationError(str(folder / "narration.json"), expected=f"narrations of {uid}", found="none")
        for time_s, group in groupby(narrations[uid], key=lambda one: one.timestamp_sec):
            times_s = (max(0.0, time_s - HALF_WINDOW_S), time_s + HALF_WINDOW_S)
            window = ImuWindow(*times_s, rate_hz=sensor.rate_hz, axes=sensor.axes, units=sensor.units)
            items.append(
                Item(
                    id=f"{uid}_{time_s:g}",
                    cluster=uid,
                    text="",
                    media=(MediaFile("imu", f"{folder}/imu/{uid}.npy", window),),
                    truth=References(tuple(one.sentence for one in group)),
                )
            )
    return items


EGO4D_IMU = replace(
    AUDIOCAPS,
    name="ego4d_imu",
    load=load,
    prompts={
        "plain": "These are readings of a motion sensor at somebody's head. Tell in one sentence what the person does.",
        "anymal": "Describe the motion.",
    },
    source="Grauman et al. 2022, arXiv:2110.07058; ego4d-data.org",
    licence="Ego4D licence agreement, to be signed",
    how_to_get=(
        "ego4d-data.org: narration.json into ego4d/; per recording a float32 array [time, 6] as ego4d/imu/<uid>.npy; "
        "rate_hz, axes and units in ego4d/imu.json; uids by split in ego4d/splits.json"
    ),
    sizes={},
    other_editions={},
)
