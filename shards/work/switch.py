"""Changing a finished bucket: all of its files or none.

The new files are staged below `.work/next`, laid out as in the set. Then `.work/switch.json` decides: before it is
there, nothing has happened; once it is there, the change is carried to its end by whoever locks the folder next, and
readers refuse the set until then instead of reading half of it (`shards.manifest.read_manifest`).
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from shards import files
from shards.errors import WorkError, told_as
from shards.files import make_folder, sync_folder, write_atomic
from shards.manifest import MANIFEST, SWITCH, ManifestLine, bucket_stem, encode_line, read_manifest

SWITCH_SCHEMA: Final = "anymodal.switch/1"
NEXT = ".work/next"


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decided change: files to move from the stage into the set, and files to remove from it."""

    stage: str
    moves: Sequence[str]
    removes: Sequence[str]
    schema: Literal["anymodal.switch/1"] = SWITCH_SCHEMA


def stage_for(folder: Path, bucket: int) -> Path:
    """An empty folder in which a bucket's next files are laid out."""
    stage = folder / NEXT / bucket_stem(bucket)
    shutil.rmtree(stage, ignore_errors=True)
    make_folder(stage)
    return stage


def switch_bucket(folder: Path, stage: Path, line: ManifestLine) -> None:
    """Let the staged files and this line take the place of a bucket's, at once and durably."""
    lines = read_manifest(folder)
    before = lines[line.bucket]
    write_atomic(stage / MANIFEST, b"".join(encode_line(one) for one in (lines | {line.bucket: line}).values()))
    names = sorted(str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file())
    removes = sorted({shard.name for shard in before.shards} - {shard.name for shard in line.shards})
    decided = Switch(str(stage.relative_to(folder)), names, removes)
    write_atomic(folder / SWITCH, msgspec.json.encode(decided))
    finish_switch(folder)


def finish_switch(folder: Path) -> bool:
    """Carry a decided change to its end; False if none is waiting.

    Raises:
        WorkError: If what was decided cannot be read.
    """
    if not (folder / SWITCH).exists():
        return False
    with told_as(msgspec.MsgspecError, WorkError, str(folder / SWITCH), expected="a change that was decided"):
        decided = msgspec.json.decode((folder / SWITCH).read_bytes(), type=Switch)
    for name in decided.moves:
        if (folder / decided.stage / name).exists():  # else an earlier attempt moved it
            make_folder((folder / name).parent)
            files.disk.rename(folder / decided.stage / name, folder / name)
    for name in decided.removes:
        files.disk.remove(folder / name)
    for parent in sorted({(folder / name).parent for name in (*decided.moves, *decided.removes)}):
        sync_folder(parent)
    files.disk.remove(folder / SWITCH)
    sync_folder((folder / SWITCH).parent)
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove what cut-off work left behind: temporary files, and stages that were not decided on."""
    shutil.rmtree(folder / NEXT, ignore_errors=True)
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
