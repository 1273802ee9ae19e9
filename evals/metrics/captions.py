"""Captions against references: BLEU, METEOR, ROUGE-L, CIDEr-D, SPICE and SPIDEr under the rules of COCO's scorer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, Literal, get_args

import numpy as np

from evals.errors import AnnotationError
from evals.metrics.caption_measures import CaptionEvaluation, CaptionMetric, Measured
from evals.metrics.document_frequencies import DocumentFrequencies, count_documents
from evals.metrics.outcomes import NO_METRICS, counted, outcomes, reason_of
from evals.metrics.ptb import ptb_tokenize
from evals.results.schema import Bounds, Interval, ItemRow, Metric, Scored, Unscored
from evals.statistics.bootstrap import FloatArray, Statistic, cluster_intervals, cluster_sums
from shards.errors import UsageError

CaptionTokenizer = Literal["ptb", "whitespace"]

UNDEFINED: Final = "undefined"  # the scorer itself has no value for the item, as SPICE can
_RULES: Final[Mapping[CaptionTokenizer, str]] = {"ptb": "coco", "whitespace": "whitespace"}


@dataclass(frozen=True)
class _Items:
    """What all metrics share: [n] each, in the order of the references."""

    ids: Sequence[str]
    reasons: Sequence[str | None]
    clusters: Sequence[str]
    seed: int


def score_captions(
    references: Mapping[str, Sequence[str]],
    candidates: Mapping[str, str | Unscored],
    *,
    metrics: Sequence[CaptionMetric] = ("cider",),
    tokenizer: CaptionTokenizer = "ptb",
    clusters: Mapping[str, str] | None = None,
    document_frequencies: DocumentFrequencies | None = None,
    seed: int = 0,
) -> Scored:
    """Score one caption an item against its references; the first metric asked for is the primary one.

    "ptb" tokenises as the official scorer does: all references together, then all candidates together, in the order
    of `references`. Without frozen `document_frequencies`, CIDEr and SPIDEr count those of the given references, so
    that an item's score depends on the items beside it; intervals then keep the frequencies of the full set.

    An item without a prediction is unscored; `value` counts it as an empty caption. `bounds` put the metric's maximum
    or 0 in its place where the corpus value is a mean of items; BLEU and METEOR, which are not, count the item's
    longest reference as its right caption and equally many words without a match as its wrong one.

    Args:
        references: One or more reference captions by item id.
        candidates: The model's caption by item id; a missing one is `unscored("missing")`.
        clusters: What items share (image, video, dialogue) by item id; by default each item stands alone.
        seed: Of the bootstrap over clusters.

    Returns:
        CIDEr 0..10 and SPIDEr 0..5.5 raw, the others as fractions; "bleu" gives bleu_4 and then bleu_1 to bleu_3.

    Raises:
        AnnotationError: If an item has no references, no cluster, or all references are empty.
        PredictionError: If a candidate is for an unknown item, or is no text.
        UsageError: If no metric is asked for, the table was counted with another tokenizer, or a metric needs Java
            or a jar that is not there.
    """
    _check_request(metrics, tokenizer, document_frequencies)
    _check_references(references)
    found = outcomes(references, candidates, place="captions")
    reasons = [reason_of(outcome) for outcome in found]
    evaluation = CaptionEvaluation(
        tokenised([outcome if isinstance(outcome, str) else "" for outcome in found], tokenizer),
        _tokenised_groups(list(references.values()), tokenizer),
        unscored=np.array([place for place, reason in enumerate(reasons) if reason is not None], dtype=np.intp),
        document_frequencies=document_frequencies,
    )
    items = _Items(list(references), reasons, _clusters(references, clusters), seed)
    measured = [number for metric in dict.fromkeys(metrics) for number in evaluation.measure(metric)]
    scored = {
        number.name: _metric(number, items, _rules(number, tokenizer, document_frequencies), interval)
        for number, interval in zip(measured, _intervals(measured, items), strict=True)
    }
    primary = scored.pop(measured[0].name)
    return Scored(primary=primary, metrics=scored, breakdown={}, rows=_rows(measured, items))


def frozen_frequencies(
    references: Mapping[str, Sequence[str]], *, tokenizer: CaptionTokenizer = "ptb"
) -> DocumentFrequencies:
    """Document frequencies of these references, to be saved and scored with later, whatever subset is scored.

    Raises:
        AnnotationError: If there are no items, or an item has no references.
    """
    _check_references(references)
    if not references:
        raise AnnotationError("references", expected="at least one item", found="none")
    return count_documents(_tokenised_groups(list(references.values()), tokenizer), tokenizer=tokenizer)


def tokenised(captions: Sequence[str], tokenizer: CaptionTokenizer) -> list[str]:
    """The captions' words joined by one space, as the scorers take them; "whitespace" lower-cases and splits."""
    if tokenizer == "ptb":
        return [" ".join(words) for words in ptb_tokenize(captions)]
    return [" ".join(caption.lower().split()) for caption in captions]


