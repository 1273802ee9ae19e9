"""`anymodal eval TASK...`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from anymodal.console import print_note, print_table, progress_bars

Exposed = Literal["strict_zero_shot", "in_domain_media", "fine_tuned", "unknown"]
"""How far a number is zero-shot."""


def evaluate(
    tasks: Annotated[
        list[str], typer.Argument(metavar="TASK...", help="Such as vqav2, coco_captions:val2014, world/vqav2.")
    ],
    model: Annotated[str, typer.Option(help="baseline:NAME, replay:FILE or reference:FOLDER.", metavar="KIND:NAME")],
    out: Annotated[Path, typer.Option(help="Run folders go to OUT/MODEL/TASK.")],
    data: Annotated[Path, typer.Option(help="Holds <benchmark>/<official file names>.", envvar="ANYMODAL_DATA")],
    name: Annotated[str, typer.Option(help="The model's name in tables; by default KIND:NAME.")] = "",
    limit: Annotated[int | None, typer.Option(help="Only so many items; 100 lie within 500.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="For sampling models, baselines and intervals.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Requests given to the model at once.", min=1)] = 32,
    exposure: Annotated[Exposed, typer.Option(help="What the model saw of the benchmark.")] = "unknown",
    prompt: Annotated[str, typer.Option(help="The model family whose words to ask with.", metavar="FAMILY")] = "plain",
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps features of made and real media.")] = None,
) -> None:
    """Ask a model every question of a benchmark, and score its answers by the official rules.

    Baselines show what numbers mean: oracle, blind, most-frequent, shuffled, random, constant, empty.
    `replay:FILE` takes answers given elsewhere, JSON lines of id and text. `reference:FOLDER` runs the reference model
    of a folder, or a tiny one with random weights (reference:tiny-nextgpt). Tasks that begin with world/ are asked
    about the embedded world (`anymodal world`), for self-tests. `anymodal tasks show TASK` lists its prompts; numbers
    that were asked for in different words are of different protocols.

    Examples:

        anymodal eval world/vqav2 world/audiocaps --model baseline:blind --data world --out runs

        anymodal eval vqav2 --model replay:answers.jsonl --name my-model --data $ANYMODAL_DATA --out runs --limit 500

        anymodal eval okvqa refcoco:testA --prompt minigpt-v2 --model replay:answers.jsonl --data data --out runs
    """
    from evals.benchmarks import Task
    from evals.harness.runner import EvalSettings, load_items, make_adapter
    from evals.harness.runner import evaluate as run

    rows = []
    for task in [Task(spelling) for spelling in tasks]:
        folder = run_folder(out, name or model, task.name)
        with progress_bars() as bar:
            settings = EvalSettings(
                data=data,
                limit=limit,
                seed=seed,
                batch_size=batch_size,
                exposure=exposure,
                prompt=prompt,
                cache=cache,
                note=print_note,
                bar=bar,
            )
            items = load_items(task, settings)
            adapter = make_adapter(model, task, items, settings)
            result = run(task, adapter, items, model=name or model, out=folder, settings=settings).result
        shows_all = task.benchmark.kind in ("generation", "mosit")
        for one in result.metrics.values() if shows_all else [result]:
            shown = f"{task.name} {one.metric}" if shows_all else task.name
            low_high = f"{one.interval.low:.3f} to {one.interval.high:.3f}" if one.interval else "-"
            value = "-" if one.value is None else f"{one.value:.3f}"
            rows.append((shown, one.protocol, value, low_high, one.unit, sum(one.unscored.values()), one.n))
        print_note(f"wrote {folder}")
    print_table(name or model, ("task", "protocol", "value", "95 %", "unit", "unscored", "n"), rows, right=2)


def run_folder(out: Path, model: str, task: str) -> Path:
    """Where a model's run on a task goes: `OUT/MODEL/TASK`, both as plain names."""
    return out / _plain(model) / _plain(task)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._+-" else "_" for letter in name).strip(".") or "_"
