"""Differences: paired where items carry the metric, joined intervals where they do not, refused where neither holds."""

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from report_factories import PROTOCOL, coin_flips, make_run

from evals.metrics.chair import ChairTruth, score_chair
from evals.results import RunFolder, write_run
from reports import difference
from reports.pairing import is_item_mean, protocol_differences, read_items
from shards.errors import UndecidedError


def test_difference_is_candidate_minus_baseline_in_the_results_unit(tmp_path):
    baseline = make_run(tmp_path / "a", [1.0, 1.0, 0.0, 0.0])
    candidate = make_run(tmp_path / "b", [1.0, 1.0, 1.0, 0.0])
    found = difference(baseline, candidate)
    assert (found.value, found.method, found.n_items, found.n_clusters) == (25.0, "paired", 4, 4)
    # One of four items moved by 100 points: a resample holds it 0 to 4 times, so it moves by 0 to 100 points.
    assert found.low == 0.0
    assert 50.0 <= found.high <= 75.0  # P(at most 2 of 4 draws) = 0.949, P(at most 3) = 0.996
    assert found.p_value == 1.0  # both exchanges of the one changed cluster are as far from 0


def test_unscored_items_count_as_zero(tmp_path):
    baseline = make_run(tmp_path / "a", [1.0, 1.0, 0.0, 0.0])
    candidate = make_run(tmp_path / "b", [None, 1.0, 0.0, 0.0])
    assert difference(baseline, candidate).value == -25.0


def test_a_run_without_one_answer_is_still_compared_item_by_item(tmp_path):
    baseline = make_run(tmp_path / "a", [1.0, 1.0, 0.0, 0.0])
    candidate = make_run(tmp_path / "b", [None, None, None, None])
    found = difference(baseline, candidate)
    assert (found.value, found.method) == (-50.0, "paired")


def test_a_distance_of_sets_that_is_0_is_no_mean_of_items(tmp_path):
    """Items of a set metric have neither value nor reason."""
    run = make_run(tmp_path / "a", [None, None], value=0.0, unit="raw", reason=None)
    assert not is_item_mean(run.result, read_items(run))


def test_clusters_are_kept_together(tmp_path):
    values = coin_flips(200, 0.5, seed=1)
    doubled = [value for value in values for _ in range(2)]
    clusters = [f"c{i // 2}" for i in range(400)]
    flipped = [1.0 - value if i % 5 == 0 else value for i, value in enumerate(values)]
    doubled_flipped = [value for value in flipped for _ in range(2)]
    alone = difference(make_run(tmp_path / "a", values), make_run(tmp_path / "b", flipped))
    together = difference(
        make_run(tmp_path / "c", doubled, clusters=clusters),
        make_run(tmp_path / "d", doubled_flipped, clusters=clusters),
    )
    assert together.n_clusters == alone.n_clusters == 200
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_corpus_metric_joins_the_two_intervals(tmp_path):
    protocol = msgspec.structs.replace(PROTOCOL, scorer="cider@coco")
    settings = {"protocol": protocol, "unit": "raw", "metric": "cider"}
    baseline = make_run(tmp_path / "a", [0.1, 0.2], value=1.0, interval=(0.9, 1.2), **settings)
    candidate = make_run(tmp_path / "b", [0.3, 0.4], value=0.7, interval=(0.6, 0.8), **settings)
    found = difference(baseline, candidate)
    assert found.method == "unpaired"
    assert found.value == pytest.approx(-0.3)
    assert found.low == pytest.approx(-0.3 - math.hypot(0.1, 0.2))  # Zou and Donner 2008, equation 3
    assert found.high == pytest.approx(-0.3 + math.hypot(0.1, 0.1))
    # A normal difference with this half width: z = 0.3 / 0.141421 * 1.959964 = 4.1577.
    assert found.p_value == pytest.approx(math.erfc(0.3 / math.hypot(0.1, 0.1) * 1.959964 / math.sqrt(2)), rel=1e-5)


def chair_run(path: Path, captions: Mapping[int, str]) -> RunFolder:
    truths = ChairTruth({number: {"dog", "car"} for number in captions}, {name: name for name in ("dog", "cat", "car")})
    scored = score_chair(truths, captions)
    run = make_run(path / "like", [1.0]).run
    result = scored.result(run.protocol_id)
    return write_run(path / "chair", run, result=result, rows=scored.rows, generations=[], examples=b"")


def test_a_ratio_of_sums_is_paired_by_its_item_counts(tmp_path: Path) -> None:
    """CHAIR_i is hallucinated mentions over mentions, no mean over captions."""
    captions = {number: "a dog and a cat" if number % 3 else "a dog" for number in range(300)}
    same = difference(chair_run(tmp_path / "a", captions), chair_run(tmp_path / "b", captions))
    assert (same.method, same.value, same.low, same.high) == ("paired", 0.0, 0.0, 0.0)
    better = {number: "a dog and a car" if number % 6 == 1 else caption for number, caption in captions.items()}
    found = difference(chair_run(tmp_path / "c", captions), chair_run(tmp_path / "d", better))
    assert found.value == pytest.approx(-50 / 500)  # 200 of 500 mentions were wrong, 50 of them are right now
    assert found.low < found.value < found.high < 0


@pytest.mark.parametrize(("offset", "is_mean"), [(0.0, True), (1e-8, True), (1e-6, False)])
def test_items_must_reproduce_the_value(tmp_path, offset, is_mean):
    folder = make_run(tmp_path / "a", [1.0, 0.0, 0.3], value=100 * 1.3 / 3 + offset)
    assert is_item_mean(folder.result, read_items(folder)) is is_mean


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"value": None}, "no value"),
        ({"value": 50.0}, "no interval"),
        ({"value": 50.0, "interval": (1.0, 2.0), "level": 0.9}, "level 0.9"),
    ],
)
def test_says_why_there_is_no_difference(tmp_path, settings, words):
    baseline = make_run(tmp_path / "a", [1.0, 0.0])
    with pytest.raises(UndecidedError, match=words):
        difference(make_run(tmp_path / "b", [1.0, 1.0], **settings), baseline)


def test_single_cluster_has_no_interval(tmp_path):
    one = make_run(tmp_path / "a", [1.0, 0.0], clusters=["x", "x"])
    two = make_run(tmp_path / "b", [1.0, 1.0], clusters=["x", "x"])
    with pytest.raises(UndecidedError, match="1 cluster"):
        difference(one, two)


def test_refuses_other_items_under_the_same_protocol(tmp_path):
    baseline = make_run(tmp_path / "a", [1.0, 0.0], ids=["p", "q"], clusters=["c", "d"])
    candidate = make_run(tmp_path / "b", [1.0, 0.0], ids=["p", "r"], clusters=["c", "d"])
    with pytest.raises(UndecidedError, match="2 that differ, such as q"):
        difference(baseline, candidate)


def test_protocol_differences_name_each_field_and_network(tmp_path):
    other = msgspec.structs.replace(PROTOCOL, prompt="Be brief.", networks={"clip": "aa"})
    baseline = make_run(tmp_path / "a", [1.0, 0.0])
    candidate = make_run(tmp_path / "b", [1.0, 0.0], protocol=other)
    found = protocol_differences(baseline.run, candidate.run)
    assert [(d.field, d.baseline, d.candidate) for d in found] == [
        ("prompt", PROTOCOL.prompt, "Be brief."),
        ("networks.clip", "(none)", "aa"),
    ]
    with pytest.raises(UndecidedError, match=r"prompt: .*networks\.clip"):
        difference(baseline, candidate)
