"""`anymodal stats|audit|verify|why|takedown`: a set that was built, looked at and mended."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_json, print_line, print_note, print_table, progress_bar

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")]


def stats(
    folder: Folder,
    json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Count what a set contains: samples by media, source and licence, turns, words, hours.

    Examples:

        anymodal stats out/t2m

        anymodal stats out/t2m --json | jq .by_licence
    """
    from shards.statistics import statistics

    figures = statistics(folder)
    if json:
        print_json(figures)
        return
    totals: list[tuple[str, str | int]] = [
        ("samples", figures.n_samples),
        ("shards", figures.n_shards),
        ("MiB", f"{figures.size_bytes / 2**20:.1f}"),
        ("turns", figures.n_turns),
        ("words", figures.n_words),
        ("hours of sound and film", f"{figures.hours:.3f}"),
    ]
    print_table(f"{folder} ({figures.pipeline})", ("figure", "value"), totals, right=1)
    groups = (("media", figures.by_signature), ("source", figures.by_source), ("licence", figures.by_licence))
    for name, counts in groups:
        print_table(f"By {name}", (name, "samples"), counts.items(), right=1)


def audit(
    folder: Folder,
    json: Annotated[bool, typer.Option("--json", help="The books as JSON.")] = False,
) -> None:
    """Prove that every input ended in exactly one place; exit 1 if the books do not balance.

    Per step and in total: in + created = written + dropped + failed + merged; and every bucket is finished.

    Examples:

        anymodal audit out/t2m

        anymodal audit out/t2m --json | jq .reasons
    """
    from shards.work import audit as audit_set

    books = audit_set(folder)
    if json:
        print_json(books)
    else:
        columns = ("step", "in", "created", "dropped", "failed", "merged")
        rows = [(one.step, one.n_in, one.n_created, one.n_dropped, one.n_failed, one.n_merged) for one in books.steps]
        total = ("total", books.n_in, books.n_created, books.n_dropped, books.n_failed, books.n_merged)
        print_table(f"{folder}: {books.n_written} written", columns, [*rows, total], right=5)
        if books.reasons:
            print_table("Not written", ("outcome", "step", "reason", "n"), books.reasons, right=1)
        for fault in books.faults:
            print_line(f"FAULT: {fault}")
        print_line("The books do not balance." if books.faults else "The books balance.")
    if books.faults:
        raise typer.Exit(1)


def verify(
    path: Annotated[Path, typer.Argument(metavar="DIR|TAR", help="A set, or one tar of anybody's.")],
    json: Annotated[bool, typer.Option("--json", help="The faults as JSON.")] = False,
) -> None:
    """Read every byte of a set and compare it with the manifest; exit 1 if anything is wrong.

    Finds cut or changed shards, samples without their media, repeated keys, and media that are not what their name
    says, which loaders skip or pass over in silence. Of a single tar, which has no manifest, it checks the structure,
    the names and the samples.

    Examples:

        anymodal verify out/t2m

        anymodal verify shards/somebody-000001.tar --json
    """
    from shards.verify import verify as verify_set
    from shards.verify import verify_archive

    with progress_bar("verifying shards") as advance:
        faults = verify_archive(path) if path.is_file() else verify_set(path, progress=advance)
    if json:
        print_json({"faults": faults})
    else:
        for fault in faults:
            print_line(f"{fault.place}: {fault.problem}")
        whole = f"{path} is whole." if path.is_file() else f"{path} is what its manifest says."
        print_line(f"{len(faults)} faults." if faults else whole)
    if faults:
        raise typer.Exit(1)


def why(
    folder: Folder,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A sample's key, or an input's id.")],
) -> None:
    """Tell one sample's story: where it came from, what happened to it, where it lies; exit 1 if nobody knows it.

    Examples:

        anymodal why out/t2m webvid/13180262

        anymodal why out/t2m cc3m_001310451-8c6d2f0a1b3e4d5f
    """
    from shards.work.story import tell

    lines = tell(folder, key)
    for line in lines:
        print_line(line)
    if not lines:
        print_line(f"{key} is neither an input nor a key of {folder}.")
        raise typer.Exit(1)


def takedown(
    folder: Folder,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The sample's key; `anymodal why` finds it by id.")],
    reason: Annotated[str, typer.Option(help="Why; it is published with the set.", metavar="TEXT")],
) -> None:
    """Take one sample out of a finished set for good.

    Only the shard that holds it is written anew. `tombstones.jsonl` keeps its key, the hashes of its media and the
    reason, nothing of its content; builds in this folder do not bring it back. In a new folder they do not either, if
    you put `tombstones.jsonl` there first.

    Examples:

        anymodal takedown out/t2m cc3m_001310451-8c6d2f0a1b3e4d5f --reason "asked for by its author"
    """
    from shards.card import CARD
    from shards.tombstones import read_tombstones
    from shards.work.takedown import holders_of, take_down

    changed = take_down(folder, key, reason=reason)
    if (folder / CARD).exists():
        _describe(folder, (folder / CARD).read_text(encoding="utf-8"))
    print_line(f"{key} is taken down: {read_tombstones(folder)[key].reason}")
    if not changed:
        print_note("Nothing to do: it was taken down before.")
    for other in holders_of(folder, read_tombstones(folder)[key].media_sha256):
        print_note(f"{other} holds the same media and is still there.")


def _describe(folder: Path, card: str) -> None:
    """Write the set's description again, under its old title and notice."""
    from shards.card import write_card
    from shards.work import read_recipe

    lines = iter(card.splitlines())
    title = next((line.removeprefix("# ") for line in lines if line.startswith("# ")), read_recipe(folder).pipeline)
    write_card(folder, title=title, notice=next((line.strip("*") for line in lines if line.startswith("**")), ""))
