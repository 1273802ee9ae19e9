"""Rules in which well-known harnesses deviate from the official scorers, each at a named version, written anew."""

import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Final, TypeAlias

import numpy as np

from evals.harness.conform_vectors import Vectors
from evals.metrics.answers import answer_value, normalised
from evals.metrics.captions import score_captions
from evals.metrics.choices import ChoiceProtocol, letter_choice, score_choices
from evals.metrics.cider import cider
from evals.metrics.feature_sets import FeatureSet
from evals.metrics.frechet import frechet_distance
from evals.metrics.gaussians import FeatureStatistics
from evals.metrics.gqa import score_gqa
from evals.metrics.inception_score import SPLITS, score_inception
from evals.metrics.kernel_distance import score_kernel_distance
from evals.metrics.ngrams import code_captions
from evals.metrics.rec import THRESHOLD, box_ious, score_rec
from evals.metrics.similarity import cosines, score_similarity
from evals.metrics.vqa import score_vqa
from evals.metrics.vqa_words import normalised as vqa_normalised
from evals.results import Scored
from evals.statistics import FloatArray
from shards.formats.answers import ChoiceTruth
from shards.formats.vqa import VqaTruth

LMMS: Final = "lmms-eval 75571cfe"
VLM: Final = "VLMEvalKit e8e78f05"
FIDELITY: Final = "torch-fidelity 0.4.0"
TORCHMETRICS: Final = "torchmetrics 1.9"
_LAST_PERIOD: Final = re.compile(r"(?<=\d)\.(?!\d)")
_KEPT: Final = "\ue000"  # stands for a period that the rule keeps
_GUESSED_BOXES: Final = 20
_NORMAL_95: Final = 1.959964


Items: TypeAlias = tuple[Sequence[float], Sequence[float] | None]
"""Our values and theirs, item by item, in the unit of the protocol; None where their rule has no value."""
Replay: TypeAlias = Callable[[Vectors], Items]
Moments: TypeAlias = tuple[FloatArray, FloatArray]
"""Mean and covariance."""


@dataclass(frozen=True)
class PeerRule:
    """One rule of one program, and what it makes of the vectors."""

    harness: str
    rule: str
    protocol: str
    replay: Replay


def _vqa(accuracy: Callable[[VqaTruth, str], float], vectors: Vectors) -> Items:
    case = vectors.vqa
    theirs = [100 * accuracy(truth, case.answers[truth.question_id]) for truth in case.truths]
    return _percents(score_vqa(case.truths, case.answers)), theirs


def _with_last_period(text: str) -> str:
    return vqa_normalised(_LAST_PERIOD.sub(_KEPT, text)).replace(_KEPT, ".")


def _left_out(normalise: Callable[[str], str], truth: VqaTruth, answer: str) -> float:
    """The official mean over leave-one-out subsets, on texts that are normalised whatever they are."""
    matches = [normalise(one.answer) == normalise(answer) for one in truth.answers]
    return fmean(min(1.0, (sum(matches) - own) / 3) for own in matches)


def _thirds(truth: VqaTruth, answer: str) -> float:
    return min(1.0, sum(one.answer.lower() == answer.lower() for one in truth.answers) / 3)


def _gqa(normalise: Callable[[str], str], vectors: Vectors) -> Items:
    case = vectors.gqa
    balanced = {name: one.answer for name, one in case.questions.items() if one.is_balanced}
    theirs = [100.0 * (normalise(case.answers[name]) == normalise(answer)) for name, answer in balanced.items()]
    return _percents(score_gqa(case.questions, case.answers)), theirs


def _cider(place: int, vectors: Vectors) -> Items:
    """CIDEr without a tokenizer; none for an item alone."""
    case = vectors.captions[place]
    ours = [row.value or 0.0 for row in score_captions(case.references, case.answers).rows]
    raw = code_captions([case.answers[name] for name in case.references], case.truths)
    return ours, cider(raw).tolist() if len(ours) > 1 else None


def _unit_boxes_only(vectors: Vectors) -> Items:
    case = vectors.rec
    theirs = score_rec(case.truths, case.answers, boxes="unit")
    return _percents(score_rec(case.truths, case.answers)), _percents(theirs)


def _half_is_enough(vectors: Vectors) -> Items:
    scored = score_rec(vectors.rec.truths, vectors.rec.answers)
    return _percents(scored), [100.0 * (row.metrics.get("iou", 0.0) >= THRESHOLD) for row in scored.rows]


