"""COCO instances files: images, categories, and the boxes of objects; polygons are skipped."""

from pathlib import Path
from typing import Final

import msgspec

from shards.files import write_atomic
from shards.formats.errors import AnnotationError
from shards.formats.records import read_document


class CocoImage(msgspec.Struct, frozen=True, gc=False):
    """An image; width and height in pixels."""

    id: int
    file_name: str = ""
    width: int = 0
    height: int = 0


class CocoCategory(msgspec.Struct, frozen=True, gc=False):
    """A category such as "dining table"."""

    id: int
    name: str


class CocoObject(msgspec.Struct, frozen=True, gc=False):
    """One annotated object; `bbox` is [x, y, width, height] in pixels, None where the file has no boxes."""

    image_id: int
    category_id: int
    id: int | None = None
    bbox: tuple[float, float, float, float] | None = None


class Instances(msgspec.Struct, frozen=True, gc=False):
    """The fields of a COCO instances file that scorers and loaders need."""

    images: tuple[CocoImage, ...]
    annotations: tuple[CocoObject, ...]
    categories: tuple[CocoCategory, ...]


_INSTANCES: Final = 'a COCO instances file {"images": […], "annotations": […], "categories": […]}'


def read_instances(path: Path) -> Instances:
    """Read one instances file; `AnnotationError` if the format is broken."""
    return read_document(path, Instances, what=_INSTANCES, error=AnnotationError)


def write_instances(path: Path, instances: Instances) -> None:
    """Write an instances file, whole or not at all."""
    write_atomic(path, msgspec.json.encode(instances))
