"""Caption metrics at the size of COCO's validation set: 40,504 images with five references each, given tokens."""

import numpy as np
import pytest
from peers import SCALES, beside
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pytest_benchmark.fixture import BenchmarkFixture

from evals.metrics.bleu import bleu, bleu_statistics
from evals.metrics.captions import score_captions
from evals.metrics.cider import cider
from evals.metrics.ngrams import CaptionCorpus, code_captions
from evals.metrics.rouge import rouge_l
from evals.statistics import cluster_interval, mean_of_sums, paired_difference

IMAGES = 40_504
OURS = {
    "bleu": lambda corpus: bleu(bleu_statistics(corpus)),
    "rouge": rouge_l,
    "cider": cider,
}
OFFICIAL = {
    "bleu": lambda truth, results: Bleu(4).compute_score(truth, results, verbose=0),
    "rouge": lambda truth, results: Rouge().compute_score(truth, results),
    "cider": lambda truth, results: Cider().compute_score(truth, results),
}


def made_captions(n_images: int) -> tuple[list[str], list[list[str]]]:
    """Captions of about 10.5 words that share phrases within an image and across images, vocabulary about 25,000."""
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"word{code}" for code in range(25_000)])
    chances = 1 / np.arange(1, 25_001)
    phrases = [
        " ".join(words)
        for words in np.split(
            vocabulary[rng.choice(25_000, size=300_000, p=chances / chances.sum())],
            np.cumsum(rng.integers(1, 5, size=119_000)),
        )
        if len(words)
    ]
    common = rng.zipf(1.3, size=n_images * 24) % len(phrases)
    own = rng.integers(0, len(phrases), size=(n_images, 4))
    references, candidates = [], []
    for image in range(n_images):
        texts = []
        for place in range(6):
            start = image * 24 + place * 4
            chosen = [*common[start : start + 3], own[image, place % 4]]
            texts.append(" ".join(phrases[code] for code in chosen))
        candidates.append(texts[0])
        references.append(texts[1:])
    return candidates, references


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("metric", OURS)
def test_metrics_beside_pycocoevalcap(benchmark: BenchmarkFixture, metric: str, scale: float) -> None:
    n_images = int(IMAGES * scale)
    candidates, references = made_captions(n_images)
    truth, results = dict(enumerate(references)), {image: [text] for image, text in enumerate(candidates)}
    found: list[object] = []

    def peer() -> None:
        found.append(OFFICIAL[metric](truth, results)[1])

    def ours() -> np.ndarray:
        corpus: CaptionCorpus = code_captions(candidates, references)
        return OURS[metric](corpus)

    items = beside(benchmark, ours, n=n_images, peer=peer if scale == 1 else None)
    for official in found:
        assert np.abs(np.array(official).T - items).max() < 1e-9


def test_a_thousand_resamples(benchmark: BenchmarkFixture) -> None:
    sums = np.random.default_rng(0).random((IMAGES, 2))
    beside(benchmark, lambda: cluster_interval(sums, mean_of_sums, n_items=IMAGES), n=1000)


def test_two_thousand_paired_resamples(benchmark: BenchmarkFixture) -> None:
    sums = np.random.default_rng(0).random((IMAGES, 2))
    beside(benchmark, lambda: paired_difference(sums, sums[::-1], mean_of_sums, n_items=IMAGES), n=2000)


def test_three_metrics_with_intervals_and_rows(benchmark: BenchmarkFixture) -> None:
    candidates, references = made_captions(IMAGES)
    truth = {str(image): group for image, group in enumerate(references)}
    guesses = {str(image): text for image, text in enumerate(candidates)}
    beside(benchmark, lambda: score_captions(truth, guesses, metrics=("cider", "bleu", "rouge")), n=IMAGES, rounds=1)
