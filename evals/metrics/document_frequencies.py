"""Frozen document frequencies: with them CIDEr of an item does not depend on the items beside it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evals.errors import AnnotationError
from evals.metrics.ngrams import CaptionCorpus, IntArray, NgramEntries, code_captions, ngram_entries
from shards.files import atomic

FREQUENCIES_SCHEMA: Final = "anymodal.document_frequencies/1"
ORDERS: Final = 4


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many items' references each n-gram of one to four words stands.

    Attributes:
        n_items: Items counted; CIDEr's N.
        tokenizer: What made the words of the references; scoring with another one is refused.
        ngrams: The n-grams with at least two items, words joined by a space, sorted by code point. Those of
            one item weigh as much as unseen ones and are left out.
        counts: Items of each n-gram, int64, 2..n_items.
    """

    n_items: int
    tokenizer: str
    ngrams: pa.LargeStringArray
    counts: pa.Int64Array

    @cached_property
    def digest(self) -> str:
        """The table's sha256, the same whatever file it came from; part of the protocol's name (12 digits)."""
        lines = [
            f"{ngram}\t{count}" for ngram, count in zip(self.ngrams.to_pylist(), self.counts.to_pylist(), strict=True)
        ]
        header = [FREQUENCIES_SCHEMA, str(self.n_items), self.tokenizer]
        return hashlib.sha256("\n".join(header + lines).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the table as one Parquet file (columns ngram, items), whole or not at all."""
        header = {"schema": FREQUENCIES_SCHEMA, "n_items": str(self.n_items), "tokenizer": self.tokenizer}
        columns = pa.table({"ngram": self.ngrams, "items": self.counts}).replace_schema_metadata(
            {**header, "sha256": self.digest}
        )
        with atomic(path) as file:
            pq.write_table(columns, file, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> "DocumentFrequencies":
        """Read what `save` wrote.

        Raises:
            AnnotationError: If the file is missing, of another kind or version, or its content does not match its hash.
        """
        try:
            columns = pq.read_table(path)
            header = {key.decode(): value.decode() for key, value in (columns.schema.metadata or {}).items()}
            if header.get("schema") != FREQUENCIES_SCHEMA or columns.schema.names != ["ngram", "items"]:
                found = header.get("schema", "no schema")
                raise AnnotationError(str(path), expected=FREQUENCIES_SCHEMA, found=found, remedy="save it again")
            ngrams, counts = (columns[name].combine_chunks() for name in ("ngram", "items"))
            table = cls(int(header["n_items"]), header["tokenizer"], ngrams, counts)
            sha256, digest = header["sha256"], table.digest
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            expected, found = "a table of document frequencies", f"{error!s:.200}"
            raise AnnotationError(str(path), expected=expected, found=found, remedy="save it again") from error
        if digest != sha256:
            raise AnnotationError(str(path), expected=f"content of sha256 {sha256}", found=digest)
        return table


def count_documents(references: Sequence[Sequence[str]], *, tokenizer: str) -> DocumentFrequencies:
    """Count n-grams over items; each item's references are tokenised captions, words joined by a space."""
    corpus = code_captions([""] * len(references), references).split_at_white_space()
    vocabulary = np.array(corpus.vocabulary, dtype=object)
    ngrams: list[str] = []
    counts: list[int] = []
    for order, entries in enumerate(ngram_entries(corpus, ORDERS), start=1):
        frequencies = np.bincount(entries.ngrams[entries.groups], minlength=len(entries.keys))
        kept = np.flatnonzero(frequencies > 1)
        words = vocabulary[corpus.words[entries.places[kept][:, None] + np.arange(order)]]  # [n-grams, order]
        ngrams.extend(map(" ".join, words.tolist()))
        counts.extend(frequencies[kept].tolist())
    by_ngram = sorted(range(len(ngrams)), key=ngrams.__getitem__)
    return DocumentFrequencies(
        n_items=len(references),
        tokenizer=tokenizer,
        ngrams=pa.array([ngrams[place] for place in by_ngram], pa.large_string()),
        counts=pa.array([counts[place] for place in by_ngram], pa.int64()),
    )


class FrequencyLookup:
    """Finds a corpus's n-grams in a frozen table, order by order: call `of` with orders 1, 2, 3, 4 in turn."""

    def __init__(self, table: DocumentFrequencies, corpus: CaptionCorpus) -> None:
        split = pc.split_pattern(table.ngrams, " ")
        coded = split.values.dictionary_encode()
        code_of = {word: code for code, word in enumerate(corpus.vocabulary)}
        codes = np.array([code_of.get(word, -1) for word in coded.dictionary.to_pylist()], dtype=np.int64)
        self._words = codes[coded.indices.to_numpy()] if len(codes) else codes
        self._starts = split.offsets.to_numpy()[:-1]
        self._orders = np.diff(split.offsets.to_numpy())
        self._counts = table.counts.to_numpy()
        self._prefixes = np.zeros(len(self._counts), dtype=np.int64)
        self._vocabulary_size = len(corpus.vocabulary)
        self._order = 0

    def of(self, entries: NgramEntries) -> IntArray:
        """Items of each n-gram in the table, 0 for those it does not hold, [n-grams]."""
        frequencies = np.zeros(len(entries.keys), dtype=np.int64)
        alive = np.flatnonzero((self._orders > self._order) & (self._prefixes >= 0))
        words = self._words[self._starts[alive] + self._order]
        keys = np.where(words >= 0, self._prefixes[alive] * self._vocabulary_size + words, -1)
        numbers = np.searchsorted(entries.keys, keys)
        is_found = np.append(entries.keys, -2)[numbers] == keys
        self._prefixes[alive] = np.where(is_found, numbers, -1)
        self._order += 1
        is_whole = is_found & (self._orders[alive] == self._order)
        frequencies[numbers[is_whole]] = self._counts[alive[is_whole]]
        return frequencies
