"""Text to media: pictures, sounds, films as answers, compared as sets; what is no medium of the kind is counted."""

from pathlib import Path

import pytest

from curation.sources.world import write_world
from evals.benchmarks import BENCHMARKS, Item, Task
from evals.benchmarks.text_to_media import COCO_T2I, data_uri
from evals.harness.baselines import baseline
from evals.harness.runner import EvalSettings, evaluate, load_items
from evals.results import Result, Unscored
from model_adapter import Generation, ReplayAdapter, text_generation
from shards.draft import HeldBytes
from shards.errors import UsageError
from shards.sample import Image, Text
from tests.factories import png

TASK = Task("world/coco_t2i")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "world"
    write_world(out, scenes=20, seed=0, progress=lambda done: None)
    return out


@pytest.fixture(scope="module")
def items(world: Path) -> list[Item]:
    return load_items(TASK, EvalSettings(data=world))


def result_of(adapter: ReplayAdapter, items: list[Item], out: Path, world: Path, task: Task = TASK) -> Result:
    return evaluate(task, adapter, items, model="m", out=out, settings=EvalSettings(data=world)).result


@pytest.mark.parametrize(("name", "metric"), [("coco_t2i", "fid"), ("audiocaps_t2a", "fad"), ("msrvtt_t2v", "fvd")])
def test_the_real_media_are_at_distance_0_and_noise_is_far(world: Path, tmp_path: Path, name: str, metric: str) -> None:
    task, values = Task(f"world/{name}"), {}
    items = load_items(task, EvalSettings(data=world))
    for model in ("oracle", "shuffled", "most-frequent", "random"):
        result = result_of(baseline(model, items, items, seed=0), items, tmp_path / model, world, task)
        assert (result.metric, result.protocol) == (metric, "frechet@world-handmade")
        assert (result.higher_is_better, result.n, result.unscored) == (False, len(items), {})
        values[model] = result.value
    assert values["oracle"] == values["shuffled"] == pytest.approx(0, abs=1e-9)  # a set has no order
    assert 0.1 < values["most-frequent"] < values["random"]
    said = next(tmp_path.joinpath("oracle").rglob("generations.jsonl")).read_text()
    assert "base64" not in said
    assert "bytes, sha256 " in said


def test_no_item_shows_its_picture_and_asks_with_its_caption(items: list[Item]) -> None:
    assert all(not item.media and item.text in item.truth.texts for item in items)
    assert BENCHMARKS["coco_t2i"].prompt("plain") == "{text}"


def test_answers_that_are_no_pictures_are_counted(items: list[Item], world: Path, tmp_path: Path) -> None:
    answers = dict(baseline("oracle", items, items, seed=0)._texts)
    first, second, third = list(answers)[:3]
    answers |= {first: "a red square", second: "data:image/png;base64,@@@", third: data_uri(png()[:40])}
    result = result_of(ReplayAdapter(answers), items, tmp_path / "some", world)
    assert (result.n, result.unscored) == (len(items), {"no_image": 1, "unreadable_media": 2})
    words = result_of(baseline("constant", items, items, seed=0), items, tmp_path / "none", world)
    assert (words.value, words.n, words.unscored) == (None, len(items), {"no_image": len(items)})


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        (text_generation("a picture"), Unscored("no_image")),
        (text_generation(data_uri(png())), data_uri(png())),
        (text_generation(data_uri(png(), "audio")), Unscored("no_image")),
        (Generation(parts=(), finish_reason="refusal"), Unscored("refusal")),
        (
            Generation(
                parts=(Text("here:"), Image(member="made.png", sha256="", width=8, height=6)),
                blobs={"made.png": HeldBytes(png())},
            ),
            data_uri(png()),
        ),
    ],
    ids=["words", "uri", "other kind", "refusal", "part"],
)
def test_the_first_picture_is_the_answer(generation: Generation, expected: str | Unscored) -> None:
    assert COCO_T2I.parse(generation) == expected


def test_coco_itself_needs_the_published_network(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    for name in ("coco_captions", "images"):
        (tmp_path / name).symlink_to(world / name)
    public = COCO_T2I.load(tmp_path, "val2014")
    with pytest.raises(UsageError, match=r"weights of inception.*--weights PATH"):
        COCO_T2I.score(public, {}, public, 0)
