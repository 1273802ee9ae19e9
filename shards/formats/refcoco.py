"""Referring expressions: JSON lines, or the original `refs(…).p` beside COCO's instances file."""

import pickle
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final

import msgspec

from shards.files import write_atomic
from shards.formats.errors import AnnotationError
from shards.formats.instances import CocoImage, CocoObject, read_instances
from shards.formats.pickles import load_plain_pickle
from shards.formats.records import read_lines

Box = tuple[float, float, float, float]


class RecReference(msgspec.Struct, frozen=True, gc=False):
    """An expression and the object that it means.

    `bbox` is [x, y, width, height] in pixels of an image of `width` times `height` pixels. `image_id` names the
    image (the id itself where it is empty); `object_id` is shared by the expressions of one object, empty if unknown.
    `annotation_id`, `split` and the image's `file_name` are what the original files add.
    """

    id: str
    width: float
    height: float
    bbox: Box
    expression: str
    image_id: str = ""
    object_id: str = ""
    annotation_id: str = ""
    split: str = ""
    file_name: str = ""


class _Line(msgspec.Struct, gc=False):
    id: int | str
    width: float
    height: float
    bbox: Box
    expression: str
    image_id: int | str = ""
    object_id: int | str = ""


class _Sentence(msgspec.Struct, gc=False):
    sent_id: int
    sent: str


class _Ref(msgspec.Struct, gc=False):
    ref_id: int
    ann_id: int
    image_id: int
    split: str
    sentences: list[_Sentence]


_LINES: Final = 'references {"id", "width", "height", "bbox": [x, y, width, height], "expression"}'
_REFS: Final = "a list of references {ref_id, ann_id, image_id, split, sentences: [{sent_id, sent}]}"


def read_references(path: Path) -> tuple[RecReference, ...]:
    """Read JSON lines; ids may be integers and then stand for their decimal text.

    Raises:
        AnnotationError: If a line breaks the format, a size or box is impossible, or an id comes twice.
    """
    lines = read_lines(path, _Line, what=_LINES, error=AnnotationError)
    return checked((_from_line(line) for line in lines), place=str(path))


def read_refer(refs_path: Path, instances_path: Path, *, split: str) -> tuple[RecReference, ...]:
    """One split (such as "testA") of RefCOCO, RefCOCO+ or RefCOCOg as its authors published it.

    One reference a sentence: `id` is sent_id, `object_id` is ref_id, `annotation_id` is ann_id.

    Raises:
        AnnotationError: If a file breaks its format, names what the other does not have, or has no such split.
    """
    refs = _read_refs(refs_path)
    chosen = [ref for ref in refs if ref.split == split]
    if not chosen:
        splits = ", ".join(sorted({ref.split for ref in refs})) or "none"
        raise AnnotationError(str(refs_path), expected=f"references of split {split}", found=f"splits: {splits}")
    instances = read_instances(instances_path)
    images = {image.id: image for image in instances.images}
    objects = {entry.id: entry for entry in instances.annotations if entry.id is not None}
    place = f"{refs_path} with {instances_path}"
    return checked(_sentences(chosen, images, objects, place), place=place)


def write_refer(path: Path, references: Iterable[RecReference]) -> None:
    """Write a `refs(…).p` file, whole or not at all; boxes and image sizes belong into the instances file beside it."""
    refs: dict[str, dict[str, Any]] = {}
    for one in references:
        ref = refs.setdefault(one.object_id, {**_ref_fields(one), "sentences": []})
        ref["sentences"].append({"sent_id": int(one.id), "sent": one.expression})
    write_atomic(path, pickle.dumps(list(refs.values()), protocol=2))


def checked(references: Iterator[RecReference], *, place: str) -> tuple[RecReference, ...]:
    """The references, if sizes are positive, boxes finite and not negative in size, and ids unique."""
    kept = tuple(references)
    for reference in kept:
        sizes, box = (reference.width, reference.height), reference.bbox
        if not all(map(isfinite, sizes + box)) or min(sizes) <= 0 or min(box[2:]) < 0:
            where, wanted = f"{place}, id {reference.id}", "a positive image size and a finite box"
            found = f"size {reference.width} x {reference.height}, bbox {list(box)}"
            raise AnnotationError(where, expected=wanted, found=found)
    counts = Counter(reference.id for reference in kept)
    if len(counts) < len(kept):
        identifier, times = counts.most_common(1)[0]
        raise AnnotationError(place, expected="an id for each reference", found=f"id {identifier} {times} times")
    return kept


def _ref_fields(one: RecReference) -> dict[str, object]:
    ids = {"ref_id": one.object_id, "ann_id": one.annotation_id, "image_id": one.image_id}
    return {**{name: int(value) for name, value in ids.items()}, "split": one.split, "file_name": one.file_name}


def _from_line(line: _Line) -> RecReference:
    ids = {name: str(getattr(line, name)) for name in ("id", "image_id", "object_id")}
    return RecReference(**(msgspec.structs.asdict(line) | ids))


def _read_refs(path: Path) -> list[_Ref]:
    content = load_plain_pickle(path, what=_REFS)
    try:
        return msgspec.convert(content, list[_Ref])
    except (msgspec.ValidationError, RecursionError) as problem:
        raise AnnotationError(str(path), expected=_REFS, found=str(problem), remedy="fetch the file anew") from problem


def _sentences(
    refs: Sequence[_Ref], images: Mapping[int, CocoImage], objects: Mapping[int, CocoObject], place: str
) -> Iterator[RecReference]:
    for ref in refs:
        image, target = images.get(ref.image_id), objects.get(ref.ann_id)
        if image is None or target is None or target.bbox is None:
            expected = f"image {ref.image_id} and annotation {ref.ann_id} with a box"
            found = "no such image" if image is None else "no such annotation with a box"
            where, remedy = f"{place}, ref_id {ref.ref_id}", "use the instances.json of the same folder"
            raise AnnotationError(where, expected=expected, found=found, remedy=remedy)
        names = *map(str, (ref.image_id, ref.ref_id, ref.ann_id)), ref.split, image.file_name
        for sentence in ref.sentences:
            yield RecReference(str(sentence.sent_id), image.width, image.height, target.bbox, sentence.sent, *names)
