"""The difference between two runs of one protocol: paired by item where the metric is a mean over items."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
import pyarrow.compute as pc

from evals.results import Interval, Result, Run, RunFolder, Scored
from evals.statistics import FloatArray, cluster_sums, mean_of_sums, paired_difference
from shards.errors import UndecidedError, UsageError

_MEAN_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline in the result's unit, with its interval.

    `p_value` is two-sided. "paired" resamples clusters of shared items; "unpaired" joins the two runs' own intervals,
    which is wider than need be, because it cannot know that both runs met the same items.
    """

    value: float
    low: float
    high: float
    level: float
    p_value: float
    n_items: int
    n_clusters: int | None
    method: Literal["paired", "unpaired"]


@dataclass(frozen=True)
class ProtocolDifference:
    """One field in which two protocols differ."""

    field: str
    baseline: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.field}: {self.baseline!r} against {self.candidate!r}"


@dataclass(frozen=True)
class Items:
    """Item rows as arrays, sorted by id; an unscored item has value 0 here, as the official rules count it.

    `parts` [n, 2] are what the number is a ratio of where items carry the whole of it: value and 1 for a mean.
    """

    ids: Sequence[str]
    values: FloatArray
    parts: FloatArray
    clusters: Sequence[str]


def protocol_differences(baseline: Run, candidate: Run) -> tuple[ProtocolDifference, ...]:
    """Field by field what differs between two protocols; networks are compared one by one."""
    sides = [_flat_protocol(run) for run in (baseline, candidate)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    pairs = [(name, sides[0].get(name, "(none)"), sides[1].get(name, "(none)")) for name in names]
    return tuple(ProtocolDifference(*pair) for pair in pairs if pair[1] != pair[2])


def check_same_protocol(baseline: Run, candidate: Run) -> None:
    """Refuse two runs whose numbers mean different things.

    Raises:
        UndecidedError: If the protocol ids differ; the message says in which fields.
    """
    if baseline.protocol_id == candidate.protocol_id:
        return
    differing = "; ".join(str(difference) for difference in protocol_differences(baseline, candidate))
    found = differing or f"ids {baseline.protocol_id} and {candidate.protocol_id} although all fields agree"
    place = f"{baseline.model} and {candidate.model} on {baseline.benchmark}"
    remedy = "run both under the same protocol, then compare again"
    raise UndecidedError(place, expected="two runs of one protocol", found=found, remedy=remedy)


def read_items(folder: RunFolder) -> Items:
    """The item rows of a run as arrays."""
    table, metric = folder.items(), folder.result.metric
    own = metric if metric in table.column_names else "value"
    values, *parts = (
        np.asarray(pc.fill_null(table[name], 0.0).to_numpy(), dtype=np.float64)
        for name in (own, *(folder.result.ratio_of or ()))
    )
    told = pc.or_(pc.is_valid(table[own]), pc.is_valid(table["unscored"]))
    is_of_items = float(pc.all(told).as_py() or False)  # where items have neither value nor reason, sets are compared
    joined = np.column_stack(parts or [values, np.full(len(values), is_of_items)])
    return Items(table["id"].to_pylist(), values, joined, table["cluster"].to_pylist())


def by_metric(folder: RunFolder, name: str) -> RunFolder:
    """The run with one of its further metrics in front, under that metric's own protocol and networks.

    Raises:
        UsageError: If it has no such metric.
    """
    metrics, protocol = folder.result.metrics, folder.run.protocol
    if name not in metrics:
        raise UsageError("--metric", expected=f"one of {', '.join(metrics)}", found=name, remedy=str(folder.path))
    scorer = metrics[name].protocol
    named = [name for token in re.split("[@/]", scorer) for name in (token, token.rpartition("-")[0])]
    networks = {network: weights for network, weights in protocol.networks.items() if network in named}
    own = msgspec.structs.replace(protocol, scorer=scorer, networks=networks)
    run = msgspec.structs.replace(folder.run, protocol=own, protocol_id=own.id, chance=None)
    return RunFolder(folder.path, run, Scored(metrics[name], metrics, {}, ()).result(own.id))


def unit_scale(result: Result) -> float:
    """By how much item values (fractions or raw) are multiplied to be in the result's unit."""
    return 100.0 if result.unit == "percent" else 1.0


def is_item_mean(result: Result, items: Items) -> bool:
    """Whether the mean of item values (or the ratio of their sums) is the result: items carry the whole number."""
    above, below = (math.fsum(column) for column in items.parts.T.tolist())
    if result.value is None or not below:
        return False
    mean = unit_scale(result) * above / below
    return math.isclose(mean, result.value, rel_tol=_MEAN_TOLERANCE, abs_tol=_MEAN_TOLERANCE)


def difference(
    baseline: RunFolder, candidate: RunFolder, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Difference:
    """Candidate minus baseline with an interval at `level`.

    Raises:
        UndecidedError: If the protocols or the items differ, a run has no value, or there is no interval to be had.
    """
    check_same_protocol(baseline.run, candidate.run)
    before, after = read_items(baseline), read_items(candidate)
    _check_same_items(baseline, before, after)
    if is_item_mean(baseline.result, before) and is_item_mean(candidate.result, after):
        return _paired(baseline.result, before, after, level=level, resamples=resamples, seed=seed)
    return _unpaired(baseline, candidate, level=level)


def _paired(result: Result, before: Items, after: Items, *, level: float, resamples: int, seed: int) -> Difference:
    scale = unit_scale(result)
    sums = [cluster_sums(items.parts * [scale, 1.0], items.clusters) for items in (before, after)]
    found = paired_difference(
        sums[0], sums[1], mean_of_sums, n_items=len(before.ids), level=level, resamples=resamples, seed=seed
    )
    if found.interval is None:
        place, told = f"{result.metric} over {found.n_items} items", f"{found.n_clusters} cluster"
        expected = "an interval for the difference, which needs two clusters or more"
        raise UndecidedError(place, expected=expected, found=told, remedy="run more items")
    low, high, n_items = found.interval.low, found.interval.high, found.n_items
    return Difference(found.difference, low, high, level, found.p_value, n_items, found.n_clusters, "paired")


def _unpaired(baseline: RunFolder, candidate: RunFolder, *, level: float) -> Difference:
    """Join two intervals by the square-and-add method, which keeps their asymmetry.

    Source: Zou and Donner 2008, Statistics in Medicine 27:1693-1702 (MOVER).
    """
    old, old_interval = _value_with_interval(baseline, level)
    new, new_interval = _value_with_interval(candidate, level)
    value = new - old
    low = value - math.hypot(new - new_interval.low, old_interval.high - old)
    high = value + math.hypot(new_interval.high - new, old - old_interval.low)
    towards_zero = high - value if value < 0 else value - low
    p_value, n_items = _normal_p_value(value, towards_zero, level), min(baseline.result.n, candidate.result.n)
    return Difference(value, low, high, level, p_value, n_items, None, "unpaired")


def _normal_p_value(value: float, half_width: float, level: float) -> float:
    """Two-sided p value of a normal difference whose interval at `level` has this half width towards 0."""
    if half_width <= 0:
        return 1.0 if value == 0 else 0.0
    z = abs(value) / half_width * NormalDist().inv_cdf((1 + level) / 2)
    return 2 * NormalDist().cdf(-z)


def _value_with_interval(folder: RunFolder, level: float) -> tuple[float, Interval]:
    value, interval = folder.result.value, folder.result.interval
    if value is None or interval is None:
        missing = "no value" if value is None else "no interval"
        raise UndecidedError(str(folder.path), expected=f"a value with a {level:g} interval", found=missing)
    if not math.isclose(interval.level, level):
        expected = f"an interval at level {level:g}: this metric is no mean over items and cannot be resampled here"
        there = f"level {interval.level:g}"
        raise UndecidedError(str(folder.path), expected=expected, found=there, remedy=f"ask for {there}")
    return value, interval


def _check_same_items(baseline: RunFolder, before: Items, after: Items) -> None:
    if before.ids == after.ids and before.clusters == after.clusters:
        return
    differing = sorted(set(before.ids) ^ set(after.ids)) or ["the clusters differ"]
    expected = "the same items on both sides, as the equal protocol ids promise"
    found = f"{len(differing)} that differ, such as {differing[0]}"
    remedy = "a run folder was changed by hand; run it again"
    raise UndecidedError(baseline.run.benchmark, expected=expected, found=found, remedy=remedy)


def _flat_protocol(run: Run) -> dict[str, str]:
    fields = {name: getattr(run.protocol, name) for name in run.protocol.__struct_fields__ if name != "networks"}
    return fields | {f"networks.{name}": digest for name, digest in sorted(run.protocol.networks.items())}
