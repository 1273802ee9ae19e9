"""`anymodal conform`."""

from typing import Annotated

import typer

from anymodal.console import print_json, print_line, print_table


def conform(json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False) -> None:
    """Replay golden vectors of every protocol, and show where other harnesses deviate; exit 1 if ours do not agree.

    The vectors come with the package: synthetic questions, captions and boxes with the values of the official
    programs, and cases worked out by hand. Differences of other harnesses are those of one rule each, on these vectors.

    Examples:

        anymodal conform

        anymodal conform --json
    """
    from evals.harness.conform import conform as replay

    found = replay()
    if json:
        print_json(found)
    else:
        print_table(
            f"Ours and the official values (at most {found.tolerance:.0e} apart)",
            ("protocol", "values", "largest difference", ""),
            [
                (one.protocol, one.vectors, f"{one.largest_difference:.1e}", "ok" if one.is_ok else "DIFFERS")
                for one in found.checks
            ],
        )
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


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
