"""`anymodal stats DIR`."""

from pathlib import Path
from typing import Annotated

import typer

from anymodal.console import print_json, print_table


def stats(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set that `anymodal build` made.")],
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
