"""Captions as integers: words interned, n-grams numbered by counting sorts, in time linear in the words.

The captions of an item lie side by side, the candidate first, its references behind it. Entries sorted by n-gram and
then by caption therefore hold, for each (n-gram, item), the candidate's count directly before those of the references;
BLEU, ROUGE-L and CIDEr are sums over such groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from evals.errors import AnnotationError, PredictionError
from shards.errors import told_as

IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CaptionCorpus:
    """The captions of all items, each item's candidate followed by its references.

    Attributes:
        vocabulary: The distinct words; a word's code is its place.
        words: Word codes of all captions, one behind the other, [words].
        lengths: Words per caption, [captions].
        items: Item of each caption, [captions], ascending.
        firsts: Caption index of each item's candidate, [items].
    """

    vocabulary: Sequence[str]
    words: IntArray
    lengths: IntArray
    items: IntArray
    firsts: IntArray

    @cached_property
    def is_candidate(self) -> BoolArray:
        """Whether a caption is its item's candidate, [captions]."""
        flags = np.zeros(len(self.lengths), dtype=np.bool_)
        flags[self.firsts] = True
        return flags

    @cached_property
    def caption_of_word(self) -> IntArray:
        """Caption index of each word, [words]."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int32), self.lengths)

    @cached_property
    def n_references(self) -> IntArray:
        """References per item, [items]."""
        return np.diff(self.firsts, append=len(self.lengths)) - 1

    def split_at_white_space(self) -> "CaptionCorpus":
        """The corpus with words as `str.split` sees them: no empty ones, U+00A0 and its kind separate.

        BLEU and CIDEr read captions like this, ROUGE-L separates at U+0020 alone.
        """
        if all(word.split() == [word] for word in self.vocabulary):
            return self
        parts = [word.split() for word in self.vocabulary]
        codes: dict[str, int] = {}
        pieces = np.array([codes.setdefault(piece, len(codes)) for piece in chain.from_iterable(parts)], dtype=np.int32)
        n_pieces = np.array([len(pieces) for pieces in parts])
        piece_starts = np.cumsum(n_pieces) - n_pieces
        counts = n_pieces[self.words]  # [words]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        words = pieces[np.repeat(piece_starts[self.words], counts) + within]
        lengths = np.bincount(self.caption_of_word, weights=counts, minlength=len(self.lengths)).astype(np.int64)
        return replace(self, vocabulary=list(codes), words=words, lengths=lengths)


@dataclass(frozen=True)
class NgramEntries:
    """The distinct (n-gram, caption) pairs of one order, sorted by n-gram, then caption.

    Attributes:
        keys: Key of each distinct n-gram, ascending: number of its first n-1 words times the vocabulary's size plus the
            last word, [n-grams]. An n-gram's number is its place here.
        places: A place in the corpus's words at which each n-gram starts, [n-grams].
        ngrams: Number of the n-gram, [entries].
        captions: Caption index, [entries].
        counts: How often the n-gram stands in the caption, [entries].
        groups: First entry of each (n-gram, item), [groups].
    """

    keys: IntArray
    places: IntArray
    ngrams: IntArray
    captions: IntArray
    counts: IntArray
    groups: IntArray

    @cached_property
    def group_sizes(self) -> IntArray:
        """Entries of each group, [groups]."""
        return self.group_ends - self.groups

    @cached_property
    def group_ends(self) -> IntArray:
        """One past the last entry of each group, [groups]."""
        return np.append(self.groups, len(self.counts))[1:]


def code_captions(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionCorpus:
    """Intern tokenised captions, one candidate and at least one reference an item, words joined by one U+0020.

    Raises:
        AnnotationError: If an item has no reference.
        PredictionError: If candidates and references differ in number, or a text is no valid Unicode.
    """
    if len(candidates) != len(references):
        raise PredictionError("captions", expected=f"{len(references)} candidates", found=str(len(candidates)))
    sizes = np.fromiter(map(len, references), dtype=np.int64, count=len(references)) + 1
    if (sizes == 1).any():
        place = f"item {int(np.argmin(sizes))}"
        raise AnnotationError(place, expected="at least one reference caption", found="none")
    texts = list(chain.from_iterable((first, *rest) for first, rest in zip(candidates, references, strict=True)))
    with told_as(UnicodeEncodeError, PredictionError, "captions", expected="valid Unicode text"):
        split = pc.split_pattern(pa.array(texts, pa.large_string()), " ")
    coded = split.values.dictionary_encode()
    return CaptionCorpus(
        vocabulary=coded.dictionary.to_pylist(),
        words=coded.indices.to_numpy(),
        lengths=np.diff(split.offsets.to_numpy()),
        items=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        firsts=np.cumsum(sizes) - sizes,
    )


def ngram_entries(corpus: CaptionCorpus, orders: int, *, shared_only: bool = False) -> Iterator[NgramEntries]:
    """The n-grams of orders 1 to `orders`, one order at a time.

    With `shared_only`, n-grams above order 1 are left out where their first words are not in both the candidate and
    a reference of the same item: the same matches at less work.
    """
    by_word = counting_order(corpus.words, len(corpus.vocabulary))
    prefixes = np.zeros(len(corpus.words), dtype=np.int32)  # number of the (n-1)-gram that starts at each word
    is_start = np.arange(len(corpus.words) + orders) < len(corpus.words)  # ends in places where nothing starts
    for order in range(1, orders + 1):
        places = by_word
        if order > 1:
            places = _starts_of_ngrams(corpus, by_word, is_start=is_start, order=order)
            places = places[counting_order(prefixes[places], int(prefixes.max(initial=0)) + 1)]
        entries, numbers = _entries(corpus, places, prefixes=prefixes, order=order)
        prefixes[places] = numbers
        if shared_only:
            shared_places = places[_is_shared_place(corpus, entries)]
            is_start[:] = False
            is_start[shared_places] = True
            by_word = shared_places if order == 1 else by_word  # the last word must be shared as well
        yield entries


def counting_order(codes: IntArray, n_codes: int) -> IntArray:
    """Places of `codes` in ascending order of code, ties in their old order: a stable argsort in linear time.

    numpy counts instead of comparing where keys have 16 bits, so codes are sorted by their lower and then their upper
    half.
    """
    order = np.argsort(codes.astype(np.uint16), kind="stable").astype(np.int32)  # keeps the lower 16 bits
    if n_codes > 1 << 16:
        upper = (codes >> 16).astype(np.uint16)
        order = order[np.argsort(upper[order], kind="stable")]
    return order


def _starts_of_ngrams(corpus: CaptionCorpus, by_word: IntArray, *, is_start: BoolArray, order: int) -> IntArray:
    """Where n-grams start, in the order of their last word; n-grams do not reach over the end of a caption."""
    reach = order - 1
    captions = corpus.caption_of_word
    n_inside = max(0, len(captions) - reach)
    is_start[n_inside:] = False
    is_start[:n_inside] &= captions[reach:] == captions[:n_inside]
    starts = by_word - np.int32(reach)  # negative ones count from the end
    return np.asarray(starts[is_start[starts]])


def _entries(
    corpus: CaptionCorpus, places: IntArray, *, prefixes: IntArray, order: int
) -> tuple[NgramEntries, IntArray]:
    """Entries of sorted n-gram places, and the number of the n-gram at each place."""
    keys = prefixes[places] * np.int64(len(corpus.vocabulary)) + corpus.words[places + np.int32(order - 1)]
    captions = corpus.caption_of_word[places]
    is_new_ngram = differs_from_previous(keys)
    numbers = np.cumsum(is_new_ngram, dtype=np.int32)
    numbers -= np.int32(1)
    starts = np.flatnonzero(is_new_ngram | differs_from_previous(captions)).astype(np.int32)
    captions = captions[starts]
    items = corpus.items[captions]
    counts = np.empty_like(starts)
    counts[:-1] = starts[1:] - starts[:-1]
    counts[-1:] = len(places) - starts[-1:]
    entries = NgramEntries(
        keys=keys[is_new_ngram],
        places=places[is_new_ngram],
        ngrams=numbers[starts],
        captions=captions,
        counts=counts,
        groups=np.flatnonzero(is_new_ngram[starts] | differs_from_previous(items)),
    )
    return entries, numbers


def shared_groups(corpus: CaptionCorpus, entries: NgramEntries) -> BoolArray:
    """Whether a group's n-gram stands in both the candidate and a reference of the item, [groups]."""
    return corpus.is_candidate[entries.captions[entries.groups]] & (entries.group_sizes > 1)


def _is_shared_place(corpus: CaptionCorpus, entries: NgramEntries) -> BoolArray:
    """The same for each sorted place of an n-gram, [n-gram places]."""
    is_shared_entry = np.repeat(shared_groups(corpus, entries), entries.group_sizes)
    return np.repeat(is_shared_entry, entries.counts)


def differs_from_previous(values: IntArray) -> BoolArray:
    """Whether a value differs from the one before it; the first does."""
    flags = np.ones(len(values), dtype=np.bool_)
    flags[1:] = values[1:] != values[:-1]
    return flags
