"""The embedded small world: scenes as pictures and sounds; captions, questions and answers true by construction."""

from curation.sources.world.captions import oracle_caption, reference_captions
from curation.sources.world.folder import WorldSummary, read_scenes, write_world
from curation.sources.world.scene import Scene

__all__ = ["Scene", "WorldSummary", "oracle_caption", "read_scenes", "reference_captions", "write_world"]
