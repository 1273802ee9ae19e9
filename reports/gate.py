"""Did the candidate get worse? Three outcomes, told apart by one rule.

With d = candidate - baseline, turned so that more is better, [low, high] its interval and m >= 0 the allowed drop:

    pass            low >= -m                     even the bad end of the interval lies within the allowed drop
    regressed       high < 0 and d < -m           surely worse, and by more than allowed as far as we can tell
    cannot decide   everything else               the data do not rule out a drop beyond m, nor do they show one

As low <= d, a run that passes has d >= -m: no two outcomes hold at once. A drop that is real but within the allowed
one passes, and says so. Several benchmarks: one alarm fails the gate, so the chance of a false alarm would grow with
their number; "regressed" therefore also needs a one-sided p value that, after Holm's correction, is at most
(1 - level) / 2: the chance of any false alarm in the whole gate stays at or below that. To pass, every benchmark must
pass; that needs no correction. The worst outcome wins: regressed, then cannot decide, then pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from evals.results import Result, RunFolder, Unit
from reports.pairing import Difference, check_same_protocol, difference
from reports.policy import GatePolicy
from reports.wording import number, p_value, percent, signed, signed_span, unscored_words
from shards.errors import UndecidedError, UsageError

Outcome = Literal["pass", "regressed", "undecided"]

EXIT_CODES: Final[Mapping[Outcome, int]] = {"pass": 0, "regressed": 1, "undecided": 3}
OUTCOME_WORDS: Final[Mapping[Outcome, str]] = {"pass": "pass", "regressed": "regressed", "undecided": "cannot decide"}
_FROM_WORST: Final[Sequence[Outcome]] = ("regressed", "undecided", "pass")


@dataclass(frozen=True)
class Verdict:
    """The gate's answer on one benchmark.

    `max_drop` is in the metric's unit; `adjusted_p_value` is one-sided, against "no worse", after Holm. `difference`
    is candidate minus baseline as measured (not turned), None where none can be had. `reasons` say why in plain
    words, the deciding one first.
    """

    benchmark: str
    outcome: Outcome
    reasons: tuple[str, ...]
    baseline: Result | None = None
    candidate: Result | None = None
    difference: Difference | None = None
    max_drop: float | None = None
    adjusted_p_value: float | None = None

    @property
    def unit(self) -> Unit:
        """The unit of the metric; "raw" where no side has a result."""
        result = self.baseline or self.candidate
        return result.unit if result else "raw"


@dataclass(frozen=True)
class GateReport:
    """The answer over all benchmarks, and the policy it was found under."""

    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    policy: GatePolicy

    @property
    def exit_code(self) -> int:
        """0 pass, 1 regressed, 3 cannot decide."""
        return EXIT_CODES[self.outcome]


def decide_gate(baseline: Sequence[RunFolder], candidate: Sequence[RunFolder], policy: GatePolicy) -> GateReport:
    """Judge the candidate's runs against the baseline's, benchmark by benchmark.

    Raises:
        UsageError: If a side is empty or holds two runs of one benchmark and protocol, if the sides mix world and
            public benchmarks, or if the policy names a benchmark that neither side has.
    """
    names = sorted({folder.run.benchmark for folder in [*baseline, *candidate]})
    _check_sides(baseline, candidate, policy)
    first = [verdict for name in names for verdict in _of_benchmark(name, baseline, candidate, policy)]
    verdicts = tuple(_judge(verdict, policy) for verdict in _with_holm(first))
    outcome = next(outcome for outcome in _FROM_WORST if any(verdict.outcome == outcome for verdict in verdicts))
    return GateReport(outcome=outcome, verdicts=verdicts, policy=policy)


def decide(found: Difference, *, higher_is_better: bool, max_drop: float, adjusted_p_value: float) -> Outcome:
    """The rule at the top of this module for one difference."""
    sign = 1 if higher_is_better else -1
    change = sign * found.value
    low, high = (found.low, found.high) if higher_is_better else (-found.high, -found.low)
    if min(low, change) >= -max_drop:
        return "pass"
    is_surely_worse = high < 0 and adjusted_p_value <= (1 - found.level) / 2
    return "regressed" if is_surely_worse and change < -max_drop else "undecided"


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given.

    Source: Holm 1979, Scandinavian Journal of Statistics 6:65-70.
    """
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - step) * p_values[index]))
        adjusted[index] = running
    return adjusted


def _check_sides(baseline: Sequence[RunFolder], candidate: Sequence[RunFolder], policy: GatePolicy) -> None:
    sides = {"baseline": baseline, "candidate": candidate}
    faults = [f"{side} has no runs" for side, runs in sides.items() if not runs]
    domains = {folder.run.domain for folder in [*baseline, *candidate]}
    if len(domains) > 1:
        faults.append("world and public benchmarks together; gate them apart")
    faults += [f"{side} has {text}" for side, runs in sides.items() for text in _doubles(runs)]
    unknown = set(policy.max_drop_by_benchmark) - {folder.run.benchmark for folder in [*baseline, *candidate]}
    faults += [f"max_drop_by_benchmark names {name!r}, which neither side has" for name in sorted(unknown)]
    if faults:
        raise UsageError("gate", expected="one run per benchmark and protocol on each side", found="; ".join(faults))


