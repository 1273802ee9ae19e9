"""`anymodal takedown` and `--retry-failed` as real processes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shards.verify import verify
from shards.work import read_ledger
from shards.work.takedown import take_down
from tests.anymodal.test_cli import anymodal


@pytest.fixture
def built(tmp_path: Path, captioned_folder: Callable[[int], Path]) -> Path:
    done = anymodal("build", "t2m", "--source", f"folder:{captioned_folder(4)}", "--out", tmp_path / "t2m")
    assert done.returncode == 0, done.stderr
    return tmp_path / "t2m"


def test_a_sample_is_taken_down_and_everything_tells_it(built: Path) -> None:
    key = next(row.key for row in read_ledger(built) if row.id.endswith("/2.png"))
    title = next(line for line in (built / "README.md").read_text().splitlines() if line.startswith("# "))
    done = anymodal("takedown", built, key, "--reason", "asked for by its author")
    assert (done.returncode, done.stdout) == (0, f"{key} is taken down: asked for by its author\n"), done.stderr
    assert "takedown: asked for by its author" in anymodal("why", built, key).stdout
    assert json.loads(anymodal("audit", built, "--json").stdout)["reasons"] == [
        ["dropped", "takedown", "asked for by its author", 1]
    ]
    assert anymodal("verify", built).returncode == 0
    card = (built / "README.md").read_text()
    assert title in card.splitlines()
    assert "takedown: asked for by its author" in card
    again = anymodal("takedown", built, key, "--reason", "once more")
    assert (again.returncode, "Nothing to do" in again.stderr) == (0, True)
    source = f"folder:{built.parent / 'photos'}"
    assert anymodal("build", "t2m", "--source", source, "--out", built, "--retry-failed").returncode == 0
    assert key not in {row.key for row in read_ledger(built) if row.outcome == "written"}


def test_the_card_keeps_its_title_and_notice(tmp_path: Path, captioned_folder: Callable[[int], Path]) -> None:
    out = tmp_path / "mm_it"
    anymodal("build", "mm-it", "--source", f"folder:{captioned_folder(4)}", "--out", out)
    before = (out / "README.md").read_text().splitlines()
    start = next(number for number, line in enumerate(before) if line.startswith("# "))
    assert "not for training real models; samples with IMU windows" in before[start + 2]
    anymodal("takedown", out, next(row.key for row in read_ledger(out)), "--reason", "asked for")
    after = (out / "README.md").read_text().splitlines()
    assert after[start : start + 3] == before[start : start + 3]
    assert after[start + 4].startswith("3 samples")


def test_an_unknown_key_and_an_empty_reason_are_told(built: Path) -> None:
    unknown = anymodal("takedown", built, "nobody", "--reason", "x")
    assert (unknown.returncode, "no such key" in unknown.stderr) == (4, True)
    assert anymodal("takedown", built, "nobody", "--reason", "").returncode == 2
    assert not (built / "tombstones.jsonl").exists()


def test_a_takedown_that_was_cut_off_before_the_indexes_is_finished_by_the_next(built: Path) -> None:
    key = next(row.key for row in read_ledger(built) if row.id.endswith("/2.png"))
    take_down(built, key, reason="asked for")
    assert verify(built) != []
    assert anymodal("takedown", built, key, "--reason", "asked for").returncode == 0
    assert verify(built) == []


def test_samples_with_the_same_media_are_named(tmp_path: Path, captioned_folder: Callable[[int], Path]) -> None:
    folder = captioned_folder(2)
    (folder / "1.png").write_bytes((folder / "0.png").read_bytes())
    anymodal("build", "t2m", "--source", f"folder:{folder}", "--out", tmp_path / "t2m")
    one, other = (row.key for row in sorted(read_ledger(tmp_path / "t2m"), key=lambda row: row.id))
    done = anymodal("takedown", tmp_path / "t2m", one, "--reason", "x")
    assert f"{other} holds the same media and is still there." in done.stderr
