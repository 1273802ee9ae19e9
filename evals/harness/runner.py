"""One model over one benchmark: items to requests, generations to answers, answers to a run folder."""

import io
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import msgspec

from evals.benchmarks import PLAIN, Benchmark, Item, Task
from evals.benchmarks.item import Bar, Scorer, Workspace, no_bar
from evals.benchmarks.made_media import MadeMedia, told
from evals.errors import EvalsError
from evals.harness.baselines import baseline
from evals.harness.requests import example_drafts, show
from evals.results import Exposure, GenerationRow, Protocol, Run, RunFolder, Unscored, item_set_hash, write_run
from model_adapter import Adapter, Generation, ReplayAdapter, Request
from shards.errors import AnymodalError, MediaError, UsageError
from shards.formats.predictions import check_ids
from shards.keys import keyed_hash
from shards.writer import write_archive

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
        prompt: The family of models whose words are asked with.
        cache: Folder that keeps features of media by their hash, for benchmarks that networks score.
        note: Told, before a model is asked, what the numbers will lack.
        bar: For asking, and for networks that look at media.
    """

    data: Path
    limit: int | None = None
    seed: int = 0
    batch_size: int = 32
    exposure: Exposure = "unknown"
    prompt: str = PLAIN
    cache: Path | None = None
    note: Callable[[str], None] = lambda text: None
    bar: Bar = no_bar

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
        if isinstance(error, UsageError) or not isinstance(error.__cause__, FileNotFoundError):
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
    """The adapter that `--model KIND:NAME` names: `baseline:NAME`, `replay:FILE` or `reference:FOLDER`.

    Raises:
        UsageError: If the kind or name is unknown.
        AdapterError: If a replayed file or a model's folder cannot be read.
    """
    kind, _, name = model.partition(":")
    if kind == "baseline":
        train = task.benchmark.load(settings.data, task.benchmark.train_split)
        return baseline(name, items, train, seed=settings.seed)
    if kind == "replay" and name:
        return ReplayAdapter.read(Path(name))
    if kind == "reference" and name:
        return _reference(name, settings.seed)
    raise UsageError("--model", expected="baseline:NAME, replay:FILE or reference:FOLDER", found=repr(model))


def _reference(name: str, seed: int) -> Adapter:
    """The reference model; it alone needs torch."""
    try:
        from model_adapter.reference.loading import open_adapter
    except ModuleNotFoundError as error:
        remedy = 'pip install "anymodal[models,media]"'
        raise UsageError("--model", expected="the extra models", found=f"no {error.name}", remedy=remedy) from error
    return open_adapter(name, seed=seed)


def evaluate(
    task: Task,
    adapter: Adapter,
    population: Sequence[Item],
    *,
    model: str,
    out: Path,
    settings: EvalSettings,
) -> RunFolder:
    """Ask the model about every item, score its answers and write the run folder `out`.

    Args:
        task: Benchmark, split and domain.
        adapter: The model.
        population: All items of the split, as `load_items` gives them; asked are those within the limit.
        model: The model's name in tables.
        out: The run folder.
        settings: See `EvalSettings`.

    Raises:
        AdapterError: If the model cannot answer.
        EvalsError: If a real medium that made ones are compared with cannot be decoded.
        UsageError: If the benchmark has no prompt for this family of models, or its first metric's network no weights.
    """
    prompt = task.benchmark.prompt(settings.prompt)
    decoding = msgspec.json.encode(task.benchmark.decoding, order="sorted").decode()
    asked = _asked(task, population, settings, out, prompt=prompt, decoding=decoding)
    items, made, advance = asked.items, MadeMedia(out), settings.bar(task.name)
    said: dict[str, Said] = {}
    for start in range(0, len(items), settings.batch_size):
        batch = items[start : start + settings.batch_size]
        said |= _ask(task.benchmark, adapter, batch, made, prompt=prompt, seed=settings.seed)
        advance(len(said), len(items))
    return _record(asked, said, made, model=model, out=out, settings=settings)


def _asked(
    task: Task, population: Sequence[Item], settings: EvalSettings, out: Path, *, prompt: str, decoding: str
) -> "Asked":
    """The items within the limit and their scorer."""
    items, enough = nested_subset(population, settings.limit), task.benchmark.enough
    if len(items) < enough and task.domain == "public":
        settings.note(f"{task.name}: {len(items):,} items; its published protocol asks for {enough:,}")
    scorer = task.benchmark.scorer_of(population, Workspace(out, settings.cache, settings.bar, settings.note))
    return Asked(task, items, population, scorer, prompt, decoding)


def import_answers(
    task: Task, texts: Mapping[str, str], population: Sequence[Item], *, model: str, out: Path, settings: EvalSettings
) -> RunFolder:
    """Score answers that were given elsewhere, by item id, and write the run folder `out`.

    How they were asked for is unknown, and the protocol says so: they are compared with other imported answers only.

    Raises:
        PredictionError: If an answer is for an unknown item.
    """
    check_ids(texts, {item.id for item in nested_subset(population, settings.limit)}, f"answers to {task.name}")
    asked = _asked(task, population, settings, out, prompt="unknown", decoding="unknown")
    replay, made = ReplayAdapter(texts), MadeMedia(out)
    said = {item.id: _said(task.benchmark, replay.answer(item.id), made) for item in asked.items}
    return _record(asked, said, made, model=model, out=out, settings=settings)


@dataclass(frozen=True)
class Asked:
    """What was asked of a model, and how: items of a task out of all of its split, who scores, prompt and decoding."""

    task: Task
    items: Sequence[Item]
    population: Sequence[Item]
    scorer: Scorer
    prompt: str
    decoding: str


class Said(NamedTuple):
    """What a model said about an item, made media by name, and what the parser made of it."""

    text: str
    answer: str | Unscored


def _record(
    asked: Asked, said: Mapping[str, Said], made: MadeMedia, *, model: str, out: Path, settings: EvalSettings
) -> RunFolder:
    """Score what a model said, and write the run folder."""
    task, benchmark, items = asked.task, asked.task.benchmark, asked.items
    answers = {name: one.answer for name, one in said.items()}
    scored = asked.scorer.score(items, answers, asked.population, settings.seed)
    protocol = protocol_of(asked, scorer=scored.primary.protocol)
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
    written = write_run(
        out,
        run,
        result=scored.result(run.protocol_id),
        rows=scored.rows,
        generations=[_generation_row(item.id, said[item.id]) for item in items],
        examples=_examples(benchmark, items, benchmark.prompts.get(settings.prompt, "{text}")),
    )
    made.forget_others()
    return written


def protocol_of(asked: Asked, *, scorer: str) -> Protocol:
    """Everything that a number on these items depends on, beside the model."""
    ids = [item.id for item in asked.items]
    if asked.scorer.reference:
        ids.append(f"real {asked.scorer.reference}")
    return Protocol(
        benchmark=asked.task.name,
        split=asked.task.split,
        prompt=asked.prompt,
        decoding=asked.decoding,
        parser=asked.task.benchmark.parser,
        scorer=scorer,
        item_set=item_set_hash(ids),
        networks=asked.scorer.networks,
    )


def versions() -> dict[str, str]:
    """The software behind a number."""
    return {"anymodal": metadata.version("anymodal"), "python": platform.python_version()}


def _ask(
    benchmark: Benchmark, adapter: Adapter, batch: Sequence[Item], made: MadeMedia, *, prompt: str, seed: int
) -> dict[str, Said]:
    """The model's answers to a batch; items whose media are missing or broken are not asked."""
    said, asked = {}, []
    for item in batch:
        try:
            shown = show(benchmark, item, prompt=prompt, inputs=adapter.capabilities())
        except MediaError:
            said[item.id] = Said("", Unscored("missing_media"))
        else:  # under the item's official id; the truth stays behind
            asked.append(
                Request(
                    key=item.id,
                    turns=shown.turns,
                    task=benchmark.name,
                    decoding=benchmark.decoding,
                    seed=seed,
                    blobs=shown.blobs,
                )
            )
    for one, generation in zip(asked, adapter.generate(asked), strict=True):
        said[one.key] = _said(benchmark, generation, made)
    return said


def _said(benchmark: Benchmark, generation: Generation, made: MadeMedia) -> Said:
    kept = made.keep(generation)
    return Said(told(kept), benchmark.parse(kept))


def _generation_row(name: str, said: Said) -> GenerationRow:
    return GenerationRow(name, said.text, None if isinstance(said.answer, Unscored) else said.answer)


def _chance(task: Task, items: Sequence[Item], settings: EvalSettings) -> float | None:
    if task.benchmark.chance is None:
        return None
    try:
        return task.benchmark.chance(items, lambda: task.benchmark.load(settings.data, task.benchmark.train_split))
    except AnymodalError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        return None


def _examples(benchmark: Benchmark, items: Sequence[Item], prompt: str) -> bytes:
    """A few items as a shard, the same for every model."""
    buffer = io.BytesIO()
    write_archive(buffer, example_drafts(benchmark, nested_subset(items, N_EXAMPLES), prompt=prompt))
    return buffer.getvalue()
