"""Corpus BLEU-1 to BLEU-4 with the closest reference length, as COCO caption evaluation has it."""

from typing import Final

import numpy as np

from evals.metrics.ngrams import CaptionCorpus, IntArray, NgramEntries, ngram_entries, shared_groups
from evals.statistics.bootstrap import FloatArray

ORDERS: Final = 4
_TINY: Final = 1e-15
_SMALL: Final = 1e-9
_FAR: Final = np.int64(1) << 31  # more words than any caption has


def bleu_statistics(corpus: CaptionCorpus) -> FloatArray:
    """What BLEU sums over items.

    Returns:
        [items, 10]: matched n-grams of order 1..4, candidate n-grams of order 1..4, candidate length, and the length
        of the closest reference (the shorter of two equally close ones), all in words.
    """
    corpus = corpus.split_at_white_space()
    lengths = corpus.lengths[corpus.firsts]
    statistics = np.empty((len(lengths), 2 * ORDERS + 2))
    for order, entries in enumerate(ngram_entries(corpus, ORDERS, shared_only=True)):
        statistics[:, order] = _matched(corpus, entries)
        statistics[:, ORDERS + order] = np.maximum(0, lengths - order)
    statistics[:, -2] = lengths
    statistics[:, -1] = _closest_lengths(corpus, lengths)
    return statistics


def bleu(statistics: FloatArray) -> FloatArray:
    """BLEU-1..4 of rows or sums of `bleu_statistics`, [r, 10] -> [r, 4], fractions; a perfect match is 1 - ~1e-9.

    Item scores come from single rows, corpus scores from the sum over items, never from a mean of item scores.
    """
    matched, proposed = statistics[:, :ORDERS], statistics[:, ORDERS : 2 * ORDERS]
    products = np.cumprod((matched + _TINY) / (proposed + _SMALL), axis=1)
    ratio = (statistics[:, -2] + _TINY) / (statistics[:, -1] + _SMALL)
    brevity = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return np.asarray(products ** (1 / np.arange(1, ORDERS + 1)) * brevity[:, None])


def _matched(corpus: CaptionCorpus, entries: NgramEntries) -> FloatArray:
    """Candidate n-grams found in a reference, each no oftener than in the reference that has it most, [items]."""
    is_shared = shared_groups(corpus, entries)
    firsts = entries.groups[is_shared]
    reference_ranges = np.column_stack([firsts + 1, entries.group_ends[is_shared]]).ravel()
    most = np.maximum.reduceat(np.append(entries.counts, 0), reference_ranges)[::2] if len(firsts) else firsts
    items = corpus.items[entries.captions[firsts]]
    clipped = np.minimum(entries.counts[firsts], most).astype(np.float64)
    return np.asarray(np.bincount(items, weights=clipped, minlength=len(corpus.firsts)), dtype=np.float64)


def _closest_lengths(corpus: CaptionCorpus, lengths: IntArray) -> IntArray:
    distances = np.abs(corpus.lengths - lengths[corpus.items])
    ranks = distances * _FAR + corpus.lengths  # nearer first, then shorter
    ranks[corpus.firsts] = np.iinfo(np.int64).max
    closest = np.minimum.reduceat(ranks, corpus.firsts) if len(ranks) else ranks
    return np.asarray(closest % _FAR)
