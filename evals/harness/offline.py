"""Scores for predictions made elsewhere: official files in, a result out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar, get_args

import msgspec
import pyarrow.parquet as pq

from evals.errors import EvalsError
from evals.metrics.caption_measures import CaptionMetric
from evals.metrics.captions import CaptionTokenizer, frozen_frequencies, score_captions
from evals.metrics.chair import chair_truth, image_captions, score_chair
from evals.metrics.chair_objects import read_synonyms
from evals.metrics.document_frequencies import DocumentFrequencies
from evals.metrics.rec import RecProtocol, score_rec
from evals.metrics.vqa import VqaRevision, score_vqa
from evals.results import ItemRow, Protocol, Result, Scored, item_set_hash, items_table
from shards.errors import UsageError
from shards.files import atomic, write_atomic
from shards.formats.boxes import BoxGrammar
from shards.formats.captions import read_audiocaps, read_caption_results, read_coco_captions
from shards.formats.instances import read_instances
from shards.formats.predictions import check_ids, read_predictions
from shards.formats.refcoco import RecReference, read_refer, read_references
from shards.formats.vqa import read_annotations, read_questions, read_results

Id = TypeVar("Id", int, str)

_LINE_END: Final = re.compile(r"\r(?!\Z)|[\v\f\u2028\u2029]")
"""What ends a line for the official tokenizer, inside a caption."""


class OfflineScore(msgspec.Struct, frozen=True):
    """A result, its item rows, and what a reader should know beside them."""

    result: Result
    rows: Sequence[ItemRow]
    notes: Sequence[str] = ()


def vqa(
    questions: Path, annotations: Path, predictions: Path, *, revision: VqaRevision, strict: bool, seed: int
) -> OfflineScore:
    """VQA accuracy of a results file against the official questions and annotations.

    Raises:
        AnnotationError: If questions and annotations are not for the same ids, or a file breaks its format.
        PredictionError: If a prediction is for an unknown question, or (strict) one is missing.
    """
    truths = read_annotations(annotations)
    asked = {question.question_id for question in read_questions(questions)}
    unasked = {truth.question_id for truth in truths} ^ asked
    if unasked:
        found = f"{len(unasked)} ids in one of them only, such as {min(unasked)}"
        raise EvalsError(f"{questions} and {annotations}", expected="the same question ids", found=found)
    answers = checked(read_results(predictions), asked, predictions, strict=strict)
    scored = score_vqa(truths, answers, revision=revision, seed=seed)
    return offline_score("vqa", scored, [str(one) for one in asked])


def caption(
    references: Path,
    predictions: Path,
    *,
    metrics: Sequence[CaptionMetric],
    tokenizer: CaptionTokenizer,
    frequencies: Path | None = None,
    strict: bool,
    seed: int,
) -> OfflineScore:
    """Caption metrics of a COCO results file against COCO references or an AudioCaps table (`.csv`).

    Clips of AudioCaps are called `<youtube_id>_<start_time>` in the predictions. `frequencies` is a frozen table of
    document frequencies (`DocumentFrequencies.save`), or a file of references to count them in.
    """
    texts = _reference_texts(references)
    videos = {name: name.rpartition("_")[0] for name in texts} if references.suffix == ".csv" else None
    candidates = checked(read_caption_results(predictions), texts.keys(), predictions, strict=strict)
    table = None if frequencies is None else _frequencies(frequencies, tokenizer)
    scored = score_captions(
        texts, candidates, metrics=metrics, tokenizer=tokenizer, clusters=videos, document_frequencies=table, seed=seed
    )
    notes = [*_moved("references", texts), *_moved("predictions", {name: (text,) for name, text in candidates.items()})]
    found = offline_score("caption", scored, texts)
    return msgspec.structs.replace(found, notes=notes if tokenizer == "ptb" else ())


def chair(
    instances: Sequence[Path],
    captions: Sequence[Path],
    predictions: Path,
    *,
    synonyms: Path | None,
    strict: bool,
    seed: int,
) -> OfflineScore:
    """CHAIR of the captions in a COCO results file; the images asked about are those that it names.

    The official script takes instances and captions of both train2014 and val2014, and its `data/synonyms.txt`;
    without `synonyms` our own table is used, which is another protocol.

    Raises:
        PredictionError: If a caption is for an image that no instances file lists.
        EvalsError: If (strict) one of their images has no caption.
    """
    parts = [read_instances(path) for path in instances]
    images = {str(image.id): image.id for part in parts for image in part.images}
    texts = checked(read_caption_results(predictions), images, predictions, strict=strict)
    answers = {images[name]: text for name, text in texts.items()}
    references = [pair for path in captions for pair in image_captions(read_coco_captions(path))]
    table = None if synonyms is None else read_synonyms(synonyms)
    truth = chair_truth(parts, references, image_ids=answers.keys(), table=table)
    return offline_score("chair", score_chair(truth, answers, seed=seed), map(str, answers))


def refcoco(
    references: Path,
    predictions: Path,
    *,
    instances: Path | None,
    split: str,
    boxes: BoxGrammar,
    protocol: RecProtocol,
    strict: bool,
    seed: int,
) -> OfflineScore:
    """Accuracy of boxes, given as JSON lines `{"id", "answer"}`, against referring expressions.

    References are JSON lines, or the original `refs(...).p` together with `instances`.
    """
    truths = _rec_references(references, instances, split)
    ids = [truth.id for truth in truths]
    answers = checked(read_predictions(predictions, "id", "answer", id_type=str), ids, predictions, strict=strict)
    scored = score_rec(truths, answers, boxes=boxes, protocol=protocol, seed=seed)
    return offline_score("refcoco", scored, ids, parser=boxes)


def parse_metrics(spelling: str) -> tuple[CaptionMetric, ...]:
    """The caption metrics in a comma-separated list.

    Raises:
        UsageError: If one is unknown, or there is none.
    """
    names = [name.strip() for name in spelling.split(",") if name.strip()]
    known = {name: name for name in get_args(CaptionMetric)}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError("--metrics", expected=f"some of {','.join(known)}", found=repr(spelling))
    return tuple(known[name] for name in dict.fromkeys(names))


def write_rows(path: Path, rows: Sequence[ItemRow]) -> None:
    """One row an item, as Parquet where the file's name ends so, else as JSON lines."""
    if path.suffix == ".parquet":
        with atomic(path) as file:
            pq.write_table(items_table(rows), file, compression="zstd")
    else:
        write_atomic(path, msgspec.json.Encoder().encode_lines(rows))


