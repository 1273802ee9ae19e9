"""MM-IT: an instruction about one medium and its answer, over images, sounds and films.

Source: AnyMAL (arXiv:2309.16058), section 3.2: description, open questions, reasoning and creative use, strictly about
the medium, with concise answers. The published set has no IMU windows; here they are an extension, named so in `meta`.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import get_args

import msgspec

from curation.pipelines.settings import settings_of
from curation.sources.pair import Pair
from curation.sources.world import Scene, questions_of, read_scenes
from curation.steps.answers import Answered, CheckAnswer
from curation.steps.dialogues import RULES, Check
from curation.steps.pairs import ProbedPair, probe_pairs
from curation.writers.spoken import content_words, spoken
from curation.writers.writer import Fact, Instruction, MMITBrief, Writer
from shards.draft import Draft, FileBytes
from shards.keys import keyed_hash, make_key
from shards.media import MediaLimits
from shards.sample import Sample, Text, Turn
from shards.work import Drop, Pipeline
from shards.writer import ShardSpec

IMU_EXTENSION = "samples with IMU windows, where there are any, extend MM-IT, whose media are image, video and audio"
"""What a card says of a set that may hold IMU windows; they carry `extension` in their `meta`."""

_INSTRUCTIONS: tuple[Instruction, ...] = get_args(Instruction)
_N_FACTS: Mapping[Instruction, int] = {"question": 1, "reason": 2}
_FOR_DIALOGUES = {"turn_count", "one_sided", "medium_without_mention"}
"""Rules of MosIT that make no sense for one question and its answer."""
_CHECKS = tuple(Check(rule) for rule in RULES if rule not in _FOR_DIALOGUES)


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instruction to be written: about which medium, of which kind, the how-manieth of its kind.

    `scene` holds the facts behind the medium, if more than its caption is known.
    """

    pair: Pair
    instruction: Instruction
    number: int = 0
    scene: Scene | None = None

    @property
    def id(self) -> str:
        """The ledger's name for the instruction."""
        return f"{self.pair.id}/{self.instruction}-{self.number}"

    @property
    def files(self) -> Sequence[str]:
        """The file that it stands on."""
        return self.pair.files


def plan_tasks(
    pairs: Iterable[Pair], *, seed: int, dialogues: int | None = None, scenes: Mapping[str, Scene]
) -> Iterator[Task]:
    """The first `dialogues` tasks over a source's pairs, or one a pair; kinds take turns, and go round on each lap.

    `scenes` are found by the path of the medium.
    """
    ordered = sorted(pairs, key=lambda pair: keyed_hash(pair.id, seed=seed, purpose="mm_it"))
    laps = itertools.count() if ordered else ()
    places = ((lap, place, pair) for lap in laps for place, pair in enumerate(ordered))
    for lap, place, pair in itertools.islice(places, len(ordered) if dialogues is None else dialogues):
        turn, kind = divmod(lap, len(_INSTRUCTIONS))
        instruction = _INSTRUCTIONS[(place + kind) % len(_INSTRUCTIONS)]
        yield Task(pair=pair, instruction=instruction, number=turn, scene=scenes.get(pair.path))


class ProbedTask(msgspec.Struct, frozen=True):
    """A task whose medium exists and was probed."""

    task: Task
    medium: ProbedPair


class ProbeTask(msgspec.Struct, frozen=True):
    """Send the medium through the steps that a pair alone goes through; drop what leaves nothing to ask for."""

    limits: MediaLimits = MediaLimits()
    name: str = "probe_task"
    version: int = 1

    def __call__(self, task: Task) -> ProbedTask | Drop:
        probed = probe_pairs([task.pair], limits=self.limits)
        if isinstance(probed, Drop):
            return probed
        (medium,) = probed
        if task.instruction in _N_FACTS and task.scene is None and not content_words(spoken(medium.caption)):
            return Drop("nothing_to_ask", medium.caption)
        return ProbedTask(task, medium)


