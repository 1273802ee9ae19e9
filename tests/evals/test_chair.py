"""CHAIR against the official script's tokens, mentions and figures, its quirks, and the laws of a metric."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.errors import AnnotationError, PredictionError
from evals.metrics.chair import ChairTruth, chair_truth, score_chair
from evals.metrics.chair_objects import (
    ObjectFinder,
    Synonyms,
    caption_objects,
    caption_words,
    read_synonyms,
    synonyms,
)
from evals.metrics.chair_singular import singular
from evals.metrics.chair_tokens import sentences_of, words_of
from evals.results.schema import Bounds, Unscored
from shards.formats.instances import CocoCategory, CocoImage, CocoObject, Instances, read_instances

GOLDEN = Path(__file__).parents[1] / "golden" / "chair"
OFFICIAL = Path(__file__).parents[3] / "shared" / "data" / "text" / "chair_synonyms.txt"


@pytest.fixture
def official() -> Synonyms:
    if not OFFICIAL.is_file():
        pytest.skip("needs ../shared/data/text/chair_synonyms.txt")
    return read_synonyms(OFFICIAL)


def golden(table: Synonyms) -> tuple[ChairTruth, dict[int, str], dict[str, Any]]:
    instances = [read_instances(GOLDEN / f"instances_{part}2014.json") for part in ("train", "val")]
    references = [
        (entry["image_id"], entry["caption"])
        for part in ("train", "val")
        for entry in json.loads((GOLDEN / f"captions_{part}2014.json").read_text())["annotations"]
    ]
    lines = [json.loads(line) for line in (GOLDEN / "generated.jsonl").read_text().splitlines()]
    captions = {line["image_id"]: line["caption"] for line in lines}
    truth = chair_truth(instances, references, image_ids=list(captions), table=table)
    return truth, captions, json.loads((GOLDEN / "expected.json").read_text())


def test_golden_figures(official: Synonyms) -> None:
    truth, captions, expected = golden(official)
    scored = score_chair(truth, captions)
    assert scored.primary.protocol == "chair@official"
    assert scored.primary.value == pytest.approx(expected["CHAIRi"], abs=1e-12)
    assert scored.metrics["chair_s"].value == pytest.approx(expected["CHAIRs"], abs=1e-12)
    totals = {name: sum(row.metrics[name] for row in scored.rows) for name in ("hallucinated", "mentions", "chair_s")}
    assert totals["hallucinated"] == expected["n_hallucinated_mentions"]
    assert totals["mentions"] == expected["n_mentions"]
    assert totals["chair_s"] == expected["n_hallucinated_captions"]
    for row, sentence in zip(scored.rows, expected["sentences"], strict=True):
        assert row.id == str(sentence["image_id"])
        assert (row.value, row.metrics["chair_s"]) == (sentence["CHAIRi"], sentence["CHAIRs"])


def test_golden_words() -> None:
    _, captions, expected = golden(synonyms())
    for sentence in expected["sentences"]:
        assert caption_words(captions[sentence["image_id"]]) == sentence["tokens"]


def test_golden_mentions(official: Synonyms) -> None:
    truth, captions, expected = golden(official)
    find = ObjectFinder(official)
    for sentence in expected["sentences"]:
        caption, objects = captions[sentence["image_id"]], truth.objects[sentence["image_id"]]
        mentions = find(caption)
        assert [node for _, node in mentions] == sentence["mentioned"]
        assert [list(mention) for mention in mentions if mention[1] not in objects] == sentence["hallucinated"]
        assert sorted(objects) == sentence["gt_objects"]


SINGULAR_FORMS = """glass:glas dress:dres gas:ga bus:bu buses:bus ties:ty canoes:cano tennis:tenni ears:ears
    doggies:doggies women:woman specimen:speciman four:fmy hour:hmy opera:opus knives:knife leaves:leaf pasta:pastum
    shoes:shoe mice:mouse oxen:ox ponies:pony mothers-in-law:mother-in-law dogs':dog's 's:' ':'s quizzes:quiz
    theses:thesis"""


@pytest.mark.parametrize(("plural", "expected"), [pair.split(":") for pair in SINGULAR_FORMS.split()])
def test_singular_forms_of_the_original(plural: str, expected: str) -> None:
    assert singular(plural) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a dog. a cat", ["a dog.", "a cat"]),
        ("mr. dog. 5. dogs", ["mr. dog.", "5. dogs"]),
        ('he said "go!" now. (it ran.) so', ['he said "go!"', "now.", "(it ran.)", "so"]),
        ("wait... what?no", ["wait... what?no"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a dog, 1,000 cats:5.", "a dog , 1,000 cats:5 ."),
        ("the dog's cat isn't 'gonna' go.", "the dog 's cat is n't ' gon na ' go ."),
        ("dog-cat dog/cat a--b (x) cannot.", "dog-cat dog/cat a -- b ( x ) can not ."),
        ('"dog" said…', "`` dog '' said…"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert " ".join(words_of(text)) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A baby elephant", ["elephant"]),
        ("a baby, elephant", ["person", "elephant"]),
        ("hot  dogs on a train track", ["hot dog"]),
        ("the seat of the toilet", ["toilet"]),
        ("two wine glasses and a wine glass", ["wine glass", "wine glass"]),
        ("a bus, two buses and canoes", ["bus", "bus", "boat"]),
        ("a dog's bow tie. Two ties", ["dog", "tie", "tie"]),
        ("doggies, men, knives, calves, neighbours", ["dog", "person", "knife", "cow", "person"]),
        ("a sports ball on skis", ["sports ball", "skis"]),
        ("stop\nsign", ["stop sign"]),
        ("a dog's tail, a dog's\ntail", ["dog"]),  # a blank must follow 's, no other white space
        ("dog/cat dog-cat", []),
        ("an orange wall", ["orange"]),
    ],
)
def test_objects_of_a_caption(caption: str, expected: list[str]) -> None:
    assert [node for _, node in caption_objects(caption, synonyms())] == expected
    assert [node for _, node in ObjectFinder(synonyms())(caption)] == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("motor bike, bus and buses", ["bus"]),  # "bu" is no word of the table
        ("a dog's bow tie. A bow", ["dog", "tie", "tie"]),
        ("iPhone cheesecake", []),
    ],
)
def test_oddities_of_the_official_table(official: Synonyms, caption: str, expected: list[str]) -> None:
    assert [node for _, node in caption_objects(caption, official)] == expected
    assert [node for _, node in ObjectFinder(official)(caption)] == expected


def test_every_word_of_our_table_names_its_object_of_coco() -> None:
    lines = (files("evals.metrics") / "chair_words.txt").read_text(encoding="ascii").splitlines()
    words = [(word, line.split(", ")[0]) for line in lines for word in line.split(", ")]
    assert len(words) == len({word for word, _ in words})  # each in one line only
    categories = json.loads((GOLDEN / "instances_val2014.json").read_text())["categories"]
    assert {node for _, node in words} == {one["name"] for one in categories}
    find = ObjectFinder(synonyms())
    for word, node in words:
        if word not in ("dining table", "sports ball"):  # "table" and "ball" are found
            assert find(f"the {word}")[-1][1] == node


def test_a_period_ends_the_sentence_behind_every_word_of_the_tables() -> None:
    """What `ObjectFinder` relies on."""
    for name in synonyms():
        for word in name.split():
            assert sentences_of(f"a {word}. b") == [f"a {word}.", "b"]


def test_missing_captions_mention_nothing() -> None:
    truth = ChairTruth({1: {"dog"}, 2: {"cat"}, 3: set(), 4: set()})
    scored = score_chair(truth, {1: "a dog and a cat", 2: "a dog and two cats", 3: Unscored("refusal")})
    assert scored.primary.value == 0.5  # a cat of four mentions, and a dog
    assert scored.primary.bounds == Bounds((2 + 4) / 8, 2 / 8)  # two more captions with two mentions each
    assert scored.metrics["chair_s"].value == 0.5
    assert scored.metrics["chair_s"].bounds == Bounds(1.0, 0.5)
    assert scored.metrics["length"].value == 5.0
    assert scored.primary.unscored == {"refusal": 1, "missing": 1}
    assert [row.unscored for row in scored.rows] == [None, None, "refusal", "missing"]


def test_no_mention_has_no_chair_i() -> None:
    scored = score_chair(ChairTruth({1: set(), 2: set()}), {1: "a field", 2: ""})
    assert (scored.primary.value, scored.metrics["chair_s"].value) == (None, 0.0)
    nothing = score_chair(ChairTruth({}), {})
    assert (nothing.primary.value, nothing.metrics["chair_s"].value, nothing.rows) == (None, None, [])


def test_intervals_of_equal_captions_have_no_width() -> None:
    scored = score_chair(ChairTruth({1: {"dog"}, 2: {"dog"}}), dict.fromkeys((1, 2), "a dog and a cat"))
    intervals = scored.primary.interval, scored.metrics["chair_s"].interval
    assert [one and (one.low, one.high) for one in intervals] == [(0.5, 0.5), (1.0, 1.0)]


def test_faults_are_named() -> None:
    with pytest.raises(PredictionError, match="1 unknown, such as 9"):
        score_chair(ChairTruth({1: set()}), {9: "a dog"})
    odd = Instances((CocoImage(1),), (), (CocoCategory(3, "unicorn"),))
    with pytest.raises(AnnotationError, match="category 3: expected a category of the synonym table, found 'unicorn'"):
        chair_truth([odd], [])
    with pytest.raises(AnnotationError, match="image 1: expected a listed category, found category 8"):
        chair_truth([Instances((CocoImage(1),), (CocoObject(1, 8),), (CocoCategory(3, "dog"),))], [])


def test_truth_joins_instances_and_references() -> None:
    instances = Instances((CocoImage(1), CocoImage(2)), (CocoObject(1, 3),), (CocoCategory(3, "hair drier"),))
    truth = chair_truth([instances], [(1, "a puppy"), (2, "a pup"), (5, "a kitten")])
    assert truth.objects == {1: {"hair drier", "dog"}, 2: {"dog"}}


def test_long_captions_take_linear_time() -> None:
    find = ObjectFinder(synonyms())
    for text in (
        "a" * 200_000,
        ". " * 100_000,
        "'" * 200_000,
        '"a.' + " " * 200_000 + "b",
        "dog. " * 200_000,
        ".)" * 100_000,
    ):
        find(text)


WORDS = ["a", "the", "toilet", "seat", "baby", "hot", "dogs", "mr.", "5.", "x.", "...", "--", "cannot", "'tis"]
MARKS = ['"', "'s", "n't", ",", ".", "!", "?)", "(", "”", "é", "ſ", "\n", "\t", "\u00a0", " ", "  ", "'", ".'"]
PIECES = st.sampled_from([*sorted(synonyms()), *WORDS, *MARKS])
CAPTIONS = st.lists(st.tuples(PIECES, st.sampled_from([" ", " ", "", "s ", ". ", ", "])), max_size=12).map(
    lambda pieces: "".join(piece + glue for piece, glue in pieces)
)
PUNCTUATED = st.lists(
    st.tuples(
        st.text('"(', max_size=2),
        st.sampled_from(["dog", "hot", "dogs", "mr", "5", "x", "toilet", "seat", "cat's", "bow", "tie", "cannot"]),
        st.text(',;:")', max_size=3),
        st.sampled_from(["", "", ".", "!"]),
        st.text('")', max_size=2),
    ).map("".join),
    max_size=8,
).map(" ".join)


@given(st.lists(st.one_of(CAPTIONS, PUNCTUATED), max_size=4))
def test_remembered_pieces_change_nothing(captions: list[str]) -> None:
    find = ObjectFinder(synonyms())
    for caption in captions:
        assert find(caption) == caption_objects(caption, synonyms())


@given(st.lists(st.tuples(CAPTIONS, st.sets(st.sampled_from(["dog", "cat", "person", "boat"]))), max_size=6))
def test_laws_of_range_order_and_batches(items: list[tuple[str, set[str]]]) -> None:
    objects = {number: nodes for number, (_, nodes) in enumerate(items)}
    captions = {number: caption for number, (caption, _) in enumerate(items)}
    scored = score_chair(ChairTruth(objects), captions)
    backwards = score_chair(ChairTruth(dict(reversed(objects.items()))), captions)
    assert scored.rows == backwards.rows[::-1]
    assert (scored.primary, scored.metrics) == (backwards.primary, backwards.metrics)
    assert scored.primary.value is None or 0 <= scored.primary.value <= 1
    single = [
        score_chair(ChairTruth({number: objects[number]}), {number: captions[number]}).rows[0] for number in objects
    ]
    assert single == scored.rows


@given(CAPTIONS)
def test_law_of_identity(caption: str) -> None:
    instances = Instances((CocoImage(1),), (), ())
    scored = score_chair(chair_truth([instances], [(1, caption)]), {1: caption})
    assert scored.primary.value in (None, 0.0)
    assert scored.metrics["chair_s"].value == 0.0
