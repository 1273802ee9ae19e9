"""CHAIR at the size of COCO's val2014: 40,504 generated captions against 202,520 reference captions.

Run with `pytest perf/test_chair.py -s`; PERF_SCALE=4 takes four times as many images.
"""

import os
import random
import resource
import time

from evals.metrics.chair import chair_truth, score_chair
from evals.metrics.chair_objects import synonyms
from shards.formats.instances import CocoCategory, CocoImage, CocoObject, Instances

IMAGES = int(40_504 * float(os.environ.get("PERF_SCALE", "1")))
OTHER_WORDS = (
    "a the of on in with and standing sitting next to near front large small white red black that it's holding some "
    "group two three young his her wearing shirt field street grass water building snow beach board front-facing"
)


def caption_texts(n: int, *, sentences: int, seed: int) -> list[str]:
    """Captions of about eleven words a sentence, every fourth word an object, some possessives and quotes."""
    rng = random.Random(seed)
    names = sorted(word for word in synonyms() if word.isascii() and word == word.strip())
    others = OTHER_WORDS.split()
    nonce = ["".join(rng.choices("bcdfglmnprst", k=2)) + rng.choice(["ake", "ing", "er", "oon"]) for _ in range(5000)]

    def word() -> str:
        draw = rng.random()
        if draw < 0.25:
            return rng.choice(names) + rng.choice(["", "", "s", ",", "'s"])
        return rng.choice(others) if draw < 0.9 else rng.choice(nonce)

    def sentence() -> str:
        text = " ".join(word() for _ in range(rng.randint(8, 14))).capitalize() + "."
        return text if rng.random() > 0.02 else f'"{text}" reads a sign.'

    return [" ".join(sentence() for _ in range(sentences)) for _ in range(n)]


def test_chair_of_val2014_size() -> None:
    image_ids = range(1, IMAGES + 1)
    rng = random.Random(0)
    nodes = sorted(set(synonyms().values()))
    instances = Instances(
        images=tuple(map(CocoImage, image_ids)),
        annotations=tuple(CocoObject(image_id, rng.randrange(80)) for image_id in image_ids for _ in range(7)),
        categories=tuple(CocoCategory(number, name) for number, name in enumerate(nodes)),
    )
    references = caption_texts(5 * IMAGES, sentences=1, seed=1)
    pairs = [(1 + position // 5, caption) for position, caption in enumerate(references)]
    captions = dict(zip(image_ids, caption_texts(IMAGES, sentences=1, seed=2), strict=True))
    start = time.perf_counter()
    truth = chair_truth([instances], pairs)
    prepared = time.perf_counter()
    scored = score_chair(truth, captions)
    done = time.perf_counter()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"\nCHAIR of {IMAGES:,} captions, {len(pairs):,} references: truth {prepared - start:.2f} s, "
        f"score {done - prepared:.2f} s, peak {peak_mib:,} MiB, chair_i {scored.primary.value:.3f}"
    )
    assert len(scored.rows) == IMAGES
