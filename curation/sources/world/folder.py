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
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from curation.errors import SourceError
from curation.sources.world.captions import CAPTIONS_PER_ITEM
from curation.sources.world.official import LICENCE, Chronicle, official_files
from curation.sources.world.scene import SCHEMA, Modality, Scene
from shards.errors import UsageError
from shards.files import write_atomic
from shards.formats.records import read_document, read_lines

FEWEST_SCENES: Final = 5
_MANIFEST: Final = "world.json"
_STARTED: Final = "world.started.json"
_SCENES: Final = "scenes.jsonl"
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
    identity = _Identity(SCHEMA, seed, scenes)
    if not _claim(out, identity):
        return _read_manifest(out / _MANIFEST).summary
    files = _Files(out)
    chronicle = _write_scenes(files, identity, progress)
    for path, content in official_files(chronicle, seed=seed):
        files.write(path, content)
    summary = _summarise(chronicle, seed)
    manifest = _Manifest(identity, _NOTE, LICENCE, summary, dict(sorted(files.sha256.items())))
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


class _Files:
    """Files of a world, with the sha256 of each that was written; the manifest alone vouches for them."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.sha256: dict[str, str] = {}

    def write(self, path: str, content: bytes) -> None:
        (self._out / path).parent.mkdir(parents=True, exist_ok=True)
        (self._out / path).write_bytes(content)
        self.sha256[path] = hashlib.sha256(content).hexdigest()


def _write_scenes(files: _Files, identity: _Identity, progress: Callable[[int], None]) -> Chronicle:
    """Write media and facts of all scenes."""
    from curation.sources.world.filming import render_mp4
    from curation.sources.world.rendering import render_jpeg
    from curation.sources.world.sampling import sample_scene
    from curation.sources.world.sensing import render_imu
    from curation.sources.world.synthesis import render_wav

    renderers: dict[Modality, Callable[[Scene], bytes]] = {
        "image": render_jpeg, "audio": render_wav, "video": render_mp4, "imu": render_imu
    }  # fmt: skip
    chronicle = Chronicle()
    for number in range(identity.scenes):
        scene = sample_scene(identity.seed, number)
        for modality, render in renderers.items():
            files.write(scene.path(modality), render(scene))
        chronicle.add(scene)
        progress(number + 1)
    files.write(_SCENES, b"".join(msgspec.json.encode(scene) + b"\n" for scene in chronicle.scenes))
    return chronicle


def _summarise(chronicle: Chronicle, seed: int) -> WorldSummary:
    scenes, questions, image_captions, audio_captions = (Counter[str]() for _ in range(4))
    for scene, of_scene in chronicle.asked["image"]:
        scenes[scene.split] += 1
        questions[scene.image_split] += len(of_scene)
        image_captions[scene.image_split] += CAPTIONS_PER_ITEM
        audio_captions[scene.split] += 1 if scene.split == "train" else CAPTIONS_PER_ITEM
    return WorldSummary(seed, dict(scenes), dict(questions), dict(image_captions), dict(audio_captions))


def _claim(out: Path, identity: _Identity) -> bool:
    """Whether the folder is to be written; False if it holds this world, and an error if it holds anything else."""
    if out.exists() and not out.is_dir():
        raise UsageError(str(out), expected="a folder", found="a file")
    if (out / _MANIFEST).exists():
        _require_same(out, _read_manifest(out / _MANIFEST).identity, identity)
        return False
    if (out / _STARTED).exists():
        started = read_document(out / _STARTED, _Identity, what="a world's name", error=SourceError)
        _require_same(out, started, identity)
    elif out.exists() and (stranger := next(out.iterdir(), None)):
        raise UsageError(str(out), expected="an empty folder", found=stranger.name, remedy="choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / _STARTED, msgspec.json.encode(identity))
    return True


def _require_same(out: Path, found: _Identity, wanted: _Identity) -> None:
    if found != wanted:
        raise UsageError(str(out), expected=str(wanted), found=str(found), remedy="choose another folder")


def _read_manifest(path: Path) -> _Manifest:
    return read_document(path, _Manifest, what="a world's manifest", error=SourceError)
