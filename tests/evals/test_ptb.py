"""Penn Treebank tokens: golden answers of the official tokenizer, laws, and the official tokenizer itself."""

import csv
import json
import random
import shutil
import zlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nasty_captions import nasty_captions

from evals.errors import PredictionError
from evals.metrics import ptb
from evals.metrics.ptb import ptb_tokenize
from evals.metrics.ptb_table import FILE, Symbols
from tools.ptb_automaton import built

GOLDEN = Path(__file__).parents[1] / "golden" / "ptb.jsonl"
TEXTS = Path(__file__).parents[3] / "shared" / "data" / "text"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
HARD_TEXT = st.text("aAnts 05.,:'’\"-/@<>&;#$()=_!?\n\r\u2028\u00a0\u00adé\u0301😀", max_size=30)
NEEDS_JAVA = "needs java on the path and pycocoevalcap (pip install anymodal[official])"
official = pytest.mark.official
needs_java = pytest.mark.skipif(not (shutil.which("java") and find_spec("pycocoevalcap")), reason=NEEDS_JAVA)


def official_tokens(captions: Sequence[str]) -> list[list[str]]:
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    answers = PTBTokenizer().tokenize({number: [{"caption": caption}] for number, caption in enumerate(captions)})
    return [[token for token in answers[number][0].split(" ") if token] for number in range(len(captions))]


def differences(captions: Sequence[str]) -> list[tuple[str, list[str], list[str]]]:
    pairs = zip(captions, ptb_tokenize(captions), official_tokens(captions), strict=True)
    return [(caption, ours, theirs) for caption, ours, theirs in pairs if ours != theirs]


def golden_runs() -> list[tuple[list[str], list[list[str]]]]:
    runs = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    return [(run["captions"], [line.split(" ") if line else [] for line in run["tokens"]]) for run in runs]


@pytest.mark.parametrize("number", range(len(golden_runs())))
def test_golden_runs_of_the_official_tokenizer(number: int) -> None:
    captions, expected = golden_runs()[number]
    pairs = zip(captions, ptb_tokenize(captions), expected, strict=True)
    assert [(caption, ours, theirs) for caption, ours, theirs in pairs if ours != theirs] == []


def test_last_token_depends_on_what_follows() -> None:
    assert ptb_tokenize(["they'll"]) == [["they", "ll"]]
    assert ptb_tokenize(["they'll", ""]) == [["they", "'ll"], []]
    assert ptb_tokenize(["see prop.", "5"]) == [["see", "prop."], ["5"]]
    assert ptb_tokenize(["plan a.", "", "The x"]) == [["plan", "a"], [], ["the", "x"]]


def test_other_line_ends_move_later_captions() -> None:
    assert ptb_tokenize(["one\rtwo", "three", "four"]) == [["one"], ["two"], ["three"]]
    assert ptb_tokenize(["one\ntwo", "three"]) == [["one", "two"], ["three"]]


@pytest.mark.parametrize("caption", ["\ud800", "a dog\udc00"])
def test_lone_surrogates_are_refused_with_their_place(caption: str) -> None:
    with pytest.raises(PredictionError, match="caption 1") as caught:
        ptb_tokenize(["fine 😀", caption])
    assert "U+D" in str(caught.value)


@given(st.lists(TEXT | HARD_TEXT))
def test_one_list_of_clean_tokens_per_caption(captions: list[str]) -> None:
    rows = ptb_tokenize(captions)
    assert len(rows) == len(captions)
    assert all(token and " " not in token and "\n" not in token for row in rows for token in row)


@given(st.lists(TEXT | HARD_TEXT), st.lists(TEXT | HARD_TEXT))
def test_memory_of_earlier_captions_changes_nothing(earlier: list[str], captions: list[str]) -> None:
    ptb_tokenize([*captions, *earlier])
    warm = ptb_tokenize(captions)
    ptb._lexer.cache_clear()
    assert ptb_tokenize(captions) == warm


@given(
    st.lists(
        st.from_regex("[b-z]{2,8}", fullmatch=True).filter(lambda word: word not in ("gimme", "lemme")), min_size=1
    )
)
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    assert ptb_tokenize([" ".join(words).upper(), "x"])[0] == words


@pytest.mark.parametrize(
    "piece", ["a ", "'a", "<a b=", '<a b="c', "a@", "5 ", "‒.", "\ud83d\ude00", "http://", "n't", "Σ5", ". "]
)
def test_long_texts_take_linear_time(piece: str) -> None:
    """Counted in steps of the automaton; a quadratic scan would take a hundred times as many."""
    assert steps_for(piece * 10_000) < 20 * steps_for(piece * 1_000)


def test_tables_are_those_of_the_rules() -> None:
    packed = files("evals.metrics").joinpath(FILE).read_bytes()
    assert zlib.decompress(packed) == built(), "run python -m tools.ptb_automaton"


def steps_for(text: str) -> int:
    lexer = ptb._Lexer()
    lexer._table.symbol_of = counting = CountingSymbols(lexer._table.symbol_of)
    lexer.rows(text)
    return counting.steps


class CountingSymbols(Symbols):
    def __init__(self, symbols: Symbols) -> None:
        super().__init__(b"")
        self.symbols, self.steps = symbols, 0

    def __getitem__(self, character: str) -> int:
        self.steps += 1
        return self.symbols[character]


@official
@needs_java
@pytest.mark.parametrize("seed", [1, 2])
def test_nasty_captions_as_officially(seed: int) -> None:
    assert differences(nasty_captions(3_000, seed)) == []


@official
@needs_java
@pytest.mark.nightly
def test_many_nasty_captions_as_officially() -> None:
    assert differences(nasty_captions(50_000, seed=3)) == []


@official
@needs_java
@pytest.mark.nightly
@pytest.mark.parametrize("shuffled", [False, True])
def test_real_captions_as_officially(shuffled: bool) -> None:
    captions = real_captions()
    if shuffled:
        random.Random(7).shuffle(captions)
    assert differences(captions) == []
    assert differences(nasty_captions(20_000, 8, captions)) == []


def real_captions() -> list[str]:
    if not TEXTS.exists():
        pytest.skip(f"no captions at {TEXTS}")
    coco = json.loads((TEXTS / "coco_val2014_fakecap_results.json").read_text(encoding="utf-8"))
    captions = [row["caption"] for row in coco]
    for split in ("train", "val"):
        with (TEXTS / f"audiocaps_{split}.csv").open(encoding="utf-8", newline="") as file:
            captions += [row["caption"] for row in csv.DictReader(file)]
    return captions
