"""Rules in which well-known harnesses deviate from the official scorers, each at a named commit, written anew."""

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
from evals.metrics.gqa import score_gqa
from evals.metrics.ngrams import code_captions
from evals.metrics.rec import THRESHOLD, box_ious, score_rec
from evals.metrics.vqa import score_vqa
from evals.metrics.vqa_words import normalised as vqa_normalised
from evals.results import Scored
from shards.formats.answers import ChoiceTruth
from shards.formats.vqa import VqaTruth

LMMS: Final = "lmms-eval 75571cfe"
VLM: Final = "VLMEvalKit e8e78f05"
_LAST_PERIOD: Final = re.compile(r"(?<=\d)\.(?!\d)")
_KEPT: Final = "\ue000"  # stands for a period that the rule keeps
_GUESSED_BOXES: Final = 20
_LETTERS: Final = string.ascii_uppercase


Items: TypeAlias = tuple[Sequence[float], Sequence[float] | None]
"""Our values and theirs, item by item, in the unit of the protocol; None where their rule has no value."""
Replay: TypeAlias = Callable[[Vectors], Items]


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


def _always_normalised(truth: VqaTruth, answer: str) -> float:
    return _left_out(vqa_normalised, truth, answer)


def _with_last_period(truth: VqaTruth, answer: str) -> float:
    def normalise(text: str) -> str:
        return vqa_normalised(_LAST_PERIOD.sub(_KEPT, text)).replace(_KEPT, ".")

    return _left_out(normalise, truth, answer)


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
    references = {str(number): group for number, group in enumerate(case.truths)}
    ours = [row.value or 0.0 for row in score_captions(references, case.answers).rows]
    raw = code_captions([case.answers[name] for name in references], case.truths)
    return ours, cider(raw).tolist() if len(ours) > 1 else None


def _unit_boxes_only(vectors: Vectors) -> Items:
    case = vectors.rec
    return _percents(score_rec(case.truths, case.answers)), _percents(
        score_rec(case.truths, case.answers, boxes="unit")
    )


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
    return float(reply.strip()[:1] == _LETTERS[truth.answer])


def _bare_letter(truth: ChoiceTruth, reply: str) -> float:
    letter = _LETTERS[truth.answer]
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


def _letters(value: Callable[[ChoiceTruth, str], float]) -> Replay:
    return partial(_choices, "choice@letter", value)


RULES: Final[Sequence[PeerRule]] = (
    PeerRule(LMMS, "VQA: equal truths normalised too", "vqa@official", partial(_vqa, _always_normalised)),
    PeerRule(LMMS, "GQA: case and punctuation ignored", "gqa@official", partial(_gqa, normalised)),
    PeerRule(LMMS, "RefCOCO: [a, b, c, d] of 0..1 alone", "refcoco@iou.5", _unit_boxes_only),
    PeerRule(LMMS, "RefCOCO: IoU >= 0.5", "refcoco@iou.5", _half_is_enough),
    PeerRule(LMMS, "grounding: best of 20 random boxes", "refcoco@iou.5", _best_of_all_boxes),
    PeerRule(LMMS, "SEED: first character as letter", "choice@letter", _letters(_first_character)),
    PeerRule(LMMS, "ScienceQA: 'B' or 'B.' alone", "choice@letter", _letters(_bare_letter)),
    PeerRule(LMMS, "NExT-QA: guess if unread (expected)", "choice@letter", _letters(_guess_if_unread)),
    PeerRule(LMMS, "IconQA: ANLS for accuracy", "choice@text", partial(_choices, "choice@text", _similar_text)),
    PeerRule(VLM, "VQA: the same, '2.' keeps its period", "vqa@official", partial(_vqa, _with_last_period)),
    PeerRule(VLM, "GQA: stripped and lower-cased", "gqa@official", partial(_gqa, lambda text: text.strip().lower())),
    PeerRule(VLM, "CIDEr: no tokenizer", "cider@coco", partial(_cider, 0)),
    PeerRule(VLM, "RefCOCO: pixels read as thousandths", "refcoco@iou.5", _pixels_as_thousandths),
    PeerRule(VLM, "choice: guess if unread (expected)", "choice@letter", _letters(_guess_if_unread)),
    PeerRule("MiniGPT-4 d94738a", "VizWiz: min(n / 3, 1), lower case", "vqa@official", partial(_vqa, _thirds)),
    PeerRule("aac-metrics 1277a4d", "CIDEr-D: an error for one item", "cider@coco", partial(_cider, 1)),
    PeerRule("lighteval 3fd15266", "error of a mean / root of resamples", "closed form", _error_over_resamples),
)