def _reference_texts(path: Path) -> Mapping[str, Sequence[str]]:
    if path.suffix == ".csv":
        return {f"{clip.youtube_id}_{clip.start_s}": clip.captions for clip in read_audiocaps(path)}
    return read_coco_captions(path).references


def _moved(side: str, captions: Mapping[str, Sequence[str]]) -> list[str]:
    """A note where captions end lines inside, after which the official tokenizer gives items others' words."""
    ids = [name for name, group in captions.items() if any(map(_LINE_END.search, group))]
    why = "the official tokenizer moves the rest of each, and all captions after it, to the next place"
    return [f"{side}: {len(ids)} with a line end inside, such as id {ids[0]}; {why}"] if ids else []


def _frequencies(path: Path, tokenizer: CaptionTokenizer) -> DocumentFrequencies:
    if path.suffix == ".parquet":
        return DocumentFrequencies.load(path)
    return frozen_frequencies(_reference_texts(path), tokenizer=tokenizer)


def _rec_references(path: Path, instances: Path | None, split: str) -> Sequence[RecReference]:
    if path.suffix != ".p":
        return read_references(path)
    if instances is None or not split:
        found = "no --instances" if instances is None else "no --split"
        raise UsageError(str(path), expected="--instances and --split with a refs(...).p file", found=found)
    return read_refer(path, instances, split=split)


def checked(predictions: dict[Id, str], known: Iterable[Id], path: Path, *, strict: bool) -> dict[Id, str]:
    """The predictions, if they are for known ids alone.

    Raises:
        PredictionError: If one is for an unknown id.
        EvalsError: If (strict) one is missing.
    """
    ids = set(known)
    check_ids(predictions, ids, str(path))
    missing = ids - predictions.keys()
    if strict and missing:
        raise EvalsError(str(path), expected="a prediction for each id", found=f"none for {len(missing)} of {len(ids)}")
    return predictions


def offline_score(
    name: str, scored: Scored, ids: Iterable[str], *, parser: str = "none", networks: Mapping[str, str] | None = None
) -> OfflineScore:
    """What `anymodal score NAME` found, under a protocol that knows nothing of how the model was asked."""
    protocol = Protocol(
        benchmark=f"score/{name}",
        split="given",
        prompt="unknown",
        decoding="unknown",
        parser=parser,
        scorer=scored.primary.protocol,
        item_set=item_set_hash(ids),
        networks=networks or {},
    )
    return OfflineScore(scored.result(protocol.id), scored.rows)
