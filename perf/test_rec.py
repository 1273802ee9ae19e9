"""Referring expressions: a million predictions parsed and scored (RefCOCO's largest test split has 5,657).

Run with `pytest perf/test_rec.py -s`; PERF_SCALE=0.25 takes a quarter of them.
"""

import os
import random
import resource
import time

from evals.metrics.rec import score_rec
from shards.formats.refcoco import RecReference

EXPRESSIONS = int(1_000_000 * float(os.environ.get("PERF_SCALE", "1")))


def test_rec_of_a_million() -> None:
    rng = random.Random(0)
    references = [
        RecReference(str(number), 640, 480, (10.5, 20, 100, 200), "the cup", image_id=str(number // 7))
        for number in range(EXPRESSIONS)
    ]
    answers = {
        reference.id: "{" + "".join(f"<{value + rng.randint(0, 3)}>" for value in (1, 4, 16, 44)) + "}"
        for reference in references
    }
    start = time.perf_counter()
    scored = score_rec(references, answers)
    seconds = time.perf_counter() - start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\nREC of {EXPRESSIONS:,}: {seconds:.2f} s, peak {peak_mib:,} MiB, accuracy {scored.primary.value:.1f}")
    assert len(scored.rows) == EXPRESSIONS
