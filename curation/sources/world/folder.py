"""A world on disk: written whole, in the benchmarks' own formats, and read back scene by scene.

scenes.jsonl                     one scene's facts and captions a line
images/{train,val}2014/          pictures under COCO-style names
vqav2/, okvqa/                   questions and annotations; those of OKVQA need a fact that no picture shows
coco_captions/, chair/           captions; captions, objects and their synonyms as CHAIR needs them
refcoco/, refcoco+/, refcocog/   references and instances; places are only named in the first and the last
audiocaps/                       clips, and captions as AudioCaps has them; the video ids are invented
msrvtt/, msrvtt_qa/              films, their captions as MSR-VTT has them, and questions as MSRVTT-QA has them
ego4d/                           windows of a motion sensor, and narrations as Ego4D has them; `imu.json` names the axes
world.json                       seed, counts, and the sha256 of every other file; written last
"""

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from curation.errors import SourceError
from curation.sources.world.asking import Asked
from curation.sources.world.captions import CAPTIONS_PER_ITEM
from curation.sources.world.official import LICENCE, ask_all, official_files
from curation.sources.world.scene import SCHEMA, Modality, Scene
from shards.errors import UsageError
from shards.files import write_atomic
from shards.formats.records import read_document, read_lines

FEWEST_SCENES: Final = 5
_MANIFEST, _STARTED, _SCENES = "world.json", "world.started.json", "scenes.jsonl"
_NOTE: Final = (
    "Rendered scenes of the anymodal world, not photographs or recordings. Values of youtube_id and start_time are "
    "invented and name no video. Scores on this world are self-tests and stand beside no public benchmark."
)


@dataclass(frozen=True)
class _Identity:
    """What makes two worlds the same, byte for byte."""

    schema: int
    seed: int
    scenes: int

    def __str__(self) -> str:
        return f"the world of seed {self.seed} with {self.scenes} scenes, version {self.schema}"


@dataclass(frozen=True)
class WorldSummary:
    """What a world holds, by part (pictures of val and test are val2014) or by split.

    Clips have captions as AudioCaps has them: one to train, five otherwise.
    """

    seed: int
    scenes: Mapping[str, int]
    questions: Mapping[str, int]
    image_captions: Mapping[str, int]
    audio_captions: Mapping[str, int]


@dataclass(frozen=True)
class _Manifest:
    identity: _Identity
    note: str
    licence: str
    summary: WorldSummary
    files: Mapping[str, str]


def write_world(out: Path, *, scenes: int, seed: int, progress: Callable[[int], None]) -> WorldSummary:
    """Write a world of so many scenes; same arguments, same bytes, and a longer world begins with the shorter one.

    A world that is already there is left as it is; one whose writing was broken off is written again.

    Args:
        out: The world's folder; new, empty, or holding this same world.
        scenes: At least five, so that each split has one.
        seed: Any integer.
        progress: Called with the number of scenes finished, after each.

    Raises:
        UsageError: If there are too few scenes, the folder holds something else, or Pillow or PyAV is not installed.
    """
    if scenes < FEWEST_SCENES:
        raise UsageError("scenes", expected=f"at least {FEWEST_SCENES}", found=str(scenes))
    for package, name in (("PIL", "Pillow"), ("av", "PyAV")):
        if find_spec(package) is None:
            raise UsageError("world", expected=name, found="not installed", remedy='pip install "anymodal[media]"')
    from curation.sources.world.sampling import sample_scene

    identity = _Identity(SCHEMA, seed, scenes)
    if not _claim(out, identity):
        return _read_manifest(out / _MANIFEST).summary
    sampled = [sample_scene(seed, number) for number in range(scenes)]
    asked = ask_all(sampled)
    contents = itertools.chain(_media(sampled, progress), official_files(sampled, asked, seed=seed))
    sha256 = {path: _write(out / path, content) for path, content in contents}
    summary = _summarise(sampled, asked["image"], seed)
    manifest = _Manifest(identity, _NOTE, LICENCE, summary, dict(sorted(sha256.items())))
    os.sync()  # once for all files, before the manifest says that they are there
    write_atomic(out / _MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    (out / _STARTED).unlink()
    return summary


def read_scenes(folder: Path) -> Iterator[Scene]:
    """The scenes of a world in the order of their numbers; media paths are relative to the folder.

    Raises:
        SourceError: If the folder holds no finished world of this version, or a line is broken; the line is named.
    """
    identity = _read_manifest(folder / _MANIFEST).identity
    if identity.schema != SCHEMA:
        found = f"version {identity.schema}"
        raise SourceError(str(folder / _MANIFEST), expected=f"version {SCHEMA}", found=found, remedy="write it anew")
    scenes = read_lines(folder / _SCENES, Scene, what="a scene of the world", error=SourceError)
    if len(scenes) != identity.scenes:
        expected, found = f"{identity.scenes} scenes", f"{len(scenes)} of them"
        raise SourceError(str(folder / _SCENES), expected=expected, found=found, remedy="write it anew")
    yield from scenes


def _write(path: Path, content: bytes) -> str:
    """Write a file, and tell its sha256; the manifest alone vouches for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _media(scenes: Sequence[Scene], progress: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
    """Media of all scenes, then their facts; paths are relative to the world's folder."""
    from curation.sources.world.filming import render_mp4
    from curation.sources.world.rendering import render_jpeg
    from curation.sources.world.sensing import render_imu
    from curation.sources.world.synthesis import render_wav

    renderers: dict[Modality, Callable[[Scene], bytes]] = {
        "image": render_jpeg, "audio": render_wav, "video": render_mp4, "imu": render_imu
    }  # fmt: skip
    for number, scene in enumerate(scenes, start=1):
        yield from ((scene.path(modality), render(scene)) for modality, render in renderers.items())
        progress(number)
    yield _SCENES, b"".join(msgspec.json.encode(scene) + b"\n" for scene in scenes)


def _summarise(scenes: Sequence[Scene], asked: Iterable[Asked], seed: int) -> WorldSummary:
    clips = Counter(str(scene.split) for scene in scenes)
    pictures = Counter(str(scene.image_split) for scene in scenes)
    questions = Counter(str(scene.image_split) for scene, _, _ in asked)
    image_captions = {part: CAPTIONS_PER_ITEM * count for part, count in pictures.items()}
    audio_captions = {split: count * (1 if split == "train" else CAPTIONS_PER_ITEM) for split, count in clips.items()}
    return WorldSummary(seed, dict(clips), dict(questions), image_captions, audio_captions)


def _claim(out: Path, identity: _Identity) -> bool:
    """Whether the folder is to be written; False if it holds this world, and an error if it holds anything else."""
    if out.exists() and not out.is_dir():
        raise UsageError(str(out), expected="a folder", found="a file")
    found, is_finished = identity, (out / _MANIFEST).exists()
    if is_finished:
        found = _read_manifest(out / _MANIFEST).identity
    elif (out / _STARTED).exists():
        found = read_document(out / _STARTED, _Identity, what="a world's name", error=SourceError)
    elif out.exists() and (stranger := next(out.iterdir(), None)):
        raise UsageError(str(out), expected="an empty folder", found=stranger.name, remedy="choose another folder")
    if found != identity:
        raise UsageError(str(out), expected=str(identity), found=str(found), remedy="choose another folder")
    if not is_finished:
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(out / _STARTED, msgspec.json.encode(identity))
    return not is_finished


def _read_manifest(path: Path) -> _Manifest:
    return read_document(path, _Manifest, what="a world's manifest", error=SourceError)
