"""`anymodal compare BASELINE CANDIDATE`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_bytes, print_line

if TYPE_CHECKING:
    from evals.results import RunFolder


def compare(
    baseline: Annotated[Path, typer.Argument(help="Folder of the run to compare with.", show_default=False)],
    candidate: Annotated[Path, typer.Argument(help="Folder of the run in question.", show_default=False)],
    level: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Level of the interval.")] = 0.95,
    items: Annotated[int, typer.Option(min=0, help="How many items to list that changed for better and worse.")] = 5,
    metric: Annotated[str | None, typer.Option(help="Another metric of the runs, such as clipscore.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The comparison as JSON.")] = False,
) -> None:
    """Tell whether two runs differ, by how much, and on which items.

    Runs of different protocols are not compared: the command says in which fields they differ and exits with 3. To
    pass or fail a change, use `anymodal gate`.

    Examples:

        anymodal compare runs/main/vqav2 runs/change/vqav2

        anymodal compare runs/main/vqav2 runs/change/vqav2 --items 20 --json

        anymodal compare runs/main/coco_t2i runs/change/coco_t2i --metric clipscore
    """
    from reports.comparison import compare as compare_runs
    from reports.comparison import encode_comparison
    from reports.pairing import by_metric

    sides = [_only_run(path) for path in (baseline, candidate)]
    if metric is not None:
        sides = [by_metric(run, metric) for run in sides]
    found = compare_runs(*sides, level=level, n_changes=items)
    if json:
        print_bytes(encode_comparison(found))
        return
    for line in (found.sentence, *found.notes):
        print_line(line)
    print_line(f"{found.n_better:,} items became better, {found.n_worse:,} worse.")
    for name, changes in (("worse", found.worse), ("better", found.better)):
        for change in changes:
            print_line(f"\n{name}: {change.id}, {change.baseline:.4g} → {change.candidate:.4g}")
            print_line(f"  before  {change.baseline_text!r}")
            print_line(f"  now     {change.candidate_text!r}")


def _only_run(path: Path) -> "RunFolder":
    from reports.store import find_some_runs
    from shards.errors import UsageError

    folders = find_some_runs([path])
    if len(folders) > 1:
        names = ", ".join(folder.path.name for folder in folders[:4])
        remedy = "name one of them; `anymodal gate` takes folders of runs"
        raise UsageError(str(path), expected="one run", found=f"{len(folders)} ({names})", remedy=remedy)
    return folders[0]
