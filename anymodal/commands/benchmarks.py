"""`anymodal tasks [show NAME]`, `anymodal data check NAME DIR`: what benchmarks are, and whether files are theirs."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_json, print_line, print_table

if TYPE_CHECKING:
    from evals.benchmarks import Benchmark

_SENTENCES = {
    "official": "{} is the official edition, as far as counts and ids tell.",
    "other": "{} is not the official edition.",
    "unknown": "{} may be the official edition: nobody published what to compare with.",
}

data_app = typer.Typer(name="data", no_args_is_help=True)


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
    from evals.benchmarks.item import Workspace

    primary = one.scorer_of([], Workspace()).score([], {}, [], 0).primary
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
