"""BLEU: its laws, golden answers, and agreement with pycocoevalcap."""

import numpy as np
import pytest
from caption_cases import GOLDEN, Items, corpus_of, golden_corpus, items, official, random_items
from hypothesis import given, settings

from evals.errors import AnnotationError, PredictionError
from evals.metrics.bleu import bleu, bleu_statistics
from evals.metrics.ngrams import code_captions
from evals.statistics import FloatArray


def scores(texts: Items) -> FloatArray:
    """BLEU-1..4 of each item, and in the last row of all together."""
    statistics = bleu_statistics(corpus_of(texts))
    return bleu(np.vstack([statistics, statistics.sum(axis=0)]))


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_answers(case: str) -> None:
    statistics, expected = bleu_statistics(golden_corpus(case)), GOLDEN[case]["bleu"]
    np.testing.assert_allclose(bleu(statistics).T, expected["items"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(bleu(statistics.sum(axis=0)[None])[0], expected["total"], rtol=0, atol=1e-12)


@pytest.mark.official
@pytest.mark.parametrize("seed", range(4))
def test_random_captions_agree_with_the_official_scorer(seed: int) -> None:
    texts = random_items(seed, 400)
    total, by_item = official("Bleu", texts)
    np.testing.assert_allclose(scores(texts), np.vstack([np.array(by_item).T, total]), rtol=0, atol=1e-12)


@pytest.mark.official
@settings(max_examples=300, deadline=None)
@given(items)
def test_hostile_captions_agree_with_the_official_scorer(texts: Items) -> None:
    total, by_item = official("Bleu", texts)
    np.testing.assert_allclose(scores(texts), np.vstack([np.array(by_item).T, total]), rtol=0, atol=1e-12)


def test_statistics_of_an_item_counted_by_hand() -> None:
    statistics = bleu_statistics(corpus_of([("the the cat sat", ["the cat sat on", "the the mat", "cat"])]))
    assert statistics.tolist() == [[4, 3, 1, 0, 4, 3, 2, 1, 4, 4]]


def test_closest_reference_length_prefers_the_shorter() -> None:
    assert bleu_statistics(corpus_of([("a b c", ["a b c d", "a b", "a b c d e"])]))[0, -1] == 2


@given(items)
def test_a_reference_as_candidate_is_perfect(texts: Items) -> None:
    copies = [(references[0], references) for _, references in texts]
    statistics = bleu_statistics(corpus_of(copies))
    is_long = statistics[:, 8] >= 4
    np.testing.assert_allclose(bleu(statistics)[is_long], 1, atol=1e-7)


@given(items)
def test_scores_are_fractions_and_words_in_common_are_needed(texts: Items) -> None:
    assert ((scores(texts) >= 0) & (scores(texts) <= 1)).all()
    strangers = [("q " + candidate.replace("a", "q"), ["z"]) for candidate, _ in texts]
    assert scores([(text.replace("b", "q"), references) for text, references in strangers]).max() < 1e-3


@given(items)
def test_order_and_batches_change_nothing(texts: Items) -> None:
    whole = bleu_statistics(corpus_of(texts))
    parts = [bleu_statistics(corpus_of([text])) for text in texts]
    np.testing.assert_array_equal(whole, np.vstack(parts))
    backwards = [(candidate, references[::-1]) for candidate, references in texts[::-1]]
    np.testing.assert_array_equal(whole[::-1], bleu_statistics(corpus_of(backwards)))


def test_nothing_in_nothing_out() -> None:
    assert bleu_statistics(code_captions([], [])).shape == (0, 10)


def test_captions_that_cannot_be_coded_are_refused() -> None:
    with pytest.raises(AnnotationError, match="item 1: expected at least one reference"):
        code_captions(["a", "b"], [["a"], []])
    with pytest.raises(PredictionError, match="expected 2 candidates, found 1"):
        code_captions(["a"], [["a"], ["b"]])
    with pytest.raises(PredictionError, match="valid Unicode"):
        code_captions(["a\ud800"], [["a"]])
