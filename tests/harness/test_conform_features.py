"""`conform` on sets of features: each official value is compared, and the rules of others give what others give."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from evals.harness.conform import conform
from evals.harness.conform_vectors import FeatureRecipe, Vectors, load_vectors
from evals.harness.peer_rules import RULES
from evals.statistics import FloatArray

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "generation" / "official.json").read_text())
VECTORS = load_vectors()
PROTOCOLS = {
    "fid": "frechet@",
    "fad": "frechet@",
    "fvd": "frechet@",
    "kid": "kernel@",
    "prc": "prc@",
    "is": "inception_score@",
    "clipscore": "clipscore@hessel2021/",
    "clipscore_torchmetrics": "clipscore@torchmetrics/",
    "clap": "clap@",
    "clipsim": "clipsim@",
    "tagger_kl": "tagger_kl@",
}
Values = Callable[[str], tuple[float, float]]


@pytest.fixture(autouse=True)
def _without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.fixture(scope="module")
def values() -> Values:
    """Our mean and theirs, by the start of the rule's name; of several harnesses the first."""

    def of_rule(start: str) -> tuple[float, float]:
        rule = next(one for one in RULES if one.rule.startswith(start))
        ours, theirs = rule.replay(VECTORS)
        assert theirs is not None
        return float(np.mean(ours)), float(np.mean(theirs))

    return of_rule


def sides(metric: str) -> list[FloatArray]:
    case = next(one for one in VECTORS.features if one.metric == metric)
    return [one.features().array for one in (case.generated, case.real) if one is not None]


def official(metric: str, name: str) -> float:
    return float(next(one["official"][name] for one in GOLDEN["cases"] if one["metric"] == metric))


def test_features_are_those_of_the_formula() -> None:
    found = FeatureRecipe(seed=3, shape=(2, 3), offset=0.5).features()
    draws = np.random.RandomState(3).randint(-512, 513, size=(2, 3))
    assert (draws.min() >= -512, draws.max() <= 512) == (True, True)
    for row, steps in zip(found.array.tolist(), draws.tolist(), strict=True):
        assert row == [0.5 + sum(steps[:end]) / 512 for end in (1, 2, 3)]


@pytest.mark.parametrize("place", range(len(VECTORS.features)))
def test_another_official_value_is_seen(place: int) -> None:
    content = msgspec.to_builtins(VECTORS)
    values = content["features"][place]["official"]
    last = list(values)[-1]
    values[last] += 1e-6
    checks = conform(msgspec.convert(content, Vectors, str_keys=True)).checks
    differing = [one for one in checks if one.is_ok is False]
    assert len(differing) == 1
    assert differing[0].protocol.startswith(PROTOCOLS[VECTORS.features[place].metric])
    assert differing[0].largest_difference == pytest.approx(1e-6, rel=1e-3)


def test_torch_fidelity_where_it_deviates(values: Values) -> None:
    ours, theirs = values("Frechet, few rows")
    assert ours == pytest.approx(official("fvd", "fvd"), abs=1e-9)
    assert theirs == pytest.approx(GOLDEN["peers"]["few rows"], abs=2e-6)  # roots of what rounding leaves of zeros
    assert 1e-9 < abs(theirs - ours) < 1e-5
    ours, theirs = values("Frechet, far from 0: means")
    assert ours == pytest.approx(official("fad", "fad"), abs=1e-9)
    assert theirs == pytest.approx(GOLDEN["peers"]["float32"], abs=1e-9)
    assert abs(theirs - ours) > 1e-5
    ours, theirs = values("KID")
    assert theirs == pytest.approx(official("kid", "kid_std"), abs=1e-12)
    assert 0 < ours != theirs


def test_raw_sums_lose_digits(values: Values) -> None:
    ours, theirs = values("Frechet, far from 0: raw sums")
    assert 1e-9 < abs(theirs - ours) < 1e-5
    near_zero = msgspec.to_builtins(VECTORS)
    for one in near_zero["features"]:
        one["generated"]["offset"] = 0.0
        if one["real"]:
            one["real"]["offset"] = 0.25
    rule = next(one for one in RULES if "raw sums" in one.rule)
    (ours,), theirs_there = rule.replay(msgspec.convert(near_zero, Vectors, str_keys=True))
    assert theirs_there == pytest.approx([ours], abs=1e-12)


def test_covariance_over_n(values: Values) -> None:
    x, y = sides("fvd")
    first, second = ((one - one.mean(axis=0)) / len(one) ** 0.5 for one in (x, y))
    root_trace = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    step = x.mean(axis=0) - y.mean(axis=0)
    expected = step @ step + (first**2).sum() + (second**2).sum() - 2 * root_trace
    assert values("FVD")[1] == pytest.approx(expected, abs=1e-5)


def test_torchmetrics_spread_and_clipscore(values: Values) -> None:
    ours, theirs = values("IS: the spread over n - 1")
    assert (ours, theirs / ours) == pytest.approx((official("is", "is_std"), np.sqrt(10 / 9)), abs=1e-12)
    ours, theirs = values("CLIPScore")
    assert ours == pytest.approx(official("clipscore", "clipscore"), abs=1e-12)
    assert theirs == pytest.approx(100 * official("clap", "clap"), abs=1e-11)  # the same pairs, plain cosines
