"""Benchmarks: what they load from official files, what they ask, and what answers are worth."""

import io
from pathlib import Path

import numpy as np
import pytest

from anymodal.app import call
from evals.benchmarks import BENCHMARKS, Item, Task
from evals.benchmarks.grounding import guessing
from evals.benchmarks.hallucination import text_without_boxes
from evals.benchmarks.item import Workspace
from evals.errors import EvalsError
from evals.harness.baselines import baseline
from evals.harness.runner import EvalSettings, evaluate, load_items, make_adapter
from evals.results import Result, Unscored
from model_adapter import Capabilities, Request, ScriptedAdapter, text_generation
from shards.errors import UsageError
from shards.formats.errors import AnnotationError
from shards.formats.refcoco import RecReference
from shards.reader import read_shard
from shards.sample import Boxes, Imu, References
from tests.official_files import write_json, write_official


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official(tmp_path_factory.mktemp("official"))


def items_of(task: str, data: Path) -> list[Item]:
    return load_items(Task(task), EvalSettings(data=data))


def result_of(task: str, data: Path, answers: dict[str, str], out: Path) -> Result:
    adapter = ScriptedAdapter(lambda request: answers[request.key])
    settings = EvalSettings(data=data)
    return evaluate(Task(task), adapter, items_of(task, data), model="m", out=out, settings=settings).result


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("vqav2", [("25001", "25", "What is this?"), ("42001", "42", "What is this?")]),
        ("okvqa:train2014", [("91", "9", "What is this?")]),
        ("refcoco", [("41", "9", "man left"), ("42", "9", "tall man")]),
        ("refcoco+:testA", [("43", "9", "man right")]),
        ("refcocog:test", [("46", "9", "the dog")]),
        ("coco_captions", [("25", "25", ""), ("42", "42", "")]),
        ("chair", [("25", "25", ""), ("42", "42", "")]),
        ("audiocaps:val", [("val-_x_30", "val-_x_30", "")]),
        ("msrvtt:val", [("video118", "video118", "")]),
        ("msrvtt_qa", [("7", "116", "who cooks?")]),
        ("ego4d_imu:val", [("val_1", "val", ""), ("val_12", "val", "")]),
    ],
)
def test_items_are_the_entries_of_the_official_files(data: Path, task: str, expected: list[tuple[str, ...]]) -> None:
    items = items_of(task, data)
    assert [(item.id, item.cluster, item.text) for item in items] == expected
    films = task.startswith("msrvtt")
    assert all(films or Path(medium.path).is_file() for item in items for medium in item.media)


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "msrvtt_t2v"])  # its films are not written
def test_every_split_loads_and_the_oracle_cannot_be_beaten(data: Path, name: str) -> None:
    benchmark = BENCHMARKS[name]
    (data / "world.json").touch()  # so that pictures are compared without weights
    for split in benchmark.splits:
        items = items_of(f"{name}:{split}", data)
        values = {}
        for model in ("oracle", "shuffled", "most-frequent", "blind", "random", "constant", "empty"):
            replay = baseline(model, items, items, seed=0)
            answers = {item.id: benchmark.parse(replay.answer(item.id)) for item in items}
            values[model] = benchmark.scorer_of(items, Workspace()).score(items, answers, items, 0).primary.value or 0.0
        best = min if name == "chair" or benchmark.kind == "generation" else max
        assert values["oracle"] == best(values.values())


def test_the_true_box_is_right_and_a_tiny_one_may_be_lost_in_hundredths(data: Path) -> None:
    for task, value in (("refcoco", 100.0), ("refcoco:testB", 100.0), ("refcoco:train", 0.0)):
        items = items_of(task, data)
        replay = baseline("oracle", items, [], seed=0)
        answers = {item.id: replay.answer(item.id).text for item in items}
        assert Task(task).benchmark.scorer_of(items, Workspace()).score(items, answers, items, 0).primary.value == value
    assert set(answers.values()) == {"{<25><50><25><51>}"}


