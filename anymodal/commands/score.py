"""`anymodal score METRIC`: predictions made elsewhere, official files in."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from anymodal.console import print_bytes, print_note, print_table
from shards.errors import UsageError

if TYPE_CHECKING:
    from evals.harness.offline import OfflineScore
    from evals.metrics.vqa import VqaRevision

score_app = typer.Typer(
    name="score",
    help="Score predictions made elsewhere against official annotation files, by the official rules.",
    no_args_is_help=True,
)

Predictions = Annotated[Path, typer.Option(help="What the model answered, in the official results format.")]


def _row_file(path: Path | None) -> Path | None:
    """Refused before anything is scored."""
    if path and not (path.suffix in (".parquet", ".jsonl") and path.parent.is_dir()):
        raise UsageError("--per-sample", expected="FILE.parquet or .jsonl in a folder that exists", found=str(path))
    return path


_ROWS: Final = typer.Option(help="Write one row an item: FILE.parquet or FILE.jsonl.", callback=_row_file)
PerSample = Annotated[Path | None, _ROWS]
Json = Annotated[bool, typer.Option("--json", help="The result object instead of a table.")]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse missing predictions instead of counting them.")]
Seed = Annotated[int, typer.Option(help="Of the intervals.", min=0)]


# The choices stand here once more, since importing the scorers takes longer than all of `--help`.
VqaProtocol = Literal["vqa@official", "vqa@official-before-2021"]
"""The official VQA scorer, and as it was before March 2021."""
_REVISIONS: Final[Mapping[VqaProtocol, "VqaRevision"]] = {
    "vqa@official": "official",
    "vqa@official-before-2021": "official-before-2021",
}
Tokenizer = Literal["ptb", "whitespace"]
"""How captions become words: the official PTB rules, or lower case and white space (another protocol)."""
Boxes = Literal["grid100", "unit", "grid1000", "pixel"]
"""How predictions spell a box: {<x1><y1><x2><y2>} of 100ths, [0, 1], 1000ths, or pixels."""
RecRule = Literal["refcoco@iou.5", "refcoco@minigpt-v2", "refcoco@minigpt-v2-accept-all"]
"""IoU above 0.5; or MiniGPT-v2's script, with its answers filtered or all accepted."""


OWN_SYNONYMS: Final = (
    "our own synonyms find 93.4 % of what the official ones find, and 95.1 % of what they find is official; CHAIR_i is "
    "0.5565 instead of 0.5500, CHAIR_s 0.6825 instead of 0.6475 (on 400 invented captions that use every official word)"
)


@score_app.command("vqa")
def score_vqa(
    questions: Annotated[Path, typer.Option(help="v2_OpenEnded_mscoco_val2014_questions.json or alike.")],
    annotations: Annotated[Path, typer.Option(help="v2_mscoco_val2014_annotations.json or alike.")],
    predictions: Predictions,
    protocol: Annotated[VqaProtocol, typer.Option(help="Revision of the scorer.")] = "vqa@official",
    per_sample: PerSample = None,
    json: Json = False,
    strict: Strict = False,
    seed: Seed = 0,
) -> None:
    """VQA accuracy for VQAv2 and OKVQA: overall, per question type and answer type.

    Predictions are `[{"question_id": 1, "answer": "yes"}, ...]`.

    Examples:

        anymodal score vqa --questions Q.json --annotations A.json --predictions R.json

        anymodal score vqa --questions Q.json --annotations A.json --predictions R.json --per-sample rows.parquet
    """
    from evals.harness import offline

    score = offline.vqa(questions, annotations, predictions, revision=_REVISIONS[protocol], strict=strict, seed=seed)
    show(score, per_sample, json)


@score_app.command("caption")
def score_caption(
    references: Annotated[Path, typer.Option(help="captions_val2014.json, or an AudioCaps .csv.")],
    predictions: Predictions,
    metrics: Annotated[
        str, typer.Option(help="Of bleu, meteor, rouge, cider, spice, spider; the first is the primary one.")
    ] = "cider,bleu,rouge",
    tokenizer: Annotated[Tokenizer, typer.Option(help="ptb is the official one.")] = "ptb",
    frequencies: Annotated[
        Path | None,
        typer.Option(help="Take CIDEr's document frequencies from this file of references (or a saved .parquet)."),
    ] = None,
    per_sample: PerSample = None,
    json: Json = False,
    strict: Strict = False,
    seed: Seed = 0,
) -> None:
    """Captions: CIDEr-D, BLEU, ROUGE-L, METEOR, SPICE, SPIDEr as COCO's scorer computes them.

    Predictions are `[{"image_id": 1, "caption": "a dog"}, ...]`; for AudioCaps the id is YOUTUBE-ID_START-TIME.
    METEOR and SPICE need Java and their jars; the others do not. CIDEr weighs words by the references that are scored;
    with --frequencies by those of another file, so that scores of a part equal those of the whole.

    Examples:

        anymodal score caption --references captions_val2014.json --predictions results.json

        anymodal score caption --references test.csv --predictions results.json --metrics cider,meteor --json
    """
    from evals.harness import offline

    names = offline.parse_metrics(metrics)
    score = offline.caption(
        references, predictions, metrics=names, tokenizer=tokenizer, frequencies=frequencies, strict=strict, seed=seed
    )
    show(score, per_sample, json)


