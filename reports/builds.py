"""A built set as a page shows it: figures, books, what was not written, and a few samples."""

from pathlib import Path

from reports.content import BuildView, SampleView
from shards.keys import keyed_hash
from shards.reader import ShardSet, held
from shards.statistics import Statistics, statistics
from shards.work import audit, read_ledger

N_SAMPLES, N_LEDGER_ROWS = 6, 12


def view_build(folder: Path, *, name: str) -> BuildView:
    """What a page shows of the set in `folder`; samples are drawn by hash, ledger rows not written come first.

    Raises:
        ShardsError: If the set's books cannot be read.
    """
    rows = sorted(read_ledger(folder), key=lambda row: (row.outcome == "written", row.id))
    return BuildView(
        name=name,
        figures=_figures(statistics(folder)),
        books=audit(folder),
        ledger=tuple(rows[:N_LEDGER_ROWS]),
        samples=_samples(folder),
    )


def _figures(figures: Statistics) -> tuple[tuple[str, str], ...]:
    counts = [(media, f"{count:,}") for media, count in figures.by_signature.items()]
    return (
        ("samples", f"{figures.n_samples:,}"),
        *counts,
        ("words", f"{figures.n_words:,}"),
        ("shards", f"{figures.n_shards:,}"),
        ("size", f"{figures.size_bytes / 2**20:.1f} MiB"),
        ("sound and film", f"{figures.hours * 60:.1f} min"),
    )


def _samples(folder: Path) -> tuple[SampleView, ...]:
    """A few samples of each media signature, the same ones every time."""
    shard_set = ShardSet(folder)
    index = shard_set.index.select(["key", "signature"]).to_pylist()
    by_signature: dict[str, list[str]] = {}
    for row in sorted(index, key=lambda row: keyed_hash(row["key"], seed=0, purpose="page")):
        by_signature.setdefault(row["signature"], []).append(row["key"])
    share = max(1, N_SAMPLES // max(1, len(by_signature)))
    drafts = [shard_set.get(key) for _, keys in sorted(by_signature.items()) for key in keys[:share]]
    return tuple(SampleView(draft.sample, held(draft)) for draft in drafts)
