"""`anymodal demo`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.commands.gate import print_report
from anymodal.console import print_line, print_table, progress_bars

SCENES, TINY_SCENES = 500, 24


def demo(
    out: Annotated[Path, typer.Option(help="Everything lands here.")] = Path("demo"),
    tiny: Annotated[bool, typer.Option("--tiny", help=f"Only {TINY_SCENES} scenes.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another world.")] = 0,
) -> None:
    """Show the whole chain, with nothing but this installation: no weights, no keys, no network.

    Renders a small world, builds T2M, MosIT and MM-IT sets from it, scores baselines and three releases of a made-up
    model on its benchmarks, lets the gate decide about two releases, and writes one page with all of it.

    Examples:

        anymodal demo

        anymodal demo --tiny --out /tmp/demo
    """
    from anymodal.demo import SUMMARY, run_demo, summary_rows
    from evals.results import find_runs

    with progress_bars() as bar:
        done = run_demo(out, scenes=TINY_SCENES if tiny else SCENES, seed=seed, bar=bar)
    print_table("Scores; the page has intervals", SUMMARY, summary_rows(find_runs(out / "runs")), right=5)
    for title, report in done.gates.items():
        print_line(f"\nGate, {title}: exit {report.exit_code}")
        print_report(report)
    print_line(f"\nThe page: {done.page.resolve().as_uri()}")
