"""Two runs side by side: is the difference real, and which items made it?"""

from dataclasses import asdict, dataclass
from typing import Final

import msgspec
import numpy as np

from evals.results import RunFolder
from reports.pairing import Difference, difference, read_items, unit_scale
from reports.wording import EXPOSURE_WORDS, p_value, percent, signed, signed_span, unscored_words

COMPARISON_SCHEMA: Final = "anymodal.comparison/1"
_FINDINGS: Final = ("is_distinguishable", "sentence", "notes", "n_better", "n_worse", "better", "worse")


@dataclass(frozen=True)
class ItemChange:
    """An item whose value changed, in the result's unit; unscored counts as 0. Texts are what the models said."""

    id: str
    baseline: float
    candidate: float
    baseline_text: str
    candidate_text: str


@dataclass(frozen=True)
class Comparison:
    """A difference in words and in numbers.

    `better` and `worse` list the items that moved most, in the direction that is good and bad for this metric.
    """

    baseline: RunFolder
    candidate: RunFolder
    difference: Difference
    n_better: int
    n_worse: int
    better: tuple[ItemChange, ...]
    worse: tuple[ItemChange, ...]
    notes: tuple[str, ...]

    @property
    def is_distinguishable(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return not self.difference.low <= 0 <= self.difference.high

    @property
    def is_worse(self) -> bool:
        """Whether the candidate is distinguishably worse in the metric's direction."""
        sign = 1 if self.candidate.result.higher_is_better else -1
        return self.is_distinguishable and sign * self.difference.value < 0

    @property
    def sentence(self) -> str:
        """The comparison as one sentence for people."""
        found, unit = self.difference, self.candidate.result.unit
        verdict = ("worse" if self.is_worse else "better") if self.is_distinguishable else "not distinguishable"
        interval = f"{percent(found.level)} interval {signed_span(found.low, found.high, unit)}"
        names = [f"{side.run.model} ({side.path.name})" for side in (self.baseline, self.candidate)]
        if self.baseline.run.model != self.candidate.run.model:
            names = [self.baseline.run.model, self.candidate.run.model]
        return (
            f"{names[1]} is {verdict} {'than' if self.is_distinguishable else 'from'} {names[0]} "
            f"on {self.candidate.run.benchmark}: {signed(found.value, unit)} {self.candidate.result.metric} "
            f"({interval}, p {p_value(found.p_value)}, {found.method} over {found.n_items:,} items)."
        )


def compare(
    baseline: RunFolder,
    candidate: RunFolder,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    n_changes: int = 5,
) -> Comparison:
    """Compare two runs of one protocol.

    Raises:
        UndecidedError: If the protocols differ (says in which fields), or there is no interval to be had.
    """
    found = difference(baseline, candidate, level=level, resamples=resamples, seed=seed)
    before, after = read_items(baseline), read_items(candidate)
    gains = (after.values - before.values) * (1 if candidate.result.higher_is_better else -1)
    order = np.argsort(-gains, kind="stable")  # ties stay in the order of ids
    best = [int(i) for i in order[:n_changes] if gains[i] > 0]
    worst = [int(i) for i in np.argsort(gains, kind="stable")[:n_changes] if gains[i] < 0]
    moved = {before.ids[i] for i in [*best, *worst]}
    texts = [{row.id: row.text for row in side.generations() if row.id in moved} for side in (baseline, candidate)]
    scale = unit_scale(candidate.result)

    def change(i: int) -> ItemChange:
        key = before.ids[i]
        old, new = scale * float(before.values[i]), scale * float(after.values[i])
        return ItemChange(key, old, new, texts[0].get(key, ""), texts[1].get(key, ""))

    return Comparison(
        baseline=baseline,
        candidate=candidate,
        difference=found,
        n_better=int(np.count_nonzero(gains > 0)),
        n_worse=int(np.count_nonzero(gains < 0)),
        better=tuple(change(i) for i in best),
        worse=tuple(change(i) for i in worst),
        notes=_notes(baseline, candidate, found),
    )


def _notes(baseline: RunFolder, candidate: RunFolder, found: Difference) -> tuple[str, ...]:
    notes = []
    result = candidate.result
    if found.method == "unpaired":
        notes.append(
            f"{result.metric} is no mean over items: the two runs' own intervals were joined as if they had met "
            "different items, which is wider than need be; the items below explain, they do not add up."
        )
    exposures = [EXPOSURE_WORDS[folder.run.exposure] for folder in (baseline, candidate)]
    if exposures[0] != exposures[1]:
        notes.append(f"The exposures differ: {exposures[0]} against {exposures[1]}.")
    unscored = [unscored_words(folder.result.unscored) or "none" for folder in (baseline, candidate)]
    if unscored != ["none", "none"]:
        notes.append(f"Items without a score: {unscored[0]} before, {unscored[1]} after; they count as 0.")
    if not result.higher_is_better:
        notes.append(f"Lower {result.metric} is better.")
    return tuple(notes)


def encode_comparison(comparison: Comparison) -> bytes:
    """The comparison as canonical JSON of schema "anymodal.comparison/1", with one trailing newline."""
    sides = {"baseline": comparison.baseline, "candidate": comparison.candidate}
    content = {
        "schema": COMPARISON_SCHEMA,
        "benchmark": comparison.candidate.run.benchmark,
        "protocol_id": comparison.candidate.run.protocol_id,
        **{name: {"model": side.run.model, "result": side.result} for name, side in sides.items()},
        "difference": asdict(comparison.difference),
        **{name: getattr(comparison, name) for name in _FINDINGS},
    }
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=2) + b"\n"
