"""Penn Treebank tokens: golden answers of the official tokenizer, laws, and the official tokenizer itself."""

import csv
import gc
import json
import random
import shutil
import zlib
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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


def test_company_endings_keep_their_dot_as_officially() -> None:
    captions = ["A PTY. LTD", "a pTe. x", "a PTE. x", "a PTE.  Ltd", "a PTE.", "Ltd x", ""]
    expected = [["a", "pty.", "ltd"], ["a", "pte.", "x"], ["a", "pte", "x"], ["a", "pte", "ltd"], ["a", "pte"]]
    assert ptb_tokenize(captions) == [*expected, ["ltd", "x"], []]


def test_blank_takes_other_blanks_along() -> None:
    """An address may begin with a no-break space at the start of a line, not behind a blank; memory must tell them."""
    captions = ["\xa0a.com x", "a x", "a \xa0a.com x", "5 a \xa0a.com x", ""]
    assert ptb_tokenize(captions)[2:] == [["a", "a.com", "x"], ["5", "a", "a.com", "x"], []]


@pytest.mark.parametrize(
    "lowered",
    # behind format characters; beside U+0891, newer than Java 17, and characters above U+FFFF; behind a sign on a digit
    [
        "a.\u200bς",
        "a.\u200b5σ",
        "a5\u200b.5ς",
        "aς\u0891a",
        "aς\U00010adea",
        "aσ\U0001d41a",
        "\U0001d41aσ",
        "a1\u0301-σ",
    ],
)
def test_final_sigma_in_addresses_as_officially(lowered: str) -> None:
    assert ptb_tokenize(["b@" + lowered.replace("σ", "Σ").replace("ς", "Σ")]) == [["b@" + lowered]]


@pytest.mark.parametrize("caption", ["\ud800", "a dog\udc00"])
def test_lone_surrogates_are_refused_with_their_place(caption: str) -> None:
    with pytest.raises(PredictionError, match="caption 1") as caught:
        ptb_tokenize(["fine 😀", caption])
    assert "U+D" in str(caught.value)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_collection_is_left_as_it_was(is_enabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    was_enabled, seen = gc.isenabled(), list[bool]()
    lexer = ptb._lexer()
    (gc.enable if is_enabled else gc.disable)()
    try:
        ptb_tokenize(["a dog"])
        assert gc.isenabled() == is_enabled
        monkeypatch.setattr(lexer, "rows", lambda text: [seen.append(gc.isenabled()), 1 / 0])
        with pytest.raises(ZeroDivisionError):
            ptb_tokenize(["a dog"])
        assert (gc.isenabled(), seen) == (is_enabled, [False])
    finally:
        (gc.enable if was_enabled else gc.disable)()


@pytest.mark.parametrize("captions", ["one string", [None], ["a dog", 3]])
def test_what_is_no_sequence_of_strings_is_refused(captions: Any) -> None:
    with pytest.raises(PredictionError, match="sequence of strings"):
        ptb_tokenize(captions)


@given(st.lists(TEXT | HARD_TEXT))
def test_one_list_of_clean_tokens_per_caption(captions: list[str]) -> None:
    rows = ptb_tokenize(captions)
    assert len(rows) == len(captions)
    assert all(token and " " not in token and "\n" not in token for row in rows for token in row)


@given(st.lists(TEXT | HARD_TEXT), st.lists(TEXT | HARD_TEXT))
def test_memory_of_earlier_captions_changes_nothing(earlier: list[str], captions: list[str]) -> None:
    ptb_tokenize([*captions, *earlier])
    assert ptb_tokenize(captions) == without_memory(captions)


@pytest.mark.parametrize("seed", range(3))
def test_memory_of_words_changes_nothing(seed: int) -> None:
    """Few hard words, each at many places: inside, at the end, before blanks, behind what keeps a line unknown."""
    chooser = random.Random(seed)
    words = [*nasty_captions(60, seed), "a", "\xa0a.com", "", "5"]
    captions = [" ".join(chooser.choices(words, k=chooser.randrange(5))) for _ in range(3_000)]
    assert ptb_tokenize(captions) == without_memory(captions)


def without_memory(captions: Sequence[str]) -> list[list[str]]:
    ptb._lexer.cache_clear()
    ptb._lexer()._memory = {}
    rows = ptb_tokenize(captions)
    ptb._lexer.cache_clear()
    return rows


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
