"""The harness: what a model is shown, what becomes of its answers, what a run folder holds."""

import importlib
import json
import pkgutil
from pathlib import Path

import pytest

from evals import benchmarks
from evals.benchmarks import BENCHMARKS, Benchmark, Task
from evals.errors import EvalsError
from evals.harness.runner import EvalSettings, evaluate, load_items, make_adapter, nested_subset
from evals.results import RunFolder, find_runs, read_run
from model_adapter import Capabilities, Generation, Request, ScriptedAdapter
from shards.errors import UsageError
from shards.reader import held, read_shard
from shards.sample import Image, Text

ALL_MEDIA = Capabilities(inputs=frozenset({"text", "image", "audio"}))


def run(task: str, adapter: ScriptedAdapter, world: Path, out: Path, **settings: object) -> RunFolder:
    chosen = EvalSettings(data=world, **settings)  # type: ignore[arg-type]
    one = Task(task)
    return evaluate(one, adapter, load_items(one, chosen), model="scripted", out=out, settings=chosen)


def test_a_model_is_shown_medium_and_prompt_and_never_the_truth(small_world: Path, tmp_path: Path) -> None:
    seen: list[Request] = []

    def script(request: Request) -> str:
        seen.append(request)
        return "yes"

    run("world/vqav2", ScriptedAdapter(script, capabilities=ALL_MEDIA), small_world, tmp_path / "run")
    questions = json.loads((small_world / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json").read_bytes())["questions"]
    assert [request.key for request in seen] == [str(one["question_id"]) for one in questions]
    for request, question in zip(seen, questions, strict=True):
        (turn,) = request.turns
        picture, words = turn.parts
        assert isinstance(picture, Image)
        assert isinstance(words, Text)
        assert words.text == f"{question['question']}\nAnswer the question using a single word or phrase."
        name = f"images/val2014/COCO_val2014_{question['image_id']:012d}.jpg"
        assert request.blobs[picture.member].read() == (small_world / name).read_bytes()
    assert not {"truth", "answers"} & set(Request.__struct_fields__)


def test_media_a_model_does_not_take_are_not_read(small_world: Path, tmp_path: Path) -> None:
    seen: list[Request] = []
    adapter = ScriptedAdapter(lambda request: seen.append(request) or "yes")  # type: ignore[func-returns-value]
    run("world/vqav2", adapter, small_world, tmp_path / "run")
    assert all(not request.blobs and len(request.turns[0].parts) == 1 for request in seen)


def test_values_follow_the_official_rule(small_world: Path, tmp_path: Path) -> None:
    folder = run("world/vqav2", ScriptedAdapter(lambda request: "yes"), small_world, tmp_path / "run")
    annotations = json.loads((small_world / "vqav2/v2_mscoco_val2014_annotations.json").read_bytes())["annotations"]
    expected = []
    for one in annotations:
        said = [answer["answer"] for answer in one["answers"]]
        n = said.count("yes")
        expected.append((n * min(1, (n - 1) / 3) + (10 - n) * min(1, n / 3)) / 10)
    assert folder.result.value == pytest.approx(100 * sum(expected) / len(expected), abs=1e-9)
    assert (folder.result.protocol, folder.result.unit, folder.result.n) == (
        "vqa@official",
        "percent",
        len(annotations),
    )


def test_refusals_silence_and_missing_media_are_unscored_with_their_reason(small_world: Path, tmp_path: Path) -> None:
    def script(request: Request) -> str | Generation:
        reasons = {0: Generation(parts=(), finish_reason="refusal"), 1: "  "}
        return reasons.get(int(request.key) % 3, "yes")

    world = tmp_path / "world"
    world.symlink_to(small_world)
    folder = run("world/vqav2", ScriptedAdapter(script), world, tmp_path / "run")
    rows = {row["id"]: row for row in folder.items().to_pylist()}
    for name, row in rows.items():
        assert row["unscored"] == {0: "refusal", 1: "empty_answer"}.get(int(name) % 3)
        assert (row["value"] is None) == (row["unscored"] is not None)
    assert folder.result.unscored == {
        reason: sum(row["unscored"] == reason for row in rows.values()) for reason in ("refusal", "empty_answer")
    }
    bounds = folder.result.bounds
    assert bounds is not None
    assert folder.result.value == pytest.approx(bounds.all_wrong)
    n_open = sum(folder.result.unscored.values())
    assert bounds.all_right - bounds.all_wrong == pytest.approx(100 * n_open / len(rows))


def test_an_item_without_its_picture_is_unscored_and_not_asked(small_world: Path, tmp_path: Path) -> None:
    world = tmp_path / "world"
    (world / "images").mkdir(parents=True)
    (world / "vqav2").symlink_to(small_world / "vqav2")
    (world / "images" / "val2014").mkdir()
    pictures = sorted((small_world / "images" / "val2014").iterdir())
    for path in pictures[1:]:
        (world / "images" / "val2014" / path.name).symlink_to(path)
    asked: list[str] = []
    adapter = ScriptedAdapter(lambda one: asked.append(one.key) or "yes", capabilities=ALL_MEDIA)  # type: ignore[func-returns-value]
    folder = run("world/vqav2", adapter, world, tmp_path / "run")
    lost = [row["id"] for row in folder.items().to_pylist() if row["unscored"] == "missing_media"]
    assert lost
    assert not set(lost) & set(asked)
    assert len(lost) + len(asked) == folder.result.n


@pytest.mark.parametrize("task", ["world/vqav2", "world/coco_captions", "world/audiocaps", "world/audiocaps:val"])
def test_a_run_folder_tells_what_was_run(small_world: Path, tmp_path: Path, task: str) -> None:
    adapter = ScriptedAdapter(lambda request: "a red circle", capabilities=ALL_MEDIA)
    folder = run(task, adapter, small_world, tmp_path / "run", exposure="strict_zero_shot", seed=3)
    again = read_run(tmp_path / "run")
    assert (again.run, again.result) == (folder.run, folder.result)
    assert (again.run.benchmark, again.run.domain, again.run.exposure, again.run.seed) == (
        task,
        "world",
        "strict_zero_shot",
        3,
    )
    assert again.run.protocol.id == again.run.protocol_id == again.result.protocol_id
    assert {row.text for row in again.generations()} == {"a red circle"}
    examples = list(read_shard(tmp_path / "run" / "examples.tar"))
    assert len(examples) == 8
    assert all(draft.sample.truth is not None and len(held(draft)) == 1 for draft in examples)
    assert again.result.interval is not None


def test_equal_runs_give_equal_bytes(small_world: Path, tmp_path: Path) -> None:
    for name in "ab":
        run("world/coco_captions", ScriptedAdapter(lambda request: "a red circle"), small_world, tmp_path / name)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_batches_change_nothing(small_world: Path, tmp_path: Path) -> None:
    adapter = ScriptedAdapter(lambda request: request.turns[0].text[:9])
    results = [
        run("world/vqav2", adapter, small_world, tmp_path / str(size), batch_size=size).result for size in (1, 7, 1000)
    ]
    assert results[0] == results[1] == results[2]


def test_limits_nest_and_are_another_protocol(small_world: Path, tmp_path: Path) -> None:
    items = load_items(Task("world/vqav2"), EvalSettings(data=small_world))
    ten, twenty = ({one.id for one in nested_subset(items, n)} for n in (10, 20))
    assert len(ten) == 10
    assert ten < twenty
    assert nested_subset(items, 10**9) == items
    assert nested_subset(items, 20) == [one for one in items if one.id in twenty]
    adapter = ScriptedAdapter(lambda request: "yes")
    all_, some = (run("world/vqav2", adapter, small_world, tmp_path / str(n), limit=n) for n in (None, 10))
    assert (some.result.n, some.run.limit) == (10, 10)
    assert some.run.protocol_id != all_.run.protocol_id


def test_a_limit_changes_no_items_score(small_world: Path, tmp_path: Path) -> None:
    adapter = ScriptedAdapter(lambda request: "a red circle left of a blue square")
    all_, some = (run("world/coco_captions", adapter, small_world, tmp_path / str(n), limit=n) for n in (None, 10))
    full, part = ({row["id"]: row["value"] for row in one.items().to_pylist()} for one in (all_, some))
    assert len(part) == 10
    assert any(part.values())
    assert part == {name: pytest.approx(full[name], abs=1e-12) for name in part}
    assert all_.result.protocol == "cider@coco"
    assert some.result.protocol.startswith("cider@coco-frozen-df:")
    assert some.run.protocol.scorer == some.result.protocol


def test_protocols_tell_tasks_apart(small_world: Path, tmp_path: Path) -> None:
    names = ["world/vqav2", "world/coco_captions", "world/audiocaps", "world/audiocaps:val"]
    adapter = ScriptedAdapter(lambda request: "x")
    ids = {run(name, adapter, small_world, tmp_path / str(n)).run.protocol_id for n, name in enumerate(names)}
    assert len(ids) == 4
    assert [one.run.benchmark for one in find_runs(tmp_path)] == names


def test_guessing_lands_at_chance(small_world: Path, tmp_path: Path) -> None:
    task, settings = Task("world/vqav2"), EvalSettings(data=small_world)
    items = load_items(task, settings)
    values = []
    for seed in range(30):
        chosen = EvalSettings(data=small_world, seed=seed)
        adapter = make_adapter("baseline:random", task, items, chosen)
        folder = evaluate(task, adapter, items, model="random", out=tmp_path / "run", settings=chosen)
        values.append(folder.result.value or 0.0)
    chance = folder.run.chance
    assert chance is not None
    spread = (sum((value - chance) ** 2 for value in values) / len(values)) ** 0.5
    assert abs(sum(values) / len(values) - chance) < 4 * spread / len(values) ** 0.5


def test_absent_data_are_wrong_usage_that_tells_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="anymodal world"):
        load_items(Task("world/vqav2"), EvalSettings(data=tmp_path))
    with pytest.raises(UsageError, match=r"visualqa\.org"):
        load_items(Task("vqav2"), EvalSettings(data=tmp_path))


def test_a_question_without_annotation_is_refused(small_world: Path, tmp_path: Path) -> None:
    (tmp_path / "vqav2").mkdir()
    for path in (small_world / "vqav2").iterdir():
        content = json.loads(path.read_bytes())
        if "annotations" in content:
            del content["annotations"][3]
        (tmp_path / "vqav2" / path.name).write_text(json.dumps(content))
    with pytest.raises(EvalsError, match="an annotation for each question"):
        load_items(Task("world/vqav2"), EvalSettings(data=tmp_path))


@pytest.mark.parametrize("spelling", ["vqa3", "world/", "vqav2:test", "vqav2:", ""])
def test_unknown_tasks_are_wrong_usage(spelling: str) -> None:
    if spelling == "vqav2:":
        assert Task(spelling).split == "val2014"
    else:
        with pytest.raises(UsageError, match="expected"):
            Task(spelling)


@pytest.mark.parametrize("model", ["", "gpt", "replay:", "baseline:clever", "replay:/nowhere"])
def test_unknown_models_are_refused(small_world: Path, model: str) -> None:
    task, settings = Task("world/vqav2"), EvalSettings(data=small_world)
    with pytest.raises((UsageError, EvalsError, Exception), match="expected"):
        make_adapter(model, task, load_items(task, settings), settings)


def test_every_declared_benchmark_is_in_the_table() -> None:
    modules = [
        importlib.import_module(one.name) for one in pkgutil.iter_modules(benchmarks.__path__, "evals.benchmarks.")
    ]
    declared = {one.name for module in modules for one in vars(module).values() if isinstance(one, Benchmark)}
    assert declared == set(BENCHMARKS)
    assert all(name == one.name for name, one in BENCHMARKS.items())