def test_boxes_are_scored_on_the_images_own_size(data: Path, tmp_path: Path) -> None:
    # The man is at 20..80.5 x 10..60 of 200 x 100: his left half is half of him, a little more is right.
    answers = {"41": "{<10><10><25><60>}", "42": "there: {<10><10><26><60>}"}
    result = result_of("refcoco", data, answers, tmp_path / "run")
    assert (result.value, result.protocol, result.n) == (50.0, "refcoco@iou.5", 2)
    assert Task("refcoco").benchmark.load(data, "val")[0].truth == Boxes(((20.0, 10.0, 80.5, 60.0),))


def test_guessing_a_box_has_the_chance_of_two_uniform_corners() -> None:
    whole = RecReference("1", 200, 100, (0, 0, 200, 100), "all")
    items = [Item(id="1", cluster="1", text="all", media=(), truth=Boxes(()), official=whole)] * 400
    sides = [(1 if side == 0 else 2) * (101 - side) / 101**2 for side in range(101)]
    expected = sum(p * q for x, p in enumerate(sides) for y, q in enumerate(sides) if x * y > 5000)
    error = (expected * (1 - expected) / (400 * 256)) ** 0.5
    assert guessing(items, list) / 100 == pytest.approx(expected, abs=4 * error)
    random = [baseline("random", items[:1], [], seed=seed).answer("1").text for seed in range(2000)]
    score = BENCHMARKS["refcoco"].scorer_of([], Workspace()).score
    hits = sum(score(items[:1], {"1": answer}, items[:1], 0).primary.value or 0 for answer in random) / 100
    assert hits / 2000 == pytest.approx(expected, abs=4 * (expected / 2000) ** 0.5)


def test_objects_of_chair_are_those_of_instances_and_of_reference_captions(data: Path, tmp_path: Path) -> None:
    # 25: a dog; 42: a person among the instances, a dog in a caption.
    answers = {"25": "A dog and a cat.", "42": "<p>a man</p> {<1><2><30><40>} with <p>a dog</p>{<5><6><7><8>}"}
    result = result_of("chair", data, answers, tmp_path / "run")
    assert (result.metric, result.value, result.higher_is_better) == ("chair_i", 0.25, False)
    assert result.metrics["chair_s"].value == 0.5
    assert result.protocol == "chair@anymodal-synonyms"


def test_a_table_of_ones_own_is_another_protocol(data: Path, tmp_path: Path) -> None:
    own = tmp_path / "data"
    own.mkdir()
    for path in data.iterdir():
        (own / path.name).symlink_to(path) if path.name != "chair" else (own / "chair").mkdir()
    for path in (data / "chair").iterdir():
        (own / "chair" / path.name).symlink_to(path)
    (own / "chair" / "synonyms.txt").write_text("person, man\ndog, hound, rug\n")
    result = result_of("chair", own, {"25": "a cat on a rug", "42": "a hound, a man"}, tmp_path / "run")
    assert result.value == 0.0  # a cat is no object of this table, and a rug a dog
    assert result.protocol.startswith("chair@synonyms-")


def test_words_of_a_model_family_are_asked_and_are_another_protocol(data: Path, tmp_path: Path) -> None:
    seen: list[Request] = []

    def script(request: Request) -> str:
        seen.append(request)
        return "{<0><0><50><50>}"

    ids = set()
    for family in ("plain", "minigpt-v2"):
        settings = EvalSettings(data=data, prompt=family)
        task, out = Task("refcoco:testA"), tmp_path / family
        run = evaluate(task, ScriptedAdapter(script), items_of(task.name, data), model="m", out=out, settings=settings)
        (example,) = read_shard(out / "examples.tar")
        ids.add(run.run.protocol_id)
        assert seen[-1].turns[0].text == example.sample.turns[0].text
        assert run.run.protocol.prompt.replace("{text}", "man right") == seen[-1].turns[0].text
    assert len(ids) == 2
    assert seen[-1].turns[0].text == "[refer] give me the location of man right"
    settings = EvalSettings(data=data, prompt="gpt")
    with pytest.raises(UsageError, match="one of plain, minigpt-v2"):
        evaluate(Task("refcoco"), ScriptedAdapter(script), [], model="m", out=tmp_path, settings=settings)


