"""The world as a source of captioned media: the four media of its training scenes."""

from collections.abc import Iterator
from pathlib import Path

from curation.sources.pair import Pair
from curation.sources.world.folder import read_scenes
from curation.sources.world.official import LICENCE


def read_world(folder: Path) -> Iterator[Pair]:
    """Picture, clip, film and sensor window of each training scene, each with its first reference caption.

    Scenes of `val` and `test` are left out: they are what models are examined on.

    Raises:
        SourceError: If the folder holds no finished world of this version.
    """
    for scene in read_scenes(folder):
        for modality, captions in scene.captions.items():
            if scene.split == "train":
                yield Pair(
                    source="world", source_id=f"{scene.seed}-{scene.number}-{modality}", root=str(folder),
                    file=scene.path(modality), caption=captions[0], modality=modality, licence=LICENCE,
                )  # fmt: skip
