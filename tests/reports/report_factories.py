"""Synthetic run folders, small samples and media for the tests of reports."""

import io
import wave
import zlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from struct import pack

import numpy as np

from evals.results import (
    Bounds,
    GenerationRow,
    Interval,
    ItemRow,
    Metric,
    Protocol,
    Result,
    Run,
    RunFolder,
    write_run,
)
from shards.draft import Draft, HeldBytes
from shards.sample import Answers, Audio, HumanAnswer, Image, Provenance, Sample, Text, Turn
from shards.writer import write_archive

PROTOCOL = Protocol(
    benchmark="vqav2",
    split="val",
    prompt="{question} Answer in one or two words.",
    decoding="greedy, 10 tokens",
    parser="strip",
    scorer="vqa@official",
    item_set="5e",
)


def protocol_id(protocol: Protocol) -> str:
    return sha256(repr(protocol).encode()).hexdigest()


def make_run(
    path: Path,
    values: Sequence[float | None],
    *,
    model: str = "alpha",
    protocol: Protocol = PROTOCOL,
    unit: str = "percent",
    metric: str = "vqa_accuracy",
    higher_is_better: bool = True,
    value: float | str | None = "mean",
    interval: tuple[float, float] | None = None,
    level: float = 0.95,
    clusters: Sequence[str] | None = None,
    domain: str = "public",
    exposure: str = "strict_zero_shot",
    chance: float | None = 25.0,
    reason: str | None = "parse_failure",
    texts: Mapping[str, str] | None = None,
    breakdown: Mapping[str, Mapping[str, float]] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    drafts: Iterable[Draft] = (),
    ids: Sequence[str] | None = None,
) -> RunFolder:
    """A run whose value is the mean of its items, unless `value` states another one; no `reason`: of a set."""
    ids = ids or [f"item-{i:05d}" for i in range(len(values))]
    clusters = clusters or [f"cluster-{name}" for name in ids]
    scale = 100.0 if unit == "percent" else 1.0
    mean = scale * sum(v or 0.0 for v in values) / len(values) if values else None
    n_unscored = sum(v is None for v in values) if reason else 0
    result = Result(
        metric=metric,
        protocol=protocol.scorer,
        protocol_id=protocol_id(protocol),
        value=mean if value == "mean" else value,
        unit=unit,
        higher_is_better=higher_is_better,
        n=len(values),
        unscored={reason: n_unscored} if reason and n_unscored else {},
        bounds=Bounds(mean, mean + scale * n_unscored / len(values)) if n_unscored else None,
        interval=Interval(*interval, level, "test") if interval else None,
        metrics=metrics or {},
        breakdown=breakdown or {},
    )
    rows = [
        ItemRow(id=key, value=v, unscored=None if v is not None else reason, cluster=cluster)
        for key, v, cluster in zip(ids, values, clusters, strict=True)
    ]
    run = Run(
        model=model,
        benchmark=protocol.benchmark,
        domain=domain,
        exposure=exposure,
        protocol=protocol,
        protocol_id=result.protocol_id,
        seed=0,
        limit=None,
        chance=chance,
        source="test",
        versions={"anymodal": "0.1.0"},
    )
    said = texts or {}
    generations = [GenerationRow(key, said.get(key, f"{model} says {key}"), "yes") for key in ids]
    return write_run(path, run, result=result, rows=rows, generations=generations, examples=archive(drafts))


def archive(drafts: Iterable[Draft]) -> bytes:
    file = io.BytesIO()
    held = list(drafts)
    if held:
        write_archive(file, held)
    return file.getvalue()


def coin_flips(n: int, share: float, *, seed: int) -> list[float]:
    """`n` right or wrong answers."""
    return (np.random.default_rng(seed).random(n) < share).astype(float).tolist()


def png(width: int = 4, height: int = 3) -> bytes:
    """A plain grey PNG, written by hand."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return pack(">I", len(content)) + kind + content + pack(">I", zlib.crc32(kind + content))

    pixels = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    head = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def wav(duration_s: float = 0.25, rate_hz: int = 8000) -> bytes:
    """A 440 Hz tone."""
    times = np.arange(int(duration_s * rate_hz)) / rate_hz
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate_hz, 0, "NONE", ""))
        sound.writeframes((8000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes())
    return file.getvalue()


def seen_and_heard(key: str, caption: str = "a grey square", question: str = "What is it?") -> Draft:
    """A question about an image and a sound."""
    image = Image(
        member=f"{key}.0-0.png",
        sha256=sha256(png()).hexdigest(),
        width=4,
        height=3,
        caption=caption,
        provenance=Provenance(source="made", id=key, url="javascript:alert(1)", licence="CC0"),
    )
    sound = Audio(
        member=f"{key}.0-1.wav",
        sha256=sha256(wav()).hexdigest(),
        duration_s=0.25,
        sample_rate_hz=8000,
        channels=1,
        caption=caption,
    )
    truth = Answers((HumanAnswer("yes", "yes", 1), HumanAnswer("no", "maybe", 2)), "is it", "yes/no")
    sample = Sample(key=key, kind="vqa", turns=(Turn("human", (image, sound, Text(question))),), truth=truth)
    return Draft(sample, {image.member: HeldBytes(png()), sound.member: HeldBytes(wav())})
