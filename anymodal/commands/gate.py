"""`anymodal gate BASELINE CANDIDATE`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_bytes, print_line, print_table

if TYPE_CHECKING:
    from reports.gate import GateReport


def gate(
    baseline: Annotated[Path, typer.Argument(help="Run folder, or folder of runs, to hold on to.", show_default=False)],
    candidate: Annotated[Path, typer.Argument(help="Run folder, or folder of runs, in question.", show_default=False)],
    policy: Annotated[Path | None, typer.Option(help="TOML file: max_drop, max_drop_by_benchmark, level …")] = None,
    max_drop: Annotated[float | None, typer.Option(help="Allowed drop, in the metric's own unit.")] = None,
    metric: Annotated[str | None, typer.Option(help="Another metric of the runs, such as clipscore.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Also write a Markdown summary to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The verdicts as JSON.")] = False,
) -> None:
    """Tell whether a candidate got worse than a baseline, on the same items; the exit code is the answer.

    0: no benchmark dropped by more than allowed. 1: at least one did. 3: these items cannot tell, runs are missing, or
    the protocols differ. Allowed is a drop of one percentage point (0.01 for fractions, 1% of the baseline's value for
    raw metrics), unless the policy or the flag says otherwise.

    Examples:

        anymodal gate runs/main runs/change

        anymodal gate runs/main runs/change --max-drop 0.5 --markdown comment.md
    """
    from reports.gate import decide_gate
    from reports.gate_text import encode_gate
    from reports.gate_text import markdown as to_markdown
    from reports.pairing import by_metric
    from reports.policy import load_policy
    from reports.store import find_some_runs
    from shards.files import write_atomic

    settings = load_policy(policy, max_drop=max_drop)
    before, after = find_some_runs([baseline]), find_some_runs([candidate])
    if metric is not None:  # runs that do not have it are of other benchmarks
        before, after = (
            [by_metric(one, metric) for one in some if metric in one.result.metrics] for some in (before, after)
        )
    report = decide_gate(before, after, settings)
    if markdown is not None:
        write_atomic(markdown, to_markdown(report).encode())
    if json:
        print_bytes(encode_gate(report))
    else:
        print_report(report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def print_report(report: "GateReport") -> None:
    """The verdicts as a table, the reason for each, and how they were found."""
    from reports.gate import OUTCOME_WORDS
    from reports.gate_text import explanation, figures, headline

    columns = ("benchmark", "verdict", "baseline", "candidate", "change", "allowed")
    rows = [(one.benchmark, OUTCOME_WORDS[one.outcome], *figures(one)) for one in report.verdicts]
    print_table(headline(report), columns, rows, right=4)
    for verdict in report.verdicts:
        print_line(f"{verdict.benchmark}: {'; '.join(verdict.reasons)}.")
    print_line(f"\n{explanation(report)}")
