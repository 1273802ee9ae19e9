"""CHAIR: which objects that a description of a COCO image names are not in it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from evals.benchmarks.item import Answers, Benchmark, Item, Size, by_rules, coco_image_of, expected, first_text, item_of
from evals.metrics.chair import OWN, ChairTruth, chair_truth, image_captions, score_chair
from evals.metrics.chair_objects import Synonyms, read_synonyms, synonyms
from evals.results import Scored, Unscored
from model_adapter import Decoding, Generation
from shards.formats.captions import read_coco_captions
from shards.formats.instances import read_instances
from shards.formats.samples import coco_samples

_GROUNDING: Final = re.compile(r"</?p>|\{<[^{}]*>\}|<delim>")


class Objects(msgspec.Struct, frozen=True):
    """The objects of an image, and the table of the words that name them."""

    names: frozenset[str]
    synonyms: Synonyms


def load(data: Path, split: str) -> list[Item]:
    """The captioned images of a split with the objects of their instances and reference captions.

    The official script reads the files of both splits; an image stands in those of its own split only. Words are
    looked up in `chair/synonyms.txt` if it is there (the official table makes it chair@official), else in our own.

    Raises:
        AnnotationError: If a file breaks its format, or the table lacks a category.
    """
    folder = data / "chair"
    instances = read_instances(folder / f"instances_{split}.json")
    captions = read_coco_captions(folder / f"captions_{split}.json")
    table = read_synonyms(folder / "synonyms.txt") if (folder / "synonyms.txt").is_file() else synonyms()
    image_ids = [int(name) for name in captions.references]
    truth = chair_truth([instances], image_captions(captions), image_ids=image_ids, table=table)
    return [
        item_of(sample, coco_image_of(data, split, image_id), official=Objects(frozenset(names), table))
        for sample, (image_id, names) in zip(coco_samples(captions, source="chair"), truth.objects.items(), strict=True)
    ]


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """CHAIR_i, CHAIR_s and the mean length, by the official rules."""
    objects: Mapping[int, Objects] = {int(item.id): expected(item, item.official, Objects) for item in items}
    table = next((one.synonyms for one in objects.values()), synonyms())
    truth = ChairTruth({image_id: one.names for image_id, one in objects.items()}, table)
    return score_chair(truth, {int(name): answer for name, answer in answers.items()}, seed=seed)


def text_without_boxes(generation: Generation) -> str | Unscored:
    """`first_text` without the marks of grounded captions: `<p>a dog</p> {<1><2><30><40>}` is "a dog"."""
    text = first_text(generation)
    if isinstance(text, Unscored):
        return text
    return " ".join(_GROUNDING.sub(" ", text).split()) or Unscored("empty_answer")


CHAIR = Benchmark(
    name="chair",
    kind="caption",
    splits=("val2014", "train2014"),
    train_split="train2014",
    load=load,
    prompts={
        "plain": "Describe the image in detail.",
        "minigpt-v2-long": "generate a brief description of the given image.",
        "minigpt-v2-grounded": "[grounding] describe this image in as detailed as possible",
        "minigpt-v2-short": "[caption] briefly describe the image.",
    },
    decoding=Decoding(max_new_tokens=300),
    parser="text_without_boxes@1",
    parse=text_without_boxes,
    scorer=OWN,
    scorer_of=by_rules(score),
    submission="coco",
    source="Rohrbach et al. 2018, arXiv:1809.02156; github.com/LisaAnne/Hallucination",
    licence="annotations CC BY 4.0; official synonyms BSD-2-Clause; images: Flickr terms through COCO",
    how_to_get=(
        "cocodataset.org: instances and captions of train2014 and val2014 into chair/, images into images/; "
        "github.com/LisaAnne/Hallucination: data/synonyms.txt into chair/ for chair@official (else our own table)"
    ),
    sizes={"val2014": Size(40_504, 202_654), "train2014": Size(82_783, 414_113)},
)
