"""`anymodal report RUNS`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymodal.console import print_bytes, print_line, print_note, print_table

if TYPE_CHECKING:
    from evals.results import Domain, RunFolder
    from reports.leaderboard import Board, Entry


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of them.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page to this file.")] = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Leaderboard",
    world: Annotated[bool, typer.Option("--world", help="Show the runs on the embedded world (a self-test).")] = False,
    sql: Annotated[str | None, typer.Option(help="Answer a query over the tables runs and items, as CSV.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The leaderboards as JSON.")] = False,
) -> None:
    """Make leaderboards out of run folders: one table per benchmark and protocol.

    Each value comes with its interval and its difference to the leader on the same items. Numbers of different
    protocols never share a table, and those on the embedded world never a page with public ones.

    Examples:

        anymodal report runs --out leaderboard.html

        anymodal report runs --sql "SELECT model, benchmark, value FROM runs ORDER BY ALL"
    """
    from reports.leaderboard import encode_leaderboard, make_leaderboard
    from reports.store import find_some_runs

    folders = find_some_runs(runs)
    if sql is not None:
        _print_query(sql, folders, runs[0])
        return
    boards = make_leaderboard(folders, domain=_domain(folders, world=world))
    if json:
        print_bytes(encode_leaderboard(boards))
    else:
        for board in boards:
            _print_board(board)
    if out is not None:
        from reports.content import PageContent
        from reports.examples import read_answers
        from reports.page import write_page

        domain, answers = boards[0].run.domain, read_answers(boards)
        write_page(PageContent(title=title, domain=domain, boards=boards, answers=answers), out)
        print_note(f"wrote {out}")


def _domain(folders: "list[RunFolder]", *, world: bool) -> "Domain":
    """Public runs unless asked otherwise, or where there are none."""
    from shards.errors import UsageError

    n_world = sum(folder.run.domain == "world" for folder in folders)
    if world and not n_world:
        raise UsageError("--world", expected="runs on the embedded world", found="public runs only")
    if world or n_world == len(folders):
        return "world"
    if n_world:
        print_note(f"{n_world} runs on the embedded world are left out; --world shows them")
    return "public"


def _print_query(sql: str, folders: "list[RunFolder]", root: Path) -> None:
    """Rows as CSV, so that the answer can go on through a pipe."""
    import csv
    import io

    import duckdb

    from reports.store import store_of
    from shards.errors import UsageError

    try:
        found = store_of(folders, root=root).sql(sql)
        rows = [found.columns, *found.fetchall()] if found is not None else []
    except duckdb.Error as error:
        tables = "a query over the tables runs and items"
        raise UsageError("--sql", expected=tables, found=str(error).splitlines()[0]) from error
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    print_bytes(text.getvalue().encode())


def _print_board(board: "Board") -> None:
    from reports.wording import UNIT_SIGN, number

    unit = "" if board.result.unit == "raw" else f" ({UNIT_SIGN[board.result.unit]})"
    direction = "higher" if board.result.higher_is_better else "lower"
    chance = "" if board.chance is None else f", chance {number(board.chance, board.result.unit)}"
    columns = ("model", "exposure", "value", "interval", "to leader", "no score")
    print_table(board.run.benchmark, columns, [_cells(entry, board) for entry in board.entries], right=4)
    print_line(f"{board.result.metric}{unit}, {direction} is better, {board.result.n:,} items{chance}")
    print_line(f"{board.result.protocol}, protocol {board.run.protocol_id[:12]}\n")


def _cells(entry: "Entry", board: "Board") -> tuple[str, ...]:
    from reports.wording import EXPOSURE_WORDS, count, number, signed, span

    result = entry.folder.result
    mark = " tied" if entry.standing == "tied" else ""
    return (
        entry.label,
        EXPOSURE_WORDS[entry.folder.run.exposure],
        number(result.value, board.result.unit),
        span(result.interval, board.result.unit),
        f"{signed(entry.gap.value, board.result.unit)}{mark}" if entry.gap else entry.standing,
        count(sum(result.unscored.values())),
    )
