"""Golden vectors of every protocol: our values beside the official ones, and beside the rules of other harnesses."""

import math
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Final

import msgspec

from evals.harness.conform_vectors import Values, Vectors, load_vectors
from evals.harness.peer_rules import RULES, PeerRule
from evals.metrics.answers import score_answers, score_yes_no
from evals.metrics.auroc import score_auroc
from evals.metrics.captions import score_captions
from evals.metrics.chair import chair_truth, score_chair
from evals.metrics.choices import score_choices
from evals.metrics.gqa import score_gqa
from evals.metrics.ptb import ptb_tokenize
from evals.metrics.rec import score_rec
from evals.metrics.vqa import score_vqa
from evals.results import Scored

TOLERANCE: Final = 1e-9
NOTE: Final = (
    "Official values are the official programs' where there is one, else worked out from the published definition. "
    "CHAIR is replayed on a small table of objects made for this; METEOR and SPICE need Java and are not replayed. "
    "Deviations are those of each program's rule as published at the commit named, written anew and replayed on our "
    "vectors; the programs themselves were not run."
)


class Check(msgspec.Struct, frozen=True):
    """One protocol: how many values were compared, and the largest difference between ours and the official ones."""

    protocol: str
    vectors: int
    largest_difference: float
    is_ok: bool


class Deviation(msgspec.Struct, frozen=True):
    """One rule of another harness: our value and its value on the same vectors; None where it has none.

    `changed` counts the vectors whose own values differ, also where the means agree.
    """

    harness: str
    rule: str
    protocol: str
    vectors: int
    changed: int | None
    ours: float
    theirs: float | None
    difference: float | None


class Conformance(msgspec.Struct, frozen=True):
    """All checks and deviations; `is_ok` if every check is."""

    is_ok: bool
    note: str
    tolerance: float
    checks: Sequence[Check]
    deviations: Sequence[Deviation]


def conform(vectors: Vectors | None = None) -> Conformance:
    """Replay the vectors; those of the package if None are given."""
    vectors = load_vectors() if vectors is None else vectors
    found: dict[str, list[float]] = {}
    for protocol, differences in _differences(vectors):
        found.setdefault(protocol, []).extend(differences)
    checks = [Check(name, len(all_), max(all_), max(all_) <= TOLERANCE) for name, all_ in found.items()]
    deviations = [_deviation(rule, vectors) for rule in RULES]
    return Conformance(all(check.is_ok for check in checks), NOTE, TOLERANCE, checks, deviations)


def _differences(vectors: Vectors) -> Iterator[tuple[str, list[float]]]:
    """Protocol and differences of each case; of tokens, 1 for a line that differs."""
    for official, scored in _scored(vectors):
        numbers = {scored.primary.metric: scored.primary, **scored.metrics}
        ours = {row.id: row.value for row in scored.rows} | {name: one.value for name, one in numbers.items()}
        yield scored.primary.protocol, [_difference(ours[name], value) for name, value in official.items()]
    for case in vectors.ptb:
        lines = [" ".join(words) for words in ptb_tokenize(case.captions)][: len(case.tokens)]
        yield "ptb@coco", [float(line != tokens) for line, tokens in zip(lines, case.tokens, strict=True)]


def _difference(ours: float | None, official: float | None) -> float:
    """An unscored item counts as 0, unless officially it has no value either."""
    if official is None:
        return 0.0 if ours is None else math.inf
    return abs((ours or 0.0) - official)


def _scored(vectors: Vectors) -> Iterator[tuple[Values, Scored]]:
    """Official values, and our scores, of each case under each of its protocols; first those of official programs."""
    for revision, official in vectors.vqa.official.items():
        yield official, score_vqa(vectors.vqa.truths, vectors.vqa.answers, revision=revision)
    for texts in vectors.captions:
        references = {str(place): group for place, group in enumerate(texts.truths)}
        for metric, official in texts.official.items():
            yield official, score_captions(references, texts.answers, metrics=(metric,))
    chair = vectors.chair
    truth = chair_truth([chair.instances], chair.references, table=chair.synonyms)
    yield chair.official, score_chair(truth, chair.answers)
    for rule, official in vectors.rec.official.items():
        yield official, score_rec(vectors.rec.truths, vectors.rec.answers, protocol=rule)
    yield from _scored_by_definition(vectors)


def _scored_by_definition(vectors: Vectors) -> Iterator[tuple[Values, Scored]]:
    for words in vectors.answers:
        for match, official in words.official.items():
            yield official, score_answers(words.truths, words.answers, protocol=match)
    for reading, official in vectors.yes_no.official.items():
        yield official, score_yes_no(vectors.yes_no.truths, vectors.yes_no.answers, protocol=reading)
    for options in vectors.choices:
        for choice, official in options.official.items():
            yield official, score_choices(options.truths, options.answers, protocol=choice)
    for ranks in vectors.auroc:
        yield ranks.official["auroc"], score_auroc(ranks.truths, ranks.answers)
    gqa = vectors.gqa
    yield gqa.official, score_gqa(gqa.questions, gqa.answers, choices=gqa.choices, with_consistency=True)


def _deviation(rule: PeerRule, vectors: Vectors) -> Deviation:
    ours, theirs = rule.replay(vectors)
    names, mean = (rule.harness, rule.rule, rule.protocol, len(ours)), fmean(ours)
    if theirs is None:
        return Deviation(*names, None, mean, None, None)
    changed = sum(bool(abs(a - b) > TOLERANCE) for a, b in zip(ours, theirs, strict=True))
    return Deviation(*names, changed, mean, fmean(theirs), fmean(theirs) - mean)
