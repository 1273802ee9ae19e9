"""The world as a source of captioned media: pictures and clips of its training scenes."""

from collections.abc import Iterator
from pathlib import Path

from curation.sources.pair import Pair, PairModality
from curation.sources.world.folder import read_scenes
from curation.sources.world.official import LICENCE
from curation.sources.world.scene import Scene


def read_world(folder: Path) -> Iterator[Pair]:
    """A picture and a clip for each training scene, each with its first reference caption.

    Scenes of `val` and `test` are left out: they are what models are examined on.

    Raises:
        SourceError: If the folder holds no finished world of this version.
    """
    for scene in read_scenes(folder):
        if scene.split == "train":
            yield _pair(folder, scene, "image", scene.image_path, scene.image_captions[0])
            yield _pair(folder, scene, "audio", scene.audio_path, scene.audio_captions[0])


def _pair(folder: Path, scene: Scene, modality: PairModality, path: str, caption: str) -> Pair:
    return Pair(
        source="world",
        source_id=f"{scene.seed}-{scene.number}-{modality}",
        root=str(folder),
        file=path,
        caption=caption,
        modality=modality,
        licence=LICENCE,
    )
