"""The command line: every verb as a real process, its exit code, and where it writes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from anymodal.app import app

GOLDEN = Path(__file__).parent.parent / "golden"


def anymodal(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anymodal", *map(str, arguments)]
    plain = {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONWARNINGS": "error"}
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | plain | environment, check=False)


@pytest.fixture
def built(tmp_path: Path, captioned_folder: Callable[[int], Path]) -> Path:
    folder = captioned_folder(4)
    (folder / "3.png").unlink()
    done = anymodal("build", "t2m", "--source", f"folder:{folder}", "--out", tmp_path / "t2m")
    assert done.returncode == 0, done.stderr
    return tmp_path / "t2m"


@pytest.fixture(scope="module")
def runs(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    for model in ("oracle", "blind"):
        done = anymodal("eval", "world/vqav2", "--model", f"baseline:{model}", "--data", small_world, "--out", out)
        assert done.returncode == 0, done.stderr
    return out


def test_one_help_screen_names_every_verb_in_four_groups() -> None:
    done = anymodal("--help")
    assert done.returncode == 0
    for verb in ("demo", "world", "doctor", "build", "stats", "audit", "verify", "why", "tasks", "eval", "score"):
        assert re.search(rf"^│ {verb} ", done.stdout, re.MULTILINE), verb
    assert all(group in done.stdout for group in ("Try", "Build and inspect sets", "Score models", "Decide"))


def leaves(
    command: typer.core.TyperGroup | typer.core.TyperCommand, path: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    inner = getattr(command, "commands", {})
    return [leaf for name, one in inner.items() for leaf in leaves(one, (*path, name))] or [path]


@pytest.mark.parametrize("path", leaves(typer.main.get_command(app)), ids=" ".join)
def test_help_teaches_by_example(path: tuple[str, ...]) -> None:
    done = anymodal(*path, "--help")
    assert done.returncode == 0
    assert f"anymodal {' '.join(path)}" in re.sub(r"\s+", " ", done.stdout.partition("Examples")[2])


def test_no_argument_shows_help_and_a_wrong_one_is_wrong_usage() -> None:
    assert "Usage" in anymodal().stdout + anymodal().stderr
    for wrong in (["fly"], ["build", "t2m"], ["build", "t2m", "--source", "cloud:x", "--out", "x"], ["eval", "x"]):
        done = anymodal(*wrong)
        assert done.returncode == 2, wrong
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_a_set_is_built_inspected_and_explained(built: Path) -> None:
    assert anymodal("verify", built).returncode == 0
    books = anymodal("audit", built)
    assert (books.returncode, "The books balance." in books.stdout) == (0, True)
    assert json.loads(anymodal("audit", built, "--json").stdout)["reasons"] == [
        ["dropped", "probe_media", "missing_media", 1]
    ]
    assert json.loads(anymodal("stats", built, "--json").stdout)["by_signature"] == {"image": 3}
    assert "photos" in anymodal("stats", built).stdout
    story = anymodal("why", built, "photos/3.png")
    assert (story.returncode, "missing_media" in story.stdout) == (0, True)
    assert anymodal("why", built, "nobody").returncode == 1


def test_building_again_does_nothing_and_another_recipe_is_refused(built: Path) -> None:
    source = f"folder:{built.parent / 'photos'}"
    again = anymodal("build", "t2m", "--source", source, "--out", built)
    assert (again.returncode, "Nothing to do" in again.stderr) == (0, True)
    other = anymodal("build", "t2m", "--source", source, "--out", built, "--seed", "1")
    assert (other.returncode, "seed was 0 and is 1" in other.stderr) == (4, True)


def test_damage_is_an_answer_of_no(built: Path) -> None:
    shard = next((built / "shards").glob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-512])
    done = anymodal("verify", built)
    assert (done.returncode, "1 faults" in done.stdout or "faults." in done.stdout) == (1, True)
    assert json.loads(anymodal("verify", built, "--json").stdout)["faults"]
    next((built / "ledger").iterdir()).unlink()
    assert anymodal("audit", built).returncode == 1


def test_a_tar_of_anybodys_is_verified_alone(built: Path, tmp_path: Path) -> None:
    shard = next((built / "shards").glob("*.tar"))
    assert anymodal("verify", shard).returncode == 0
    (tmp_path / "cut.tar").write_bytes(shard.read_bytes()[:-600])
    cut = anymodal("verify", tmp_path / "cut.tar", "--json")
    assert (cut.returncode, bool(json.loads(cut.stdout)["faults"])) == (1, True)


@pytest.mark.parametrize("verb", ["verify", "audit", "stats"])
def test_a_folder_that_is_no_set_is_told(tmp_path: Path, verb: str) -> None:
    done = anymodal(verb, tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("anymodal: ")]
    assert "manifest.jsonl" in told


def test_evaluations_are_reported_compared_and_gated(runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    report = anymodal("report", runs, "--out", page)
    assert report.returncode == 0, report.stderr
    assert "baseline:oracle" in report.stdout
    assert "baseline:blind" in page.read_text()
    better, worse = runs / "baseline_oracle", runs / "baseline_blind"
    assert anymodal("gate", worse, better).returncode == 0
    regressed = anymodal("gate", better, worse, "--json")
    assert regressed.returncode == 1, regressed.stderr
    assert json.loads(regressed.stdout)["outcome"] == "regressed"
    comparison = anymodal("compare", better / "world_vqav2", worse / "world_vqav2")
    assert comparison.returncode == 0, comparison.stderr


def test_runs_of_different_protocols_cannot_be_decided(small_world: Path, runs: Path, tmp_path: Path) -> None:
    fewer = anymodal(
        "eval", "world/vqav2", "--model", "baseline:oracle", "--data", small_world, "--out", tmp_path, "--limit", "9"
    )
    assert fewer.returncode == 0
    done = anymodal("compare", runs / "baseline_oracle/world_vqav2", tmp_path / "baseline_oracle/world_vqav2")
    assert done.returncode == 3
    assert "item_set" in done.stderr + done.stdout
    assert anymodal("gate", runs / "baseline_oracle", tmp_path / "baseline_oracle").returncode == 3


def test_answers_given_elsewhere_are_replayed(small_world: Path, runs: Path, tmp_path: Path) -> None:
    answers = runs / "baseline_oracle/world_vqav2/generations.jsonl"
    done = anymodal(
        "eval", "world/vqav2", "--model", f"replay:{answers}", "--name", "mine", "--out", tmp_path,
        ANYMODAL_DATA=str(small_world),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    mine, oracle = (
        json.loads((folder / "world_vqav2/result.json").read_bytes())
        for folder in (tmp_path / "mine", runs / "baseline_oracle")
    )
    assert mine == oracle


def test_absent_data_tell_how_to_get_them(tmp_path: Path) -> None:
    done = anymodal("eval", "vqav2", "--model", "baseline:oracle", "--data", tmp_path, "--out", tmp_path / "runs")
    assert (done.returncode, "visualqa.org" in done.stderr) == (2, True)


def test_predictions_made_elsewhere_are_scored() -> None:
    files = [f"--{name}={GOLDEN / 'vqa' / name}.json" for name in ("questions", "annotations")]
    predictions = f"--predictions={GOLDEN / 'vqa/results.json'}"
    result = json.loads(anymodal("score", "vqa", *files, predictions, "--json").stdout)
    assert result["value"] == pytest.approx(64.65343434343438, abs=1e-9)
    assert result["schema"] == "anymodal.result/1"
    table = anymodal("score", "vqa", *files, predictions, "--protocol", "vqa@official-before-2021")
    assert (table.returncode, "32.0012" in table.stdout) == (0, True)


def test_progress_goes_to_standard_error_and_json_alone_to_standard_output(built: Path) -> None:
    done = anymodal("verify", built, "--json")
    json.loads(done.stdout)
    assert "verifying shards" in done.stderr


def test_tasks_are_listed_and_shown() -> None:
    assert "coco_captions" in anymodal("tasks").stdout
    shown = anymodal("tasks", "vqav2")
    assert "arXiv:1612.00837" in shown.stdout
    assert anymodal("tasks", "nothing").returncode == 2


def test_the_doctor_names_what_is_there() -> None:
    done = anymodal("doctor")
    assert done.returncode == 0
    assert "numpy" in done.stdout


def test_a_full_disk_is_a_failure_with_a_sentence(built: Path, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from anymodal.__main__ import run;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "sys.exit(run(['build', 't2m', '--source', f'folder:{sys.argv[1]}', '--out', sys.argv[2]]))"
    )
    command = [sys.executable, "-c", code, str(built.parent / "photos"), str(tmp_path / "full")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
