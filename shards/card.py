"""What lies in a finished set beside its books: the card, the figures, and the indexes of other readers."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from shards.files import make_folder, write_atomic
from shards.indexes import CROISSANT, WIDS, croissant, energon, front_matter, stale_files, wids
from shards.reader import ShardSet
from shards.statistics import Statistics, statistics
from shards.work import Audit, audit

CARD, STATISTICS = "README.md", "statistics.json"


def write_card(folder: Path, *, title: str, notice: str = "") -> Statistics:
    """Write card, `statistics.json` and all indexes from what the set's books say; equal sets give equal bytes.

    Args:
        folder: A finished set; files that describe shards it no longer has are removed.
        title: First heading of the card.
        notice: What a user must know before using the set, shown first.
    """
    shard_set, figures = ShardSet(folder), statistics(folder)
    for name in stale_files(shard_set):
        (folder / name).unlink()
    for name, content in _files(shard_set, figures, title, notice):
        make_folder((folder / name).parent)
        if not ((folder / name).exists() and (folder / name).read_bytes() == content):
            write_atomic(folder / name, content)
    return figures


def _files(shard_set: ShardSet, figures: Statistics, title: str, notice: str) -> Iterator[tuple[str, bytes]]:
    yield STATISTICS, msgspec.json.format(msgspec.json.encode(figures, order="sorted"), indent=2) + b"\n"
    yield CARD, (front_matter(shard_set) + "\n" + _card(title, notice, figures, audit(Path(shard_set.folder)))).encode()
    if shard_set.shards:
        yield WIDS, wids(shard_set, name=title)
        yield CROISSANT, croissant(shard_set, figures, title=title, notice=notice)
        yield from energon(shard_set)


def _card(title: str, notice: str, figures: Statistics, books: Audit) -> str:
    minutes = figures.hours * 60
    lines = [
        f"# {title}",
        *([f"**{notice}**"] if notice else []),
        f"{figures.n_samples} samples in {figures.n_shards} WebDataset shards, {figures.size_bytes / 2**20:.1f} MiB, "
        f"{figures.n_turns} turns, {figures.n_words} words, {minutes:.1f} minutes of sound and film. "
        f"Made by the pipeline `{figures.pipeline}`; each sample is `KEY.json` and its media, as "
        "`manifest.jsonl` and `index/` list them.",
        _table("Media", figures.by_signature),
        _table("Source", figures.by_source),
        _table("Licence of the media", figures.by_licence),
        f"Of {books.n_in} inputs (and {books.n_created} made on the way) {books.n_written} were written, "
        f"{books.n_dropped} dropped, {books.n_failed} failed, {books.n_merged} merged.",
    ]
    if books.reasons:
        lines.append(_table("Not written", {f"{step}: {reason}": n for _, step, reason, n in books.reasons}))
    return "\n\n".join(lines) + "\n"


def _table(heading: str, counts: Mapping[str, int]) -> str:
    rows = [f"| {_escaped(name) or 'none'} | {count} |" for name, count in counts.items()]
    return "\n".join([f"| {heading} | samples |", "| --- | ---: |", *rows])


def _escaped(text: str) -> str:
    """Text from outside as a table cell: no markup, no new column, no new row."""
    safe = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return " ".join(safe.split())
