"""Run folders: whole or no run at all, rows in the order of their ids, unknown versions refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.errors import EvalsError
from evals.results import (
    GenerationRow,
    ItemRow,
    Metric,
    Protocol,
    Run,
    Scored,
    find_runs,
    items_table,
    read_run,
    write_run,
)

PROTOCOL = Protocol(
    benchmark="b", split="s", prompt="p", decoding="d", parser="x", scorer="accuracy@test", item_set="0"
)
RUN = Run(
    model="m",
    benchmark="b",
    domain="public",
    exposure="unknown",
    protocol=PROTOCOL,
    protocol_id=PROTOCOL.id,
    seed=0,
    limit=None,
    chance=None,
    source="",
    versions={},
)
ROWS = [ItemRow("b", 1.0, None, "c", {"iou": 0.5}), ItemRow("a", None, "missing", "c")]
SCORED = Scored(Metric("accuracy", "accuracy@test", 50.0, "percent", True, 2, {"missing": 1}), {}, {}, ROWS)


def write(path: Path, generations: Iterator[GenerationRow]) -> None:
    write_run(path, RUN, result=SCORED.result(RUN.protocol_id), rows=ROWS, generations=generations, examples=b"")


def test_rows_come_sorted_by_id_with_a_column_per_metric(tmp_path: Path) -> None:
    rows = items_table(ROWS).to_pylist()
    assert rows == [
        {"id": "a", "value": None, "unscored": "missing", "cluster": "c", "iou": None},
        {"id": "b", "value": 1.0, "unscored": None, "cluster": "c", "iou": 0.5},
    ]
    write(tmp_path / "run", iter(()))
    assert read_run(tmp_path / "run").items().to_pylist() == rows


def test_the_primary_metric_stands_among_all(tmp_path: Path) -> None:
    result = SCORED.result("id")
    assert result.metrics == {"accuracy": SCORED.primary}
    assert (result.value, result.unit, result.n, result.protocol_id) == (50.0, "percent", 2, "id")


def broken() -> Iterator[GenerationRow]:
    yield GenerationRow("a", "text", None)
    raise KeyboardInterrupt


def test_a_run_that_is_stopped_while_written_is_no_run(tmp_path: Path) -> None:
    write(tmp_path / "run", iter(()))
    assert len(find_runs(tmp_path)) == 1
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "run", broken())
    assert find_runs(tmp_path) == []
    with pytest.raises(EvalsError, match="a finished run folder"):
        read_run(tmp_path / "run")
    write(tmp_path / "run", iter(()))
    assert len(find_runs(tmp_path)) == 1


@pytest.mark.parametrize(("old", "new"), [("anymodal.run/1", "anymodal.run/2"), ('"seed"', '"sead"')])
def test_other_versions_and_unknown_fields_are_refused(tmp_path: Path, old: str, new: str) -> None:
    write(tmp_path / "run", iter(()))
    path = tmp_path / "run" / "run.json"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(EvalsError, match="a Run of this version"):
        read_run(tmp_path / "run")


def test_protocol_ids_change_with_every_field() -> None:
    import msgspec

    changed = [
        msgspec.structs.replace(PROTOCOL, **{name: {"n": "0"} if name == "networks" else "other"})
        for name in Protocol.__struct_fields__
    ]
    assert len({PROTOCOL.id, *(one.id for one in changed)}) == len(changed) + 1
