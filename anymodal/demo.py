"""The demo: the whole chain over the embedded world, from rendered scenes to a page and a gate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from curation.pipelines.mm_it import mm_it_pipeline
from curation.pipelines.mosit import mosit_pipeline
from curation.pipelines.t2m import t2m_pipeline
from curation.sources import read_pairs
from curation.sources.world import write_world
from curation.writers import make_writer, notice
from evals.benchmarks import Item, Task
from evals.benchmarks.item import Bar
from evals.benchmarks.media_scores import JUDGES
from evals.harness.baselines import baseline, right_answer
from evals.harness.runner import EvalSettings, evaluate, load_items
from evals.results import Result, RunFolder, find_runs
from model_adapter import ReplayAdapter
from reports.builds import view_build
from reports.content import GateView, PageContent
from reports.examples import read_answers
from reports.gate import GateReport, decide_gate
from reports.leaderboard import make_leaderboard
from reports.page import write_page
from reports.policy import GatePolicy
from shards.card import write_card
from shards.files import write_atomic
from shards.keys import keyed_hash
from shards.reader import ShardSet
from shards.sample import Answers
from shards.work import build

DEMO_SCHEMA: Final = "anymodal.demo/1"

_QUESTIONS: Final = ("oracle", "blind", "most-frequent", "random", "constant", "empty")
_CAPTIONS: Final = ("oracle", "shuffled", "most-frequent", "random", "constant", "empty")
_BOXES: Final = ("oracle", "shuffled", "random", "constant", "empty")
_MEDIA: Final = ("oracle", "shuffled", "most-frequent", "random", "empty")

SET_TASKS: Final = ("world/coco_t2i", "world/audiocaps_t2a", "world/msrvtt_t2v")
"""Their first metric compares sets of media, so that no item tells two releases apart: baselines alone are shown."""

_CAPTION_TASKS: Final = ("world/coco_captions", "world/chair", "world/audiocaps", "world/msrvtt", "world/ego4d_imu")
TASKS: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("world/vqav2", "world/okvqa", "world/msrvtt_qa"), _QUESTIONS),
    **dict.fromkeys(_CAPTION_TASKS, _CAPTIONS),
    **dict.fromkeys((*SET_TASKS, "world/mosit"), _MEDIA),
    **dict.fromkeys(("world/refcoco", "world/refcoco+", "world/refcocog"), _BOXES),
}
"""Which baselines each task is shown with."""

SETS: Final[Mapping[str, str]] = {
    "t2m": "T2M from the embedded world",
    "mosit": "MosIT from the embedded world",
    "mm_it": "MM-IT from the embedded world",
}
"""The instruction sets that are built, by folder, with their titles."""

VERSIONS: Final = ("v1", "v2", "v3")
"""Three releases of a made-up model: v2 knows a little more than v1; v3 is v1 after it forgot the colours."""

_KNOWN_SHARE: Final[Mapping[str, float]] = {"v1": 0.80, "v2": 0.84, "v3": 0.80}


class DemoResults(msgspec.Struct, frozen=True):
    """What the demo found, all of it reproducible: the golden file of the tests."""

    world: Mapping[str, int]
    builds: Mapping[str, Mapping[str, int]]
    values: Mapping[str, Mapping[str, float | None]]
    protocols: Mapping[str, str]
    gates: Mapping[str, str]
    schema: str = DEMO_SCHEMA


class Demo(msgspec.Struct, frozen=True):
    """A finished demo: where its page lies, what it found, and the gates' reports by title."""

    page: Path
    results: DemoResults
    gates: Mapping[str, GateReport]


def run_demo(out: Path, *, scenes: int, seed: int, bar: Bar) -> Demo:
    """Render, build, evaluate, gate, report; everything lands below `out`.

    Raises:
        AnymodalError: If `out` holds another demo.
    """
    advance = bar("rendering the world")
    world = write_world(out / "world", scenes=scenes, seed=seed, progress=lambda done: advance(done, scenes))
    _build_sets(out, seed, bar)
    _evaluate_all(out, seed, bar("evaluating"))
    gates = {f"{new} against v1": _gate(out, new) for new in ("v2", "v3")}
    results = _results(out, dict(world.scenes), gates)
    content = msgspec.json.format(msgspec.json.encode(results, order="sorted"), indent=2) + b"\n"
    write_atomic(out / "results.json", content)
    return Demo(_write_page(out, gates), results, gates)


def _build_sets(out: Path, seed: int, bar: Bar) -> None:
    writer = make_writer("offline")
    for name, pipeline in (("t2m", t2m_pipeline), ("mosit", mosit_pipeline), ("mm_it", mm_it_pipeline)):
        pairs = read_pairs(f"world:{out / 'world'}")
        title = SETS[name]
        build(pipeline(pairs, source="world", writer=writer, seed=seed), out / name, progress=bar(f"building {title}"))
        write_card(out / name, title=title, notice=notice(writer.name))


