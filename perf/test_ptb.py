"""PTB tokens of captions, beside the official tokenizer in Java: COCO's validation set, and AudioCaps' test split."""

import random

import pytest
from peers import beside
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from pytest_benchmark.fixture import BenchmarkFixture

from evals.metrics import ptb

WORDS = (
    "a the of on in with and man woman dog cat street table red blue small large sits stands runs next to near front"
)
OTHERS = "two three old-fashioned T-shirt people are playing tennis court holding racket train tracks kitchen old young"
SIZES = {"coco_val2014_captions": 243_024, "audiocaps_test": 975 * 6}


def made_captions(n: int) -> list[str]:
    """Captions of about eleven words: 97 % common ones, 2.5 % out of 20,000 rare ones, 0.5 % contractions."""
    rng = random.Random(0)
    common, contractions = [*WORDS.split(), *OTHERS.split()], ["it's", "dog's", "isn't"]
    rare = ["".join(rng.choices("bcdfglmnprstaeiou", k=7)) for _ in range(20_000)]

    def word() -> str:
        draw = rng.random()
        return rng.choice(common if draw < 0.97 else rare if draw < 0.995 else contractions)

    return [
        " ".join(word() for _ in range(rng.randint(8, 14)))
        .capitalize()
        .replace(" and", ", and" if rng.random() < 0.2 else " and")
        + rng.choice([".", "", ".", "!"])
        for _ in range(n)
    ]


@pytest.mark.parametrize("name", SIZES)
def test_tokens_beside_java(benchmark: BenchmarkFixture, name: str) -> None:
    captions = made_captions(SIZES[name])
    found: list[dict[int, list[str]]] = []

    def peer() -> None:
        found.append(PTBTokenizer().tokenize({number: [{"caption": text}] for number, text in enumerate(captions)}))

    def ours() -> list[list[str]]:
        ptb._lexer.cache_clear()  # as in a fresh process: no words remembered, no table read
        return ptb.ptb_tokenize(captions)

    tokens = beside(benchmark, ours, n=len(captions), peer=peer)
    assert [" ".join(words) for words in tokens] == [words[0] for words in found[0].values()]
