"""The demo: the whole chain over the embedded world, from rendered scenes to a page and a gate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from curation.pipelines.t2m import t2m_pipeline
from curation.sources import read_pairs
from curation.sources.world import write_world
from curation.writers import make_writer, notice
from evals.benchmarks import Item, Task
from evals.harness.baselines import baseline, right_answer
from evals.harness.runner import EvalSettings, evaluate, load_items
from evals.results import RunFolder, find_runs
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
Bar = Callable[[str], Callable[[int, int], None]]
"""Starts a progress bar of the given title; what comes back advances it."""

TASKS: Final[Mapping[str, Sequence[str]]] = {
    "world/vqav2": ("oracle", "blind", "most-frequent", "random", "constant", "empty"),
    "world/coco_captions": ("oracle", "shuffled", "most-frequent", "random", "constant", "empty"),
    "world/audiocaps": ("oracle", "shuffled", "most-frequent", "random", "constant", "empty"),
}
"""Which baselines each task is shown with."""

VERSIONS: Final = ("v1", "v2", "v3")
"""Three releases of a made-up model: v2 knows a little more than v1; v3 is v1 after it forgot the colours."""

_KNOWN_SHARE: Final[Mapping[str, float]] = {"v1": 0.80, "v2": 0.84, "v3": 0.80}


class DemoResults(msgspec.Struct, frozen=True):
    """What the demo found, all of it reproducible: the golden file of the tests."""

    world: Mapping[str, int]
    build: Mapping[str, int]
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
    _build_t2m(out, seed, bar("building T2M"))
    settings = EvalSettings(data=out / "world", seed=seed, exposure="strict_zero_shot")
    _evaluate_all(out, settings, bar("evaluating"))
    gates = {f"{new} against v1": _gate(out, new) for new in ("v2", "v3")}
    results = _results(out, dict(world.scenes), gates)
    write_atomic(
        out / "results.json", msgspec.json.format(msgspec.json.encode(results, order="sorted"), indent=2) + b"\n"
    )
    return Demo(_write_page(out, gates), results, gates)


def _build_t2m(out: Path, seed: int, advance: Callable[[int, int], None]) -> None:
    writer = make_writer("offline")
    pipeline = t2m_pipeline(read_pairs(f"world:{out / 'world'}"), source="world", writer=writer, seed=seed)
    build(pipeline, out / "t2m", progress=advance)
    write_card(out / "t2m", title="T2M from the embedded world", notice=notice(writer.name))


def _evaluate_all(out: Path, settings: EvalSettings, advance: Callable[[int, int], None]) -> None:
    jobs = [(Task(name), model) for name, models in TASKS.items() for model in (*models, *VERSIONS)]
    for number, (task, model) in enumerate(jobs, 1):
        items = load_items(task, settings)
        train = task.benchmark.load(settings.data, task.benchmark.train_split)
        if model in VERSIONS:
            adapter = ReplayAdapter(_release_answers(model, items, train, settings.seed))
        else:
            adapter = baseline(model, items, train, seed=settings.seed)
        name = model if model in VERSIONS else f"baseline:{model}"
        evaluate(task, adapter, items, model=name, out=_run_folder(out, model, task), settings=settings)
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
    shard_set = ShardSet(out / "t2m")
    values: dict[str, dict[str, float | None]] = {}
    protocols: dict[str, str] = {}
    for folder in find_runs(out / "runs"):
        value = folder.result.value
        values.setdefault(folder.run.benchmark, {})[folder.run.model] = None if value is None else round(value, 6)
        protocols[folder.run.benchmark] = folder.result.protocol
    return DemoResults(
        world=world,
        build={"samples": len(shard_set), "shards": len(shard_set.shards)},
        values=values,
        protocols=protocols,
        gates={title: report.outcome for title, report in gates.items()},
    )


def _write_page(out: Path, gates: Mapping[str, GateReport]) -> Path:
    boards = make_leaderboard(find_runs(out / "runs"), domain="world")
    content = PageContent(
        title="anymodal demo",
        intro="The whole chain over the embedded world: rendered scenes, a T2M set built from them, baselines and a "
        "made-up model in three releases scored on it, and the gate that decides whether a release got worse.",
        domain="world",
        boards=boards,
        gates=tuple(GateView(title, report) for title, report in gates.items()),
        answers=read_answers(boards),
        builds=(view_build(out / "t2m", name="T2M from the embedded world"),),
    )
    write_page(content, out / "report.html")
    return out / "report.html"


def _run_folder(out: Path, model: str, task: Task) -> Path:
    return out / "runs" / model / task.name.replace("/", "_")


def summary_rows(folders: Sequence[RunFolder]) -> Iterator[tuple[str, str, str, str]]:
    """Task, model, value and interval of each run, the best first."""
    ranked = sorted(folders, key=lambda one: (one.run.benchmark, -(one.result.value or 0.0), one.run.model))
    for folder in ranked:
        result = folder.result
        value = "-" if result.value is None else f"{result.value:.2f}"
        interval = f"{result.interval.low:.2f} to {result.interval.high:.2f}" if result.interval else "-"
        yield f"{folder.run.benchmark} ({result.protocol})", folder.run.model, value, interval
