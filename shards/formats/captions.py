"""The official caption files: COCO's captions and results, AudioCaps' tables."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from shards.files import write_atomic
from shards.formats.errors import AnnotationError
from shards.formats.predictions import read_submission
from shards.formats.records import file_bytes, read_document


@dataclass(frozen=True)
class CocoCaptions:
    """Reference captions of an annotations file such as `captions_val2014.json`.

    Attributes:
        references: Captions by image id, images and captions in the file's order; images without a caption are left
            out.
        file_names: File name by image id, of all images.
    """

    references: Mapping[str, tuple[str, ...]]
    file_names: Mapping[str, str]


@dataclass(frozen=True)
class AudioClip:
    """One clip of AudioCaps: a stretch of a video's sound track from `start_s` seconds on, and its captions."""

    youtube_id: str
    start_s: int
    caption_ids: tuple[str, ...]
    captions: tuple[str, ...]


class _Image(msgspec.Struct, gc=False):
    id: int
    file_name: str = ""


class _Caption(msgspec.Struct, gc=False):
    image_id: int
    caption: str


class _Document(msgspec.Struct, gc=False):
    images: list[_Image]
    annotations: list[_Caption]


_COCO: Final = 'a COCO captions file {"images": [{"id", "file_name"}, …], "annotations": [{"image_id", "caption"}, …]}'
_AUDIOCAPS: Final = "an AudioCaps table with the header audiocap_id,youtube_id,start_time,caption"
_COLUMNS: Final = ["audiocap_id", "youtube_id", "start_time", "caption"]


def read_coco_captions(path: Path) -> CocoCaptions:
    """Read a COCO captions file; fields beyond ids, file names and captions are skipped.

    Raises:
        AnnotationError: If the file cannot be read, breaks the format, or has a caption for an image it does not list.
    """
    document = read_document(path, _Document, what=_COCO, error=AnnotationError)
    grouped: dict[int, list[str]] = {image.id: [] for image in document.images}
    for place, caption in enumerate(document.annotations):
        if caption.image_id not in grouped:
            raise AnnotationError(
                f"{path}, annotations[{place}]",
                expected="an image_id that is listed under images",
                found=str(caption.image_id),
                remedy="use the file as it was published",
            )
        grouped[caption.image_id].append(caption.caption)
    return CocoCaptions(
        references={str(key): tuple(captions) for key, captions in grouped.items() if captions},
        file_names={str(image.id): image.file_name for image in document.images},
    )


def read_caption_results(path: Path) -> dict[str, str]:
    """Captions of a results file `[{"image_id": 1, "caption": "a dog"}, …]` by image id, an integer or a string.

    Raises:
        PredictionError: See `shards.formats.predictions.read_predictions`.
    """
    return read_submission(path, "coco")


def write_coco_captions(path: Path, captions: CocoCaptions) -> None:
    """Write reference captions in COCO's format, with caption ids counted from 1, whole or not at all."""
    pairs = ((key, caption) for key, group in captions.references.items() for caption in group)
    document = {
        "images": [{"id": int(key), "file_name": name} for key, name in captions.file_names.items()],
        "annotations": [
            {"id": number, "image_id": int(key), "caption": caption}
            for number, (key, caption) in enumerate(pairs, start=1)
        ],
    }
    write_atomic(path, msgspec.json.encode(document))


def read_audiocaps(path: Path) -> tuple[AudioClip, ...]:
    """Clips of an AudioCaps table in the order of their first row; rows of one video and start are one clip.

    Raises:
        AnnotationError: If the file cannot be read, is not UTF-8, or a row breaks the format.
    """
    content = file_bytes(path, what=_AUDIOCAPS, error=AnnotationError)
    try:
        rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        header = next(rows, [])
        if header != _COLUMNS:
            raise AnnotationError(str(path), expected=_AUDIOCAPS, found=f"the header {','.join(header)!r}")
        grouped: dict[tuple[str, int], tuple[list[str], list[str]]] = {}
        for row in rows:
            clip, caption_id, caption = _audiocaps_row(row, place=f"{path}, line {rows.line_num}")
            caption_ids, captions = grouped.setdefault(clip, ([], []))
            caption_ids.append(caption_id)
            captions.append(caption)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise AnnotationError(str(path), expected=f"{_AUDIOCAPS} in UTF-8", found=str(problem)) from problem
    return tuple(AudioClip(*clip, tuple(ids), tuple(captions)) for clip, (ids, captions) in grouped.items())


def write_audiocaps(path: Path, clips: tuple[AudioClip, ...]) -> None:
    """Write clips as an AudioCaps table, one row a caption, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for clip in clips:
        for caption_id, caption in zip(clip.caption_ids, clip.captions, strict=True):
            writer.writerow([caption_id, clip.youtube_id, clip.start_s, caption])
    write_atomic(path, text.getvalue().encode())


def _audiocaps_row(row: list[str], *, place: str) -> tuple[tuple[str, int], str, str]:
    if len(row) != len(_COLUMNS) or not (row[2].isascii() and row[2].isdigit()):
        raise AnnotationError(
            place, expected="audiocap_id,youtube_id,start_time in whole seconds,caption", found=f"{row!r:.120}"
        )
    caption_id, youtube_id, start_s, caption = row
    return (youtube_id, int(start_s)), caption_id, caption
