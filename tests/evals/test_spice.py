"""SPICE: what is asked of the jar, what is made of its answer, and the real jar where it is."""

import json
from pathlib import Path

import numpy as np
import pytest

from evals.errors import EvalsError
from evals.metrics import spice as spice_module
from evals.metrics.spice import FOLDER_VARIABLE, item_scores, spice, spice_folder
from shards.errors import UsageError


def answer(*scores: object) -> bytes:
    rows = [{"image_id": place, "scores": {"All": {"f": score, "pr": 1.0}}} for place, score in enumerate(scores)]
    return json.dumps(rows[::-1]).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with SPICE's files, all of them empty, and a `java` that is a script."""
    for name in ("spice-1.0.jar", "lib/stanford-corenlp-3.6.0.jar", "lib/stanford-corenlp-3.6.0-models.jar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(spice_module, "java_program", lambda metric: str(tmp_path / "java"))
    return tmp_path


def write_java(folder: Path, script: str) -> None:
    (folder / "java").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "java").chmod(0o755)


def test_scores_are_read_in_the_order_of_items_and_nan_stays() -> None:
    np.testing.assert_array_equal(item_scores(answer(0.5, None, 0.25, "NaN"), 4), [0.5, np.nan, 0.25, np.nan])
    assert np.isnan(item_scores(answer(0.5).replace(b"0.5", b"NaN"), 1)).all()


@pytest.mark.parametrize("content", [b"", b"[]", answer(1.0), b'[{"image_id": 0, "scores": {}}]'])
def test_answers_without_all_items_are_refused(content: bytes) -> None:
    with pytest.raises(EvalsError, match="expected scores of 2 items"):
        item_scores(content, 2)


def test_the_jar_is_asked_as_the_official_wrapper_asks(folder: Path) -> None:
    (folder / "answer.json").write_bytes(answer(0.5, 0.0))
    write_java(folder, f'cp "$4" {folder}/asked.json; cp {folder}/answer.json "$6"; echo "$@" > {folder}/arguments')
    assert spice(["a dog", ""], [["a dog", "dogs"], ["a cat"]]).tolist() == [0.5, 0.0]
    assert json.loads((folder / "asked.json").read_text()) == [
        {"image_id": 0, "test": "a dog", "refs": ["a dog", "dogs"]},
        {"image_id": 1, "test": "", "refs": ["a cat"]},
    ]
    arguments = (folder / "arguments").read_text().split()
    assert arguments[:3] == ["-jar", "-Xmx8G", "spice-1.0.jar"]
    assert arguments[4] == "-out"
    assert arguments[6:] == ["-subset", "-silent"]


def test_a_failing_jar_is_reported(folder: Path) -> None:
    write_java(folder, "echo no memory >&2; exit 1")
    with pytest.raises(EvalsError, match="found no memory"):
        spice(["a"], [["a"]])


def test_missing_models_are_told_with_a_remedy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "lib" / "stanford-corenlp-3.6.0-models.jar").unlink()
    with pytest.raises(UsageError, match=r"stanford-corenlp-3\.6\.0-models\.jar in .*point ANYMODAL_SPICE"):
        spice(["a"], [["a"]])
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setattr(spice_module, "installed_folder", lambda metric: None)
    with pytest.raises(UsageError, match=r"no package pycocoevalcap; pip install"):
        spice(["a"], [["a"]])


def test_no_items_need_no_jar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert spice([], []).shape == (0,)


@pytest.mark.official
def test_the_real_jar() -> None:
    try:
        spice_folder()
    except UsageError as error:
        pytest.skip(str(error))
    scores = spice(["a dog runs on grass", "a red car"], [["a dog runs on grass"], ["two men eat"]])
    assert scores.tolist() == [1.0, 0.0]
