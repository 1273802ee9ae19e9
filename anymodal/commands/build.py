"""`anymodal build PIPELINE`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anymodal.console import print_line, print_note, print_table, progress_bar

if TYPE_CHECKING:
    from shards.work import Pipeline

build_app = typer.Typer(
    name="build", help="Build an instruction set out of captioned media, as WebDataset shards.", no_args_is_help=True
)

Source = Annotated[str, typer.Option(help="nextgpt:DIR, folder:DIR or world:DIR.", metavar="KIND:DIR")]
Out = Annotated[Path, typer.Option(help="The set's folder; an unfinished build in it is continued.")]
WriterName = Annotated[str, typer.Option(help="Who writes the dialogues.")]
Workers = Annotated[int, typer.Option(help="Processes.", min=1)]
MaxSamples = Annotated[int, typer.Option(help="Samples a shard holds at most.", min=1)]
MaxMib = Annotated[int, typer.Option(help="MiB after which a shard is closed.", min=1)]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run what failed before once more.")]


@build_app.command("t2m")
def t2m(
    source: Source,
    out: Out,
    writer: WriterName = "offline",
    seed: Annotated[int, typer.Option(help="Decides wording and order.")] = 0,
    workers: Workers = 1,
    max_samples: MaxSamples = 10_000,
    max_mib: MaxMib = 512,
    retry_failed: RetryFailed = False,
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

    pipeline = t2m_pipeline(**_given(source, writer, max_samples, max_mib), seed=seed)
    run_build(pipeline, out, title="T2M instruction set", workers=workers, retry_failed=retry_failed)


@build_app.command("mosit")
def mosit(
    source: Source,
    out: Out,
    writer: WriterName = "offline",
    seed: Annotated[int, typer.Option(help="Decides who gives which media, wording and order.")] = 0,
    dialogues: Annotated[
        int | None, typer.Option(help="How many to plan; else until the media are used up.", min=1)
    ] = None,
    workers: Workers = 1,
    max_samples: MaxSamples = 10_000,
    max_mib: MaxMib = 512,
    retry_failed: RetryFailed = False,
) -> None:
    """Build MosIT: dialogues of 3 to 7 turns in which both sides give images, sounds and films.

    The seven combinations of text with image, audio and video take turns; each medium goes into one dialogue at most.
    Dialogues that the source has no media for are counted as dropped, and so are those that break a rule.
    Sources and exit codes are those of `anymodal build t2m`.

    Examples:

        anymodal build mosit --source world:world --out out/mosit

        anymodal build mosit --source nextgpt:T_X_pair_data --out out/mosit --dialogues 5000 --workers 2
    """
    from curation.pipelines.mosit import mosit_pipeline

    pipeline = mosit_pipeline(**_given(source, writer, max_samples, max_mib), seed=seed, dialogues=dialogues)
    run_build(pipeline, out, title="MosIT instruction set", workers=workers, retry_failed=retry_failed)


@build_app.command("mm-it")
def mm_it(
    source: Source,
    out: Out,
    writer: WriterName = "offline",
    seed: Annotated[int, typer.Option(help="Decides what is asked about which medium, wording and order.")] = 0,
    dialogues: Annotated[int | None, typer.Option(help="How many; else one for each medium.", min=1)] = None,
    workers: Workers = 1,
    max_samples: MaxSamples = 10_000,
    max_mib: MaxMib = 512,
    retry_failed: RetryFailed = False,
) -> None:
    """Build MM-IT: an instruction about an image, a film or a sound, and its answer.

    Descriptions, questions, reasoning and creative use take turns. Out of a world, answers are checked against the
    scene's facts; elsewhere they must say no more than the caption. IMU windows are an extension of ours.
    Sources and exit codes are those of `anymodal build t2m`.

    Examples:

        anymodal build mm-it --source world:world --out out/mm_it

        anymodal build mm-it --source folder:photos --out out/mm_it --dialogues 1000
    """
    from curation.pipelines.mm_it import IMU_EXTENSION, mm_it_pipeline

    pipeline = mm_it_pipeline(**_given(source, writer, max_samples, max_mib), seed=seed, dialogues=dialogues)
    title = "MM-IT instruction set"
    run_build(pipeline, out, title=title, workers=workers, retry_failed=retry_failed, remark=IMU_EXTENSION)


def _given(source: str, writer: str, max_samples: int, max_mib: int) -> dict[str, Any]:
    """What every pipeline is made of; `source` is the kind of source alone."""
    from curation.sources import read_pairs
    from curation.writers import make_writer
    from shards.writer import ShardSpec

    spec = ShardSpec(max_samples=max_samples, max_size_bytes=max_mib * 2**20)
    kind = source.partition(":")[0]
    return {"pairs": read_pairs(source), "source": kind, "writer": make_writer(writer), "spec": spec}


def run_build(
    pipeline: "Pipeline", out: Path, *, title: str, workers: int, retry_failed: bool = False, remark: str = ""
) -> None:
    """Build with a progress bar, write the card, print the books; exit 4 if items failed.

    The card's notice is what the writer calls for, and `remark`.
    """
    from curation.writers import notice
    from shards.card import write_card
    from shards.work import audit, build

    with progress_bar(f"building {out}") as advance:
        changed = build(pipeline, out, workers=workers, progress=advance, retry_failed=retry_failed)
    notices = [notice(str(pipeline.settings.get("writer"))), remark]
    figures = write_card(out, title=title, notice="; ".join(filter(None, notices)))
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
