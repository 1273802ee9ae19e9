"""A gate's answer as JSON for machines, as Markdown for a comment under a change, and as lines for a terminal."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import msgspec

from evals.results import Result
from reports.gate import OUTCOME_WORDS, GateReport, Outcome, Verdict
from reports.wording import number, percent, signed, signed_span

GATE_SCHEMA: Final = "anymodal.gate/1"
_ESCAPES: Final = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&\\`*_[]<>|#~@"})
_MARKS: Final[Mapping[Outcome, str]] = {"pass": "✅", "regressed": "❌", "undecided": "❔"}


def headline(report: GateReport) -> str:
    """The answer in one sentence."""
    n, n_such = len(report.verdicts), sum(verdict.outcome == report.outcome for verdict in report.verdicts)
    such = f"{n_such} of {n} {'benchmark' if n == 1 else 'benchmarks'}"
    if report.outcome == "pass":
        return f"Pass: no benchmark of {n} dropped by more than allowed." if n > 1 else "Pass: no drop beyond allowed."
    if report.outcome == "regressed":
        return f"Regressed: {such} got worse by more than allowed."
    return f"Cannot decide: {such} could not be judged."


def explanation(report: GateReport) -> str:
    """How the answer was found, in plain words."""
    policy = report.policy
    risk = (1 - policy.level) / 2
    text = (
        f"Differences are candidate minus baseline over the same items, with {percent(policy.level)} intervals. "
        "Pass: the bad end of the interval stays within the allowed drop. Regressed: the interval excludes "
        '"no worse" and the drop exceeds the allowed one. Anything else cannot be decided from these items.'
    )
    if len(report.verdicts) > 1:
        text += (
            " One regressed benchmark fails the gate, so one-sided p values are raised by Holm's correction: "
            f"the chance of any false alarm among the {len(report.verdicts)} stays at or below {percent(risk)}."
        )
    return text


def encode_gate(report: GateReport) -> bytes:
    """The report as canonical JSON of schema "anymodal.gate/1", with one trailing newline."""
    content = {
        "schema": GATE_SCHEMA,
        "outcome": report.outcome,
        "exit_code": report.exit_code,
        "headline": headline(report),
        "explanation": explanation(report),
        "policy": asdict(report.policy),
        "verdicts": [_verdict(verdict) for verdict in report.verdicts],
    }
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2) + b"\n"


def markdown(report: GateReport) -> str:
    """A summary for a comment under a change; cells are escaped."""
    lines = [
        f"### {_MARKS[report.outcome]} {headline(report)}",
        "",
        "| | benchmark | metric | baseline | candidate | difference | allowed drop |",
        "|---|---|---|---:|---:|---:|---:|",
        *(_markdown_row(verdict) for verdict in report.verdicts),
        "",
        *(f"- **{_cell(verdict.benchmark)}**: {_cell('; '.join(verdict.reasons))}" for verdict in report.verdicts),
        "",
        f"<sub>{explanation(report)}</sub>",
        "",
    ]
    return "\n".join(lines)


def figures(verdict: Verdict) -> tuple[str, str, str, str]:
    """Baseline, candidate, their difference and the allowed drop, as they read in a table."""
    unit, found = verdict.unit, verdict.difference
    values = (result.value if result else None for result in (verdict.baseline, verdict.candidate))
    baseline, candidate, allowed = (number(value, unit) for value in (*values, verdict.max_drop))
    return baseline, candidate, signed(found.value, unit) if found else "–", allowed


def _markdown_row(verdict: Verdict) -> str:
    baseline, candidate, change, allowed = figures(verdict)
    if found := verdict.difference:
        change = f"{change} {signed_span(found.low, found.high, verdict.unit)}"
    result = verdict.baseline or verdict.candidate
    outcome = f"{_MARKS[verdict.outcome]} {OUTCOME_WORDS[verdict.outcome]}"
    names = _cell(verdict.benchmark), _cell(result.metric) if result else "–"
    return f"| {' | '.join((outcome, *names, baseline, candidate, change, allowed))} |"


def _cell(text: str) -> str:
    """Text from outside that can neither end a cell nor bring markup or mentions of its own."""
    return " ".join(text.split()).translate(_ESCAPES)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    result = verdict.baseline or verdict.candidate
    return {
        "benchmark": verdict.benchmark,
        "outcome": verdict.outcome,
        "reasons": list(verdict.reasons),
        **{name: getattr(result, name, None) for name in ("metric", "protocol_id", "unit", "higher_is_better")},
        "baseline": _side(verdict.baseline),
        "candidate": _side(verdict.candidate),
        "difference": asdict(verdict.difference) if verdict.difference else None,
        "adjusted_p_value": verdict.adjusted_p_value,
        "max_drop": verdict.max_drop,
    }


def _side(result: Result | None) -> dict[str, Any] | None:
    return {"value": result.value, "n": result.n, "unscored": dict(result.unscored)} if result else None
