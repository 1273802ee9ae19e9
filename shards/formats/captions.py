"""The official caption files: COCO's captions and results, AudioCaps' tables."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from shards.errors import told_as
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
_AUDIOCAPS_ROW: Final = "audiocap_id,youtube_id,start_time in whole seconds,caption"
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
            where, found = f"{path}, annotations[{place}]", str(caption.image_id)
            expected, remedy = "an image_id that is listed under images", "use the file as it was published"
            raise AnnotationError(where, expected=expected, found=found, remedy=remedy)
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
    with told_as((UnicodeDecodeError, csv.Error), AnnotationError, str(path), expected=f"{_AUDIOCAPS} in UTF-8"):
        rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        header = next(rows, [])
        if header != _COLUMNS:
            raise AnnotationError(str(path), expected=_AUDIOCAPS, found=f"the header {','.join(header)!r}")
        grouped: dict[tuple[str, int], list[tuple[str, str]]] = {}
        for row in rows:
            if len(row) != len(_COLUMNS) or not (row[2].isascii() and row[2].isdigit()):
                raise AnnotationError(f"{path}, line {rows.line_num}", expected=_AUDIOCAPS_ROW, found=f"{row!r:.120}")
            caption_id, youtube_id, start_s, caption = row
            grouped.setdefault((youtube_id, int(start_s)), []).append((caption_id, caption))
    return tuple(AudioClip(*clip, *zip(*captions, strict=True)) for clip, captions in grouped.items())


def write_audiocaps(path: Path, clips: Iterable[AudioClip]) -> None:
    """Write clips as an AudioCaps table, whole or not at all."""
    write_atomic(path, audiocaps_table(clips))


def audiocaps_table(clips: Iterable[AudioClip]) -> bytes:
    """Clips as an AudioCaps table, one row a caption."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for clip in clips:
        for caption_id, caption in zip(clip.caption_ids, clip.captions, strict=True):
            writer.writerow([caption_id, clip.youtube_id, clip.start_s, caption])
    return text.getvalue().encode()
