"""`score answers|choice|gqa`: files in, numbers, rows and refusals out."""

import json
from pathlib import Path
from typing import Any

import pytest

from anymodal.app import call
from evals.errors import EvalsError
from shards.errors import AnymodalError

TYPES = {"structural": "verify", "semantic": "obj", "detailed": "exist"}
GQA = {
    name: {"imageId": "i", "answer": "yes", "isBalanced": name < "3", "types": TYPES, "entailed": ["3"]}
    for name in ("1", "2", "3")
}
# protocol: verb, references, predictions, value, unit
CASES: dict[str, tuple[str, Any, Any, float, str]] = {
    "exact@normalized": (
        "answers",
        [{"id": 1, "answers": ["a cat"]}, {"id": 2, "answers": ["dog"]}],
        [{"id": "1", "answer": "Cat."}, {"id": 2, "answer": "cow"}],
        50.0,
        "percent",
    ),
    "anls@0.5": ("answers", [{"id": 1, "answers": ["abcde"]}], [{"id": 1, "answer": "abcdx"}], 0.8, "fraction"),
    "yesno@pope": (
        "answers",
        [{"question_id": 1, "image": "i", "label": "no"}],
        [{"question_id": 1, "answer": "There is not."}],
        100.0,
        "percent",
    ),
    "auroc": (
        "answers",
        [{"id": 1, "img": "a.png", "label": 1}, {"id": 2, "img": "b.png", "label": 0}],
        [{"id": 1, "score": 0.4}, {"id": 2, "score": 0.4}],
        0.5,
        "fraction",
    ),
    "choice@letter": (
        "choice",
        [{"id": 1, "choices": ["a", "b"], "answer": 1}],
        [{"id": 1, "answer": "The answer is B."}],
        100.0,
        "percent",
    ),
    "choice@circular": (
        "choice",
        [{"id": 1, "choices": ["a", "b"], "answer": 1}],
        [{"id": 1, "answers": ["B", "B"]}],
        0.0,
        "percent",
    ),
}


def files(folder: Path, references: Any, predictions: Any) -> tuple[str, str]:
    (folder / "refs.json").write_text(json.dumps(references))
    (folder / "r.json").write_text(json.dumps(predictions))
    return str(folder / "refs.json"), str(folder / "r.json")


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as done:
        call(["score", *arguments])
    assert done.value.code in (None, 0)


@pytest.mark.parametrize("protocol", CASES)
def test_numbers_and_rows(protocol: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    verb, references, predictions, value, unit = CASES[protocol]
    paths = files(tmp_path, references, predictions)
    chosen = [verb, "--references", paths[0], "--predictions", paths[1], "--protocol", protocol]
    rows = tmp_path / "rows.jsonl"
    run(*chosen, "--json", "--per-sample", str(rows))
    result = json.loads(capsysbinary.readouterr().out)
    assert (result["protocol"], result["value"], result["unit"]) == (protocol, pytest.approx(value), unit)
    assert len(rows.read_bytes().splitlines()) == len(references)
    run(*chosen)
    assert protocol in capsysbinary.readouterr().out.decode()


@pytest.mark.parametrize("protocol", CASES)
def test_missing_is_refused_if_strict_and_unknown_always(protocol: str, tmp_path: Path) -> None:
    verb, references, predictions, *_ = CASES[protocol]
    chosen = [verb, "--protocol", protocol, "--references"]
    refs, path = files(tmp_path, references, [])
    with pytest.raises(EvalsError, match=f"none for {len(references)} of {len(references)}"):
        call(["score", *chosen, refs, "--predictions", path, "--strict"])
    key = next(name for name in predictions[0] if name.endswith("id"))
    refs, path = files(tmp_path, references, [predictions[0] | {key: "other"}])
    with pytest.raises(AnymodalError, match=r"r\.json: .*unknown: 'other'"):
        call(["score", *chosen, refs, "--predictions", path])


def test_gqa(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    answers = [{"questionId": name, "prediction": reply} for name, reply in (("1", "yes"), ("2", "no"), ("3", "yes"))]
    questions, path = files(tmp_path, GQA, answers)
    choices = tmp_path / "choices.json"
    choices.write_text(json.dumps({name: {"valid": ["yes", "no"], "plausible": ["yes"]} for name in GQA}))
    chosen = ["gqa", "--questions", questions, "--predictions", path, "--json", "--strict"]
    run(*chosen, "--choices", str(choices), "--consistency")
    metrics = json.loads(capsysbinary.readouterr().out)["metrics"]
    numbers = {name: metrics[name]["value"] for name in ("accuracy", "consistency", "validity", "plausibility")}
    assert numbers == {"accuracy": 50.0, "consistency": 100.0, "validity": 100.0, "plausibility": 50.0}
    files(tmp_path, GQA, answers[:1] + answers[2:])
    with pytest.raises(EvalsError, match="none for 1 of 2"):
        call(["score", *chosen])
    files(tmp_path, GQA, answers[:2])
    with pytest.raises(AnymodalError, match="answers to all questions"):
        call(["score", *chosen, "--consistency"])