def test_windows_of_a_recording_lie_around_what_is_told(data: Path, tmp_path: Path) -> None:
    seen: dict[str, list[float]] = {}

    def script(request: Request) -> str:
        part, _ = request.turns[0].parts
        assert isinstance(part, Imu)
        readings = np.load(io.BytesIO(request.blobs[part.member].read()))
        seen[request.key] = [readings[0, 5], readings[-1, 0], part.duration_s, part.rate_hz]
        return "the camera wearer walks"

    adapter = ScriptedAdapter(script, capabilities=Capabilities(inputs=frozenset({"imu"})))
    items, settings = items_of("ego4d_imu", data), EvalSettings(data=data)
    run = evaluate(Task("ego4d_imu"), adapter, items, model="m", out=tmp_path / "run", settings=settings)
    # 2.5 s on either side at 10 Hz: readings 95 to 144; the recording begins 1 s before the first narration.
    assert seen == {"test_12": [95, 144, 5.0, 10.0], "test_1": [0, 34, 3.5, 10.0]}
    assert items[1].truth == References(("the camera wearer walks", "the camera wearer strolls"))
    assert items[0].truth == References(("a man waves",))
    assert {row["cluster"] for row in run.items().to_pylist()} == {"test"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_declarations_are_complete(name: str) -> None:
    benchmark = BENCHMARKS[name]
    primary = benchmark.scorer_of([], Workspace()).score([], {}, [], 0).primary
    assert primary.protocol == benchmark.scorer
    assert next(iter(benchmark.prompts)) == "plain"
    assert set(benchmark.sizes) in (set(benchmark.splits), set())
    assert benchmark.train_split in benchmark.splits
    needs_text = benchmark.kind in ("vqa", "refer", "generation", "mosit")
    assert all(("{text}" in words) == needs_text for words in benchmark.prompts.values())
    assert all((benchmark.source, benchmark.licence, benchmark.how_to_get))


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("<p>a dog</p> {<1><2><30><40>} sleeps", "a dog sleeps"),
        ("<p>dogs</p>{<1><2><3><4>}<delim>{<5><6><7><8>}", "dogs"),
        ("no marks, 1 < 2", "no marks, 1 < 2"),
        ("{<1><2><3><4>}", Unscored("empty_answer")),
        (" ", Unscored("empty_answer")),
    ],
)
def test_grounded_captions_are_read_without_their_boxes(said: str, answer: str | Unscored) -> None:
    assert text_without_boxes(text_generation(said)) == answer


def test_images_that_are_not_of_coco_2014_are_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "refcoco").mkdir()
    (tmp_path / "refcoco" / "refs(unc).p").symlink_to(data / "refcoco" / "refs(unc).p")
    content = (data / "refcoco" / "instances.json").read_text().replace("COCO_train2014_", "")
    (tmp_path / "refcoco" / "instances.json").write_text(content)
    with pytest.raises(EvalsError, match=r"000000000009\.jpg"):
        items_of("refcoco", tmp_path)


def test_an_unknown_split_of_the_world_is_told(data: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "msrvtt" / "test_videodatainfo.json", {"videos": [{"video_id": "v", "split": "exam"}]})
    with pytest.raises(AnnotationError, match="exam"):
        items_of("msrvtt", tmp_path)


def test_baselines_of_boxes_run_through_the_harness(data: Path, tmp_path: Path) -> None:
    task, settings = Task("refcoco"), EvalSettings(data=data)
    items = load_items(task, settings)
    adapter = make_adapter("baseline:most-frequent", task, items, settings)
    run = evaluate(task, adapter, items, model="m", out=tmp_path / "run", settings=settings)
    assert {row.answer for row in run.generations()} == {"{<25><50><25><51>}"}
    assert run.run.chance == pytest.approx(guessing(items, list))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_tasks_show_tells_what_a_number_means(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call(["tasks", "show", name])
    shown, benchmark = " ".join(capsys.readouterr().out.split()), BENCHMARKS[name]
    direction = "lower is better" if name == "chair" or benchmark.kind == "generation" else "higher is better"
    for fact in (benchmark.splits[0], direction, *(f"prompt {family}" for family in benchmark.prompts)):
        assert fact in shown
    assert benchmark.licence.split()[0] in shown
