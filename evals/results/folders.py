"""Run folders: one (model, benchmark) evaluation as files that stay readable without this package.

RUN/result.json         the result (`encode_result`)
RUN/items.parquet       one row an item: id, value, unscored, cluster, and a column per further metric
RUN/generations.jsonl   one line an item: id, text (what the model said), answer (what the parser made of it)
RUN/made/KIND/SHA256.*  media that the model made, named so in texts and answers
RUN/examples.tar        a few of the benchmark's samples with their media, as a shard
RUN/run.json            what was run; written last, so a folder without it is not a run
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from evals.errors import EvalsError
from evals.results.schema import ItemRow, Result, encode_result
from model_adapter import MADE_NAME
from shards.files import atomic, write_atomic

RUN_SCHEMA: Final = "anymodal.run/1"

Domain = Literal["public", "world"]
Decoded = TypeVar("Decoded")
Exposure = Literal["strict_zero_shot", "in_domain_media", "fine_tuned", "unknown"]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a number depends on except the model; its hash is the protocol id.

    `networks` maps each scoring network to the sha256 of its weights; `item_set` is the sha256 of the sorted item ids.
    """

    benchmark: str
    split: str
    prompt: str
    decoding: str
    parser: str
    scorer: str
    item_set: str
    networks: Mapping[str, str] = {}

    @property
    def id(self) -> str:
        """The first 16 hex digits of the sha256 of this protocol's canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was run: the model, the benchmark under its protocol, and the circumstances.

    `domain` is "world" for numbers on the embedded world, which stand only on a self-test page; `chance` is the
    primary metric's value for guessing, in the result's unit, None where it has none; `versions` names the software.
    """

    model: str
    benchmark: str
    domain: Domain
    exposure: Exposure
    protocol: Protocol
    protocol_id: str
    seed: int
    limit: int | None
    chance: float | None
    source: str
    versions: Mapping[str, str]
    schema: Literal["anymodal.run/1"] = RUN_SCHEMA


def item_set_hash(ids: Iterable[str]) -> str:
    """Identity of a set of items: the sha256 of their sorted ids, one a line."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


class GenerationRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model said about one item, and what the parser made of it (None if it could not)."""

    id: str
    text: str
    answer: str | None


class RunFolder(msgspec.Struct, frozen=True):
    """A finished run on disk; item rows and generations are read when asked for."""

    path: Path
    run: Run
    result: Result

    def items(self) -> pa.Table:
        """The item rows, sorted by id."""
        return pq.read_table(self.path / "items.parquet")

    def made_media(self, text: str) -> Iterator[tuple[str, bytes]]:
        """Kind and bytes of the media that a text names, as far as they are there and what they are named by."""
        for found in MADE_NAME.finditer(text):
            content = (self.path / found[0]).read_bytes() if (self.path / found[0]).is_file() else b""
            if hashlib.sha256(content).hexdigest() == found[2]:
                yield found[1], content

    def generations(self) -> Iterator[GenerationRow]:
        """What the model said, in the order of the items."""
        with (self.path / "generations.jsonl").open("rb") as lines:
            for line in lines:
                yield msgspec.json.decode(line, type=GenerationRow)


def items_table(rows: Iterable[ItemRow]) -> pa.Table:
    """Item rows as a table sorted by id; further metrics become columns named like the metric."""
    ordered = sorted(rows, key=lambda row: row.id)
    names = sorted({name for row in ordered for name in row.metrics})
    kinds = {"id": pa.string(), "value": pa.float64(), "unscored": pa.string(), "cluster": pa.string()}
    columns = {name: pa.array([getattr(row, name) for row in ordered], kind) for name, kind in kinds.items()}
    columns |= {name: pa.array([row.metrics.get(name) for row in ordered], pa.float64()) for name in names}
    return pa.table(columns)


def write_run(
    path: Path,
    run: Run,
    *,
    result: Result,
    rows: Sequence[ItemRow],
    generations: Iterable[GenerationRow],
    examples: bytes,
) -> RunFolder:
    """Write a run folder whole: every file complete before `run.json` makes it a run."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "run.json").unlink(missing_ok=True)
    write_atomic(path / "result.json", encode_result(result))
    with atomic(path / "items.parquet") as file:
        pq.write_table(items_table(rows), file, compression="zstd")
    write_atomic(path / "generations.jsonl", b"".join(msgspec.json.encode(row) + b"\n" for row in generations))
    write_atomic(path / "examples.tar", examples)
    write_atomic(path / "run.json", msgspec.json.format(msgspec.json.encode(run, order="sorted"), indent=2) + b"\n")
    return RunFolder(path=path, run=run, result=result)


def read_run(path: Path) -> RunFolder:
    """Read a run folder.

    Raises:
        EvalsError: If the folder holds no finished run, or one of a version this package does not know.
    """
    return RunFolder(path=path, run=_decode(path / "run.json", Run), result=_decode(path / "result.json", Result))


def find_runs(root: Path) -> list[RunFolder]:
    """All finished runs at or below `root`, sorted by path."""
    return [read_run(mark.parent) for mark in sorted(root.rglob("run.json"))]


def _decode(path: Path, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        place, found, remedy = str(path.parent), f"no {path.name}", "run `anymodal eval` again"
        raise EvalsError(place, expected="a finished run folder", found=found, remedy=remedy) from error
    except msgspec.MsgspecError as error:
        raise EvalsError(str(path), expected=f"a {kind.__name__} of this version", found=str(error)) from error
