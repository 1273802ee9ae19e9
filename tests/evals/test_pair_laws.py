"""Laws of metrics over pairs: similarities, the tagger's divergence, and METEOR in one start of its jar."""

import random
from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np
import pytest
from caption_cases import need_java
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, feature_set
from evals.metrics.meteor import meteor, meteor_of_sums
from evals.metrics.similarity import SimilarityName, score_similarity
from evals.metrics.tagger_kl import score_tagger_kl
from evals.results import Scored

Score = Callable[[Features, Features], Scored]
# An item's lowest and highest value, and its value for a pair of equals.
ENDS: dict[str, tuple[float, float, float]] = {
    "clipscore": (0.0, 2.5, 2.5),
    "clipscore_torchmetrics": (-100.0, 100.0, 100.0),
    "clipsim": (-1.0, 1.0, 1.0),
    "clap": (-1.0, 1.0, 1.0),
    "tagger_kl": (-1e-5, np.inf, 0.0),
}
NUMBERS = st.floats(-8, 8, width=32).filter(lambda value: abs(value) > 1e-3)
PAIRS = st.integers(1, 9).flatmap(lambda n: st.tuples(*[hnp.arrays(np.float64, (n, 3), elements=NUMBERS)] * 2))


def similarity(name: SimilarityName, generated: Features, real: Features) -> Scored:
    return score_similarity(feature_set(generated), feature_set(real), name)


def divergence(generated: Features, real: Features) -> Scored:
    return score_tagger_kl(feature_set(generated), feature_set(real))


SCORERS: dict[str, Score] = {name: partial(similarity, name) for name in get_args(SimilarityName)}
SCORERS["tagger_kl"] = divergence


def values(scored: Scored) -> list[float]:
    return [row.value if row.value is not None else np.nan for row in scored.rows]


@pytest.mark.parametrize("name", SCORERS)
@given(pairs=PAIRS)
def test_range_order_batches_and_identity(name: str, pairs: tuple[Features, Features]) -> None:
    (x, y), score, (low, high, same) = pairs, SCORERS[name], ENDS[name]
    scored = score(x, y)
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values(scored))
    mean = np.mean(values(scored))
    assert scored.primary.value == pytest.approx(max(mean, 0) if "torchmetrics" in name else mean, abs=1e-9)
    turned = score(x[::-1], y[::-1])
    assert values(turned)[::-1] == pytest.approx(values(scored), abs=1e-9)
    assert turned.primary.value == pytest.approx(scored.primary.value, abs=1e-9)
    parts = [value for start in range(len(x)) for value in values(score(x[start : start + 1], y[start : start + 1]))]
    assert parts == pytest.approx(values(scored), abs=1e-9)
    assert values(score(x, x)) == pytest.approx([same] * len(x), abs=1e-5)


@pytest.mark.parametrize("name", SCORERS)
def test_no_items_are_refused(name: str) -> None:
    with pytest.raises(EvalsError, match="at least 1 rows"):
        SCORERS[name](np.zeros((0, 3)), np.zeros((0, 3)))


@pytest.mark.official
def test_meteor() -> None:
    need_java()
    rng = random.Random(3)
    words = ["a", "the", "dog", "dogs", "runs", "quickly", "fast", "red", "car", ",", "café"]
    items = [
        (" ".join(rng.choices(words, k=rng.randint(1, 8))), [" ".join(rng.choices(words, k=rng.randint(1, 8)))] * 2)
        for _ in range(60)
    ]
    same = [(text, [text, "two men"]) for text, _ in items]
    asked = [*items, *items[::-1], *same, ("", ["a dog"])]
    scores = meteor([candidate for candidate, _ in asked], [references for _, references in asked])
    assert ((scores.items >= 0) & (scores.items <= 1)).all()
    assert scores.items[:60].tolist() == scores.items[60:120][::-1].tolist()  # whatever stands around an item
    assert scores.items[120:].tolist() == [1.0] * 60 + [0.0]
    parts = [scores.statistics[rows].sum(axis=0) for rows in (slice(0, 7), slice(7, None))]
    assert meteor_of_sums(np.sum(parts, axis=0)[None])[0] == pytest.approx(scores.total, abs=1e-12)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.integers(0, 9).map(float)))
def test_meteor_of_sums_is_a_fraction_in_any_order(counts: Features) -> None:
    statistics = np.zeros((len(counts), 23))
    statistics[:, :2] = counts[:, :2]  # content words of both sides
    statistics[:, [4, 5, 21, 22]] = counts[:, :2].min(axis=1)[:, None]  # as many equal words as there can be
    statistics[:, 20] = np.minimum(counts[:, 2], statistics[:, 4])  # in no more pieces than words
    found = meteor_of_sums(statistics)
    assert ((found >= 0) & (found <= 1)).all()
    assert (found > 0).tolist() == (counts[:, :2].min(axis=1) > 0).tolist()
    np.testing.assert_array_equal(meteor_of_sums(statistics[::-1])[::-1], found)
