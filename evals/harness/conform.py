"""Golden vectors of every protocol: our values beside the official ones, and beside the rules of other harnesses."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import msgspec

from evals.harness.conform_vectors import Case, ChairCase, Values, Vectors, load_vectors
from evals.harness.generation import score_sets
from evals.harness.peer_rules import RULES, PeerRule
from evals.metrics.answers import score_answers, score_yes_no
from evals.metrics.auroc import score_auroc
from evals.metrics.captions import frozen_frequencies, score_captions
from evals.metrics.chair import OFFICIAL, OWN, chair_truth, score_chair
from evals.metrics.chair_objects import Synonyms, read_synonyms
from evals.metrics.choices import score_choices
from evals.metrics.gqa import score_gqa
from evals.metrics.ptb import ptb_tokenize
from evals.metrics.rec import score_rec
from evals.metrics.vqa import score_vqa
from evals.results import Scored
from shards.errors import UsageError

TOLERANCE: Final = 1e-9
NOTE: Final = (
    "Official values are the official programs' where there is one, else worked out from the published definition. "
    "FID, FVD and FAD are one distance of features, frechet@ and the name of their network; networks are not run here. "
    "Deviations are those of each program's rule as published at the commit or version named, written anew and "
    "replayed on our vectors; the programs themselves were not run."
)
INVENTED: Final = "the official rules on five objects invented for this"
_SYNONYMS: Final = "data/synonyms.txt of github.com/LisaAnne/Hallucination"


class Check(msgspec.Struct, frozen=True):
    """One protocol: how many values were compared, and the largest difference between ours and the official ones.

    `is_ok` is None where nothing could be compared; `note` then says why, and what to do.
    """

    protocol: str
    vectors: int
    largest_difference: float | None
    is_ok: bool | None
    note: str = ""


WITHOUT_VECTOR: Final = (
    Check("spice@coco", 0, None, None, "no vector: SPICE's jar lacked its models where vectors were made"),
    Check("spider@coco", 0, None, None, "no vector: half of it is SPICE"),
    Check(OWN, 0, None, None, f"no vector: a table of ours; the rules are those of {OFFICIAL}"),
)


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
    """All checks and deviations; `is_ok` if no check differs."""

    is_ok: bool
    note: str
    tolerance: float
    checks: Sequence[Check]
    deviations: Sequence[Deviation]


def conform(vectors: Vectors | None = None, *, synonyms: Path | None = None) -> Conformance:
    """Replay the vectors; those of the package if None are given.

    Args:
        synonyms: The official CHAIR table, which the vectors of chair@official need.

    Raises:
        UsageError: If `synonyms` is another table.
    """
    vectors = load_vectors() if vectors is None else vectors
    found: dict[str, list[float]] = {}
    for protocol, differences in _differences(vectors):
        found.setdefault(protocol, []).extend(differences)
    checks = [_check(name, differences) for name, differences in found.items()]
    checks += [_chair_official(vectors, synonyms), _meteor(vectors), *WITHOUT_VECTOR]
    deviations = [_deviation(rule, vectors) for rule in RULES]
    return Conformance(all(check.is_ok is not False for check in checks), NOTE, TOLERANCE, checks, deviations)


def _check(protocol: str, differences: Sequence[float]) -> Check:
    note = INVENTED if protocol.startswith("chair@synonyms") else ""
    return Check(protocol, len(differences), max(differences), max(differences) <= TOLERANCE, note)


def _differences(vectors: Vectors) -> Iterator[tuple[str, list[float]]]:
    """Protocol and differences of each case; of tokens, 1 for a line that differs."""
    for official, scored in _scored(vectors):
        yield scored.primary.protocol, _compared(official, scored)
    for case in vectors.ptb:
        lines = [" ".join(words) for words in ptb_tokenize(case.captions)][: len(case.tokens)]
        yield "ptb@coco", [float(line != tokens) for line, tokens in zip(lines, case.tokens, strict=True)]


def _compared(official: Values, scored: Scored) -> list[float]:
    numbers = {scored.primary.metric: scored.primary, **scored.metrics}
    ours = {row.id: row.value for row in scored.rows} | {name: one.value for name, one in numbers.items()}
    return [_difference(ours[name], value) for name, value in official.items()]


def _difference(ours: float | None, official: float | None) -> float:
    """An unscored item counts as 0, unless officially it has no value either."""
    if official is None:
        return 0.0 if ours is None else math.inf
    return abs((ours or 0.0) - official)


def _meteor(vectors: Vectors) -> Check:
    case = vectors.meteor
    official = case.official["meteor"]
    try:
        scored = score_captions(case.references, case.answers, metrics=("meteor",))
    except UsageError as error:
        why = f"not replayed: needs {error.expected}, found {error.found}; {error.remedy}"
        return Check("meteor@coco", len(official), None, None, why)
    return _check(scored.primary.protocol, _compared(official, scored))


def _chair_official(vectors: Vectors, synonyms: Path | None) -> Check:
    case = vectors.chair_official
    if synonyms is None:
        why = f"not replayed: needs the official words, {_SYNONYMS}; give them as --synonyms FILE"
        return Check(OFFICIAL, len(case.official), None, None, why)
    scored = _chair(case, read_synonyms(synonyms))
    if scored.primary.protocol != OFFICIAL:
        raise UsageError("--synonyms", expected=f"the table of {OFFICIAL}, {_SYNONYMS}", found=f"another, {synonyms}")
    return _check(OFFICIAL, _compared(case.official, scored))


def _chair(case: ChairCase, table: Synonyms) -> Scored:
    return score_chair(chair_truth([case.instances], case.references, table=table), case.answers)


def _scored(vectors: Vectors) -> Iterator[tuple[Values, Scored]]:
    """Official values, and our scores, of each case under each of its protocols; first those of official programs."""
    for revision, official in vectors.vqa.official.items():
        yield official, score_vqa(vectors.vqa.truths, vectors.vqa.answers, revision=revision)
    for texts in vectors.captions:
        score = partial(score_captions, texts.references, texts.answers, tokenizer=texts.tokenizer)
        for metric, official in texts.official.items():
            yield official, score(metrics=(metric,))
        # Frozen frequencies of the references that are scored are the official ones.
        frozen = frozen_frequencies(texts.references, tokenizer=texts.tokenizer)
        yield texts.official["cider"], score(document_frequencies=frozen)
    yield vectors.chair.official, _chair(vectors.chair, vectors.chair.synonyms)
    for rule, official in vectors.rec.official.items():
        yield official, score_rec(vectors.rec.truths, vectors.rec.answers, protocol=rule)
    for features in vectors.features:
        sides = features.generated.features(), (features.real or features.generated).features()
        made_by = "logits" if features.metric in ("is", "tagger_kl") else "features"
        yield features.official, score_sets(features.metric, *sides, embedder=made_by)
    by_protocol: tuple[tuple[Sequence[Case[Any, Any, Any, Any]], Callable[..., Scored]], ...] = (
        (vectors.answers, score_answers),
        ([vectors.yes_no], score_yes_no),
        (vectors.choices, score_choices),
    )
    for cases, score_as in by_protocol:
        for case in cases:
            for name, official in case.official.items():
                yield official, score_as(case.truths, case.answers, protocol=name)
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
