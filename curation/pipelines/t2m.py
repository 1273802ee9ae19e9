"""T2M: one turn in which a person asks for an image, a sound or a film in words, and gets it.

Source: NExT-GPT (arXiv:2309.05519v3), section 5.2 and appendix C.4: 5,000 dialogues a modality around captioned media.
"""

from collections.abc import Iterable

import msgspec

from curation.pipelines.settings import settings_of
from curation.sources.pair import Pair
from curation.steps.pairs import CheckCaption, ProbedPair, ProbeMedia
from curation.writers import MediumBrief, Writer
from shards.draft import Draft, FileBytes
from shards.keys import make_key
from shards.media import MediaLimits
from shards.sample import Sample, Text, Turn
from shards.work import Drop, Pipeline
from shards.writer import ShardSpec


class WriteT2M(msgspec.Struct, frozen=True):
    """Put a request and a reply around a probed medium."""

    writer: Writer
    seed: int
    name: str = "write_t2m"
    version: int = 1

    def __call__(self, probed: ProbedPair) -> Draft | Drop:
        if probed.modality == "imu":
            return Drop("not_in_t2m", "nobody asks for an IMU window")
        key = make_key(probed.pair.source, probed.pair.source_id)
        brief = MediumBrief(modality=probed.modality, caption=probed.caption)
        exchange = self.writer.t2m(brief, key=key, seed=self.seed)
        medium = probed.part(f"{key}.1-1")
        turns = (Turn("human", (Text(exchange.request),)), Turn("machine", (Text(exchange.reply), medium)))
        sample = Sample(key=key, kind="t2m", turns=turns, meta={"writer": self.writer.name})
        return Draft(sample=sample, blobs={medium.member: FileBytes(probed.pair.path)})


def t2m_pipeline(
    pairs: Iterable[Pair],
    *,
    source: str,
    writer: Writer,
    seed: int = 0,
    spec: ShardSpec = ShardSpec(),  # noqa: B008 (frozen)
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
) -> Pipeline:
    """The pipeline that turns pairs into T2M samples.

    Args:
        pairs: Captioned media, such as `curation.sources.read_pairs` yields.
        source: The kind of source, for the recipe; not its path, so that a moved folder is the same build.
        writer: Where the words come from.
        seed: Decides wording and order.
        spec: When a shard is full.
        limits: Media beyond them are dropped.
    """
    return Pipeline(
        name="t2m",
        settings=settings_of(source, writer, limits),
        records=pairs,
        record_type=Pair,
        steps=(CheckCaption(), ProbeMedia(limits), WriteT2M(writer, seed)),
        seed=seed,
        spec=spec,
    )
