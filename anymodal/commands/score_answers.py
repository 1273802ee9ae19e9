"""`anymodal score answers|choice|gqa`: short answers, labels and choices made elsewhere."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from anymodal.commands.score import Json, PerSample, Predictions, Seed, Strict, show

Exact = Literal["exact@literal", "exact@lower", "exact@normalized"]
AnswerRule = Literal[Exact, "anls@0.5", "yesno@pope", "yesno@first-word", "auroc"]
"""Equal texts, similar texts, yes or no, or scores that rank."""
Likelihood = Literal["choice@likelihood", "choice@likelihood-per-byte", "choice@likelihood-per-token"]
ChoiceRule = Literal["choice@letter", "choice@text", "choice@circular", Likelihood]
"""How a reply becomes an option."""


def score_answers(
    references: Annotated[Path, typer.Option(help="Truths, as the protocol asks for them.")],
    predictions: Predictions,
    protocol: Annotated[AnswerRule, typer.Option(help="When an answer is right.")] = "exact@normalized",
    per_sample: PerSample = None,
    json: Json = False,
    strict: Strict = False,
    seed: Seed = 0,
) -> None:
    """Short answers: exact match, ANLS, yes or no with F1, AUROC.

    Exact match and ANLS take references `{"id", "answers": ["...", ...], "cluster"}` and predictions
    `{"id", "answer"}`. Yes or no takes POPE's files `{"question_id", "image", "label": "yes"}` and predictions
    `{"question_id", "answer"}`; in yesno@pope all is yes that is not no, yesno@first-word must begin with one of them.
    AUROC takes Hateful Memes' files `{"id", "img", "label": 1}` and predictions `{"id", "score"}`.
    All are JSON lines or arrays; what shares a cluster or an image is drawn together for the interval.

    Examples:

        anymodal score answers --references refs.jsonl --predictions R.jsonl --protocol anls@0.5

        anymodal score answers --references coco_pope_random.json --predictions R.jsonl --protocol yesno@pope

        anymodal score answers --references dev_seen.jsonl --predictions R.jsonl --protocol auroc --json
    """
    from evals.harness import offline_answers as offline

    score = offline.answers(references, predictions, protocol=protocol, strict=strict, seed=seed)
    show(score, per_sample, json)


def score_choice(
    references: Annotated[Path, typer.Option(help='JSON lines {"id", "choices", "answer": place from 0, "category"}.')],
    predictions: Predictions,
    protocol: Annotated[ChoiceRule, typer.Option(help="How a reply becomes an option.")] = "choice@letter",
    per_sample: PerSample = None,
    json: Json = False,
    strict: Strict = False,
    seed: Seed = 0,
) -> None:
    """Multiple choice by letter, text or likelihood, or right under every rotation of the options.

    Predictions are `{"id", "answer": "B"}`; for choice@circular `{"id", "answers": [...]}`, a reply to each rotation
    (the k-th begins with option k); for the likelihoods `{"id", "likelihoods": [...], "tokens": [...]}`.
    A reply that names no option is unscored and counts as wrong; nothing is guessed.

    Examples:

        anymodal score choice --references Q.jsonl --predictions R.jsonl

        anymodal score choice --references Q.jsonl --predictions R.jsonl --protocol choice@circular --json
    """
    from evals.harness import offline_answers as offline

    score = offline.choice(references, predictions, protocol=protocol, strict=strict, seed=seed)
    show(score, per_sample, json)


def score_gqa(
    questions: Annotated[Path, typer.Option(help="testdev_balanced_questions.json, val_all_questions.json or alike.")],
    predictions: Predictions,
    choices: Annotated[Path | None, typer.Option(help="val_choices.json, for validity and plausibility.")] = None,
    consistency: Annotated[bool, typer.Option("--consistency", help="Needs answers to all questions.")] = False,
    per_sample: PerSample = None,
    json: Json = False,
    strict: Strict = False,
    seed: Seed = 0,
) -> None:
    """GQA: accuracy, binary, open, distribution; consistency, validity and plausibility with their files.

    Predictions are `[{"questionId": "1", "prediction": "yes"}, ...]`, compared as they are, as in the original.

    Examples:

        anymodal score gqa --questions testdev_balanced_questions.json --predictions R.json

        anymodal score gqa --questions val_all_questions.json --predictions R.json --choices C.json --consistency
    """
    from evals.harness import offline_answers as offline

    score = offline.gqa(questions, predictions, choices=choices, with_consistency=consistency, strict=strict, seed=seed)
    show(score, per_sample, json)


VERBS: Final[Mapping[str, Callable[..., None]]] = {"answers": score_answers, "choice": score_choice, "gqa": score_gqa}
