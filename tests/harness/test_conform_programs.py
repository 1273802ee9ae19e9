"""`conform` with what is not ours to ship: METEOR's jar under Java, and the official words of CHAIR."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from evals.harness.conform import Check, conform
from evals.harness.conform_vectors import Vectors, load_vectors
from evals.metrics.chair_objects import synonyms
from shards.errors import UsageError

WORDS = Path(__file__).parents[3] / "shared" / "data" / "text" / "chair_synonyms.txt"


def replayed(protocol: str, vectors: Vectors | None = None, *, words: Path | None = None) -> Check:
    return next(one for one in conform(vectors, synonyms=words).checks if one.protocol == protocol)


@pytest.mark.official
def test_meteor_is_replayed_where_java_is() -> None:
    if shutil.which("java") is None or find_spec("pycocoevalcap") is None:
        pytest.skip("needs Java and pycocoevalcap")
    content = msgspec.to_builtins(load_vectors())
    content["meteor"]["official"]["meteor"]["3"] += 1e-6
    found = replayed("meteor@coco", msgspec.convert(content, Vectors, str_keys=True))
    assert (found.vectors, found.is_ok) == (9, False)
    assert found.largest_difference == pytest.approx(1e-6, rel=1e-6)  # and so all others agree


def test_without_java_or_the_jar_the_row_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("evals.metrics.official_jars.installed_folder", lambda metric: tmp_path)
    found = replayed("meteor@coco")
    assert (found.vectors, found.largest_difference, found.is_ok) == (9, None, None)
    assert "not replayed: needs meteor-1.5.jar in" in found.note
    assert found.note.endswith('pip install "anymodal[official]"')
    assert conform().is_ok


def test_the_official_words_are_replayed_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    if not WORDS.is_file():
        pytest.skip(f"needs {WORDS.name}")
    monkeypatch.setenv("PATH", "")
    found = replayed("chair@official", words=WORDS)
    assert (found.vectors, found.is_ok, found.note) == (102, True, "")
    assert found.largest_difference is not None
    assert found.largest_difference <= 1e-12
    content = msgspec.to_builtins(load_vectors())
    content["chair_official"]["official"]["chair_s"] += 1e-6
    changed = replayed("chair@official", msgspec.convert(content, Vectors, str_keys=True), words=WORDS)
    assert (changed.is_ok, changed.largest_difference) == (False, pytest.approx(1e-6, rel=1e-6))


def test_other_words_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    table = tmp_path / "words.txt"
    table.write_text("".join(f"{node}, {word}\n" for word, node in synonyms().items()), encoding="utf-8")
    with pytest.raises(UsageError, match=r"--synonyms: expected the table of chair@official, .* found another"):
        conform(synonyms=table)
