"""`conform`: the vectors are the golden ones, ours agree, a wrong value is seen, and known deviations come out."""

import json
import re
import runpy
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anymodal.app import call
from evals.harness import conform as module
from evals.harness.conform import Conformance, conform
from evals.harness.conform_vectors import Vectors, load_vectors

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(autouse=True)
def _without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """METEOR's start takes seconds; `tests/harness/test_conform_programs.py` replays it."""
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def found() -> Conformance:
    return conform()


def test_the_vectors_are_those_of_the_golden_files() -> None:
    made = runpy.run_path(str(GOLDEN / "conform" / "make.py"))["text"]()
    assert files("evals.harness").joinpath("conform_vectors.json").read_text(encoding="ascii") == made


def test_every_protocol_agrees(found: Conformance) -> None:
    assert [check.protocol for check in found.checks if check.is_ok is False] == []
    assert {check.protocol for check in found.checks} >= {
        "vqa@official", "vqa@official-before-2021", "bleu@coco", "rouge_l@coco", "cider@coco", "ptb@coco",
        "meteor@coco", "spice@coco", "spider@coco", "cider@coco-frozen-df:ce1e746adade", "bleu@whitespace",
        "rouge_l@whitespace", "cider@whitespace", "chair@official", "chair@anymodal-synonyms", "frechet@features",
        "kernel@features", "prc@features", "inception_score@logits", "clipscore@hessel2021/features",
        "clipscore@torchmetrics/features", "clap@mean/features", "clipsim@frame-mean/features", "tagger_kl@logits",
        "chair@synonyms-f451d89cd94b", "refcoco@iou.5", "refcoco@minigpt-v2", "refcoco@minigpt-v2-accept-all",
        "exact@literal",
        "exact@lower", "exact@normalized", "anls@0.5", "yesno@pope", "yesno@first-word", "auroc", "choice@letter",
        "choice@text", "choice@circular", "choice@likelihood", "choice@likelihood-per-byte",
        "choice@likelihood-per-token", "gqa@official",
    }  # fmt: skip
    unknown = {check.protocol for check in found.checks if check.is_ok is None}
    assert unknown - {"meteor@coco"} == {"chair@official", "spice@coco", "spider@coco", "chair@anymodal-synonyms"}
    for check in found.checks:
        assert (check.largest_difference is None) == (check.is_ok is None)
        assert check.largest_difference is None or check.largest_difference <= 1e-11
        assert check.note or check.is_ok


# What each rule makes of the vectors where that is known without it: boxes in no such grammar, boxes of exactly one
# half, replies counted one by one.
@pytest.mark.parametrize(
    ("rule", "difference"),
    [
        ("RefCOCO: [a, b, c, d] of 0..1 alone", "all"),
        ("RefCOCO: IoU >= 0.5", 100 * 12 / 61),
        ("GQA: case and punctuation ignored", 20.0),
        ("GQA: stripped and lower-cased", 20.0),
        ("SEED: first character as letter", 100 * (4 - 7) / 16),
        ("ScienceQA: 'B' or 'B.' alone", 100 * (2 - 7) / 16),
        ("choice: guess if unread (expected)", 100 * 7 / 4 / 16),
        ("IconQA: ANLS for accuracy", 100 * (1 / 3 + 1 / 2) / 4),
    ],
)
def test_deviations_by_hand(found: Conformance, rule: str, difference: Any) -> None:
    one = next(deviation for deviation in found.deviations if deviation.rule == rule)
    assert one.difference == pytest.approx(-one.ours if difference == "all" else difference, abs=1e-9)


def test_the_two_known_cases_of_vqa_and_the_error_of_resamples(found: Conformance) -> None:
    always, repaired = (one for one in found.deviations if one.rule.startswith("VQA"))
    truths = load_vectors().vqa.official["official"]
    assert (truths["1"], truths["2"]) == (0.0, 1.0)  # "Black." against ten times "black"; "2." against nine "2"
    assert always.changed < repaired.changed
    assert always.difference > repaired.difference
    error = next(one for one in found.deviations if one.harness.startswith("lighteval"))
    assert error.ours / error.theirs == pytest.approx(1000**0.5, rel=0.06)  # the bootstrap's own error is sd / root n
    alone = next(one for one in found.deviations if one.theirs is None)
    assert (alone.vectors, alone.ours, alone.difference) == (1, 0.0, None)


def test_another_value_is_seen_and_ends_in_one(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    content = msgspec.to_builtins(load_vectors())
    content["gqa"]["official"]["consistency"] += 1e-6
    content["ptb"][0]["tokens"][0] += " x"
    content["choices"][0]["official"]["choice@letter"]["9"] = 0.0  # unscored counts as 0
    content["choices"][0]["official"]["choice@letter"]["0"] = None  # but a value is no lack of one
    monkeypatch.setattr(module, "load_vectors", lambda: msgspec.convert(content, Vectors, str_keys=True))
    with pytest.raises(SystemExit) as done:
        call(["conform", "--json"])
    assert done.value.code == 1
    checks = {one["protocol"]: one for one in json.loads(capsysbinary.readouterr().out)["checks"]}
    differing = {name for name, one in checks.items() if one["is_ok"] is False}
    assert differing == {"gqa@official", "ptb@coco", "choice@letter"}
    assert checks["gqa@official"]["largest_difference"] == pytest.approx(1e-6)
    assert (checks["ptb@coco"]["largest_difference"], checks["choice@letter"]["largest_difference"]) == (1.0, None)


def test_the_table_says_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        call(["conform"])
    shown = capsys.readouterr().out
    assert done.value.code in (None, 0)
    for words in (
        "vqa@official", " ok ", "lmms-eval", "the programs themselves were not run",
        "meteor@coco: not replayed: needs Java, found no `java` on the PATH; install Java 8 or later",
        "chair@official: not replayed: needs the official words, data/synonyms.txt", "give them as --synonyms FILE",
        "chair@synonyms-f451d89cd94b: the official rules on five objects invented", "spice@coco: no vector: SPICE's",
    ):  # fmt: skip
        assert words in shown
    assert "DIFFERS" not in shown
    for row in (r"meteor@coco +9 +- +not replayed", r"spice@coco +0 +- +no vector", r"kernel@features +2 +\d.* ok"):
        assert re.search(row, shown)
