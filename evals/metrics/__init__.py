"""Metrics: pure functions from answers and truths to numbers, under the name of their protocol."""

from evals.metrics.answers import score_answers, score_yes_no
from evals.metrics.auroc import score_auroc
from evals.metrics.captions import frozen_frequencies, score_captions
from evals.metrics.chair import chair_truth, score_chair
from evals.metrics.choices import score_choices
from evals.metrics.document_frequencies import DocumentFrequencies
from evals.metrics.gqa import score_gqa
from evals.metrics.ptb import ptb_tokenize
from evals.metrics.rec import score_rec
from evals.metrics.vqa import score_vqa, vqa_accuracies

__all__ = [
    "DocumentFrequencies",
    "chair_truth",
    "frozen_frequencies",
    "ptb_tokenize",
    "score_answers",
    "score_auroc",
    "score_captions",
    "score_chair",
    "score_choices",
    "score_gqa",
    "score_rec",
    "score_vqa",
    "score_yes_no",
    "vqa_accuracies",
]