def _pixels_as_thousandths(vectors: Vectors) -> Items:
    """Each expression is answered by its own box, in pixels."""
    truths = vectors.rec.truths
    corners = {one.id: (*one.bbox[:2], one.bbox[0] + one.bbox[2], one.bbox[1] + one.bbox[3]) for one in truths}
    answers = {name: f"[{', '.join(map(str, box))}]" for name, box in corners.items()}
    return _percents(score_rec(truths, answers, boxes="pixel")), _percents(score_rec(truths, answers, boxes="grid1000"))


def _best_of_all_boxes(vectors: Vectors) -> Items:
    """Each expression is answered by twenty random boxes; we take the first, they the best, told by the truth."""
    truths = np.array([one.bbox for one in vectors.rec.truths])
    truths[:, 2:] += truths[:, :2]
    sizes = np.array([(one.width, one.height) for one in vectors.rec.truths])
    shares = np.random.default_rng(0).random((_GUESSED_BOXES, len(truths), 2, 2))
    guessed = (np.sort(shares, axis=2) * sizes[:, None]).reshape(_GUESSED_BOXES, -1, 4)  # corners x1, y1, x2, y2
    is_right = [box_ious(boxes, truths) > THRESHOLD for boxes in guessed]  # [20], [n] each
    return (100.0 * is_right[0]).tolist(), (100.0 * np.any(is_right, axis=0)).tolist()


def _choices(protocol: ChoiceProtocol, value: Callable[[ChoiceTruth, str], float], vectors: Vectors) -> Items:
    case = next(one for one in vectors.choices if protocol in one.official)
    theirs = [100 * value(truth, case.answers[str(truth.id)].answer or "") for truth in case.truths]
    return _percents(score_choices(case.truths, case.answers, protocol=protocol)), theirs


def _first_character(truth: ChoiceTruth, reply: str) -> float:
    return float(reply.strip()[:1] == string.ascii_uppercase[truth.answer])


def _bare_letter(truth: ChoiceTruth, reply: str) -> float:
    letter = string.ascii_uppercase[truth.answer]
    return float(reply == letter or reply.startswith(f"{letter}."))


def _guess_if_unread(truth: ChoiceTruth, reply: str) -> float:
    """In expectation."""
    place = letter_choice(reply, len(truth.choices))
    return 1 / len(truth.choices) if place is None else float(place == truth.answer)


def _similar_text(truth: ChoiceTruth, reply: str) -> float:
    return answer_value(reply, [truth.choices[truth.answer]], "anls@0.5")


def _error_over_resamples(vectors: Vectors) -> Items:
    """The standard error of the mean VQA accuracy; ours is its closed form."""
    values = np.array(_percents(score_vqa(vectors.vqa.truths, vectors.vqa.answers)))
    means = np.random.default_rng(0).choice(values, (1000, len(values))).mean(axis=1)
    return [float(values.std()) / len(values) ** 0.5], [float(means.std()) / len(means) ** 0.5]


def _percents(scored: Scored) -> list[float]:
    return [100 * (row.value or 0.0) for row in scored.rows]


def _always(normalise: Callable[[str], str]) -> Replay:
    return partial(_vqa, partial(_left_out, normalise))


def _letters(value: Callable[[ChoiceTruth, str], float]) -> Replay:
    return partial(_choices, "choice@letter", value)


def _sides(metric: str, vectors: Vectors) -> tuple[FeatureSet, FeatureSet]:
    case = next(one for one in vectors.features if one.metric == metric)
    return case.generated.features(), (case.real or case.generated).features()


def _frechet(metric: str, moments: Callable[[FloatArray], Moments], vectors: Vectors) -> Items:
    """The distance from their means and covariances, with the roots of the product's eigenvalues."""
    sides = _sides(metric, vectors)
    (mean, cov), (real_mean, real_cov) = (moments(side.array.astype(np.float64)) for side in sides)
    roots = np.sqrt(np.linalg.eigvals(cov @ real_cov).astype(np.complex128)).real
    theirs = (mean - real_mean) @ (mean - real_mean) + np.trace(cov + real_cov) - 2 * roots.sum()
    return [frechet_distance(*(FeatureStatistics.of(side).whole for side in sides))], [float(theirs)]


def _in_double(features: FloatArray, ddof: int = 1) -> Moments:
    return features.mean(axis=0), np.cov(features, rowvar=False, ddof=ddof)


def _in_single(features: FloatArray) -> Moments:
    single = features.astype(np.float32)
    return single.mean(axis=0).astype(np.float64), np.cov(single, rowvar=False)


