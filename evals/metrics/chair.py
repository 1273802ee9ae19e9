"""CHAIR: how many of the objects that captions mention are not in their images.

Source: Rohrbach et al. 2018, arXiv:1809.02156; LisaAnne/Hallucination@6e4d33c, utils/chair.py (rules written anew).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from evals.errors import AnnotationError
from evals.metrics.chair_objects import Mention, ObjectFinder, Synonyms, synonyms
from evals.metrics.outcomes import NO_METRICS, counted, outcomes, reason_of
from evals.results.schema import Bounds, ItemRow, Metric, Scored, Unscored
from evals.statistics.bootstrap import FloatArray, cluster_intervals, cluster_sums, mean_of_sums
from shards.formats.captions import CocoCaptions
from shards.formats.instances import Instances

OFFICIAL: Final = "chair@official"
OFFICIAL_TABLE_SHA256: Final = "7cab74d5f16f44695992f1494005b7d460b7fae830a371f3182d31b70f11bdf2"
"""Of the words and nodes of the official table; see `ChairTruth.protocol`."""
OWN: Final = "chair@anymodal-synonyms"


@dataclass(frozen=True)
class ChairTruth:
    """The objects of each image that is asked about, as node words of the synonym table; their order is the rows'."""

    objects: Mapping[int, Collection[str]]
    synonyms: Synonyms = field(default_factory=synonyms)

    @property
    def protocol(self) -> str:
        """chair@official with the official table, chair@anymodal-synonyms with ours, else named by the table's hash."""
        if self.synonyms == synonyms():
            return OWN
        content = "\n".join(f"{word}\t{node}" for word, node in sorted(self.synonyms.items()))
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        return OFFICIAL if sha256 == OFFICIAL_TABLE_SHA256 else f"chair@synonyms-{sha256[:12]}"


def chair_truth(
    instances: Iterable[Instances],
    references: Iterable[tuple[int, str]],
    *,
    image_ids: Collection[int] | None = None,
    table: Synonyms | None = None,
) -> ChairTruth:
    """Objects of each image: categories of its instances and mentions in its reference captions.

    Args:
        instances: COCO instances; the official script takes train2014 and val2014.
        references: Pairs of image id and reference caption, from the captions files that belong to them.
        image_ids: The images that are asked about; all images of `instances` if None.
        table: Synonyms; our own if None.

    Raises:
        AnnotationError: If the table lacks a category, or an object has a category that the file lacks.
    """
    table = synonyms() if table is None else table
    instances = list(instances)
    if image_ids is None:
        image_ids = [image.id for part in instances for image in part.images]
    objects: dict[int, set[str]] = {image_id: set() for image_id in image_ids}
    for part in instances:
        nodes = _category_nodes(part, table)
        for entry in part.annotations:
            if entry.image_id in objects:
                if entry.category_id not in nodes:
                    place = f"instances, image {entry.image_id}"
                    raise AnnotationError(place, expected="a listed category", found=f"category {entry.category_id}")
                objects[entry.image_id].add(nodes[entry.category_id])
    find = ObjectFinder(table)
    for image_id, caption in references:
        if image_id in objects:
            objects[image_id].update(node for _, node in find(caption))
    return ChairTruth(objects, table)


def image_captions(captions: CocoCaptions) -> list[tuple[int, str]]:
    """Pairs of image id and reference caption."""
    return [(int(name), text) for name, texts in captions.references.items() for text in texts]


def _category_nodes(part: Instances, table: Synonyms) -> dict[int, str]:
    nodes = {category.id: table.get(category.name, "") for category in part.categories}
    for category in part.categories:
        if not nodes[category.id]:
            place = f"instances, category {category.id}"
            raise AnnotationError(place, expected="a category of the synonym table", found=f"{category.name!r:.80}")
    return nodes


