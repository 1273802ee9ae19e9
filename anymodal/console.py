"""What commands print: tables and JSON on standard output, progress bars on standard error."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Advance = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@contextlib.contextmanager
def progress_bars() -> Iterator[Callable[[str], Advance]]:
    """Bars on standard error for the length of the block; call with a title to begin one.

    On a terminal they move; in a log each is one line.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def begin(title: str) -> Advance:
            task = progress.add_task(title, total=None)
            return lambda done, total: progress.update(task, completed=done, total=total)

        yield begin


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Advance]:
    """One bar on standard error for the length of the block."""
    with progress_bars() as begin:
        yield begin(title)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | int]], *, right: int = 0) -> None:
    """A table on standard output; the last `right` columns are flushed right. Cells are text, never markup."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        is_right = number >= len(columns) - right
        table.add_column(column, justify="right" if is_right else "left", no_wrap=is_right, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console()
    console.print(Text(title, style="bold"))
    console.print(table)


def print_line(text: str = "") -> None:
    """A line on standard output, as it is."""
    sys.stdout.write(f"{text}\n")


def print_note(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"{text}\n")


def print_json(value: object) -> None:
    """A document on standard output, as indented JSON."""
    import msgspec

    print_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def print_bytes(content: bytes) -> None:
    """Bytes, such as a JSON document, on standard output."""
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
