"""Referring expressions: a million predictions parsed and scored (RefCOCO's largest test split has 5,657)."""

import random

import pytest
from peers import SCALES, beside
from pytest_benchmark.fixture import BenchmarkFixture

from evals.metrics.rec import score_rec
from shards.formats.refcoco import RecReference

EXPRESSIONS = 1_000_000


@pytest.mark.parametrize("scale", SCALES)
def test_rec_of_a_million(benchmark: BenchmarkFixture, scale: float) -> None:
    n = int(EXPRESSIONS * scale)
    rng = random.Random(0)
    references = [
        RecReference(str(number), 640, 480, (10.5, 20, 100, 200), "the cup", image_id=str(number // 7))
        for number in range(n)
    ]
    answers = {
        reference.id: "{" + "".join(f"<{value + rng.randint(0, 3)}>" for value in (1, 4, 16, 44)) + "}"
        for reference in references
    }
    scored = beside(benchmark, lambda: score_rec(references, answers), n=n, rounds=1)
    assert len(scored.rows) == n