def _tokenised_groups(groups: Sequence[Sequence[str]], tokenizer: CaptionTokenizer) -> list[list[str]]:
    texts = iter(tokenised([caption for group in groups for caption in group], tokenizer))
    return [list(islice(texts, len(group))) for group in groups]


def _check_request(
    metrics: Sequence[CaptionMetric], tokenizer: CaptionTokenizer, table: DocumentFrequencies | None
) -> None:
    known = get_args(CaptionMetric)
    if not metrics or isinstance(metrics, str) or not set(metrics) <= set(known):
        raise UsageError("metrics", expected=f"some of {', '.join(known)}", found=repr(metrics))
    if tokenizer not in _RULES:
        raise UsageError("tokenizer", expected=" or ".join(_RULES), found=repr(tokenizer))
    if table is not None and table.tokenizer != tokenizer:
        expected, found = f"a table counted with the tokenizer {tokenizer!r}", f"one counted with {table.tokenizer!r}"
        remedy = "count the table again with this tokenizer"
        raise UsageError("document frequencies", expected=expected, found=found, remedy=remedy)


def _check_references(references: Mapping[str, Sequence[str]]) -> None:
    for key, group in references.items():
        if isinstance(group, str) or not group or not all(isinstance(caption, str) for caption in group):
            place, found = f"references, id {key}", f"{group!r:.80}"
            raise AnnotationError(place, expected="a list of one or more captions", found=found)


def _clusters(ids: Mapping[str, Sequence[str]], clusters: Mapping[str, str] | None) -> list[str]:
    if clusters is None:
        return list(ids)
    without = [key for key in ids if key not in clusters]
    if without:
        found = f"none for {len(without)}, such as {without[0]!r}"
        raise AnnotationError("clusters", expected="a cluster for each item", found=found)
    return [clusters[key] for key in ids]


def _rules(measured: Measured, tokenizer: CaptionTokenizer, table: DocumentFrequencies | None) -> str:
    frozen = f"-frozen-df:{table.digest[:12]}" if table is not None and measured.is_weighted else ""
    return f"{measured.rules}@{_RULES[tokenizer]}{frozen}"


def _metric(measured: Measured, items: _Items, protocol: str, interval: Interval | None) -> Metric:
    n = len(items.ids)
    unscored = counted(_reasons(measured, items))
    value = _value(measured, measured.sums) if measured.total is None or not n else measured.total
    bounds = _bounds(measured, value) if unscored and value is not None else None
    return Metric(measured.name, protocol, value, measured.unit, True, n, unscored, bounds, interval)


def _intervals(measured: Sequence[Measured], items: _Items) -> list[Interval | None]:
    """An interval for each metric, all of them over the same resampled clusters."""
    ends = np.cumsum([number.sums.shape[1] for number in measured])
    sums = cluster_sums(np.hstack([number.sums for number in measured]), items.clusters)
    statistics = [
        partial(_of_columns, number.statistic, slice(end - number.sums.shape[1], end))
        for number, end in zip(measured, ends.tolist(), strict=True)
    ]
    return cluster_intervals(sums, statistics, n_items=len(items.ids), seed=items.seed)


def _of_columns(statistic: Statistic, columns: slice, totals: FloatArray) -> FloatArray:
    return statistic(totals[:, columns])


def _value(measured: Measured, rows: FloatArray) -> float | None:
    return float(measured.statistic(rows.sum(axis=0, keepdims=True))[0]) if len(rows) else None


def _bounds(measured: Measured, value: float) -> Bounds:
    """The value with wrong and with right captions in place of those without a score.

    Corpus metrics can lose more by an empty caption, which `value` counts, than by a wrong one: the lower one counts.
    """
    scored = np.delete(measured.sums, measured.open_places, axis=0)
    wrong, right = (_value(measured, np.vstack([scored, rows])) for rows in (measured.wrong, measured.right))
    return Bounds(all_wrong=min(value, wrong or 0.0), all_right=max(value, right or 0.0))


def _reasons(measured: Measured, items: _Items) -> list[str | None]:
    undefined = (UNDEFINED if is_nan else None for is_nan in np.isnan(measured.items).tolist())
    return [first or second for first, second in zip(items.reasons, undefined, strict=True)]


def _rows(measured: Sequence[Measured], items: _Items) -> list[ItemRow]:
    primary, *others = measured
    table = np.column_stack([number.items for number in measured]).tolist()  # [items, metrics]
    rows = []
    for key, reason, cluster, (value, *further) in zip(
        items.ids, _reasons(primary, items), items.clusters, table, strict=True
    ):
        values = {other.name: one for other, one in zip(others, further, strict=True) if not math.isnan(one)}
        has_prediction = reason in (None, UNDEFINED)
        metrics = values if has_prediction else NO_METRICS
        rows.append(ItemRow(key, value if reason is None else None, reason, cluster, metrics))
    return rows
