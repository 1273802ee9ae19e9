"""The embedded small world: scenes seen, heard, filmed and felt; captions, questions, answers true by construction."""

from curation.sources.world.asking import questions_of
from curation.sources.world.captions import oracle_caption, reference_captions
from curation.sources.world.folder import WorldSummary, read_scenes, write_world
from curation.sources.world.scene import Scene

__all__ = [
    "Scene",
    "WorldSummary",
    "oracle_caption",
    "questions_of",
    "read_scenes",
    "reference_captions",
    "write_world",
]
