"""CHAIR at the size of COCO's val2014: 40,504 generated captions against 202,520 reference captions."""

import random

import pytest
from peers import SCALES, beside
from pytest_benchmark.fixture import BenchmarkFixture

from evals.metrics.chair import chair_truth, score_chair
from evals.metrics.chair_objects import synonyms
from evals.results import Scored
from shards.formats.instances import CocoCategory, CocoImage, CocoObject, Instances

IMAGES = 40_504
OFFICIAL_S = 71.6  # the original script on two such cores; it cannot be installed
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


@pytest.mark.parametrize("scale", SCALES)
def test_chair_of_val2014_size(benchmark: BenchmarkFixture, scale: float) -> None:
    n_images = int(IMAGES * scale)
    image_ids = range(1, n_images + 1)
    rng = random.Random(0)
    nodes = sorted(set(synonyms().values()))
    instances = Instances(
        images=tuple(map(CocoImage, image_ids)),
        annotations=tuple(CocoObject(image_id, rng.randrange(80)) for image_id in image_ids for _ in range(7)),
        categories=tuple(CocoCategory(number, name) for number, name in enumerate(nodes)),
    )
    references = caption_texts(5 * n_images, sentences=1, seed=1)
    pairs = [(1 + position // 5, caption) for position, caption in enumerate(references)]
    captions = dict(zip(image_ids, caption_texts(n_images, sentences=1, seed=2), strict=True))

    def ours() -> Scored:
        return score_chair(chair_truth([instances], pairs), captions)

    scored = beside(benchmark, ours, n=n_images, peer_s=OFFICIAL_S if scale == 1 else None)
    assert len(scored.rows) == n_images
