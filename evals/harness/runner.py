"""One model over one benchmark: items to requests, generations to answers, answers to a run folder."""

import io
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from evals.benchmarks import Benchmark, Item, Task
from evals.errors import EvalsError
from evals.harness.baselines import baseline
from evals.harness.requests import example_drafts, request, show
from evals.results import Exposure, GenerationRow, Protocol, Run, RunFolder, Unscored, item_set_hash, write_run
from model_adapter import Adapter, Generation, ReplayAdapter
from shards.errors import AnymodalError, MediaError, UsageError
from shards.keys import keyed_hash
from shards.writer import write_archive

Progress = Callable[[int, int], None]
N_EXAMPLES = 8


@dataclass(frozen=True, kw_only=True)
class EvalSettings:
    """How to run.

    Args:
        data: The folder that holds `<benchmark>/<official file names>`.
        limit: Take this many items, a nested subset by hash of their ids; None takes all.
        seed: For sampling models, baselines and the bootstrap.
        batch_size: Requests given to the adapter at once.
        exposure: What the model has seen of the benchmark, as far as its keeper knows.
    """

    data: Path
    limit: int | None = None
    seed: int = 0
    batch_size: int = 32
    exposure: Exposure = "unknown"

    def __post_init__(self) -> None:
        if self.batch_size < 1 or (self.limit is not None and self.limit < 1):
            found = f"batch size {self.batch_size}, limit {self.limit}"
            raise UsageError("evaluation settings", expected="batch size and limit of at least 1", found=found)


def load_items(task: Task, settings: EvalSettings) -> list[Item]:
    """All items of the task's split.

    Raises:
        UsageError: If the data are not there; how to get them is told.
    """
    try:
        items = list(task.benchmark.load(settings.data, task.split))
    except AnymodalError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        remedy = "anymodal world --out DIR" if task.domain == "world" else task.benchmark.how_to_get
        raise UsageError("--data", expected=error.place, found="no such file", remedy=remedy) from error
    if not items:
        raise EvalsError(f"{task.name} in {settings.data}", expected="items", found="none")
    return items


def nested_subset(items: Sequence[Item], limit: int | None) -> list[Item]:
    """The `limit` items with the smallest hashes, in their old order: 100 items lie within 500."""
    if limit is None or limit >= len(items):
        return list(items)
    ranked = sorted(items, key=lambda item: keyed_hash(item.id, seed=0, purpose="limit"))
    chosen = {item.id for item in ranked[:limit]}
    return [item for item in items if item.id in chosen]


def make_adapter(model: str, task: Task, items: Sequence[Item], settings: EvalSettings) -> Adapter:
    """The adapter that `--model KIND:NAME` names: `baseline:NAME` or `replay:FILE`.

    Raises:
        UsageError: If the kind or name is unknown.
        AdapterError: If a replayed file cannot be read.
    """
    kind, _, name = model.partition(":")
    if kind == "baseline":
        train = task.benchmark.load(settings.data, task.benchmark.train_split)
        return baseline(name, items, train, seed=settings.seed)
    if kind == "replay" and name:
        return ReplayAdapter.read(Path(name))
    raise UsageError("--model", expected="baseline:NAME or replay:FILE", found=repr(model))


def evaluate(
    task: Task,
    adapter: Adapter,
    population: Sequence[Item],
    *,
    model: str,
    out: Path,
    settings: EvalSettings,
    progress: Progress | None = None,
) -> RunFolder:
    """Ask the model about every item, score its answers and write the run folder `out`.

    Args:
        task: Benchmark, split and domain.
        adapter: The model.
        population: All items of the split, as `load_items` gives them; asked are those within the limit.
        model: The model's name in tables.
        out: The run folder.
        settings: See `EvalSettings`.
        progress: Told the number of items asked and of all items.

    Raises:
        AdapterError: If the model cannot answer.
    """
    benchmark = task.benchmark
    items = nested_subset(population, settings.limit)
    said: dict[str, Generation | Unscored] = {}
    for start in range(0, len(items), settings.batch_size):
        batch = items[start : start + settings.batch_size]
        said.update(_ask(benchmark, adapter, batch, settings.seed))
        if progress is not None:
            progress(len(said), len(items))
    answers = {name: _parsed(benchmark, generation) for name, generation in said.items()}
    scored = benchmark.score(items, answers, population, settings.seed)
    protocol = protocol_of(task, items, scorer=scored.primary.protocol)
    run = Run(
        model=model,
        benchmark=task.name,
        domain=task.domain,
        exposure=settings.exposure,
        protocol=protocol,
        protocol_id=protocol.id,
        seed=settings.seed,
        limit=settings.limit,
        chance=_chance(task, items, settings),
        source=benchmark.source,
        versions=versions(),
    )
    return write_run(
        out,
        run,
        result=scored.result(run.protocol_id),
        rows=scored.rows,
        generations=[_generation_row(item.id, said[item.id], answers[item.id]) for item in items],
        examples=_examples(benchmark, items),
    )


def protocol_of(task: Task, items: Sequence[Item], *, scorer: str) -> Protocol:
    """Everything that a number on these items depends on, beside the model."""
    benchmark = task.benchmark
    return Protocol(
        benchmark=task.name,
        split=task.split,
        prompt=benchmark.prompt,
        decoding=msgspec.json.encode(benchmark.decoding, order="sorted").decode(),
        parser=benchmark.parser,
        scorer=scorer,
        item_set=item_set_hash(item.id for item in items),
    )


def versions() -> dict[str, str]:
    """The software behind a number."""
    return {"anymodal": metadata.version("anymodal"), "python": platform.python_version()}


def _ask(benchmark: Benchmark, adapter: Adapter, batch: Sequence[Item], seed: int) -> dict[str, Generation | Unscored]:
    """The model's answers to a batch; items whose media are missing or broken are not asked."""
    said: dict[str, Generation | Unscored] = {}
    asked = []
    for item in batch:
        try:
            shown = show(benchmark, item, inputs=adapter.capabilities())
        except MediaError:
            said[item.id] = Unscored("missing_media")
        else:
            asked.append((item.id, request(benchmark, item, shown, seed=seed)))
    generations = adapter.generate([one for _, one in asked])
    said.update((name, generation) for (name, _), generation in zip(asked, generations, strict=True))
    return said


def _parsed(benchmark: Benchmark, generation: Generation | Unscored) -> str | Unscored:
    return generation if isinstance(generation, Unscored) else benchmark.parse(generation)


def _generation_row(name: str, generation: Generation | Unscored, answer: str | Unscored) -> GenerationRow:
    text = "" if isinstance(generation, Unscored) else generation.text
    return GenerationRow(name, text, None if isinstance(answer, Unscored) else answer)


def _chance(task: Task, items: Sequence[Item], settings: EvalSettings) -> float | None:
    if task.benchmark.chance is None:
        return None
    try:
        train = task.benchmark.load(settings.data, task.benchmark.train_split)
    except AnymodalError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        return None
    return task.benchmark.chance(items, train)


def _examples(benchmark: Benchmark, items: Sequence[Item]) -> bytes:
    """A few items as a shard, the same for every model."""
    buffer = io.BytesIO()
    write_archive(buffer, example_drafts(benchmark, nested_subset(items, N_EXAMPLES)))
    return buffer.getvalue()
