"""`anymodal build PIPELINE`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_line, print_note, print_table, progress_bar

if TYPE_CHECKING:
    from shards.work import Pipeline

build_app = typer.Typer(
    name="build", help="Build an instruction set out of captioned media, as WebDataset shards.", no_args_is_help=True
)


@build_app.command("t2m")
def t2m(
    source: Annotated[str, typer.Option(help="nextgpt:DIR, folder:DIR or world:DIR.", metavar="KIND:DIR")],
    out: Annotated[Path, typer.Option(help="The set's folder; an unfinished build in it is continued.")],
    writer: Annotated[str, typer.Option(help="Who writes the dialogues.")] = "offline",
    seed: Annotated[int, typer.Option(help="Decides wording and order.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 1,
    max_samples: Annotated[int, typer.Option(help="Samples a shard holds at most.", min=1)] = 10_000,
    max_mib: Annotated[int, typer.Option(help="MiB after which a shard is closed.", min=1)] = 512,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run what failed before once more.")] = False,
) -> None:
    """Build T2M: a person asks for an image, a sound or a film in words, and gets it.

    Media go into the shards as they are. Every input is accounted for: see `anymodal audit` and `anymodal why`.
    Exit 4 if items failed that could succeed on a retry. Started again, a finished build does nothing.

    `folder:DIR` is your own media with a table captions.csv, .jsonl or .parquet (columns file, caption, and
    optionally id, licence, url). `nextgpt:DIR` is NExT-GPT's pair data: cc3m/, audiocap/, webvid/ with their lists.

    Examples:

        anymodal build t2m --source folder:photos --out out/t2m

        anymodal build t2m --source nextgpt:T_X_pair_data --out out/t2m --workers 2

        anymodal build t2m --source folder:photos --out out/t2m --retry-failed
    """
    from curation.pipelines.t2m import t2m_pipeline
    from curation.sources import read_pairs
    from curation.writers import make_writer
    from shards.writer import ShardSpec

    pipeline = t2m_pipeline(
        read_pairs(source),
        source=source.partition(":")[0],
        writer=make_writer(writer),
        seed=seed,
        spec=ShardSpec(max_samples=max_samples, max_size_bytes=max_mib * 2**20),
    )
    run_build(pipeline, out, title="T2M instruction set", workers=workers, retry_failed=retry_failed)


def run_build(pipeline: "Pipeline", out: Path, *, title: str, workers: int, retry_failed: bool = False) -> None:
    """Build with a progress bar, write the card, print the books; exit 4 if items failed."""
    from curation.writers import notice
    from shards.card import write_card
    from shards.work import audit, build

    with progress_bar(f"building {out}") as advance:
        changed = build(pipeline, out, workers=workers, progress=advance, retry_failed=retry_failed)
    figures = write_card(out, title=title, notice=notice(str(pipeline.settings.get("writer"))))
    books = audit(out)
    print_table(f"{out}: by media", ("media", "samples"), figures.by_signature.items(), right=1)
    print_line(
        f"{books.n_in} in, {books.n_written} written, {books.n_dropped} dropped, {books.n_failed} failed, "
        f"{books.n_merged} merged; {figures.n_shards} shards, {figures.size_bytes / 2**20:.1f} MiB"
    )
    for outcome, step, reason, count in books.reasons:
        print_line(f"  {outcome} at {step}: {reason}, {count}")
    if not changed:
        print_note("Nothing to do: the set was finished before.")
    if books.n_failed:
        raise typer.Exit(4)
