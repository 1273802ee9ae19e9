"""The gate: its rule in closed form, its promise under simulation, its words, and what it refuses."""

import itertools
import json

import msgspec
import numpy as np
import pytest
from report_factories import PROTOCOL, coin_flips, make_run

from evals.statistics import mean_of_sums, paired_difference
from reports import Difference, GatePolicy, decide_gate, encode_gate, markdown
from reports.gate import EXIT_CODES, decide, holm
from shards.errors import UsageError


def benchmark(name: str):
    return msgspec.structs.replace(PROTOCOL, benchmark=name)


def measured(value: float, low: float, high: float) -> Difference:
    return Difference(value, low, high, 0.95, 0.001, 1000, 1000, "paired")


@pytest.mark.parametrize(
    ("value", "low", "high", "outcome"),
    [
        (0.0, 0.0, 0.0, "pass"),
        (-0.5, -0.9, -0.1, "pass"),  # measurably worse, within the allowed drop
        (-0.5, -1.0, 0.1, "pass"),  # the bad end just on the edge
        (-0.5, -1.1, 0.1, "undecided"),
        (-0.9, -1.5, -0.3, "undecided"),  # surely worse, but perhaps within the allowed drop
        (-1.2, -2.5, 0.1, "undecided"),  # beyond the allowed drop, but perhaps not worse
        (-1.2, -2.2, -0.2, "regressed"),
        (-5.0, -6.0, -4.0, "regressed"),
        (3.0, 2.0, 4.0, "pass"),
        (3.0, -2.0, 8.0, "undecided"),
    ],
)
def test_rule_in_both_directions(value, low, high, outcome):
    up = decide(measured(value, low, high), higher_is_better=True, max_drop=1.0, adjusted_p_value=0.001)
    down = decide(measured(-value, -high, -low), higher_is_better=False, max_drop=1.0, adjusted_p_value=0.001)
    assert up == down == outcome


def test_regressed_needs_a_p_value_that_survives_correction():
    found = measured(-5.0, -6.0, -4.0)
    assert decide(found, higher_is_better=True, max_drop=1.0, adjusted_p_value=0.025) == "regressed"
    assert decide(found, higher_is_better=True, max_drop=1.0, adjusted_p_value=0.0251) == "undecided"


def test_with_no_allowed_drop_equal_answers_pass_and_any_sure_drop_regresses():
    settings = {"higher_is_better": True, "max_drop": 0.0, "adjusted_p_value": 0.0}
    assert decide(measured(0.0, 0.0, 0.0), **settings) == "pass"
    assert decide(measured(-0.1, -0.2, -0.01), **settings) == "regressed"
    assert decide(measured(0.0, -0.2, 0.2), **settings) == "undecided"


def test_holm_on_its_textbook_case():
    # Steps 4 * 0.005, 3 * 0.01, 2 * 0.03, 1 * 0.04, each at least as large as the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_false_alarms_stay_within_the_promise():
    """Three benchmarks of equal models, no allowed drop: at most 2.5 % of gates may say "regressed"."""
    generator = np.random.default_rng(20)
    n_gates, n_items, alarms = 300, 120, 0
    for _ in range(n_gates):
        found = []
        for _ in range(3):
            sides = (generator.random((2, n_items)) < 0.6).astype(float)
            sums = [np.column_stack([100 * side, np.ones(n_items)]) for side in sides]
            found.append(paired_difference(*sums, mean_of_sums, n_items=n_items, resamples=400))
        halves = [d.p_value / 2 if d.difference < 0 else 1 - d.p_value / 2 for d in found]
        outcomes = [
            decide(
                Difference(d.difference, d.interval.low, d.interval.high, 0.95, d.p_value, n_items, n_items, "paired"),
                higher_is_better=True,
                max_drop=0.0,
                adjusted_p_value=p,
            )
            for d, p in zip(found, holm(halves), strict=True)
        ]
        alarms += "regressed" in outcomes
    # Binomial(300, 0.025): more than 16 happens with probability 0.002.
    assert alarms <= 16


def test_a_real_drop_is_found_and_named(tmp_path):
    values = coin_flips(600, 0.8, seed=5)
    worse = [0.0 if i % 6 == 0 else value for i, value in enumerate(values)]
    report = decide_gate([make_run(tmp_path / "a", values)], [make_run(tmp_path / "b", worse)], GatePolicy())
    assert (report.outcome, report.exit_code) == ("regressed", 1)
    assert "worse by more than the allowed drop of 1.00" in report.verdicts[0].reasons[0]


def test_equal_runs_pass(tmp_path):
    values = coin_flips(300, 0.8, seed=5)
    report = decide_gate([make_run(tmp_path / "a", values)], [make_run(tmp_path / "b", values)], GatePolicy())
    assert (report.outcome, report.exit_code) == ("pass", 0)


def test_says_how_many_items_would_decide(tmp_path):
    baseline = make_run(tmp_path / "a", coin_flips(300, 0.8, seed=5))
    candidate = make_run(tmp_path / "b", coin_flips(300, 0.8, seed=6))
    report = decide_gate([baseline], [candidate], GatePolicy())
    assert (report.outcome, report.exit_code) == ("undecided", 3)
    assert "items like these would decide it" in report.verdicts[0].reasons[0]


