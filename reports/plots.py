"""Plots as inline SVG: text stays text, the ink is the page's own colour, and equal content gives equal bytes."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from reports.gate import Outcome, Verdict
from reports.leaderboard import Board

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK: Final = "#010203"  # stands for the page's text colour until the SVG is finished
_BLUE: Final = "#4f83c4"
_OUTCOME_COLOURS: Final[dict[Outcome, str]] = {"pass": "#3d9a6c", "regressed": "#d9534f", "undecided": "#c08a2b"}
_WIDTH_IN: Final = 4.6


@contextmanager
def _settings() -> Iterator[None]:
    """Our own settings, whatever the user's matplotlibrc says."""
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "anymodal", "text.parse_math": False, "font.size": 10})
        rcParams.update({"text.color": _INK, "xtick.color": _INK, "ytick.color": _INK})
        rcParams.update({"axes.edgecolor": _INK, "axes.labelcolor": _INK})
        yield


def forest_plot(board: Board) -> str:
    """Models of one board, best on top, as points with intervals; the dashed line is chance.

    Returns:
        An `<svg>` element to be put into HTML as it is.
    """
    with _settings():
        entries = [entry for entry in board.entries if entry.folder.result.value is not None][::-1]
        figure, axes = _rows([entry.label for entry in entries])
        for row, entry in enumerate(entries):
            value, interval = entry.folder.result.value or 0.0, entry.folder.result.interval
            is_front = entry.standing in ("leader", "tied")
            bounds = (interval.low, interval.high) if interval else (value, value)
            _whisker(axes, row, value, bounds, colour=_BLUE, is_filled=is_front)
        if board.chance is not None:
            axes.axvline(board.chance, color=_INK, linestyle=(0, (4, 3)), linewidth=0.9, alpha=0.7)
        arrow = "higher is better →" if board.result.higher_is_better else "← lower is better"
        axes.set_xlabel(f"{board.result.metric}, {arrow}")
        title = f"{board.run.benchmark}: {board.result.metric} of {len(entries)} models with intervals"
        return _finish(figure, name=f"forest-{board.run.benchmark}-{board.run.protocol_id}", title=title)


def difference_plot(verdicts: Sequence[Verdict]) -> str:
    """Differences of a gate in units of the allowed drop: 0 is "equal", -1 the edge of what is allowed.

    Verdicts without a difference, or with an allowed drop of 0, have no place on this axis and are left out.
    """
    shown = [(v, v.difference, v.max_drop) for v in verdicts if v.difference is not None and v.max_drop][::-1]
    with _settings():
        figure, axes = _rows([verdict.benchmark for verdict, _, _ in shown])
        for row, (verdict, found, scale) in enumerate(shown):
            sign = 1 if verdict.baseline is None or verdict.baseline.higher_is_better else -1
            bounds = sorted((sign * found.low / scale, sign * found.high / scale))
            colour = _OUTCOME_COLOURS[verdict.outcome]
            _whisker(axes, row, sign * found.value / scale, (bounds[0], bounds[1]), colour=colour, is_filled=True)
        left, right = axes.get_xlim()
        left, right = min(left, -1.5), max(right, 0.5)
        axes.axvspan(left, -1, color=_OUTCOME_COLOURS["regressed"], alpha=0.12, linewidth=0)
        axes.axvline(0, color=_INK, linewidth=0.9)
        axes.axvline(-1, color=_INK, linestyle=(0, (4, 3)), linewidth=0.9, alpha=0.7)
        axes.set_xlim(left, right)
        axes.set_xlabel("← worse  ·  change ÷ allowed drop  ·  better →")
        return _finish(figure, name="gate", title="Change of each benchmark in units of its allowed drop")


def _rows(labels: Sequence[str]) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    n = max(1, len(labels))
    figure = Figure(figsize=(_WIDTH_IN, 0.62 + 0.3 * n))
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.set_ylim(-0.6, n - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=_INK, alpha=0.12, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _short(label: str) -> str:
    return label if len(label) <= 24 else f"{label[:23]}…"


def _whisker(
    axes: "Axes", row: int, value: float, bounds: tuple[float, float], *, colour: str, is_filled: bool
) -> None:
    axes.plot(bounds, (row, row), color=colour, linewidth=2.4, solid_capstyle="round", alpha=0.75)
    face = colour if is_filled else "none"
    axes.plot((value,), (row,), marker="o", markersize=6.5, markerfacecolor=face, markeredgecolor=colour, linewidth=0)


def _finish(figure: "Figure", *, name: str, title: str) -> str:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has its own fonts
        figure.savefig(buffer, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None})
    return _inline(buffer.getvalue(), name=re.sub(r"[^a-zA-Z0-9]+", "-", name), title=title)


def _inline(svg: str, *, name: str, title: str) -> str:
    """Cut matplotlib's file down to an element that can stand in a page beside others.

    Styles become attributes, as the page's content policy knows no inline styles; ids get the plot's name.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' style="([^"]*)"', lambda found: _attributes(found.group(1)), svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg)
    svg = svg.replace(_INK, "currentColor")
    opening = f'<svg class="plot" role="img" aria-label="{_escaped(title)}"'
    return re.sub(r"\n\s*", "\n", svg.replace("<svg", opening, 1)).strip()


def _attributes(style: str) -> str:
    """`fill: red; font: 10px sans-serif` as presentation attributes; the page decides on the font family."""
    parts = [part.split(":", 1) for part in style.split(";") if ":" in part]
    pairs = {name.strip(): value.strip() for name, value in parts}
    font = pairs.pop("font", "")
    size = re.search(r"([\d.]+px)", font)
    if size:
        pairs["font-size"] = size.group(1)
    return "".join(f' {name}="{_escaped(value)}"' for name, value in sorted(pairs.items()))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
