"""Leaderboards: what shares a board, how it is ordered, who is tied; and the SQL view of the same runs."""

import json

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_factories import PROTOCOL, coin_flips, make_run, protocol_id

from reports import encode_leaderboard, find_some_runs, make_leaderboard, open_store
from shards.errors import UsageError


def test_protocols_never_share_a_board(tmp_path):
    other = msgspec.structs.replace(PROTOCOL, prompt="Be brief.")
    make_run(tmp_path / "a", [1.0, 0.0])
    make_run(tmp_path / "b", [1.0, 1.0], model="beta", protocol=other)
    boards = make_leaderboard(find_some_runs([tmp_path]))
    assert sorted(board.run.protocol_id for board in boards) == sorted([protocol_id(PROTOCOL), protocol_id(other)])
    assert [len(board.entries) for board in boards] == [1, 1]


def test_world_and_public_are_apart(tmp_path):
    public, world = make_run(tmp_path / "a", [1.0, 0.0]), make_run(tmp_path / "b", [1.0, 1.0], domain="world")
    assert [board.entries[0].folder for board in make_leaderboard([public, world])] == [public]
    assert [board.entries[0].folder for board in make_leaderboard([public, world], domain="world")] == [world]


@pytest.mark.parametrize(("higher_is_better", "order"), [(True, ["c", "a", "b", "d"]), (False, ["b", "a", "c", "d"])])
def test_sorted_in_the_metrics_direction_with_missing_values_last(tmp_path, higher_is_better, order):
    shares = {"a": 0.5, "b": 0.2, "c": 0.9}
    runs = [
        make_run(tmp_path / name, coin_flips(400, share, seed=1), model=name, higher_is_better=higher_is_better)
        for name, share in shares.items()
    ]
    runs.append(make_run(tmp_path / "d", [0.0] * 400, model="d", value=None, higher_is_better=higher_is_better))
    (board,) = make_leaderboard(runs)
    assert [entry.label for entry in board.entries] == order
    assert [entry.rank for entry in board.entries] == [1, 2, 3, None]
    assert [entry.standing for entry in board.entries] == ["leader", "behind", "behind", "unknown"]
    assert (board.entries[1].gap.value < 0) is higher_is_better


def test_ties_are_judged_on_shared_items_not_on_overlapping_intervals(tmp_path):
    leader = coin_flips(500, 0.7, seed=2)
    below = [0.0 if i % 20 == 0 else value for i, value in enumerate(leader)]  # 25 items, never better
    other = [*leader[251:], 0.0, *leader[:250]]  # about the same share right, on other items
    sides = {"leader": leader, "below": below, "other": other}
    runs = [make_run(tmp_path / name, values, model=name, interval=(60.0, 80.0)) for name, values in sides.items()]
    (board,) = make_leaderboard(runs)
    assert {entry.label: entry.standing for entry in board.entries} == {
        "leader": "leader",
        "other": "tied",
        "below": "behind",
    }


def test_equal_answers_are_tied_and_share_a_rank(tmp_path):
    values = coin_flips(300, 0.7, seed=2)
    runs = [make_run(tmp_path / name, values, model=name) for name in ("b", "a")]
    (board,) = make_leaderboard(runs)
    assert [(entry.label, entry.rank, entry.standing) for entry in board.entries] == [
        ("a", 1, "leader"),
        ("b", 1, "tied"),
    ]


def test_same_model_twice_keeps_both_rows_and_says_which(tmp_path):
    make_run(tmp_path / "monday", [1.0, 0.0])
    make_run(tmp_path / "tuesday", [1.0, 1.0])
    (board,) = make_leaderboard(find_some_runs([tmp_path]))
    assert [entry.label for entry in board.entries] == ["alpha (run tuesday)", "alpha (run monday)"]


def test_chance_is_shown_only_where_all_runs_agree(tmp_path):
    runs = [make_run(tmp_path / "a", [1.0, 0.0], chance=25.0), make_run(tmp_path / "b", [1.0, 0.0], chance=25.0)]
    assert make_leaderboard(runs)[0].chance == 25.0
    runs.append(make_run(tmp_path / "c", [1.0, 0.0], chance=50.0))
    assert make_leaderboard(runs)[0].chance is None


def test_json(tmp_path):
    make_run(tmp_path / "a", [1.0, None], interval=(0.0, 100.0))
    content = json.loads(encode_leaderboard(make_leaderboard(find_some_runs([tmp_path]))))
    assert content["schema"] == "anymodal.leaderboard/1"
    (board,) = content["boards"]
    assert board["protocol"]["prompt"] == PROTOCOL.prompt
    assert board["entries"][0]["result"]["unscored"] == {"parse_failure": 1}


def test_store_is_a_view_of_the_folders(tmp_path):
    make_run(tmp_path / "x" / "a", [1.0, None, 0.0], interval=(0.0, 90.0))
    make_run(tmp_path / "b", [1.0, 1.0], model="beta")
    make_run(tmp_path / "c", [1.0, 0.0], model="beta")
    store = open_store(tmp_path)
    query = "SELECT run, model, copies, value, low, high, n, unscored FROM runs ORDER BY run"
    assert store.sql(query).fetchall() == [
        ("b", "beta", 2, 100.0, None, None, 2, 0),
        ("c", "beta", 2, 50.0, None, None, 2, 0),
        ("x/a", "alpha", 1, pytest.approx(100 / 3), 0.0, 90.0, 3, 1),
    ]
    per_run = "SELECT run, count(*), sum(value) FROM items GROUP BY run ORDER BY run"
    assert store.sql(per_run).fetchall() == [("b", 2, 2.0), ("c", 2, 1.0), ("x/a", 3, 1.0)]


def test_store_joins_runs_with_different_item_metrics(tmp_path):
    folder = make_run(tmp_path / "a", [1.0])
    pq.write_table(folder.items().append_column("iou", pa.array([0.75])), folder.path / "items.parquet")
    make_run(tmp_path / "b", [0.0])
    rows = open_store(tmp_path).sql("SELECT run, iou FROM items ORDER BY run").fetchall()
    assert rows == [("a", 0.75), ("b", None)]


def test_folders_without_runs_are_named_together(tmp_path):
    make_run(tmp_path / "full" / "a", [1.0])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty, .*missing: expected a run folder"):
        find_some_runs([tmp_path / "full", tmp_path / "empty", tmp_path / "missing"])


def test_a_run_named_twice_counts_once(tmp_path):
    make_run(tmp_path / "a", [1.0])
    assert len(find_some_runs([tmp_path, tmp_path / "a"])) == 1
