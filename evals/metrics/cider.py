"""CIDEr-D as COCO caption evaluation has it, its document frequencies counted or frozen."""

from typing import Final

import numpy as np

from evals.errors import AnnotationError
from evals.metrics.document_frequencies import DocumentFrequencies, FrequencyLookup
from evals.metrics.ngrams import CaptionCorpus, IntArray, NgramEntries, ngram_entries
from evals.statistics.bootstrap import FloatArray

ORDERS: Final = 4
CIDER_MAXIMUM: Final = 10.0
_SIGMA: Final = 6.0


def cider(corpus: CaptionCorpus, document_frequencies: DocumentFrequencies | None = None) -> FloatArray:
    """CIDEr-D of each item, [items], 0..10.

    Without a table, n-grams are weighted by how many of these items have them in a reference: scores then depend on
    which items are scored together, and a single item scores 0. With a table an item's score is its own.

    Raises:
        AnnotationError: If all references are empty, so that there is nothing to weigh.

    Source: Vedantam et al. 2015, arXiv:1411.5726.
    """
    corpus = corpus.split_at_white_space()
    n_items = len(corpus.firsts)
    if n_items and document_frequencies is None and not corpus.lengths[~corpus.is_candidate].any():
        expected, found = "a word in at least one reference", "only empty references"
        raise AnnotationError("references", expected=expected, found=found, remedy="check the tokenizer")
    lookup = FrequencyLookup(document_frequencies, corpus) if document_frequencies else None
    log_of = np.log(np.maximum(1, np.arange((document_frequencies.n_items if document_frequencies else n_items) + 1)))
    similarity = np.zeros(len(corpus.lengths))
    for entries in ngram_entries(corpus, ORDERS):
        frequencies = lookup.of(entries) if lookup else item_frequencies(corpus, entries)
        rarity = log_of[-1] - log_of[frequencies]  # ln N - ln max(1, df), [n-grams]
        similarity += _cosines(corpus, entries, rarity)
    similarity *= _length_penalties(corpus)
    similarity[corpus.firsts] = 0
    sums = np.add.reduceat(similarity, corpus.firsts) if n_items else similarity
    return np.asarray(CIDER_MAXIMUM * sums / ORDERS / corpus.n_references)


def item_frequencies(corpus: CaptionCorpus, entries: NgramEntries) -> IntArray:
    """In how many items' references each n-gram stands, [n-grams]."""
    in_reference = ~corpus.is_candidate[entries.captions[entries.group_ends - 1]]
    return np.bincount(entries.ngrams[entries.groups[in_reference]], minlength=len(entries.keys))


def _cosines(corpus: CaptionCorpus, entries: NgramEntries, rarity: FloatArray) -> FloatArray:
    """Clipped cosine of each reference with its item's candidate for one order, [captions]; candidates hold rubbish."""
    n_captions = len(corpus.lengths)
    counts = entries.counts.astype(np.float64)  # squares of 46,341 and more leave 32 bits
    squared_rarity = rarity[entries.ngrams] ** 2
    squared_norms = np.bincount(entries.captions, weights=counts**2 * squared_rarity, minlength=n_captions)
    has_candidate = corpus.is_candidate[entries.captions[entries.groups]]
    proposed = np.repeat(np.where(has_candidate, counts[entries.groups], 0), entries.group_sizes)  # [entries]
    clipped = np.minimum(proposed, counts) * counts * squared_rarity
    products = np.bincount(entries.captions, weights=clipped, minlength=n_captions)
    norms = np.sqrt(squared_norms) * np.sqrt(squared_norms[corpus.firsts])[corpus.items]
    return np.asarray(np.divide(products, norms, out=np.zeros(n_captions), where=norms > 0))


def _length_penalties(corpus: CaptionCorpus) -> FloatArray:
    # COCO's scorer counts bigrams: the same difference, except beside an empty text, where nothing is alike anyway.
    difference = corpus.lengths - corpus.lengths[corpus.firsts][corpus.items]
    return np.asarray(np.exp(-(difference.astype(np.float64) ** 2) / (2 * _SIGMA**2)))
