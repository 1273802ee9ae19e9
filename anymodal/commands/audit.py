"""`anymodal audit DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_json, print_line, print_table


def audit(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")],
    json: Annotated[bool, typer.Option("--json", help="The books as JSON.")] = False,
) -> None:
    """Prove that every input ended in exactly one place; exit 1 if the books do not balance.

    Per step and in total: in + created = written + dropped + failed + merged.

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
