"""A set of samples as the training files of other systems: JSON lists, and the media beside them."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from io import BufferedRandom
from pathlib import Path
from typing import Final

import msgspec

from shards.draft import Draft
from shards.errors import SampleError
from shards.files import atomic, make_folder
from shards.formats.training import TrainingFormat, training_file, training_record
from shards.sample import Modality, modality

MEDIA_FOLDERS: Final[Mapping[Modality, str]] = {"image": "images", "video": "videos", "audio": "audios"}


class Exported(msgspec.Struct, frozen=True):
    """What was written: records by file; and samples that the format has no place for, by reason."""

    files: Mapping[str, int]
    left_out: Mapping[str, int]


def export_set(
    drafts: Iterable[Draft], form: TrainingFormat, out: Path, *, progress: Callable[[int], None] = lambda done: None
) -> Exported:
    """Write records to `out/*.json` and media to `out/images`, `videos` and `audios`; lists appear when all is written.

    Args:
        drafts: The samples, such as a `ShardSet`.
        form: Whose training files.
        out: A folder; files of the same names in it are overwritten.
        progress: Told the number of samples seen.
    """
    counts, left_out = Counter[str](), Counter[str]()
    with contextlib.ExitStack() as stack:
        files: dict[str, BufferedRandom] = {}
        for seen, draft in enumerate(drafts, 1):
            progress(seen)
            try:
                content = msgspec.json.encode(training_record(draft.sample, form))
            except SampleError as misfit:
                left_out[misfit.found] += 1
                continue
            name = training_file(draft.sample, form)
            if name not in files:
                make_folder(out)
                files[name] = stack.enter_context(atomic(out / name))
            files[name].write((b",\n" if counts[name] else b"[\n") + content)
            counts[name] += 1
            _write_media(draft, out)
        for file in files.values():
            file.write(b"\n]\n")
    return Exported(dict(counts), dict(left_out))


def _write_media(draft: Draft, out: Path) -> None:
    for part in draft.sample.media():
        folder = out / MEDIA_FOLDERS[modality(part)]
        folder.mkdir(exist_ok=True)
        (folder / part.member).write_bytes(draft.blobs[part.member].read())
