"""MosIT: dialogues of several turns, in which both sides give images, sounds and films.

Source: NExT-GPT (arXiv:2309.05519v3), section 5.2: 5,000 dialogues of 3 to 7 turns with explicit and implicit requests
and every combination of text with image, audio and video. Its released cleaning keeps media on the machine's side only;
here they stand on both, as the paper says.
"""

from collections.abc import Iterable

import msgspec

from curation.pipelines.mosit_plans import DialoguePlan, plan_dialogues
from curation.pipelines.settings import settings_of
from curation.sources.pair import Pair
from curation.steps.dialogues import RULES, Check
from curation.steps.pairs import ProbedPair, probe_pairs
from curation.writers.writer import MediumBrief, MosITBrief, Writer
from shards.draft import Draft, FileBytes
from shards.keys import make_key
from shards.media import MediaLimits
from shards.sample import Part, Sample, Scalar, Text, Turn
from shards.work import Drop, Pipeline
from shards.writer import ShardSpec


class ProbedDialogue(msgspec.Struct, frozen=True):
    """A plan whose media exist and were probed."""

    plan: DialoguePlan
    media: tuple[ProbedPair, ...]


class ProbeDialogue(msgspec.Struct, frozen=True):
    """Drop the plans for which the source has no media; send the media of the others through the steps of pairs."""

    limits: MediaLimits = MediaLimits()
    name: str = "probe_dialogue"
    version: int = 1

    def __call__(self, plan: DialoguePlan) -> ProbedDialogue | Drop:
        if plan.lacking:
            return Drop(plan.lacking, ", ".join(pair.id for pair in plan.pairs))
        media = probe_pairs(plan.pairs, limits=self.limits)
        return media if isinstance(media, Drop) else ProbedDialogue(plan, media)


class WriteMosIT(msgspec.Struct, frozen=True):
    """Put words around the probed media, round by round."""

    writer: Writer
    seed: int
    name: str = "write_mosit"
    version: int = 1

    def __call__(self, dialogue: ProbedDialogue) -> Draft:
        plan, media = dialogue.plan, dialogue.media
        key = make_key("mosit", " ".join([plan.id, *(pair.id for pair in plan.pairs)]))
        briefs = [MediumBrief(one.modality, one.caption) for one in media]
        texts = self.writer.mosit(MosITBrief(plan.topic, briefs, plan.moves), key=key, seed=self.seed)
        turns: list[Turn] = []
        for move, asked, answered in zip(plan.moves, texts[::2], texts[1::2], strict=True):
            human: list[Part] = [Text(asked)]
            machine: list[Part] = [Text(answered)]
            if move.act != "recall":
                giver = human if move.act == "show" else machine
                place = len(turns) + (move.act == "ask")
                giver.append(media[move.about].part(f"{key}.{place}-1"))
            turns += [Turn("human", tuple(human)), Turn("machine", tuple(machine))]
        sample = Sample(key=key, kind="mosit", turns=tuple(turns), meta=self._meta(dialogue))
        blobs = {part.member: FileBytes(one.pair.path) for part, one in zip(sample.media(), media, strict=True)}
        return Draft(sample=sample, blobs=blobs)

    def _meta(self, dialogue: ProbedDialogue) -> dict[str, Scalar]:
        moves = [move for move in dialogue.plan.moves if move.act != "recall"]
        requests = {move.request for move in moves}
        givers = ["human" if move.act == "show" else "machine" for move in moves]
        planned = zip(givers, dialogue.media, strict=True)
        return {
            "writer": self.writer.name,
            "combination": dialogue.plan.combination,
            "media": " ".join(f"{giver}:{one.modality}" for giver, one in planned),
            "n_turns": len(dialogue.plan.moves),
            "request": requests.pop() if len(requests) == 1 else "mixed",
            "topic": dialogue.plan.topic,
        }


def mosit_pipeline(
    pairs: Iterable[Pair],
    *,
    source: str,
    writer: Writer,
    seed: int = 0,
    dialogues: int | None = None,
    spec: ShardSpec = ShardSpec(),  # noqa: B008 (frozen)
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
) -> Pipeline:
    """The pipeline that turns pairs into dialogues; its inputs are dialogues as planned, not pairs.

    Args:
        pairs: Captioned media, such as `curation.sources.read_pairs` yields; each goes into one dialogue at most.
        source: The kind of source, for the recipe.
        writer: Where the words come from.
        seed: Decides plans, wording and order.
        dialogues: How many are planned; None until the pairs are used up.
        spec: When a shard is full.
        limits: Media beyond them are dropped, and their dialogue with them.
    """
    return Pipeline(
        name="mosit",
        settings=settings_of(source, writer, limits, dialogues=dialogues),
        records=plan_dialogues(pairs, seed=seed, dialogues=dialogues),
        record_type=DialoguePlan,
        steps=(ProbeDialogue(limits), WriteMosIT(writer, seed), *map(Check, RULES)),
        seed=seed,
        spec=spec,
    )
