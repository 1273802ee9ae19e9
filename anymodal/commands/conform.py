"""`anymodal conform`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_json, print_line, print_table

if TYPE_CHECKING:
    from evals.harness.conform import Check


def conform(
    synonyms: Annotated[Path | None, typer.Option(help="CHAIR's official synonyms.txt: replay chair@official.")] = None,
    json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
) -> None:
    """Replay golden vectors of every protocol, and show where other harnesses deviate; exit 1 if ours do not agree.

    The vectors come with the package: synthetic questions, captions, boxes and features with the values of the official
    programs, and cases worked out by hand. What needs Java or a file that is not ours to ship, and is not there, is
    named as not replayed. Differences of other harnesses are those of one rule each, on these vectors.

    Examples:

        anymodal conform

        anymodal conform --synonyms synonyms.txt --json
    """
    from evals.harness.conform import conform as replay

    found = replay(synonyms=synonyms)
    if json:
        print_json(found)
    else:
        print_table(
            f"Ours and the official values (at most {found.tolerance:.0e} apart)",
            ("protocol", "values", "largest difference", ""),
            [(one.protocol, one.vectors, _told(one.largest_difference, ".1e"), _verdict(one)) for one in found.checks],
        )
        for one in found.checks:
            if one.note:
                print_line(f"{one.protocol}: {one.note}.")
        print_line()
        for harness in dict.fromkeys(one.harness for one in found.deviations):
            columns = ("rule", "protocol", "items", "changed", "ours", "theirs", "difference")
            rows = [
                (one.rule, one.protocol, *map(_told, (one.vectors, one.changed, one.ours, one.theirs, one.difference)))
                for one in found.deviations
                if one.harness == harness
            ]
            print_table(f"{harness} deviates", columns, rows, right=5)
        print_line(found.note)
    if not found.is_ok:
        raise typer.Exit(1)


def _verdict(check: "Check") -> str:
    return {True: "ok", False: "DIFFERS", None: check.note.partition(":")[0]}[check.is_ok]


def _told(value: float | None, spelling: str = ".4g") -> str:
    return "-" if value is None else format(value, spelling)
