"""Leaderboards: one board per benchmark and protocol, so that numbers of different protocols never share a column."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import msgspec

from evals.results import Domain, Result, Run, RunFolder
from reports.pairing import Difference, difference
from shards.errors import UndecidedError

LEADERBOARD_SCHEMA: Final = "anymodal.leaderboard/1"
_RESAMPLES: Final = 1000  # as many as stand behind the values' own intervals
Standing = Literal["leader", "tied", "behind", "unknown"]


@dataclass(frozen=True)
class Entry:
    """One run on a board.

    `label` is the model, with the run folder's name where a model has several runs. `gap` is this run minus the
    leader; `standing` is "tied" where the gap's interval holds 0, so that the data do not tell the two apart, and
    "unknown" where no gap can be had.
    """

    folder: RunFolder
    label: str
    rank: int | None
    standing: Standing
    gap: Difference | None


@dataclass(frozen=True)
class Board:
    """All runs of one benchmark under one protocol, the best first.

    What they share, such as benchmark, protocol, metric and unit, stands in `run` and `result` of the first; `chance`
    is what guessing gets, if it is known.
    """

    run: Run
    result: Result
    chance: float | None
    entries: tuple[Entry, ...]


def make_leaderboard(runs: Iterable[RunFolder], *, domain: Domain = "public", level: float = 0.95) -> tuple[Board, ...]:
    """One board per (benchmark, protocol id) of one domain, sorted by benchmark, then by protocol id.

    Runs of the other domain are left out: numbers on the embedded world never stand beside public benchmarks.
    The same model twice under one protocol gives two entries; no mean is taken and none is preferred.
    """
    groups: dict[tuple[str, str], list[RunFolder]] = {}
    for folder in runs:
        if folder.run.domain == domain:
            groups.setdefault((folder.run.benchmark, folder.run.protocol_id), []).append(folder)
    return tuple(_board(groups[key], level) for key in sorted(groups))


def encode_leaderboard(boards: Sequence[Board]) -> bytes:
    """The boards as canonical JSON of schema "anymodal.leaderboard/1", with one trailing newline."""
    content = {"schema": LEADERBOARD_SCHEMA, "boards": [_board_json(board) for board in boards]}
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2) + b"\n"


def _board_json(board: Board) -> dict[str, Any]:
    shared = {name: getattr(board.run, name) for name in ("benchmark", "domain", "protocol", "protocol_id")}
    shared |= {name: getattr(board.result, name) for name in ("metric", "unit", "higher_is_better", "n")}
    return {**shared, "chance": board.chance, "entries": [_entry_json(entry) for entry in board.entries]}


def _entry_json(entry: Entry) -> dict[str, Any]:
    run = entry.folder.run
    return {
        "label": entry.label,
        "rank": entry.rank,
        "standing": entry.standing,
        "gap": asdict(entry.gap) if entry.gap else None,
        "run": str(entry.folder.path),
        "model": run.model,
        "exposure": run.exposure,
        "result": entry.folder.result,
    }


def _board(folders: Sequence[RunFolder], level: float) -> Board:
    ordered = sorted(folders, key=_place)
    chances = {folder.run.chance for folder in folders}
    chance = chances.pop() if len(chances) == 1 else None
    entries = tuple(_entry(folder, ordered, level) for folder in ordered)
    return Board(ordered[0].run, ordered[0].result, chance, entries)


def _place(folder: RunFolder) -> tuple[bool, float, str, str]:
    """Sorting key: runs with a value first, the best value first, then by name."""
    result = folder.result
    value = result.value if result.value is not None else 0.0
    better_is_smaller = -value if result.higher_is_better else value
    return result.value is None, better_is_smaller, folder.run.model, str(folder.path)


def _entry(folder: RunFolder, ordered: Sequence[RunFolder], level: float) -> Entry:
    standing, gap = _standing(folder, ordered[0], level)
    value = folder.result.value
    rank = None if value is None else 1 + [other.result.value for other in ordered].index(value)
    return Entry(folder=folder, label=_label(folder, ordered), rank=rank, standing=standing, gap=gap)


def _standing(folder: RunFolder, leader: RunFolder, level: float) -> tuple[Standing, Difference | None]:
    if folder.result.value is None:
        return "unknown", None
    if folder is leader:
        return "leader", None
    try:
        gap = difference(leader, folder, level=level, resamples=_RESAMPLES)
    except UndecidedError:
        return "unknown", None
    return ("tied" if gap.low <= 0 <= gap.high else "behind"), gap


def _label(folder: RunFolder, ordered: Sequence[RunFolder]) -> str:
    is_alone = sum(other.run.model == folder.run.model for other in ordered) == 1
    return folder.run.model if is_alone else f"{folder.run.model} (run {folder.path.name})"
