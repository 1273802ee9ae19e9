"""Steps that every pair goes through: is there a caption, is there a medium, is it what it claims to be."""

import hashlib
import re

import msgspec

from curation.sources.pair import Pair
from shards.draft import FileBytes
from shards.errors import MediaError
from shards.media import MediaFacts, MediaLimits, probe
from shards.work import Drop

_SPACES = re.compile(r"\s+")


class ProbedPair(msgspec.Struct, frozen=True):
    """A pair whose medium exists and was probed."""

    pair: Pair
    caption: str
    facts: MediaFacts
    sha256: str


class CheckCaption(msgspec.Struct, frozen=True):
    """Drop pairs without words; fold white space in the others."""

    name: str = "check_caption"
    version: int = 1

    def __call__(self, pair: Pair) -> Pair | Drop:
        caption = _SPACES.sub(" ", pair.caption or "").strip()
        if not caption:
            return Drop("empty_caption", "no text" if pair.caption is None else "only white space")
        return msgspec.structs.replace(pair, caption=caption)


class ProbeMedia(msgspec.Struct, frozen=True):
    """Find the medium, hash it, and read what its container states; nothing is decoded or re-encoded."""

    limits: MediaLimits = MediaLimits()
    name: str = "probe_media"
    version: int = 1

    def __call__(self, pair: Pair) -> ProbedPair | Drop:
        if not pair.is_inside:
            return Drop("outside_source", pair.file)
        blob = FileBytes(pair.path)
        try:
            content = blob.read()
        except MediaError as error:
            return Drop("missing_media", f"{pair.file}: {error.found}")
        try:
            facts = probe(content, limits=self.limits)
        except MediaError as error:
            return Drop("broken_media", f"expected {error.expected}, found {error.found}")
        if pair.modality not in (None, facts.kind):
            return Drop("wrong_modality", f"listed as {pair.modality}, is {facts.kind}")
        return ProbedPair(pair, pair.caption or "", facts, hashlib.sha256(content).hexdigest())