def _evaluate_all(out: Path, seed: int, advance: Callable[[int, int], None]) -> None:
    releases = {name: () if name in SET_TASKS else VERSIONS for name in TASKS}
    jobs = [(Task(name), model) for name, models in TASKS.items() for model in (*models, *releases[name])]
    for number, (task, model) in enumerate(jobs, 1):
        data = out if task.benchmark.kind == "mosit" else out / "world"
        settings = EvalSettings(data=data, seed=seed, exposure="strict_zero_shot", cache=out / "features")
        items = load_items(task, settings)
        train = task.benchmark.load(settings.data, task.benchmark.train_split)
        if model in VERSIONS:
            adapter = ReplayAdapter(_release_answers(model, items, train, settings.seed))
        else:
            adapter = baseline(model, items, train, seed=settings.seed)
        name, folder = model if model in VERSIONS else f"baseline:{model}", task.name.replace("/", "_")
        evaluate(task, adapter, items, model=name, out=out / "runs" / model / folder, settings=settings)
        advance(number, len(jobs))


def _release_answers(release: str, items: Sequence[Item], train: Sequence[Item], seed: int) -> dict[str, str]:
    """Right answers to a share of the items, the same ones in every release; guesses to the others."""
    guesses = baseline("blind", items, train, seed=seed)
    answers = {}
    for item in items:
        knows = keyed_hash(item.id, seed=seed, purpose="demo") < _KNOWN_SHARE[release] * 2**64
        if release == "v3" and _is_about_colour(item):
            knows = False
        answers[item.id] = right_answer(item) if knows else guesses.answer(item.id).text
    return answers


def _is_about_colour(item: Item) -> bool:
    return isinstance(item.truth, Answers) and "color" in item.text.replace("colour", "color")


def _gate(out: Path, release: str) -> GateReport:
    baseline_runs, candidate_runs = (find_runs(out / "runs" / name) for name in ("v1", release))
    return decide_gate(baseline_runs, candidate_runs, GatePolicy())


def _results(out: Path, world: dict[str, int], gates: Mapping[str, GateReport]) -> DemoResults:
    sets = {name: ShardSet(out / name) for name in SETS}
    values: dict[str, dict[str, float | None]] = {}
    protocols: dict[str, str] = {}
    for folder in find_runs(out / "runs"):
        task, result = folder.run.benchmark, folder.result
        further = result.metrics.keys() & {judge.metric for judge in JUDGES} - {result.metric}
        for name in (result.metric, *further):
            label, one = f"{task} {name}" if name in further else task, result.metrics[name]
            values.setdefault(label, {})[folder.run.model] = None if one.value is None else round(one.value, 6)
            protocols[label] = one.protocol
    return DemoResults(
        world=world,
        builds={name: {"samples": len(one), "shards": len(one.shards)} for name, one in sets.items()},
        values=values,
        protocols=protocols,
        gates={title: report.outcome for title, report in gates.items()},
    )


def _write_page(out: Path, gates: Mapping[str, GateReport]) -> Path:
    boards = make_leaderboard(find_runs(out / "runs"), domain="world")
    content = PageContent(
        title="anymodal demo",
        intro="The whole chain over the embedded world: rendered scenes, three instruction sets built from them, "
        "baselines and a made-up model in three releases scored on fifteen benchmarks, and the gate that decides "
        "whether a release got worse.",
        domain="world",
        boards=boards,
        gates=tuple(GateView(title, report) for title, report in gates.items()),
        answers=read_answers(boards),
        builds=tuple(view_build(out / name, name=title) for name, title in SETS.items()),
    )
    write_page(content, out / "report.html")
    return out / "report.html"


SUMMARY: Final = ("world/", "protocol", "oracle", "best guess", *VERSIONS)


def summary_rows(folders: Sequence[RunFolder]) -> Iterator[tuple[str, ...]]:
    """For each task the protocol, the ceiling, the best of the baselines that do not look, and the releases."""
    found: dict[str, dict[str, Result]] = {}
    for folder in folders:
        found.setdefault(folder.run.benchmark, {})[folder.run.model.removeprefix("baseline:")] = folder.result
    for task, results in sorted(found.items()):
        oracle = results["oracle"]
        guesses = [results[name].value or 0.0 for name in _GUESSES if name in results]
        best = max(guesses) if oracle.higher_is_better else min(guesses)
        values = [oracle.value, best, *(results[one].value if one in results else None for one in VERSIONS)]
        shown = ("-" if value is None else f"{value:.{1 if value >= 10 else 2}f}" for value in values)
        yield task.removeprefix("world/"), oracle.protocol, *shown


_GUESSES: Final = ("blind", "most-frequent", "random")
