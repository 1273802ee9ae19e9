"""`anymodal export PATH --to FORMAT`: a run's answers or a set's samples in other people's formats."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from anymodal.console import print_line, print_note, print_table, progress_bar

Submission = Literal["vqa", "coco", "answers"]
"""Of a run."""
Training = Literal["nextgpt", "llava"]
"""Of a set."""


def export(
    path: Annotated[Path, typer.Argument(metavar="RUN|SET", help="A run folder, or a set that was built.")],
    to: Annotated[
        Literal[Submission, Training], typer.Option(help="vqa, coco or answers for a run; nextgpt or llava for a set.")
    ],
    out: Annotated[Path, typer.Option(help="The submission's file, or the training files' folder.")],
) -> None:
    """Write a run's answers as the official server takes them, or a set as training files of NExT-GPT or LLaVA.

    A submission needs every question: where a run has no answer, the empty one is written. Training files are JSON
    lists with their media in images/, videos/ and audios/. NExT-GPT's name an embedding FILE.npy of each caption in an
    answer; computing them needs its text encoders and is left to you. Samples that a format has no place for are
    counted.

    Examples:

        anymodal export runs/mine/okvqa --to vqa --out okvqa_results.json

        anymodal export out/t2m --to nextgpt --out T2M
    """
    if to == "nextgpt" or to == "llava":
        _export_set(path, to, out)
    else:
        _export_run(path, to, out)


def _export_run(path: Path, to: Submission, out: Path) -> None:
    from evals.benchmarks import Task
    from evals.results import read_run
    from shards.errors import UsageError
    from shards.formats.predictions import write_submission

    run = read_run(path)
    expected = Task(run.run.benchmark).benchmark.submission
    if to != expected:
        raise UsageError(f"--to for {run.run.benchmark}", expected=expected, found=to)
    answers = {row.id: row.answer for row in run.generations()}
    write_submission(out, expected, {key: answer or "" for key, answer in answers.items()})
    absent = sum(answer is None for answer in answers.values())
    print_line(f"{len(answers)} answers in {out}")
    if absent:
        print_note(f"{absent} of them are empty: the run has none.")


def _export_set(path: Path, to: Training, out: Path) -> None:
    from shards.formats.export import export_set
    from shards.reader import ShardSet

    shard_set = ShardSet(path)
    with progress_bar(f"exporting {path}") as advance:
        exported = export_set(shard_set, to, out, progress=lambda done: advance(done, len(shard_set)))
    print_table(str(out), ("file", "records"), exported.files.items(), right=1)
    if exported.left_out:
        print_table(f"No place in {to}", ("reason", "samples"), exported.left_out.items(), right=1)
    if not exported.files:
        raise typer.Exit(1)