def _from_raw_sums(features: FloatArray) -> Moments:
    n, mean = len(features), features.sum(axis=0) / len(features)
    return mean, (features.T @ features - n * np.outer(mean, mean)) / (n - 1)


def _kid_errors(vectors: Vectors) -> Items:
    """The error that the interval stands for, and the spread of subsets that is printed after a plus and minus."""
    scored = score_kernel_distance(*_sides("kid", vectors))
    interval = scored.primary.interval
    assert interval is not None
    return [(interval.high - interval.low) / 2 / _NORMAL_95], [scored.metrics["kid_std"].value or 0.0]


def _unbiased_spread(vectors: Vectors) -> Items:
    spread = score_inception(_sides("is", vectors)[0]).metrics["is_std"].value or 0.0
    return [spread], [spread * (SPLITS / (SPLITS - 1)) ** 0.5]


def _hundredfold(vectors: Vectors) -> Items:
    generated, texts = _sides("clipscore", vectors)
    ours = [row.value or 0.0 for row in score_similarity(generated, texts, "clipscore").rows]
    return ours, (100 * cosines(generated.array, texts.array)).tolist()


def _rule(harness: str, rule: str, metric: str, moments: Callable[[FloatArray], Moments]) -> PeerRule:
    return PeerRule(harness, rule, "frechet@features", partial(_frechet, metric, moments))


RULES: Final[Sequence[PeerRule]] = (
    PeerRule(LMMS, "VQA: equal truths normalised too", "vqa@official", _always(vqa_normalised)),
    PeerRule(LMMS, "GQA: case and punctuation ignored", "gqa@official", partial(_gqa, normalised)),
    PeerRule(LMMS, "RefCOCO: [a, b, c, d] of 0..1 alone", "refcoco@iou.5", _unit_boxes_only),
    PeerRule(LMMS, "RefCOCO: IoU >= 0.5", "refcoco@iou.5", _half_is_enough),
    PeerRule(LMMS, "grounding: best of 20 random boxes", "refcoco@iou.5", _best_of_all_boxes),
    PeerRule(LMMS, "SEED: first character as letter", "choice@letter", _letters(_first_character)),
    PeerRule(LMMS, "ScienceQA: 'B' or 'B.' alone", "choice@letter", _letters(_bare_letter)),
    PeerRule(LMMS, "NExT-QA: guess if unread (expected)", "choice@letter", _letters(_guess_if_unread)),
    PeerRule(LMMS, "IconQA: ANLS for accuracy", "choice@text", partial(_choices, "choice@text", _similar_text)),
    PeerRule(VLM, "VQA: the same, '2.' keeps its period", "vqa@official", _always(_with_last_period)),
    PeerRule(VLM, "GQA: stripped and lower-cased", "gqa@official", partial(_gqa, lambda text: text.strip().lower())),
    PeerRule(VLM, "CIDEr: no tokenizer", "cider@coco", partial(_cider, 0)),
    PeerRule(VLM, "RefCOCO: pixels read as thousandths", "refcoco@iou.5", _pixels_as_thousandths),
    PeerRule(VLM, "choice: guess if unread (expected)", "choice@letter", _letters(_guess_if_unread)),
    PeerRule("MiniGPT-4 d94738a", "VizWiz: min(n / 3, 1), lower case", "vqa@official", partial(_vqa, _thirds)),
    PeerRule("aac-metrics 1277a4d", "CIDEr-D: an error for one item", "cider@coco", partial(_cider, 1)),
    PeerRule("lighteval 3fd15266", "error of a mean / root of resamples", "closed form", _error_over_resamples),
    _rule(FIDELITY, "Frechet, few rows: roots of eigenvalues", "fvd", _in_double),
    _rule(FIDELITY, "Frechet, far from 0: means in float32", "fad", _in_single),
    PeerRule(FIDELITY, "KID: 'plus or minus' is a spread", "kernel@features", _kid_errors),
    _rule(TORCHMETRICS, "Frechet, far from 0: raw sums of squares", "fad", _from_raw_sums),
    PeerRule(TORCHMETRICS, "IS: the spread over n - 1", "inception_score@logits", _unbiased_spread),
    PeerRule(TORCHMETRICS, "CLIPScore: 100 cos, negatives too", "clipscore@hessel2021/features", _hundredfold),
    _rule("clean-fid 0.1.35", "Frechet, far from 0: means in float32", "fad", _in_single),
    _rule("content-debiased-fvd a1e037a", "FVD: covariance over n", "fvd", partial(_in_double, ddof=0)),
)
