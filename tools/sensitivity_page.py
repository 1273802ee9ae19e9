"""The page of tools.sensitivity: curves, whether they are in order, the table and the picture."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure

FALLING: Final = ("precision", "recall", "Inception Score", "CLIPScore", "CLIPSIM", "CLAP score")
"""Metrics of which less is worse."""
VERDICTS: Final = ("no", "within noise", "on average", "yes")


class Curve(NamedTuple):
    """One metric under one damage: values [splits, levels], the undamaged first."""

    medium: str
    n: int
    metric: str
    damage: str
    levels: Sequence[float]
    values: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def order(self) -> str:
        """The worst verdict on a step down in quality, and to which levels; steps are taken within each split."""
        steps = np.diff(self.values, axis=1) * (-1 if self.metric in FALLING else 1)
        mean, deviation = steps.mean(axis=0), steps.std(axis=0, ddof=1)
        certain = 2 * deviation / math.sqrt(len(steps))  # two standard errors of the mean over splits
        verdicts = np.select([mean < -certain, mean <= certain, mean <= deviation], [0, 1, 2], 3)
        worst = int(verdicts.min())
        where = ", ".join(str(level) for level in np.flatnonzero(verdicts == worst) + 1)
        return VERDICTS[worst] if worst == len(VERDICTS) - 1 else f"{VERDICTS[worst]} ({where})"


def report(found: Sequence[Curve], introduction: str, remarks: str) -> str:
    """The document: how it was made, the picture, the table, what is to be said of rows that are not in order."""
    n_levels = 1 + max(len(curve.levels) for curve in found)
    head = ["media", "metric", "damage", "none", *map(str, range(1, n_levels)), "in order"]
    lines = [introduction, "![curves](sensitivity.png)", "", _row(head), _row(["---"] * len(head))]
    for curve in found:
        cells = [f"{_short(one.mean(), 4)} ± {_short(one.std(ddof=1), 2)}" for one in curve.values.T]
        levels = "/".join(f"{level:.3g}" for level in curve.levels)
        first = [f"{curve.medium}, {curve.n}", curve.metric, f"{curve.damage} {levels}"]
        lines.append(_row([*first, *cells, *[""] * (n_levels - len(cells)), curve.order]))
    return "\n".join(lines) + "\n" + (f"\n{remarks}" if remarks else "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _short(number: float, digits: int) -> str:
    """So many digits, and 0 for what is smaller than a thousandth."""
    return f"{number:.{digits}g}" if abs(number) >= 0.001 else "0"


def plot(found: Sequence[Curve], path: Path) -> None:
    """A panel for each medium and metric, a line for each damage, its deviation as a band."""
    panels = list(dict.fromkeys((curve.medium, curve.metric) for curve in found))
    rows = math.ceil(len(panels) / 4)
    figure = Figure(figsize=(15, 3.1 * rows), layout="constrained")
    for cell, panel in zip(figure.subplots(rows, 4, squeeze=False).flat, panels, strict=False):
        for curve in (one for one in found if (one.medium, one.metric) == panel):
            mean, deviation = curve.values.mean(axis=0), curve.values.std(axis=0, ddof=1)
            places = range(len(mean))
            cell.plot(places, mean, marker="o", markersize=4, label=curve.damage)
            cell.fill_between(places, mean - deviation, mean + deviation, alpha=0.2)
        cell.set_title(f"{panel[0]}: {panel[1]} ({'less' if panel[1] in FALLING else 'more'} is worse)", fontsize=10)
        cell.set_xticks(range(5), ["none", "1", "2", "3", "4"])
        cell.grid(alpha=0.3)
        cell.legend(fontsize=8)
        if panel[1] == "Frechet distance":
            cell.set_yscale("log")
        elif panel[1] == "kernel distance":
            cell.set_yscale("symlog", linthresh=0.1)
            cell.set_ylim(bottom=-0.1)
    for cell in figure.axes[len(panels) :]:
        cell.set_axis_off()
    figure.supxlabel(
        "level of damage: each twice as strong as the one before (wrong captions: 25, 50, 100 %)", fontsize=10
    )
    figure.savefig(path, dpi=75, metadata={"Software": None})
