"""ROUGE-L as COCO caption evaluation has it: longest common subsequences, many at a time as bits of one integer."""

from typing import Final

import numpy as np
import numpy.typing as npt

from evals.metrics.ngrams import CaptionCorpus, IntArray, counting_order, differs_from_previous
from evals.statistics.bootstrap import FloatArray

_BETA: Final = 1.2
_MASK_BITS: Final = 64

MaskArray = npt.NDArray[np.uint64]


def rouge_l(corpus: CaptionCorpus) -> FloatArray:
    """ROUGE-L of each item, [items], fractions.

    Precision and recall are each the best over the references, which may be two different ones. Words are what
    stands between spaces (U+0020), so that an empty caption is one empty word and equals another empty caption.
    """
    common = _common_lengths(corpus)
    candidate_lengths = corpus.lengths[corpus.firsts]
    precision = _best_of_references(corpus, common / candidate_lengths[corpus.items])
    recall = _best_of_references(corpus, common / corpus.lengths)
    numerator = (1 + _BETA**2) * precision * recall
    denominator = recall + _BETA**2 * precision
    return np.divide(numerator, denominator, out=np.zeros(len(corpus.firsts)), where=numerator > 0)


def _best_of_references(corpus: CaptionCorpus, shares: FloatArray) -> FloatArray:
    shares[corpus.firsts] = 0
    return np.maximum.reduceat(shares, corpus.firsts) if len(shares) else shares


def _common_lengths(corpus: CaptionCorpus) -> FloatArray:
    """Length of the longest common subsequence of each caption with its item's candidate, [captions]."""
    starts = np.cumsum(corpus.lengths) - corpus.lengths
    masks = _candidate_masks(corpus, starts)
    masks[corpus.is_candidate[corpus.caption_of_word]] = 0
    matching = np.flatnonzero(masks)
    n_matching = np.bincount(corpus.caption_of_word[matching], minlength=len(corpus.lengths))
    common = _bit_parallel(masks[matching], n_matching)
    for item in np.flatnonzero(corpus.lengths[corpus.firsts] > _MASK_BITS):
        first, n_references = corpus.firsts[item], corpus.n_references[item]
        texts = [
            corpus.words[starts[c] : starts[c] + corpus.lengths[c]] for c in range(first, first + n_references + 1)
        ]
        common[first + 1 : first + n_references + 1] = [_long_common_length(texts[0], text) for text in texts[1:]]
    return common.astype(np.float64)


def _candidate_masks(corpus: CaptionCorpus, starts: IntArray) -> MaskArray:
    """For each word of each caption the places, as bits, at which its item's candidate has that word, [words].

    Masks of items whose candidate has more than 64 words mean nothing; those items are counted on their own.
    """
    if not len(corpus.words):
        return np.zeros(0, dtype=np.uint64)
    by_word = counting_order(corpus.words, len(corpus.vocabulary))
    words, captions = corpus.words[by_word], corpus.caption_of_word[by_word]
    groups = np.flatnonzero(differs_from_previous(words) | differs_from_previous(corpus.items[captions]))
    places = ((by_word - starts[captions]) % _MASK_BITS).astype(np.uint64)
    bits = np.where(corpus.is_candidate[captions], np.uint64(1) << places, np.uint64(0))
    masks = np.empty(len(by_word), dtype=np.uint64)
    masks[by_word] = np.repeat(np.bitwise_or.reduceat(bits, groups), np.diff(groups, append=len(by_word)))
    return masks


def _bit_parallel(masks: MaskArray, n_masks: IntArray) -> IntArray:
    """Common subsequence lengths of many captions at once, one word of each at a step, [captions].

    Words that the candidate lacks change nothing and are left out of `masks`; `n_masks` says how many each caption
    has left. Source: Hyyro 2004, Bit-parallel LCS-length computation revisited.
    """
    longest_first = np.argsort(-n_masks, kind="stable")
    starts = (np.cumsum(n_masks) - n_masks)[longest_first]
    counts = n_masks[longest_first]
    unmatched = np.full(len(n_masks), np.uint64(2**64 - 1))
    n_active = np.searchsorted(-counts, -np.arange(counts.max(initial=0)), side="left")
    for step, active in enumerate(n_active.tolist()):
        before = unmatched[:active]
        hits = before & masks[starts[:active] + step]
        unmatched[:active] = (before + hits) | (before - hits)
    lengths = np.empty(len(n_masks), dtype=np.int64)
    lengths[longest_first] = np.bitwise_count(~unmatched)
    return lengths


def _long_common_length(candidate: IntArray, reference: IntArray) -> int:
    """The same for one pair of any length, with an integer as wide as the candidate."""
    masks: dict[int, int] = {}
    for place, word in enumerate(candidate.tolist()):
        masks[word] = masks.get(word, 0) | 1 << place
    full = (1 << len(candidate)) - 1
    unmatched = full
    for word in reference.tolist():
        hits = unmatched & masks.get(word, 0)
        unmatched = ((unmatched + hits) | (unmatched - hits)) & full
    return (full ^ unmatched).bit_count()
