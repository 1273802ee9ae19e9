"""Metrics: pure functions from answers and truths to numbers, under the name of their protocol."""

from evals.metrics.captions import frozen_frequencies, score_captions
from evals.metrics.chair import chair_truth, score_chair
from evals.metrics.document_frequencies import DocumentFrequencies
from evals.metrics.ptb import ptb_tokenize
from evals.metrics.rec import score_rec
from evals.metrics.vqa import score_vqa, vqa_accuracies

__all__ = [
    "DocumentFrequencies",
    "chair_truth",
    "frozen_frequencies",
    "ptb_tokenize",
    "score_captions",
    "score_chair",
    "score_rec",
    "score_vqa",
    "vqa_accuracies",
]
