"""Text to media: what is asked, which answers are media, which metrics of which networks a world's media get."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from evals.benchmarks import BENCHMARKS, Item, Task
from evals.benchmarks.made_media import MadeMedia, data_uri, names, said, told
from evals.benchmarks.text_to_media import COCO_T2I
from evals.errors import EvalsError
from evals.harness.baselines import baseline
from evals.harness.runner import EvalSettings, evaluate, import_answers, load_items
from evals.results import Result, RunFolder, Unscored, read_run
from model_adapter import Generation, ReplayAdapter, ScriptedAdapter, text_generation
from model_adapter.embedders import open_embedder
from shards.draft import HeldBytes
from shards.errors import UsageError
from shards.sample import Image, Text
from tests.factories import png

TASK = Task("world/coco_t2i")
SHA_OF_ZEROS = hashlib.sha256(bytes(3)).hexdigest()
NAME = f"made/image/{hashlib.sha256(png()).hexdigest()}.png"


@pytest.fixture(scope="module")
def world(small_world: Path) -> Path:
    return small_world


@pytest.fixture(scope="module")
def items(world: Path) -> list[Item]:
    return load_items(TASK, EvalSettings(data=world))


def run_of(adapter: ReplayAdapter, items: list[Item], out: Path, world: Path, task: Task = TASK) -> RunFolder:
    return evaluate(task, adapter, items, model="m", out=out, settings=EvalSettings(data=world, cache=out / "kept"))


def result_of(adapter: ReplayAdapter, items: list[Item], out: Path, world: Path, task: Task = TASK) -> Result:
    return run_of(adapter, items, out, world, task).result


JOINT, TAGS = (f"{name}-{open_embedder(name).weights[7:19]}" for name in ("world-joint", "world-tags"))
METRICS = {
    "coco_t2i": {"fid": f"frechet@{JOINT}", "clipscore": f"clipscore@hessel2021/{JOINT}"},
    "audiocaps_t2a": {
        "fad": f"frechet@{JOINT}",
        "kl": f"tagger_kl@{TAGS}",
        "inception_score": f"inception_score@{TAGS}",
        "clap": f"clap@mean/{JOINT}",
    },
    "msrvtt_t2v": {
        "fvd": f"frechet@{JOINT}",
        "clipsim": f"clipsim@frame-mean/{JOINT}",
        "fid": f"frechet@8-frames/{JOINT}",
    },
}


@pytest.mark.parametrize("name", METRICS)
def test_a_worlds_media_have_every_metric_and_the_real_ones_stand_at_the_top(
    world: Path, tmp_path: Path, name: str
) -> None:
    task, found = Task(f"world/{name}"), {}
    items = load_items(task, EvalSettings(data=world, cache=tmp_path / "kept"))
    for model in ("oracle", "shuffled", "most-frequent", "random"):
        run = run_of(baseline(model, items, items, seed=0), items, tmp_path / model, world, task)
        metrics = {label: one for label, one in run.result.metrics.items() if "_extrapolated" not in label}
        assert {label: one.protocol for label, one in metrics.items() if label != "is_std"} == METRICS[name]
        assert all((one.n, one.unscored) == (len(items), {}) for one in metrics.values())
        assert all(one.interval for label, one in metrics.items() if label not in ("inception_score", "is_std"))
        assert run.result.metric == next(iter(METRICS[name]))
        assert (
            set(run.run.protocol.networks) == {"world-joint", "world-tags"}
            if name == "audiocaps_t2a"
            else {"world-joint"}
        )
        found[model] = {label: one.value for label, one in metrics.items()}
    for label in set(METRICS[name]) & {"fid", "fad", "fvd"}:
        assert found["oracle"][label] == pytest.approx(0, abs=1e-6)
        assert found["shuffled"][label] == pytest.approx(0, abs=1e-6)  # a set has no order
        assert found["oracle"][label] < found["most-frequent"][label]
        assert found["oracle"][label] < found["random"][label]
    for label in set(METRICS[name]) & {"clipscore", "clipsim", "clap"}:
        assert found["oracle"][label] > found["shuffled"][label]
        assert found["oracle"][label] > found["random"][label]
    if name == "audiocaps_t2a":
        assert found["oracle"]["kl"] == pytest.approx(0, abs=1e-4)  # but for the 1e-6 inside its logarithm
        assert found["oracle"]["kl"] < found["shuffled"]["kl"]
    rows = run.items().to_pylist()
    assert all(row["value"] is None and row["unscored"] is None for row in rows)
    for label in set(METRICS[name]) & {"clipscore", "clipsim", "clap", "kl"}:
        assert sum(row[label] for row in rows) / len(rows) == pytest.approx(run.result.metrics[label].value)
    oracle = read_run(tmp_path / "oracle")
    made = [row.text for row in oracle.generations()]
    assert [(oracle.path / name).read_bytes() for name in made] == [item.official.blob.read() for item in items]
    assert len({*oracle.path.rglob("made/*/*")}) == len({*made})
    again = ReplayAdapter.read(oracle.path / "generations.jsonl")
    assert run_of(again, items, tmp_path / "again", world, task).result == oracle.result


def test_no_item_shows_its_picture_and_asks_with_its_caption(items: list[Item]) -> None:
    assert all(not item.media and item.text in item.truth.texts for item in items)
    assert BENCHMARKS["coco_t2i"].prompt("plain") == "{text}"


def test_answers_that_are_no_pictures_are_counted(items: list[Item], world: Path, tmp_path: Path) -> None:
    answers = dict(baseline("oracle", items, items, seed=0)._texts)
    first, second, third = list(answers)[:3]
    answers |= {first: "a red square", second: "data:image/png;base64,@@@", third: data_uri(png()[:40])}
    run = run_of(ReplayAdapter(answers), items, tmp_path / "some", world)
    for metric in run.result.metrics.values():
        assert (metric.n, metric.unscored) == (len(items), {"no_image": 1, "unreadable_media": 2})
    rows = {row["id"]: row for row in run.items().to_pylist()}
    assert {name: rows[name]["unscored"] for name in (first, second, third)} == {
        first: "no_image", second: "unreadable_media", third: "unreadable_media"
    }  # fmt: skip
    assert all((row["clipscore"] is None) == (row["unscored"] is not None) for row in rows.values())
    words = result_of(baseline("constant", items, items, seed=0), items, tmp_path / "none", world)
    assert (words.value, words.n, words.unscored) == (None, len(items), {"no_image": len(items)})


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        (text_generation("a picture"), Unscored("no_image")),
        (text_generation(data_uri(png())), NAME),
        (text_generation(data_uri(png(), "audio")), Unscored("no_image")),
        (Generation(parts=(), finish_reason="refusal"), Unscored("refusal")),
        (
            Generation(
                parts=(Text("here:"), Image(member="made.png", sha256="", width=8, height=6)),
                blobs={"made.png": HeldBytes(png())},
            ),
            NAME,
        ),
    ],
    ids=["words", "uri", "other kind", "refusal", "part"],
)
def test_the_first_picture_is_the_answer(generation: Generation, expected: str | Unscored, tmp_path: Path) -> None:
    assert COCO_T2I.parse(MadeMedia(tmp_path).keep(generation)) == expected
    if expected == NAME:
        assert (tmp_path / NAME).read_bytes() == png()


def public_coco(world: Path, folder: Path) -> list[Item]:
    """The same pictures without the mark of a world."""
    for name in ("coco_captions", "images"):
        (folder / name).symlink_to(world / name)
    return load_items(Task("coco_t2i"), EvalSettings(data=folder))


def test_weights_of_the_first_metric_are_asked_for_before_the_model(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    public = public_coco(world, tmp_path)
    adapter = ScriptedAdapter(lambda request: pytest.fail("asked"))
    settings = EvalSettings(data=tmp_path)
    with pytest.raises(UsageError, match=r"weights of inception: expected a file or folder"):
        evaluate(Task("coco_t2i"), adapter, public, model="m", out=tmp_path / "run", settings=settings)
    with pytest.raises(UsageError, match=r"weights of inception"):
        import_answers(Task("coco_t2i"), {}, public, model="m", out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run").exists()


def world_without_one(world: Path, folder: Path) -> Path:
    """The world in another folder, without its first picture, which is returned."""
    (folder / "images" / "val2014").mkdir(parents=True)
    for name in ("coco_captions", "world.json"):
        (folder / name).symlink_to(world / name)
    first, *others = sorted((world / "images" / "val2014").iterdir())
    for path in others:
        (folder / "images" / "val2014" / path.name).symlink_to(path)
    return first


def test_real_media_are_looked_for_before_the_model_is_asked(world: Path, tmp_path: Path) -> None:
    gone = world_without_one(world, tmp_path)
    settings = EvalSettings(data=tmp_path)
    asked = load_items(TASK, settings)
    adapter = ScriptedAdapter(lambda request: pytest.fail("asked"))
    with pytest.raises(
        UsageError, match=rf"all {len(asked)} real media of the split, found 1 absent, such as .*{gone.name}"
    ):
        evaluate(TASK, adapter, asked, model="m", out=tmp_path / "run", settings=settings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two words", "two words"),
        ("see data:image/png;base64,AAAA now", f"see made/image/{SHA_OF_ZEROS}.unknown now"),
        (
            "data:audio/wav;base64,AAAA data:video/mp4;base64,",
            f"made/audio/{SHA_OF_ZEROS}.unknown made/video/{hashlib.sha256(b'').hexdigest()}.unknown",
        ),
        ("![it](data:image/png;base64,AAAA).", f"![it](made/image/{SHA_OF_ZEROS}.unknown)."),
        ("data:text/plain;base64,AAAA", "data:text/plain;base64,AAAA"),
        (f"../made/image/{'0' * 64}.png", f"../made/image/{'0' * 64}.png"),
    ],
)
def test_media_stand_between_words(text: str, expected: str, tmp_path: Path) -> None:
    kept = MadeMedia(tmp_path).keep(text_generation(text))
    assert told(kept) == said(kept) == expected
    assert all((tmp_path / name).is_file() for name in names(expected) if "0" * 64 not in name)


def test_a_medium_that_is_only_named_is_unreadable(items: list[Item], world: Path, tmp_path: Path) -> None:
    outside = tmp_path / "made" / "image" / f"{'0' * 64}.png"
    outside.parent.mkdir(parents=True)
    outside.write_bytes(png())
    answers = {items[0].id: f"made/image/{'0' * 64}.png", items[1].id: f"../../made/image/{'0' * 64}.png"}
    result = result_of(ReplayAdapter(answers), items, tmp_path / "runs" / "run", world)
    assert result.unscored == {"unreadable_media": 2, "missing": len(items) - 2}


def test_a_replayed_name_that_is_not_of_its_bytes_is_unreadable(items: list[Item], world: Path, tmp_path: Path) -> None:
    """A link in a run from elsewhere must not carry a file of this machine into a result."""
    (tmp_path / "secret").write_bytes(png())
    (tmp_path / "made" / "image").mkdir(parents=True)
    name = f"made/image/{'0' * 64}.png"
    (tmp_path / name).symlink_to(tmp_path / "secret")
    (tmp_path / "answers.jsonl").write_text(json.dumps({"id": items[0].id, "text": name}) + "\n")
    run = run_of(ReplayAdapter.read(tmp_path / "answers.jsonl"), items, tmp_path / "run", world)
    assert run.result.unscored == {"unreadable_media": 1, "missing": len(items) - 1}
    assert not [*run.path.glob("made/*/*")]
    (run.path / name).parent.mkdir(parents=True)
    (run.path / name).symlink_to(tmp_path / "secret")
    assert list(run.made_media(name)) == []


def test_what_an_earlier_run_made_is_gone_after_the_next(items: list[Item], world: Path, tmp_path: Path) -> None:
    for model, n_made in (("oracle", len(items)), ("most-frequent", 1), ("constant", 0)):
        run = run_of(baseline(model, items, items, seed=0), items, tmp_path / "run", world)
        assert len([*run.path.glob("made/*/*")]) == n_made


def test_a_broken_real_medium_is_told_before_the_model_is_asked(world: Path, tmp_path: Path) -> None:
    broken = world_without_one(world, tmp_path)
    (tmp_path / "images" / "val2014" / broken.name).write_bytes(broken.read_bytes()[:200])
    settings = EvalSettings(data=tmp_path)
    asked = load_items(TASK, settings)
    adapter = ScriptedAdapter(lambda request: pytest.fail("asked"))
    with pytest.raises(EvalsError, match=rf"{broken.name}: expected a readable image of the reference set"):
        evaluate(TASK, adapter, asked, model="m", out=tmp_path / "run", settings=settings)


def test_other_real_media_are_another_protocol(items: list[Item], world: Path, tmp_path: Path) -> None:
    adapter = baseline("oracle", items, items, seed=0)
    one = run_of(adapter, items, tmp_path / "one", world).run
    real = msgspec.structs.replace(items[0].official, blob=HeldBytes(png()))
    others = [msgspec.structs.replace(items[0], official=real), *items[1:]]
    assert run_of(adapter, others, tmp_path / "others", world).run.protocol_id != one.protocol_id
    assert run_of(adapter, items, tmp_path / "again", world).run.protocol_id == one.protocol_id


def test_networks_tell_how_far_they_are(items: list[Item], world: Path, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def bar(title: str) -> Callable[[int, int], None]:
        return lambda done, total: told.setdefault(title, []).append((done, total))

    settings = EvalSettings(data=world, bar=bar)
    evaluate(TASK, baseline("oracle", items, items, seed=0), items, model="m", out=tmp_path, settings=settings)
    n = len(items)
    looked = [(number, n) for number in range(1, n + 1)]
    assert told.pop("world/coco_t2i")[-1] == (n, n)
    assert told == {f"{what} seen by world-joint": looked for what in ("real images", "made images", "captions")}
