"""`anymodal tasks [show NAME]`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_table

if TYPE_CHECKING:
    from evals.benchmarks import Benchmark


def tasks(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[show NAME]", help="Show this benchmark's protocol.")
    ] = None,
) -> None:
    """List the benchmarks, or show one: splits, prompts, scorer, unit, chance, source, licence, how to get its data.

    Examples:

        anymodal tasks

        anymodal tasks show okvqa
    """
    from evals.benchmarks import BENCHMARKS, Task
    from shards.errors import UsageError

    names = words[1:] if words and words[0] == "show" else words or []
    if not names and not words:
        rows = [(one.name, ", ".join(one.splits), one.scorer, one.licence) for one in BENCHMARKS.values()]
        print_table("Benchmarks", ("task", "splits", "scorer", "licence of the data"), rows)
        return
    if len(names) != 1:
        raise UsageError("tasks", expected="[show NAME] with one name", found=" ".join(words or []))
    one = Task(names[0]).benchmark
    print_table(one.name, ("fact", "value"), _facts(one))


def _facts(one: "Benchmark") -> Iterator[tuple[str, str]]:
    primary = one.score([], {}, [], 0).primary
    direction = "higher" if primary.higher_is_better else "lower"
    yield "splits", ", ".join(f"{split}{_size(one, split)}" for split in one.splits)
    yield from ((f"prompt {family}", words) for family, words in one.prompts.items())
    yield "decoding", f"{one.decoding.max_new_tokens} new tokens, temperature {one.decoding.temperature:g}"
    yield "parser", one.parser
    yield "scorer", f"{one.scorer}: {primary.metric} ({primary.unit}, {direction} is better)"
    yield "chance", "none" if one.chance is None else (one.chance.__doc__ or "").partition("\n")[0]
    yield "source", one.source
    yield "licence of the data", one.licence
    yield "how to get it", one.how_to_get


def _size(one: "Benchmark", split: str) -> str:
    return f" ({one.sizes[split].items:,} items)" if split in one.sizes else ""
