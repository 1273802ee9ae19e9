"""Caption metrics at the size of COCO's validation set: 40,504 images with five references each, given tokens.

Run with `pytest perf/test_captions.py -s`; PERF_SCALE=4 scores four times as many images; PERF_OFFICIAL=0 leaves out
pycocoevalcap, which takes most of the time.
"""

import os
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from evals.metrics.bleu import bleu, bleu_statistics
from evals.metrics.captions import score_captions
from evals.metrics.cider import cider
from evals.metrics.document_frequencies import count_documents
from evals.metrics.ngrams import code_captions
from evals.metrics.rouge import rouge_l
from evals.statistics import cluster_interval, mean_of_sums, paired_difference

IMAGES = int(40_504 * float(os.environ.get("PERF_SCALE", "1")))
Value = TypeVar("Value")


def timed(name: str, work: Callable[[], Value]) -> tuple[Value, float]:
    """The value and the processor's seconds, which a busy machine does not stretch as it does the clock's."""
    start, cpu_start = time.perf_counter(), time.process_time()
    value = work()
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name:38} {seconds:7.2f} s, of one core {cpu_s:7.2f} s   peak {peak_mib:,} MiB")
    return value, cpu_s


def made_captions() -> tuple[list[str], list[list[str]]]:
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
    common = rng.zipf(1.3, size=IMAGES * 24) % len(phrases)
    own = rng.integers(0, len(phrases), size=(IMAGES, 4))
    references, candidates = [], []
    for image in range(IMAGES):
        texts = []
        for place in range(6):
            start = image * 24 + place * 4
            chosen = [*common[start : start + 3], own[image, place % 4]]
            texts.append(" ".join(phrases[code] for code in chosen))
        candidates.append(texts[0])
        references.append(texts[1:])
    return candidates, references


def test_captions_of_validation_size() -> None:
    candidates, references = made_captions()
    n_words = sum(len(text.split()) for group in (candidates, *references) for text in group)
    print(f"\n{IMAGES:,} images, {n_words:,} words")
    timed("(warm-up)", lambda: cider(code_captions(candidates, references)))
    ours = {
        "Bleu": timed("BLEU-1..4", lambda: bleu(bleu_statistics(code_captions(candidates, references)))),
        "Rouge": timed("ROUGE-L", lambda: rouge_l(code_captions(candidates, references))),
        "Cider": timed("CIDEr-D", lambda: cider(code_captions(candidates, references))),
    }
    table, _ = timed("frozen frequencies, counting", lambda: count_documents(references, tokenizer="ptb"))
    timed("CIDEr-D, frozen frequencies", lambda: cider(code_captions(candidates, references), table))
    sums = np.column_stack([ours["Cider"][0], np.ones(IMAGES)])
    timed("1,000 resamples of CIDEr-D", lambda: cluster_interval(sums, mean_of_sums, n_items=IMAGES))
    timed(
        "paired difference, 2,000 resamples", lambda: paired_difference(sums, sums[::-1], mean_of_sums, n_items=IMAGES)
    )
    by_id = {str(image): group for image, group in enumerate(references)}
    guesses = {str(image): text for image, text in enumerate(candidates)}
    timed(
        "score_captions, 3 metrics, white space",
        lambda: score_captions(by_id, guesses, metrics=("cider", "bleu", "rouge"), tokenizer="whitespace"),
    )
    if os.environ.get("PERF_OFFICIAL", "1") == "1":
        compare_with_the_official_scorers(candidates, references, ours)


def compare_with_the_official_scorers(
    candidates: list[str], references: list[list[str]], ours: dict[str, tuple[np.ndarray, float]]
) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    truth, results = dict(enumerate(references)), {image: [text] for image, text in enumerate(candidates)}
    official = {
        "Bleu": timed("official BLEU", lambda: Bleu(4).compute_score(truth, results, verbose=0)),
        "Rouge": timed("official ROUGE-L", lambda: Rouge().compute_score(truth, results)),
        "Cider": timed("official CIDEr-D", lambda: Cider().compute_score(truth, results)),
    }
    for name, ((_, items), seconds) in official.items():
        mine, own_seconds = ours[name]
        largest = np.abs(np.array(items).T - mine).max()
        print(f"{name}: {seconds / own_seconds:.0f} times faster, largest difference {largest:.1e}")
        assert largest < 1e-9