def _doubles(runs: Iterable[RunFolder]) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    for folder in runs:
        groups.setdefault((folder.run.benchmark, folder.run.protocol_id), []).append(str(folder.path))
    doubled = [(name, paths) for (name, _), paths in sorted(groups.items()) if len(paths) > 1]
    return [f"{len(paths)} runs of {name} ({', '.join(paths)})" for name, paths in doubled]


def _of_benchmark(
    name: str, baseline: Sequence[RunFolder], candidate: Sequence[RunFolder], policy: GatePolicy
) -> list[Verdict]:
    """Verdicts of one benchmark, still undecided: differences are there, the rule has not been applied."""
    before = {folder.run.protocol_id: folder for folder in baseline if folder.run.benchmark == name}
    after = {folder.run.protocol_id: folder for folder in candidate if folder.run.benchmark == name}
    shared = sorted(before.keys() & after.keys())
    if shared:
        return [_measured(before[key], after[key], policy) for key in shared]
    if not before or not after:
        side = "baseline" if not before else "candidate"
        return [Verdict(name, "undecided", (f"the {side} has no run of it",))]
    return [_of_unlike_protocols(next(iter(before.values())), next(iter(after.values())))]


def _of_unlike_protocols(before: RunFolder, after: RunFolder) -> Verdict:
    try:
        check_same_protocol(before.run, after.run)
    except UndecidedError as error:
        reason = f"the protocols differ in {error.found}"
    return Verdict(before.run.benchmark, "undecided", (reason,), before.result, after.result)


def _measured(before: RunFolder, after: RunFolder, policy: GatePolicy) -> Verdict:
    name = before.run.benchmark
    verdict = Verdict(name, "undecided", (), before.result, after.result)
    n_items = min(before.result.n, after.result.n)
    if n_items < policy.min_items:
        reason = f"{n_items} items are fewer than the policy's minimum of {policy.min_items}"
        return replace(verdict, reasons=(reason,))
    try:
        found = difference(before, after, level=policy.level, resamples=policy.resamples, seed=policy.seed)
    except UndecidedError as error:
        return replace(verdict, reasons=(str(error),))
    return replace(verdict, difference=found, max_drop=policy.allowed_drop(name, before.result))


def _with_holm(verdicts: Sequence[Verdict]) -> list[Verdict]:
    adjusted = iter(holm([_worse_p_value(verdict) for verdict in verdicts if verdict.difference]))
    return [replace(v, adjusted_p_value=next(adjusted)) if v.difference else v for v in verdicts]


def _worse_p_value(verdict: Verdict) -> float:
    """One-sided p value against "no worse": half the two-sided one, which is symmetric under exchange."""
    if verdict.difference is None or verdict.baseline is None:
        return 1.0
    sign = 1 if verdict.baseline.higher_is_better else -1
    half = verdict.difference.p_value / 2
    return half if sign * verdict.difference.value < 0 else 1 - half


def _judge(verdict: Verdict, policy: GatePolicy) -> Verdict:
    found, before, after = verdict.difference, verdict.baseline, verdict.candidate
    if found is None or before is None or after is None:
        return verdict
    max_drop, adjusted = verdict.max_drop or 0.0, verdict.adjusted_p_value or 0.0
    outcome = decide(found, higher_is_better=before.higher_is_better, max_drop=max_drop, adjusted_p_value=adjusted)
    reasons = [_reason(outcome, verdict, found)]
    rise = _unscored_share(after) - _unscored_share(before)
    if rise > 0:
        reasons.append(
            f"items without a score rose by {percent(rise)} of all, to {unscored_words(after.unscored)}; "
            f"the policy allows {percent(policy.max_unscored_rise)}"
        )
    if outcome == "pass" and rise > policy.max_unscored_rise:
        return replace(verdict, outcome="undecided", reasons=tuple(reversed(reasons)))
    return replace(verdict, outcome=outcome, reasons=tuple(reasons))


def _unscored_share(result: Result) -> float:
    return sum(result.unscored.values()) / result.n if result.n else 0.0


def _reason(outcome: Outcome, verdict: Verdict, found: Difference) -> str:
    """Why, in one sentence."""
    unit, max_drop = verdict.unit, verdict.max_drop or 0.0
    span = signed_span(found.low, found.high, unit)
    measured = f"{signed(found.value, unit)}, {percent(found.level)} interval {span}"
    allowed = f"the allowed drop of {number(max_drop, unit)}"
    higher_is_better = verdict.baseline is None or verdict.baseline.higher_is_better
    if outcome == "regressed":
        return f"worse by more than {allowed}: {measured}, p {p_value(verdict.adjusted_p_value or 0.0)} after Holm"
    if outcome == "pass":
        is_worse = found.high < 0 if higher_is_better else found.low > 0
        return f"{'measurably worse, but' if is_worse else 'any drop is'} within {allowed}: {measured}"
    return f"a drop beyond {allowed} is neither shown nor ruled out: {measured}{_enough_items(found, max_drop)}"


def _enough_items(found: Difference, max_drop: float) -> str:
    """How many items would decide if the two were equal: the interval shrinks with the square root of their number."""
    half_width = (found.high - found.low) / 2
    if max_drop <= 0 or half_width <= max_drop:
        return ""
    needed = round(found.n_items * (half_width / max_drop) ** 2, -2)
    return f"; about {needed:,.0f} items like these would decide it between equal models"
