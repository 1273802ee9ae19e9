"""CIDEr-D: its laws, golden answers, agreement with pycocoevalcap, and frozen document frequencies."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from caption_cases import GOLDEN, Items, corpus_of, golden_corpus, has_word, items, official, random_items
from hypothesis import assume, given, settings

from evals.errors import AnnotationError
from evals.metrics.cider import cider
from evals.metrics.document_frequencies import DocumentFrequencies, count_documents
from evals.metrics.ngrams import code_captions


def counted(texts: Items) -> DocumentFrequencies:
    return count_documents([references for _, references in texts], tokenizer="whitespace")


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_answers(case: str) -> None:
    expected = GOLDEN[case]["cider"]
    np.testing.assert_allclose(cider(golden_corpus(case)), expected["items"], rtol=0, atol=1e-12)
    assert cider(golden_corpus(case)).mean() == pytest.approx(expected["total"], abs=1e-12)


@pytest.mark.official
@pytest.mark.parametrize("seed", range(4))
def test_random_captions_agree_with_the_official_scorer(seed: int) -> None:
    texts = random_items(seed, 400)
    np.testing.assert_allclose(cider(corpus_of(texts)), official("Cider", texts)[1], rtol=0, atol=1e-11)


@pytest.mark.official
@settings(max_examples=300, deadline=None)
@given(items)
def test_hostile_captions_agree_with_the_official_scorer(texts: Items) -> None:
    assume(has_word(texts))
    np.testing.assert_allclose(cider(corpus_of(texts)), official("Cider", texts)[1], rtol=0, atol=1e-11)


def test_two_items_by_hand() -> None:
    # All n-grams of "a b" and "c d" stand in one of two items and weigh ln 2; "e" is new and weighs the same.
    scores = cider(corpus_of([("a b", ["a b"]), ("c e", ["c d"])]))
    assert scores[0] == pytest.approx(10 * (1 + 1 + 0 + 0) / 4)  # no trigrams, no 4-grams
    assert scores[1] == pytest.approx(10 * (1 / 2) / 4)  # "c" of two words


def test_length_penalty_by_hand() -> None:
    scores = cider(corpus_of([("a", ["a b c"]), ("", ["d"])]))
    assert scores[0] == pytest.approx(10 / 4 * (1 / math.sqrt(3)) * math.exp(-4 / 72))


def test_one_item_or_equal_references_score_zero() -> None:
    assert cider(corpus_of([("a b c d", ["a b c d"])])).tolist() == [0]
    assert cider(corpus_of([("a b", ["a b"]), ("a b", ["a b"])])).tolist() == [0, 0]


@given(items)
def test_laws(texts: Items) -> None:
    assume(has_word(texts))
    whole = cider(corpus_of(texts))
    assert ((whole >= 0) & (whole <= 10 + 1e-9)).all()
    backwards = [(candidate, references[::-1]) for candidate, references in texts[::-1]]
    np.testing.assert_allclose(whole[::-1], cider(corpus_of(backwards)), atol=1e-9)


def test_distinct_sentences_repeated_score_ten() -> None:
    texts = [(f"p{k} q{k} r{k} s{k} t{k}", [f"p{k} q{k} r{k} s{k} t{k}"]) for k in range(5)]
    np.testing.assert_allclose(cider(corpus_of(texts)), 10)


def test_no_items_no_scores_and_only_empty_references_are_refused() -> None:
    assert cider(code_captions([], [])).shape == (0,)
    with pytest.raises(AnnotationError, match="a word in at least one reference"):
        cider(corpus_of([("a", ["", "\u00a0"])]))


@given(items)
def test_a_table_of_the_same_references_changes_nothing(texts: Items) -> None:
    assume(has_word(texts))
    np.testing.assert_allclose(cider(corpus_of(texts), counted(texts)), cider(corpus_of(texts)), atol=1e-12)


@given(items)
def test_with_a_table_an_items_score_is_its_own(texts: Items) -> None:
    table = counted([*random_items(1, 3), *texts, *texts])
    whole = cider(corpus_of(texts), table)
    np.testing.assert_allclose(whole, [cider(corpus_of([text]), table)[0] for text in texts], atol=1e-12)


def test_a_table_holds_items_not_occurrences() -> None:
    table = counted([("", ["a b a b", "a"]), ("", ["a b"]), ("", ["b"])])
    assert dict(zip(table.ngrams.to_pylist(), table.counts.to_pylist(), strict=True)) == {"a": 2, "b": 3, "a b": 2}
    assert table.n_items == 3


def test_a_saved_table_comes_back_and_scores_the_same(tmp_path: Path) -> None:
    texts = random_items(5, 60)
    table = counted(texts)
    table.save(tmp_path / "df.parquet")
    loaded = DocumentFrequencies.load(tmp_path / "df.parquet")
    assert (loaded.digest, loaded.n_items, loaded.tokenizer) == (table.digest, 60, "whitespace")
    np.testing.assert_array_equal(cider(corpus_of(texts), loaded), cider(corpus_of(texts), table))
    table.save(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "df.parquet").read_bytes()


def test_the_digest_knows_content_and_not_order() -> None:
    texts = random_items(6, 40)
    assert counted(texts[::-1]).digest == counted(texts).digest
    assert counted(texts[:-1]).digest != counted(texts).digest
    assert count_documents([group for _, group in texts], tokenizer="ptb").digest != counted(texts).digest


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "df.parquet"
    with pytest.raises(AnnotationError, match="expected a table of document frequencies"):
        DocumentFrequencies.load(path)
    path.write_bytes(b"{}")
    with pytest.raises(AnnotationError, match="expected a table of document frequencies"):
        DocumentFrequencies.load(path)
    pq.write_table(pa.table({"ngram": ["a"]}), path)
    with pytest.raises(AnnotationError, match="found no schema"):
        DocumentFrequencies.load(path)
    table = counted(random_items(5, 20))
    table.save(path)
    stored = pq.read_table(path)
    pq.write_table(stored.slice(1).replace_schema_metadata(stored.schema.metadata), path)
    with pytest.raises(AnnotationError, match="content of sha256"):
        DocumentFrequencies.load(path)


@pytest.mark.parametrize(
    "header", [{"n_items": b"x"}, {"n_items": b"9" * 5000}, {"n_items": None}, {"tokenizer": None}, {"sha256": None}]
)
def test_broken_headers_of_tables_are_refused(tmp_path: Path, header: dict[str, bytes | None]) -> None:
    path = tmp_path / "df.parquet"
    counted(random_items(5, 20)).save(path)
    stored = pq.read_table(path)
    kept = {key.decode(): value for key, value in stored.schema.metadata.items()} | header
    pq.write_table(stored.replace_schema_metadata({key: one for key, one in kept.items() if one is not None}), path)
    with pytest.raises(AnnotationError, match="expected a table of document frequencies"):
        DocumentFrequencies.load(path)


def test_text_that_is_no_utf8_in_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "df.parquet"
    counted([("w1", ["w1"]), ("w1", ["w1"])]).save(path)
    stored = pq.read_table(path)
    bad = pa.array([b"\xff"], pa.large_binary()).view(pa.large_string())
    pq.write_table(pa.table({"ngram": bad, "items": [2]}).replace_schema_metadata(stored.schema.metadata), path)
    with pytest.raises(AnnotationError, match="expected a table of document frequencies, found 'utf-8' codec"):
        DocumentFrequencies.load(path)


def test_counts_whose_squares_leave_32_bits() -> None:
    many = " ".join(["a"] * 50_000)
    scores = cider(corpus_of([(many, [many]), (many, ["a"]), ("b", ["c"])]))
    assert scores[0] == pytest.approx(10)
    assert scores[1:].tolist() == [0, 0]  # 49,999 words too many
