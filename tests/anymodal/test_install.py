"""The wheel in empty environments: with media it runs the demo, alone it scores, gates and reports without torch."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
MAX_BASE_MIB = 500

pytestmark = pytest.mark.install


def run(*command: str | Path, cwd: Path) -> str:
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(one) for one in command], cwd=cwd, env=plain, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git does not ignore, so that no build folder of the tree gets in."""
    copy, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", out, copy, cwd=out)
    return next(out.iterdir())


def environment(folder: Path, wheel: Path, extras: str) -> Path:
    """The `bin` folder of a new environment with nothing but the wheel and what it asks for."""
    venv.create(folder, with_pip=True)
    constraints = ROOT / "constraints.txt"
    run(folder / "bin/python", "-m", "pip", "install", "-q", "-c", constraints, f"{wheel}{extras}", cwd=folder)
    return folder / "bin"


def test_the_wheel_with_media_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    scripts = environment(tmp_path / "env", wheel, "[media]")
    told = run(scripts / "anymodal", "demo", "--tiny", "--out", tmp_path / "demo", cwd=tmp_path)
    assert "The page: file://" in told
    assert (tmp_path / "demo" / "report.html").stat().st_size > 100_000
    run(scripts / "anymodal", "verify", tmp_path / "demo" / "t2m", cwd=tmp_path)
    packages = run(scripts / "python", "-c", "import shards; print(shards.__file__)", cwd=tmp_path)
    assert str(tmp_path / "env") in packages
    installed = Path(packages.strip()).parent
    assert {"py.typed", "sample.schema.json"} <= {path.name for path in installed.iterdir()}


def test_the_base_alone_scores_gates_and_reports_without_torch(wheel: Path, tmp_path: Path) -> None:
    scripts = environment(tmp_path / "env", wheel, "")
    site = next((tmp_path / "env" / "lib").iterdir()) / "site-packages"
    assert not (site / "torch").exists()
    size_mib = sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 2**20
    assert size_mib < MAX_BASE_MIB
    files = [f"--{name}={GOLDEN / 'vqa' / name}.json" for name in ("questions", "annotations")]
    told = run(
        scripts / "anymodal", "score", "vqa", *files, f"--predictions={GOLDEN / 'vqa/results.json'}", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(told)["value"] == pytest.approx(64.65343434343438, abs=1e-9)
    write_small_benchmark(tmp_path / "data")
    for model in ("oracle", "most-frequent"):
        run(
            scripts / "anymodal", "eval", "world/vqav2", "--model", f"baseline:{model}", "--data", tmp_path / "data",
            "--out", tmp_path / "runs", cwd=tmp_path,
        )  # fmt: skip
    better = tmp_path / "runs" / "baseline_oracle"
    assert "Pass" in run(scripts / "anymodal", "gate", better, better, cwd=tmp_path)
    run(scripts / "anymodal", "report", tmp_path / "runs", "--out", tmp_path / "page.html", cwd=tmp_path)
    assert "baseline:oracle" in (tmp_path / "page.html").read_text()


def write_small_benchmark(data: Path) -> None:
    """VQA files of 120 questions without pictures: replayed answers need none."""
    (data / "vqav2").mkdir(parents=True)
    header = {"info": {}, "task_type": "", "data_type": "", "data_subtype": "", "license": {}}
    for split in ("train2014", "val2014"):
        questions = [{"question_id": n, "image_id": n // 2, "question": f"what is {n % 7}?"} for n in range(120)]
        annotations = [
            {
                "question_id": n,
                "image_id": n // 2,
                "question_type": "what is",
                "answer_type": "other",
                "answers": [
                    {"answer": f"thing {n % 5}", "answer_confidence": "yes", "answer_id": k} for k in range(1, 11)
                ],
            }
            for n in range(120)
        ]
        names = (f"v2_OpenEnded_mscoco_{split}_questions.json", f"v2_mscoco_{split}_annotations.json")
        (data / "vqav2" / names[0]).write_text(json.dumps(header | {"questions": questions}))
        (data / "vqav2" / names[1]).write_text(json.dumps(header | {"annotations": annotations}))