@score_app.command("chair")
def score_chair(
    instances: Annotated[list[Path], typer.Option(help="instances_val2014.json; repeat it for train2014.")],
    captions: Annotated[list[Path], typer.Option(help="captions_val2014.json; repeat it for train2014.")],
    predictions: Predictions,
    synonyms: Annotated[
        Path | None,
        typer.Option(
            help="Words of each object; the official data/synonyms.txt (github.com/LisaAnne/Hallucination) gives "
            f"chair@official. Without it chair@anymodal-synonyms: {OWN_SYNONYMS}."
        ),
    ] = None,
    per_sample: PerSample = None,
    json: Json = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse if an image of the instances has no caption.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """CHAIR: how many of the objects that captions mention are not in their images; lower is better.

    Predictions are `[{"image_id": 1, "caption": "a dog"}, ...]`; the images that they name are scored.

    Examples:

        anymodal score chair --instances instances.json --captions captions.json --predictions results.json

        anymodal score chair --instances I.json --captions C.json --predictions R.json --synonyms synonyms.txt --json
    """
    from evals.harness import offline

    if synonyms is None:
        print_note(
            f"Scored with our own synonyms: {OWN_SYNONYMS}; the official table as --synonyms FILE gives chair@official."
        )
    score = offline.chair(instances, captions, predictions, synonyms=synonyms, strict=strict, seed=seed)
    show(score, per_sample, json)


@score_app.command("refcoco")
def score_refcoco(
    references: Annotated[Path, typer.Option(help='JSON lines {"id", "width", "height", "bbox"}, or refs(...).p.')],
    predictions: Predictions,
    instances: Annotated[Path | None, typer.Option(help="instances.json, with a refs(...).p file.")] = None,
    split: Annotated[str, typer.Option(help="val, testA or testB, with a refs(...).p file.")] = "",
    boxes: Annotated[Boxes, typer.Option(help="How predictions spell boxes.")] = "grid100",
    protocol: Annotated[RecRule, typer.Option(help="When a box is right.")] = "refcoco@iou.5",
    per_sample: PerSample = None,
    json: Json = False,
    strict: Strict = False,
    seed: Seed = 0,
) -> None:
    """Referring expressions (RefCOCO, RefCOCO+, RefCOCOg): how often the box is right.

    Predictions are JSON lines `{"id": "1", "answer": "{<10><20><50><80>}"}`.

    Examples:

        anymodal score refcoco --references refs.jsonl --predictions R.jsonl --boxes grid100

        anymodal score refcoco --references 'refs(unc).p' --instances instances.json --split testA --predictions R.jsonl
    """
    from evals.harness import offline

    score = offline.refcoco(
        references,
        predictions,
        instances=instances,
        split=split,
        boxes=boxes,
        protocol=protocol,
        strict=strict,
        seed=seed,
    )
    show(score, per_sample, json)


def show(score: "OfflineScore", per_sample: Path | None, json: bool) -> None:
    """Print a result, as a table or as JSON, and write its rows where they are wanted."""
    from evals.harness.offline import write_rows
    from evals.results import encode_result

    for note in score.notes:
        print_note(note)
    if per_sample is not None:
        write_rows(per_sample, score.rows)
    if json:
        print_bytes(encode_result(score.result))
    else:
        _print_result(score)


def _print_result(score: "OfflineScore") -> None:
    result = score.result
    rows = []
    for one in result.metrics.values():
        interval = f"{one.interval.low:.4f} to {one.interval.high:.4f}" if one.interval else "-"
        value = "-" if one.value is None else f"{one.value:.4f}"
        rows.append((one.metric, one.protocol, value, interval, one.unit))
    unscored = ", ".join(f"{count} {reason}" for reason, count in result.unscored.items()) or "none"
    print_table(f"{result.n} items; unscored: {unscored}", ("metric", "protocol", "value", "95 %", "unit"), rows)
    for facet, values in result.breakdown.items():
        print_table(facet, (facet, result.metric), [(name, f"{value:.4f}") for name, value in values.items()], right=1)
