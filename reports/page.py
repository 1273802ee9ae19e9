"""One self-contained HTML page: no request leaves it, whatever the samples on it say."""

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from reports import gate_text, wording
from reports.content import PageContent, Prediction
from reports.gate import OUTCOME_WORDS
from reports.leaderboard import Board, Entry
from reports.media_views import Axis, imu_lines, media_url
from reports.plots import difference_plot, forest_plot
from shards.files import write_atomic
from shards.sample import modality

if TYPE_CHECKING:
    import jinja2


def write_page(content: PageContent, path: Path) -> None:
    """Write the page to `path`: everything inlined, everything escaped, equal content as equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, render_page(content).encode())


def render_page(content: PageContent) -> str:
    """The page as HTML. Its content policy admits only its own style, its own script, and data URLs."""
    templates = resources.files("reports").joinpath("templates")
    css, script = (templates.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    page = _environment().get_template("page.html.j2")
    policy, overview = _content_policy(css, script), _overview(content.boards)
    return page.render(content=content, css=css, script=script, policy=policy, overview=overview)


def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = ("number", "signed", "span", "signed_span", "percent", "p_value", "count", "unscored_words")
    environment.filters.update({name: getattr(wording, name) for name in words})
    environment.filters.update(paragraphs=_paragraphs, modality=modality)
    environment.globals.update(
        wording=wording,
        gate_text=gate_text,
        OUTCOME_WORDS=OUTCOME_WORDS,
        board_axis=board_axis,
        board_details=_board_details,
        interval_head=_interval_head,
        by_answer=_by_answer,
        forest_plot=forest_plot,
        difference_plot=difference_plot,
        media_url=media_url,
        imu_lines=imu_lines,
    )
    return environment


def _content_policy(css: str, script: str) -> str:
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def board_axis(board: Board) -> Axis:
    """The axis of a board's bars: wide enough for every value, interval and chance."""
    values = [] if board.chance is None else [board.chance]
    for entry in board.entries:
        result = entry.folder.result
        values += [] if result.value is None else [result.value]
        values += [] if result.interval is None else [result.interval.low, result.interval.high]
    return Axis.around(values, ceiling={"percent": 100.0, "fraction": 1.0}.get(board.result.unit, math.inf))


def _overview(boards: Sequence[Board]) -> dict[str, dict[int, list[Entry]]]:
    """Entries by model, then by position of the board; models in the order in which the boards bring them."""
    rows: dict[str, dict[int, list[Entry]]] = {}
    for position, board in enumerate(boards):
        for entry in board.entries:
            rows.setdefault(entry.folder.run.model, {}).setdefault(position, []).append(entry)
    return rows


def _interval_head(board: Board) -> str:
    """The column's name: with the level where all intervals share one."""
    intervals = [entry.folder.result.interval for entry in board.entries]
    levels = {interval.level for interval in intervals if interval}
    return f"{wording.percent(levels.pop())} interval" if len(levels) == 1 else "interval"


def _by_answer(predictions: Sequence[Prediction]) -> list[tuple[str, Prediction]]:
    """Equal answers once, under the names of all models that gave them; those with boxes stay single."""
    groups: dict[Prediction, list[str]] = {}
    for position, prediction in enumerate(predictions):
        names = str(position) if prediction.boxes_xyxy_px else ""
        groups.setdefault(replace(prediction, model=names), []).append(prediction.model)
    return [(", ".join(models), prediction) for prediction, models in groups.items()]


def _board_details(board: Board) -> tuple[list[tuple[str, str]], list[tuple[str, list[float | None]]]]:
    """Columns (group, name) of further metrics and breakdowns, and each entry's numbers under them."""
    found: list[tuple[str, dict[tuple[str, str], float | None]]] = []
    for entry in board.entries:
        result = entry.folder.result
        metrics = {("metric", n): m.value for n, m in result.metrics.items() if n != result.metric}
        groups = {(facet, n): v for facet, values in result.breakdown.items() for n, v in values.items()}
        found.append((entry.label, {**metrics, **groups}))
    named = {column for _, numbers in found for column in numbers}
    columns = sorted(named, key=lambda column: (column[0] != "metric", column))
    return columns, [(label, [numbers.get(column) for column in columns]) for label, numbers in found]
