"""METEOR through its jar: golden answers, big and hostile inputs, and what happens when something is missing."""

import contextlib
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from caption_cases import GOLDEN, need_java

from evals.errors import EvalsError, PredictionError
from evals.metrics import meteor as meteor_module
from evals.metrics import official_jars
from evals.metrics.meteor import meteor, meteor_of_sums, without_matches
from shards.errors import UsageError

pytestmark = pytest.mark.official


@pytest.fixture(autouse=True)
def _java() -> None:
    need_java()


@contextlib.contextmanager
def fake_jar(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> Iterator[None]:
    """A `java` that is a shell script."""
    program = folder / "java"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(meteor_module, "java_program", lambda metric: str(program))
    yield


def test_golden_answers_of_all_cases_in_one_process() -> None:
    candidates = [text for case in GOLDEN.values() for text in case["candidates"]]
    references = [group for case in GOLDEN.values() for group in case["references"]]
    scores = meteor(candidates, references)
    assert scores.items.tolist() == [item for case in GOLDEN.values() for item in case["meteor"]["items"]]
    np.testing.assert_allclose(meteor_of_sums(scores.statistics), scores.items, rtol=0, atol=1e-12)
    assert meteor_of_sums(scores.statistics.sum(axis=0)[None])[0] == pytest.approx(scores.total, abs=1e-12)
    assert not meteor_of_sums(without_matches(scores.statistics)).any()
    start = 0
    for case in GOLDEN.values():  # each case's corpus score out of the sums of its items
        end = start + len(case["candidates"])
        total = meteor_of_sums(scores.statistics[start:end].sum(axis=0)[None])[0]
        assert total == pytest.approx(case["meteor"]["total"], abs=1e-12)
        start = end


@pytest.mark.nightly  # two more starts of Java
def test_equals_the_official_wrapper_on_hostile_captions() -> None:
    wrapper = pytest.importorskip("pycocoevalcap.meteor.meteor")
    rng = random.Random(0)
    words = ["a", "the", "dog", "dogs", "rides", "riding", "quickly", "fast", ",", "café", "☃", "犬", "'s", "n't"]
    words += ["1\u00a01/2", "big", "large", "||"]

    def caption(longest: int) -> str:
        return " ".join(rng.choices([*words, ""], k=rng.randint(0, longest)))

    references = [[caption(12) for _ in range(rng.randint(1, 5))] for _ in range(1200)]
    candidates = [rng.choice([caption(12), rng.choice(group), f"{group[0]} ||| {caption(2)}"]) for group in references]
    ours, scorer = meteor(candidates, references), wrapper.Meteor()
    results = {place: [text] for place, text in enumerate(candidates)}
    total, by_item = scorer.compute_score(dict(enumerate(references)), results)
    for pipe in (scorer.meteor_p.stdout, scorer.meteor_p.stderr):
        pipe.close()
    assert ours.total == total
    assert ours.items.tolist() == by_item
    np.testing.assert_allclose(meteor_of_sums(ours.statistics), by_item, rtol=0, atol=1e-12)


def test_no_items_need_no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert meteor([], []).items.shape == (0,)


def test_missing_programs_are_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="Java 8 or later"):
        meteor(["a"], [["a"]])
    monkeypatch.setattr(official_jars, "installed_folder", lambda metric: None)
    with pytest.raises(UsageError, match=r'pip install "anymodal\[official\]"'):
        meteor(["a"], [["a"]])
    monkeypatch.setattr(official_jars, "installed_folder", lambda metric: tmp_path)
    with pytest.raises(UsageError, match=r"meteor-1\.5\.jar in .*no such file"):
        meteor(["a"], [["a"]])


def test_line_breaks_are_refused() -> None:
    with pytest.raises(PredictionError, match="without line breaks"):
        meteor(["a\nb"], [["a"]])


def test_a_process_that_dies_is_reported_and_its_message_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        fake_jar(monkeypatch, tmp_path, "read line; echo out of memory >&2; exit 1"),
        pytest.raises(EvalsError, match="found out of memory"),
    ):
        meteor(["a " * 50_000] * 20, [["b"]] * 20)


def test_answers_that_are_no_numbers_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        fake_jar(monkeypatch, tmp_path, "while read line; do echo Error: hypothesis; echo 0; done"),
        pytest.raises(EvalsError, match="answer 0: expected 23 numbers, found 'Error: hypothesis'"),
    ):
        meteor(["a"], [["b"]])


def test_lines_are_those_of_the_official_wrapper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = " ".join(["1.0"] * 23)
    keep = f'printf "%s\\n" "$line" >> {tmp_path}/asked'
    script = f'while IFS= read -r line; do {keep}; case "$line" in E*) echo 0.5; echo 0.25;; *) echo {row};; esac; done'
    with fake_jar(monkeypatch, tmp_path, script):
        scores = meteor(["a ||| b    c"], [["x  y", ""]])
    assert (tmp_path / "asked").read_text() == f"SCORE ||| x  y |||  ||| a b  c\nEVAL ||| {row}\n"
    assert (scores.items.tolist(), scores.total) == ([0.5], 0.25)


def test_the_process_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def remembered(*args: object, **settings: object) -> subprocess.Popen[bytes]:
        started.append(real(*args, **settings))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", remembered)
    with fake_jar(monkeypatch, tmp_path, "read line; echo nothing; exec sleep 300"), pytest.raises(EvalsError):
        meteor(["a dog"], [["a dog"]])
    assert len(started) == 1
    assert started[0].returncode is not None
    assert started[0].stdout is not None
    assert started[0].stdout.closed


def test_answers_larger_than_a_pipe_do_not_block(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    numbers = " ".join(["0.0"] * 23)
    answer = (
        f'while read first rest; do if [ "$first" = EVAL ]; then yes 0.5 | head -n 5001; else echo {numbers}; fi; done'
    )
    with fake_jar(monkeypatch, tmp_path, answer):
        scores = meteor(["word " * 60] * 5000, [["word " * 60]] * 5000)
    assert scores.items.shape == (5000,)
