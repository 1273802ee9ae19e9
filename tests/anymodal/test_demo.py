"""The demo's numbers: a change fails until the golden file and the changelog say so."""

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from anymodal.commands.demo import SCENES
from anymodal.demo import SETS, Demo, run_demo
from evals.results import find_runs
from shards.verify import verify
from shards.work import audit

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "demo_results.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Demo:
    return run_demo(folder, scenes=SCENES, seed=0, bar=lambda title: lambda done, total: None)


def test_numbers_are_the_golden_ones(demo: Demo, folder: Path) -> None:
    found, golden = (json.loads(path.read_bytes()) for path in (folder / "results.json", GOLDEN))
    assert found["values"] == {
        # what the network in float32 says hangs a little on how a machine adds
        task: pytest.approx(values, abs=2e-4 if "world-" in golden["protocols"][task] else 2e-6)
        for task, values in golden["values"].items()
    }
    assert {name: one for name, one in found.items() if name != "values"} == {
        name: one for name, one in golden.items() if name != "values"
    }


def test_the_changelog_names_the_golden_numbers() -> None:
    digest = hashlib.sha256(GOLDEN.read_bytes()).hexdigest()[:12]
    assert digest in (ROOT / "CHANGELOG.md").read_text(), f"say in CHANGELOG.md what changed the demo ({digest})"


def test_baselines_stand_where_they_should(demo: Demo) -> None:
    values = dict(demo.results.values)
    vqa = values["world/vqav2"]
    assert vqa["baseline:oracle"] == 100.0
    for task in ("world/vqav2", "world/okvqa", "world/msrvtt_qa"):
        assert all(values[task][f"baseline:{name}"] < 45 for name in ("blind", "most-frequent"))
    for task in ("world/coco_captions", "world/audiocaps", "world/msrvtt", "world/ego4d_imu"):
        oracle = values[task]["baseline:oracle"]
        assert oracle == max(value for value in values[task].values() if value is not None)
        assert values[task]["baseline:shuffled"] < 0.3 * oracle
    for task in ("world/refcoco", "world/refcoco+", "world/refcocog"):
        assert values[task]["baseline:oracle"] == 100.0
        assert values[task]["baseline:random"] < 10
    for task in ("world/coco_t2i", "world/audiocaps_t2a", "world/msrvtt_t2v", "world/msrvtt_t2v fid"):
        sets = values.pop(task)
        assert sets["baseline:oracle"] == pytest.approx(0.0, abs=1e-6)  # the media themselves
        assert sets["baseline:shuffled"] == pytest.approx(0.0, abs=1e-6)  # a set has no order
        assert min(sets["baseline:most-frequent"], sets["baseline:random"]) > 1  # one medium, and noise
        assert sets["baseline:empty"] is None
    sounds = values.pop("world/audiocaps_t2a kl")
    assert abs(sounds["baseline:oracle"]) < 1e-4 < 1 < sounds["baseline:shuffled"]
    assert values["world/mosit"]["baseline:oracle"] == 100.0 > values["world/mosit"]["v2"] > values["world/mosit"]["v1"]
    assert all(values["world/mosit"][f"baseline:{name}"] < 50 for name in ("shuffled", "most-frequent", "random"))
    assert values.pop("world/mosit")["baseline:empty"] == 0.0
    for task in [task for task in values if " " in task]:  # further metrics of made media
        numbers = values.pop(task)
        assert numbers["baseline:empty"] is None
        if task.split()[1] in ("clipscore", "clipsim", "clap"):
            others = [numbers[f"baseline:{name}"] for name in ("shuffled", "most-frequent", "random")]
            assert numbers["baseline:oracle"] > 2 * max(value for value in others if value is not None)
    chair = values.pop("world/chair")
    assert chair["baseline:oracle"] == 0.0 < chair["v2"] < chair["v1"] < chair["baseline:random"]
    assert chair["baseline:constant"] is None  # "something" names no object
    for task in values.values():
        assert task["baseline:constant"] == task["baseline:empty"] == 0.0


def test_guessing_is_within_its_interval_of_chance(demo: Demo, folder: Path) -> None:
    (run,) = (one for one in find_runs(folder / "runs/random") if one.run.benchmark == "world/vqav2")
    assert run.run.chance is not None
    assert run.result.interval is not None
    assert run.result.interval.low < run.run.chance < run.result.interval.high


def test_the_gate_lets_one_release_pass_and_stops_the_other(demo: Demo) -> None:
    good, bad = demo.gates["v2 against v1"], demo.gates["v3 against v1"]
    assert (good.exit_code, bad.exit_code) == (0, 1)
    worse = {one.benchmark for one in bad.verdicts if one.outcome != "pass"}
    assert worse == {"world/vqav2", "world/okvqa", "world/msrvtt_qa"}  # they ask for colours


@pytest.mark.parametrize("name", SETS)
def test_the_sets_are_whole(name: str, demo: Demo, folder: Path) -> None:
    assert verify(folder / name) == []
    books = audit(folder / name)
    assert (books.n_written, books.faults) == (demo.results.builds[name]["samples"], [])


class _Elements(HTMLParser):
    """Counts elements and collects what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_shows_everything_and_loads_nothing(demo: Demo) -> None:
    page = _Elements()
    page.feed(demo.page.read_text())
    assert all(page.counts.get(tag) for tag in ("table", "img", "audio", "video", "svg"))
    assert all(link.startswith(("data:", "#")) for link in page.links)


def test_a_finished_demo_can_be_run_again(demo: Demo, folder: Path) -> None:
    before = demo.page.read_bytes()
    assert run_demo(folder, scenes=SCENES, seed=0, bar=lambda title: lambda done, total: None).results == demo.results
    assert demo.page.read_bytes() == before
