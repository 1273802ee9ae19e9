"""NExT-GPT's pair data in the layout of its release: lists in JSON, media in folders beside them.

DIR/cc3m/cc3m.json           [{"caption", "id", "image_name"}]        DIR/cc3m/images/
DIR/audiocap/audiocap.json   [{"caption", "audio_id", "audio_name"}]  DIR/audiocap/audios/
DIR/webvid/webvid.json       [{"caption", "id", "video_name"}]        DIR/webvid/videos/
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from curation.errors import SourceError
from curation.sources.pair import Pair, PairModality, id_field, optional_text


class _Layout(msgspec.Struct, frozen=True):
    """One collection of the release."""

    name: str
    media: str
    id_field: str
    file_field: str
    modality: PairModality
    licence: str


_LAYOUTS = (
    _Layout("cc3m", "images", "id", "image_name", "image", "owners' terms (Conceptual Captions 3M)"),
    _Layout("audiocap", "audios", "audio_id", "audio_name", "audio", "clips: YouTube terms; captions: MIT (AudioCaps)"),
    _Layout("webvid", "videos", "id", "video_name", "video", "WebVid terms of use"),
)


def read_nextgpt(folder: Path) -> Iterator[Pair]:
    """The pairs of every collection that the folder holds.

    Raises:
        SourceError: If it holds none, a list is no JSON list, or a record has no id.
    """
    present = [layout for layout in _LAYOUTS if (folder / layout.name / f"{layout.name}.json").is_file()]
    if not present:
        expected = "any of " + ", ".join(f"{layout.name}/{layout.name}.json" for layout in _LAYOUTS)
        raise SourceError(str(folder), expected=expected, found="none of them", remedy="name the folder above them")
    for layout in present:
        yield from _read_list(folder / layout.name, layout)


def _read_list(folder: Path, layout: _Layout) -> Iterator[Pair]:
    path = folder / f"{layout.name}.json"
    try:
        records = msgspec.json.decode(path.read_bytes(), type=list[Any])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SourceError(str(path), expected="a JSON list of records", found=str(error)) from error
    for number, record in enumerate(records):
        place = f"{path}, record {number}"
        yield Pair(
            source=layout.name,
            source_id=id_field(record, layout.id_field, place=place),
            root=str(folder / layout.media),
            file=optional_text(record, layout.file_field) or "",
            caption=optional_text(record, "caption"),
            modality=layout.modality,
            licence=layout.licence,
        )
