"""`anymodal import`: answers given elsewhere, as a run."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.commands.eval import Exposed
from anymodal.console import print_line, print_note, progress_bars


def import_answers(
    task: Annotated[str, typer.Option(help="Such as okvqa, coco_captions:val2014.")],
    predictions: Annotated[Path, typer.Option(help="The official submission file: JSON, or JSON lines.")],
    model: Annotated[str, typer.Option(help="The model's name in tables.")],
    out: Annotated[Path, typer.Option(help="The run folder.")],
    data: Annotated[Path, typer.Option(help="Holds <benchmark>/<official file names>.", envvar="ANYMODAL_DATA")],
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
    exposure: Annotated[Exposed, typer.Option(help="What the model saw of the benchmark.")] = "unknown",
) -> None:
    """Make a run of a model's answers in an official submission file, scored like any other.

    Answers are [{"question_id", "answer"}] for VQA, [{"image_id", "caption"}] for captions, and JSON lines {"id",
    "answer"} for boxes; clips of AudioCaps are called YOUTUBE-ID_START-TIME. How the model was asked is unknown, and
    the protocol says so: imported runs are compared with imported runs.

    Examples:

        anymodal import --task okvqa --predictions R.json --model mine --data data --out runs/mine/okvqa
    """
    from evals.benchmarks import Task
    from evals.harness.runner import EvalSettings, load_items
    from evals.harness.runner import import_answers as import_run
    from shards.formats.predictions import read_submission

    chosen = Task(task)
    texts = read_submission(predictions, chosen.benchmark.submission)
    with progress_bars() as bar:
        settings = EvalSettings(data=data, seed=seed, exposure=exposure, note=print_note, bar=bar)
        items = load_items(chosen, settings)
        result = import_run(chosen, texts, items, model=model, out=out, settings=settings).result
    value = "-" if result.value is None else f"{result.value:.4f}"
    print_line(f"{chosen.name}: {result.metric} {value} {result.unit} ({result.protocol}), {result.n} items")
    if len(texts) < result.n:
        print_note(f"{result.n - len(texts)} of {result.n} have no answer and are unscored.")
    print_note(f"wrote {out}")
