"""What the recipes of all pipelines say beside their steps."""

from typing import Any

import msgspec

from curation.writers.writer import Writer
from shards.media import MediaLimits


def settings_of(source: str, writer: Writer, limits: MediaLimits, **further: int | None) -> dict[str, Any]:
    """Settings of a recipe: the kind of source, not its path, so that a moved folder is the same build."""
    named = {"source": source, "writer": writer.name, "writer_revision": writer.revision}
    return {**named, **further, **msgspec.structs.asdict(limits)}
