"""BLEU-1 to BLEU-4 with clipped n-gram counts, the closest reference length and COCO's smoothing constants.

Source: Papineni et al. 2002, BLEU, ACL P02-1040; written from its formulas and checked against pycocoevalcap's answers.
"""

from typing import Final

import numpy as np

from evals.metrics.ngrams import CaptionCorpus, IntArray, NgramEntries, ngram_entries, shared_groups
from evals.statistics.bootstrap import FloatArray

ORDERS: Final = 4
_ALMOST_NOTHING: Final = 1e-15  # COCO's constants: a caption without a match scores above 0, a perfect one below 1
_NEVER_ZERO: Final = 1e-9


def bleu_statistics(corpus: CaptionCorpus) -> FloatArray:
    """What BLEU is computed from, item by item; the corpus's are their sum.

    Returns:
        [items, 10]: matched n-grams of orders 1 to 4 (each counted as often as in the candidate, and at most as often
        as in the one reference that has it most), the candidate's n-grams of orders 1 to 4, its words, and the words
        of the reference closest in length (of two equally close ones, the shorter).
    """
    corpus = corpus.split_at_white_space()
    words = corpus.lengths[corpus.firsts]  # [items]
    matched = [_matched(corpus, entries) for entries in ngram_entries(corpus, ORDERS, shared_only=True)]
    guessed = np.maximum(0, words[:, None] - np.arange(ORDERS))  # [items, orders]
    return np.column_stack([*matched, guessed, words, _closest_reference_words(corpus)])


def bleu(statistics: FloatArray) -> FloatArray:
    """BLEU-1 to BLEU-4 in [0, 1) of each row of `bleu_statistics` or of sums of its rows, [n, 10] -> [n, 4]."""
    matched, guessed = statistics[:, :ORDERS], statistics[:, ORDERS : 2 * ORDERS]
    precisions = (matched + _ALMOST_NOTHING) / (guessed + _NEVER_ZERO)
    means = np.cumprod(precisions, axis=1) ** (1 / np.arange(1, ORDERS + 1))
    length_ratio = (statistics[:, -2:-1] + _ALMOST_NOTHING) / (statistics[:, -1:] + _NEVER_ZERO)  # [n, 1]
    return np.asarray(means * np.exp(np.minimum(0.0, 1 - 1 / length_ratio)))


def _matched(corpus: CaptionCorpus, entries: NgramEntries) -> FloatArray:
    """Matched n-grams of one order, [items]."""
    is_shared = shared_groups(corpus, entries)
    in_candidate, ends = entries.groups[is_shared], entries.group_ends[is_shared]
    # Every other stretch of entries is one group's references; the stretches between them are thrown away.
    stretches = np.column_stack([in_candidate + 1, ends]).ravel()
    most_in_reference = np.maximum.reduceat(np.append(entries.counts, 0), stretches)[::2]
    matched = np.minimum(entries.counts[in_candidate], most_in_reference)
    items = corpus.items[entries.captions[in_candidate]]
    return np.bincount(items, weights=matched, minlength=len(corpus.firsts)).astype(np.float64)


def _closest_reference_words(corpus: CaptionCorpus) -> IntArray:
    """Words of the reference whose length is closest to the candidate's, [items]."""
    words = corpus.lengths[corpus.firsts]
    surplus = corpus.lengths - words[corpus.items]  # [captions]
    ranks = 2 * np.abs(surplus) + (surplus > 0)  # even: not longer than the candidate; odd: longer
    ranks[corpus.firsts] = np.iinfo(ranks.dtype).max
    best = np.minimum.reduceat(ranks, corpus.firsts)
    return np.asarray(words + np.where(best % 2, best // 2, -(best // 2)))
