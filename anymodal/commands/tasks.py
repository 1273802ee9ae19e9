"""`anymodal tasks [NAME]`."""

from typing import Annotated

import typer

from anymodal.console import print_table


def tasks(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this benchmark's protocol.")] = None,
) -> None:
    """List the benchmarks, or show one: splits, prompt, scorer, source, licence, how to get its data.

    Examples:

        anymodal tasks

        anymodal tasks vqav2
    """
    from evals.benchmarks import BENCHMARKS, Task

    if name is None:
        rows = [(one.name, ", ".join(one.splits), one.scorer, one.licence) for one in BENCHMARKS.values()]
        print_table("Benchmarks", ("task", "splits", "scorer", "licence of the data"), rows)
        return
    one = Task(name).benchmark
    facts = [
        ("splits", ", ".join(one.splits)),
        ("prompt", one.prompt),
        ("decoding", f"{one.decoding.max_new_tokens} new tokens, temperature {one.decoding.temperature:g}"),
        ("parser", one.parser),
        ("scorer", one.scorer),
        ("source", one.source),
        ("licence of the data", one.licence),
        ("how to get it", one.how_to_get),
    ]
    print_table(one.name, ("fact", "value"), facts)