@pytest.mark.parametrize("present", [("a",), ("b",)])
def test_missing_benchmark_cannot_be_decided(tmp_path, present):
    values = coin_flips(300, 0.8, seed=5)
    both = [make_run(tmp_path / side, values) for side in "ab"]
    extra = make_run(tmp_path / "extra", values, protocol=benchmark("okvqa"))
    sides = {side: [folder] + ([extra] if side in present else []) for side, folder in zip("ab", both, strict=True)}
    report = decide_gate(sides["a"], sides["b"], GatePolicy())
    assert [verdict.outcome for verdict in report.verdicts] == ["undecided", "pass"]
    missing = "candidate" if present == ("a",) else "baseline"
    assert report.verdicts[0].reasons == (f"the {missing} has no run of it",)


def test_other_protocol_cannot_be_decided_and_is_explained(tmp_path):
    values = coin_flips(300, 0.8, seed=5)
    other = msgspec.structs.replace(PROTOCOL, parser="first word")
    report = decide_gate(
        [make_run(tmp_path / "a", values)], [make_run(tmp_path / "b", values, protocol=other)], GatePolicy()
    )
    assert report.outcome == "undecided"
    assert report.verdicts[0].reasons == ("the protocols differ in parser: 'strip' against 'first word'",)


def test_too_few_items(tmp_path):
    runs = [make_run(tmp_path / side, [1.0] * 99) for side in "ab"]
    report = decide_gate(runs[:1], runs[1:], GatePolicy())
    assert report.verdicts[0].reasons == ("99 items are fewer than the policy's minimum of 100",)
    assert decide_gate(runs[:1], runs[1:], GatePolicy(min_items=99)).outcome == "pass"


@pytest.mark.parametrize(("n_unscored", "outcome"), [(3, "pass"), (4, "undecided")])
def test_more_unscored_items_withhold_a_pass(tmp_path, n_unscored, outcome):
    """Items that were wrong before and have no score now leave the value as it was."""
    before = [0.0] * 10 + [1.0] * 290
    after = [None] * n_unscored + before[n_unscored:]
    baseline, candidate = make_run(tmp_path / "a", before), make_run(tmp_path / "b", after)
    report = decide_gate([baseline], [candidate], GatePolicy(max_unscored_rise=0.01))
    assert report.outcome == outcome
    reason = next(reason for reason in report.verdicts[0].reasons if "without a score" in reason)
    assert f"to {n_unscored} parse_failure" in reason


def test_worst_outcome_wins(tmp_path):
    names = {"pass": 0.0, "undecided": None, "regressed": -1.0}
    values = coin_flips(400, 0.8, seed=5)
    sides: dict[str, list] = {"pass": [], "regressed": [], "undecided": []}
    for name in names:
        after = [0.0] * 200 + values[200:] if name == "regressed" else values
        baseline = make_run(tmp_path / f"{name}-a", values, protocol=benchmark(name))
        candidate = make_run(tmp_path / f"{name}-b", after, protocol=benchmark(name))
        sides[name] = [baseline, None if name == "undecided" else candidate]
    for size in (1, 2, 3):
        for chosen in itertools.combinations(names, size):
            before = [sides[name][0] for name in chosen] + [sides["pass"][0]] * ("pass" not in chosen)
            after = [sides[name][1] for name in chosen if sides[name][1]] + [sides["pass"][1]] * ("pass" not in chosen)
            report = decide_gate(before, after, GatePolicy())
            worst = next(name for name in ("regressed", "undecided", "pass") if name in chosen)
            assert report.outcome == worst
            assert report.exit_code == EXIT_CODES[worst]


def test_refuses_ambiguous_sides_all_at_once(tmp_path):
    values = [1.0] * 120
    twice = [make_run(tmp_path / name, values) for name in ("a", "b")]
    world = make_run(tmp_path / "w", values, protocol=benchmark("world/vqav2"), domain="world")
    with pytest.raises(UsageError, match=r"world and public.*baseline has 2 runs of vqav2.*names 'vqa2'"):
        decide_gate(twice, [world], GatePolicy(max_drop_by_benchmark={"vqa2": 1.0}))
    with pytest.raises(UsageError, match="candidate has no runs"):
        decide_gate(twice[:1], [], GatePolicy())


def test_json_and_markdown(tmp_path):
    values = coin_flips(300, 0.8, seed=5)
    hostile = benchmark("a|b`@all <script>\n# x")
    sides = [[make_run(tmp_path / side, values, protocol=hostile)] for side in "ab"]
    report = decide_gate(*sides, GatePolicy())
    content = json.loads(encode_gate(report))
    assert content["schema"] == "anymodal.gate/1"
    assert (content["outcome"], content["exit_code"]) == ("pass", 0)
    assert content["verdicts"][0]["difference"]["value"] == 0.0
    assert content["policy"]["level"] == 0.95
    text = markdown(report)
    row = next(line for line in text.splitlines() if line.startswith("| ✅"))
    assert row.count("|") == 8
    assert "<script>" not in text
    assert "@all" not in text
    assert "a&#124;b&#96;&#64;all &#60;script&#62; &#35; x" in row
