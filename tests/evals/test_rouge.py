"""ROUGE-L: its laws, golden answers, and agreement with pycocoevalcap."""

import numpy as np
import pytest
from caption_cases import GOLDEN, Items, corpus_of, golden_corpus, items, official, random_items
from hypothesis import given, settings

from evals.metrics.ngrams import code_captions
from evals.metrics.rouge import rouge_l


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_answers(case: str) -> None:
    np.testing.assert_allclose(rouge_l(golden_corpus(case)), GOLDEN[case]["rouge_l"]["items"], rtol=0, atol=1e-12)


@pytest.mark.official
@pytest.mark.parametrize("seed", range(4))
def test_random_captions_agree_with_the_official_scorer(seed: int) -> None:
    texts = random_items(seed, 300)
    np.testing.assert_allclose(rouge_l(corpus_of(texts)), official("Rouge", texts)[1], rtol=0, atol=1e-12)


@pytest.mark.official
@settings(max_examples=300, deadline=None)
@given(items)
def test_hostile_captions_agree_with_the_official_scorer(texts: Items) -> None:
    total, by_item = official("Rouge", texts)
    np.testing.assert_allclose(rouge_l(corpus_of(texts)), by_item, rtol=0, atol=1e-12)
    assert rouge_l(corpus_of(texts)).mean() == pytest.approx(total, abs=1e-12)


def test_precision_and_recall_may_come_from_two_references() -> None:
    score = rouge_l(corpus_of([("a b c d", ["a b", "x a b c d y z w"])]))[0]
    assert score == pytest.approx(1.0)  # recall 1 from the first, precision 1 from the second


def test_one_pair_by_hand() -> None:
    score = rouge_l(corpus_of([("a x b c", ["a b y c z"])]))[0]  # a b c in common
    precision, recall = 3 / 4, 3 / 5
    assert score == pytest.approx((1 + 1.44) * precision * recall / (recall + 1.44 * precision))


@pytest.mark.parametrize("n_words", [63, 64, 65, 200])
def test_candidates_around_the_width_of_a_mask(n_words: int) -> None:
    words = [f"w{place}" for place in range(n_words)]
    texts = [(" ".join(words), [" ".join(words), " ".join(words[::-1])]), (" ".join(words), [" ".join(words[::2])])]
    recall, precision = 1.0, -(-n_words // 2) / n_words
    expected = 2.44 * precision * recall / (recall + 1.44 * precision)
    np.testing.assert_allclose(rouge_l(corpus_of(texts)), [1.0, expected], atol=1e-12)


@given(items)
def test_laws(texts: Items) -> None:
    whole = rouge_l(corpus_of(texts))
    assert ((whole >= 0) & (whole <= 1)).all()
    copies = [(references[-1], references) for _, references in texts]
    np.testing.assert_allclose(rouge_l(corpus_of(copies)), 1, atol=1e-12)
    np.testing.assert_array_equal(whole, [rouge_l(corpus_of([text]))[0] for text in texts])
    backwards = [(candidate, references[::-1]) for candidate, references in texts[::-1]]
    np.testing.assert_array_equal(whole[::-1], rouge_l(corpus_of(backwards)))


def test_no_items_no_scores_and_empty_texts_are_equal() -> None:
    assert rouge_l(code_captions([], [])).shape == (0,)
    assert rouge_l(corpus_of([("", [""]), ("", ["a"]), ("a", [""])])).tolist() == [1, 0, 0]