class WriteMMIT(msgspec.Struct, frozen=True):
    """Put an instruction and its answer around the probed medium."""

    writer: Writer
    seed: int
    name: str = "write_mm_it"
    version: int = 1

    def __call__(self, probed: ProbedTask) -> Answered:
        task, pair = probed.task, probed.task.pair
        key = make_key(pair.source, f"{pair.source_id}/{task.instruction}-{task.number}")
        medium = probed.medium.part(f"{key}.0-1")
        facts = _draw_facts(task, Random(keyed_hash(key, seed=self.seed, purpose="facts")))
        kind = probed.medium.modality
        brief = MMITBrief(kind, probed.medium.caption, task.instruction, facts)
        exchange = self.writer.mm_it(brief, key=key, seed=self.seed)
        turns = (Turn("human", (Text(exchange.request), medium)), Turn("machine", (Text(exchange.reply),)))
        meta = {
            "writer": self.writer.name,
            "combination": kind,
            "media": f"human:{kind}",
            "instruction": task.instruction,
            "truth": "caption" if task.scene is None else "facts",
            "extension": kind == "imu",
        }
        sample = Sample(key=key, kind="mm_it", turns=turns, meta=meta)
        return Answered(Draft(sample, {medium.member: FileBytes(pair.path)}), kind, facts, task.scene)


def _draw_facts(task: Task, choice: Random) -> list[Fact]:
    """One fact to ask for, or two of a kind to compare: every template and answer of the scene is equally likely."""
    n_facts = _N_FACTS.get(task.instruction, 0)
    groups: dict[str, dict[str, list[str]]] = {}
    for one in questions_of(task.scene) if task.scene and n_facts else ():
        if one.modality == task.pair.modality:
            group = one.template if n_facts == 1 or one.answer_type == "other" else one.answer_type
            groups.setdefault(group, {}).setdefault(one.answer, []).append(one.text)
    large = sorted(name for name, answers in groups.items() if sum(map(len, answers.values())) >= n_facts)
    if not large:
        return []
    answers = groups[choice.choice(large)]
    first = _drawn(answers, sorted(answers), choice)
    if n_facts == 1:
        return [first]
    answers[first.answer].remove(first.question)
    agreeing = [first.answer] if answers[first.answer] else []
    differing = sorted(answers.keys() - {first.answer})
    return [first, _drawn(answers, choice.choice([side for side in (agreeing, differing) if side]), choice)]


def _drawn(answers: Mapping[str, Sequence[str]], among: Sequence[str], choice: Random) -> Fact:
    answer = choice.choice(among)
    return Fact(choice.choice(answers[answer]), answer)


def mm_it_pipeline(
    pairs: Iterable[Pair],
    *,
    source: str,
    writer: Writer,
    seed: int = 0,
    dialogues: int | None = None,
    spec: ShardSpec = ShardSpec(),  # noqa: B008 (frozen)
    limits: MediaLimits = MediaLimits(),  # noqa: B008 (frozen)
) -> Pipeline:
    """The pipeline that turns pairs into instructions with answers.

    Args:
        pairs: Captioned media, such as `curation.sources.read_pairs` yields.
        source: The kind of source; of `world`, answers come from the facts of the scenes, else from captions.
        writer: Where the words come from.
        seed: Decides kinds, questions, wording and order.
        dialogues: How many; None for one a pair.
        spec: When a shard is full.
        limits: Media beyond them are dropped.
    """
    listed = list(pairs)
    return Pipeline(
        name="mm_it",
        settings=settings_of(source, writer, limits, dialogues=dialogues),
        records=plan_tasks(listed, seed=seed, dialogues=dialogues, scenes=_scenes(listed) if source == "world" else {}),
        record_type=Task,
        steps=(ProbeTask(limits), WriteMMIT(writer, seed), CheckAnswer(), *_CHECKS),
        seed=seed,
        spec=spec,
    )


def _scenes(pairs: Iterable[Pair]) -> dict[str, Scene]:
    """The scenes of the worlds that the pairs lie in, by the paths of their media."""
    roots = {Path(pair.root) for pair in pairs}
    return {
        str(root / scene.path(kind)): scene for root in roots for scene in read_scenes(root) for kind in scene.captions
    }
