"""`anymodal data check NAME DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_json, print_line, print_table

_SENTENCES = {
    "official": "{} is the official edition, as far as counts and ids tell.",
    "other": "{} is not the official edition.",
    "unknown": "{} may be the official edition: nobody published what to compare with.",
}

data_app = typer.Typer(
    name="data", help="Look at benchmarks' files before you trust their numbers.", no_args_is_help=True
)


@data_app.callback()
def data() -> None:
    """Look at benchmarks' files before you trust their numbers."""


@data_app.command("check")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A task: okvqa checks all splits, okvqa:val2014 one.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds <benchmark>/<official file names>.")],
    json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Tell whether files are a benchmark's official edition: counts, ids, media; exit 1 if not, 3 if nobody can tell.

    Absent splits are told and do no harm as long as one is there. Other editions that are in use are named: COCO 2017's
    file names, the cleaned subset of OKVQA, AudioCaps 2.0.

    Examples:

        anymodal data check okvqa data

        anymodal data check refcoco:testA data --json
    """
    from evals.harness.data_check import check_data, edition_of

    findings = check_data(name, folder)
    edition = edition_of(findings)
    if json:
        print_json({"edition": edition, "findings": findings})
    else:
        rows = [(one.split, one.what, one.expected, one.found, one.verdict) for one in findings]
        print_table(f"{name} in {folder}", ("split", "what", "official", "found", "verdict"), rows)
        print_line(_SENTENCES[edition].format(name))
    if edition != "official":
        raise typer.Exit(1 if edition == "other" else 3)