def score_chair(truths: ChairTruth, captions: Mapping[int, str | Unscored], *, seed: int = 0) -> Scored:
    """CHAIR of one caption for each image; fractions, lower is better.

    The primary metric is chair_i, hallucinated mentions / mentions over all captions, None if nothing is mentioned;
    chair_s is captions with a hallucinated mention / captions; `length` is the mean number of words between white
    space of the captions that there are, and says nothing of quality. An image without a caption counts as one whose
    caption mentions nothing. Bounds of chair_i give each such caption the mean number of mentions of the others.

    Row value: hallucinated / mentions of the caption, 0 without mentions; row metrics: "chair_s", "hallucinated",
    "mentions", "length".

    Args:
        captions: Caption by image id.
        seed: Of the bootstrap, which draws images.

    Raises:
        PredictionError: If a caption is for an unknown image, or is no text.
    """
    found = outcomes(truths.objects, captions, place="CHAIR captions")
    reasons = [reason_of(outcome) for outcome in found]
    find = ObjectFinder(truths.synonyms)
    counts = [
        _counts(find(caption), objects, n_words=len(caption.split())) if isinstance(caption, str) else _NO_CAPTION
        for caption, objects in zip(found, truths.objects.values(), strict=True)
    ]
    names = [str(image_id) for image_id in truths.objects]
    rows = [_row(name, count, reason) for name, count, reason in zip(names, counts, reasons, strict=True)]
    table = np.array(counts, dtype=np.float64).reshape(-1, 5)
    primary, chair_s, length = _metrics(table, names, counted(reasons), protocol=truths.protocol, seed=seed)
    return Scored(primary=primary, metrics={"chair_s": chair_s, "length": length}, breakdown={}, rows=rows)


_Counts = tuple[int, int, int, int, int]
"""Hallucinated mentions, mentions, whether any is hallucinated, words, captions."""
_NO_CAPTION: Final[_Counts] = (0, 0, 0, 0, 0)


def _counts(mentions: Sequence[Mention], objects: Collection[str], *, n_words: int) -> _Counts:
    n_hallucinated = sum(node not in objects for _, node in mentions)
    return n_hallucinated, len(mentions), int(n_hallucinated > 0), n_words, 1


def _row(name: str, count: _Counts, reason: str | None) -> ItemRow:
    if reason is not None:
        return ItemRow(name, None, reason, name, NO_METRICS)
    hallucinated, mentions, any_hallucinated, n_words, _ = map(float, count)
    metrics = {"chair_s": any_hallucinated, "hallucinated": hallucinated, "mentions": mentions, "length": n_words}
    return ItemRow(name, hallucinated / mentions if mentions else 0.0, None, name, metrics)


def _metrics(
    counts: FloatArray, names: Sequence[str], unscored: Mapping[str, int], *, protocol: str, seed: int
) -> tuple[Metric, ...]:
    """chair_i, chair_s and length from the counts of all images, [n, 5]."""
    n, n_unscored = len(counts), sum(unscored.values())
    hallucinated, mentions, captions_hallucinated, words, captions = counts.sum(axis=0).tolist()
    guessed = n_unscored * mentions / captions if captions else 0.0  # mentions of the captions that are not there
    statistics = mean_of_sums, lambda totals: totals[:, 2] / n, lambda totals: totals[:, 3] / totals[:, 4]
    sums = cluster_sums(counts, names)
    interval_i, interval_s, interval_length = cluster_intervals(sums, statistics, n_items=n, seed=seed)
    bounds_i = _bounds(hallucinated, guessed, mentions + guessed) if n_unscored else None
    bounds_s = _bounds(captions_hallucinated, n_unscored, n) if n_unscored else None
    value_i, value_s = _ratio(hallucinated, mentions), _ratio(captions_hallucinated, n)
    ratio_of = "hallucinated", "mentions"
    chair_i = Metric("chair_i", protocol, value_i, "fraction", False, n, unscored, bounds_i, interval_i, ratio_of)
    chair_s = Metric("chair_s", protocol, value_s, "fraction", False, n, unscored, bounds_s, interval_s)
    value_length = _ratio(words, captions)
    length = Metric("length", protocol, value_length, "raw", True, n, unscored, interval=interval_length)
    return chair_i, chair_s, length


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def _bounds(wrong: float, uncertain: float, total: float) -> Bounds | None:
    return Bounds((wrong + uncertain) / total, wrong / total) if total else None
