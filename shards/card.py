"""The card that lies in a set's folder: what it is, what is in it, what it may be used for."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from shards.files import write_atomic
from shards.statistics import Statistics, statistics
from shards.work import Audit, audit

CARD, STATISTICS = "README.md", "statistics.json"


def write_card(folder: Path, *, title: str, notice: str = "") -> Statistics:
    """Write `README.md` and `statistics.json` from what the set's books say; equal sets give equal bytes.

    Args:
        folder: A finished set.
        title: First heading of the card.
        notice: What a user must know before using the set, shown first.
    """
    figures, books = statistics(folder), audit(folder)
    encoded = msgspec.json.format(msgspec.json.encode(figures, order="sorted"), indent=2)
    write_atomic(folder / STATISTICS, encoded + b"\n")
    write_atomic(folder / CARD, _card(title, notice, figures, books).encode())
    return figures


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
