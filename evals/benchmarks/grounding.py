"""Referring expressions: RefCOCO, RefCOCO+ and RefCOCOg ask for the box of one object, a sentence an item."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from evals.benchmarks.item import Answers, Benchmark, Item, Size, by_rules, coco_image, expected, item_of
from evals.errors import EvalsError
from evals.metrics.rec import THRESHOLD, box_ious, score_rec
from evals.results import Scored
from model_adapter import Decoding
from shards.formats.boxes import boxes_to_pixels
from shards.formats.refcoco import RecReference, read_refer
from shards.formats.samples import refer_sample

_COCO_NAME: Final = re.compile(r"COCO_(train|val)2014_\d{12}\.jpg")

GUESSES: Final = 256
"""Boxes drawn for each expression to find what guessing gets."""


def load(data: Path, split: str, *, name: str, maker: str) -> list[Item]:
    """The sentences of a split; sentences about one image share a cluster.

    Raises:
        AnnotationError: If a file breaks its format, or has no such split.
        EvalsError: If an image's file name is not COCO's.
    """
    references = read_refer(data / name / f"refs({maker}).p", data / name / "instances.json", split=split)
    odd = next((one.file_name for one in references if not _COCO_NAME.fullmatch(one.file_name)), None)
    if odd is not None:
        found, place = repr(odd), f"{data / name / 'instances.json'}, images"
        raise EvalsError(place, expected="file names such as COCO_train2014_000000000009.jpg", found=found)
    return [
        item_of(refer_sample(one, source=name), coco_image(data, one.file_name), cluster=one.image_id, official=one)
        for one in references
    ]


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """The share of expressions whose box overlaps the meant one by more than half."""
    return score_rec([reference_of(item) for item in items], answers, boxes="grid100", seed=seed)


def guessing(items: Sequence[Item], train: Callable[[], Sequence[Item]]) -> float:
    """Expected accuracy, in percent, of a box whose corners are drawn uniformly.

    Estimated with `GUESSES` boxes for each expression; the standard error for 5,000 expressions is about 0.01.
    """
    rng, n_right = np.random.default_rng(0), 0
    for item in items:
        reference = reference_of(item)
        x, y, width, height = reference.bbox
        corners = np.sort(rng.integers(0, 101, (GUESSES, 2, 2)), axis=1).reshape(-1, 4)
        sizes_px = np.array([[reference.width, reference.height]])
        guessed_px = boxes_to_pixels(corners.astype(np.float64), sizes_px, "grid100")
        n_right += int((box_ious(guessed_px, np.array([[x, y, x + width, y + height]])) > THRESHOLD).sum())
    return 100.0 * n_right / (GUESSES * len(items))


def reference_of(item: Item) -> RecReference:
    """The expression as the official scorer takes it; `EvalsError` if the item is none."""
    return expected(item, item.official, RecReference)


def _benchmark(name: str, maker: str, source: str, **sizes: tuple[int, int | None]) -> Benchmark:
    """One of the three; `sizes` are sentences and objects of each split."""
    return Benchmark(
        name=name,
        kind="refer",
        splits=tuple(sizes),
        train_split="train",
        load=partial(load, name=name, maker=maker),
        prompts={
            "plain": "Where in the image is this: {text}\nAnswer with one box {<x1><y1><x2><y2>}: left, top, right, "
            "bottom, whole numbers from 0 to 100 in hundredths of the image's width and height.",
            "minigpt-v2": "[refer] give me the location of {text}",
        },
        decoding=Decoding(max_new_tokens=20),
        scorer="refcoco@iou.5",
        scorer_of=by_rules(score),
        chance=guessing,
        submission="answers",
        source=source,
        licence="annotations: see github.com/lichengunc/refer (Apache-2.0); images: Flickr terms through COCO",
        how_to_get=(
            f"github.com/lichengunc/refer: refs({maker}).p and instances.json of {name} into {name}/; "
            "cocodataset.org: train2014 images into images/train2014/"
        ),
        sizes={split: Size(items, objects=objects) for split, (items, objects) in sizes.items()},
    )


_YU: Final = "Yu et al. 2016, arXiv:1608.00272"
_MAO: Final = "Mao et al. 2016, arXiv:1511.02283; split of Nagaraja et al. 2016, arXiv:1608.00525"

REFCOCO = _benchmark(
    "refcoco", "unc", _YU, val=(10_834, 3_811), testA=(5_657, 1_975), testB=(5_095, 1_810), train=(120_624, None)
)
REFCOCO_PLUS = _benchmark(
    "refcoco+", "unc", _YU, val=(10_758, 3_805), testA=(5_726, 1_975), testB=(4_889, 1_798), train=(120_191, None)
)
REFCOCOG = _benchmark("refcocog", "umd", _MAO, val=(4_896, 2_573), test=(9_602, 5_023), train=(80_512, None))
