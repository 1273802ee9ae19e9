"""Plans of dialogues: which media come together, who gives them, what is asked for; decided before any work begins.

The seven combinations of text with image, audio and video take turns, and each of a source's pairs goes into one
dialogue at most. A dialogue for which the source has no media is planned all the same, so that the ledger counts it.
"""

import itertools
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from random import Random
from typing import Final, Literal

import msgspec

from curation.sources.pair import Pair
from curation.writers.writer import Move
from shards.keys import keyed_hash
from shards.media import KIND_BY_EXTENSION, sniff

COMBINATIONS: Final = ("image", "audio", "video", "audio+image", "image+video", "audio+video", "audio+image+video")
_HEAD_BYTES = 64
_ROUNDS: Final = {3: 2, 4: 3, 5: 3, 6: 2, 7: 2}
"""Of so many questions and answers a dialogue consists with such weights: 4.9 on average, NExT-GPT's set has 4.8."""
_MAX_MEDIA: Final = 4
_TOPICS = resources.files("curation.pipelines").joinpath("mosit_topics.txt").read_text(encoding="utf-8").splitlines()


class DialoguePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One dialogue to be written.

    Args:
        seed: The build's; with `number` it makes the id.
        number: Counts all plans from 0.
        combination: Its media, such as "audio+image"; "none" for a pair that no dialogue can hold.
        topic: What the human is busy with.
        moves: Its rounds.
        pairs: Its media in the order in which they are given.
        lacking: Why there are none, as the ledger's reason; "" if there are.
    """

    seed: int
    number: int
    combination: str
    topic: str = ""
    moves: Sequence[Move] = ()
    pairs: Sequence[Pair] = ()
    lacking: str = ""

    @property
    def id(self) -> str:
        """The ledger's name for the dialogue, or for the pair that no dialogue can hold."""
        if self.combination == "none":
            return self.pairs[0].id
        return f"mosit/{self.seed}-{self.number:06d}-{self.combination}"

    @property
    def files(self) -> Sequence[str]:
        """The files that the dialogue stands on."""
        return [pair.path for pair in self.pairs]


def plan_dialogues(pairs: Iterable[Pair], *, seed: int, dialogues: int | None = None) -> Iterator[DialoguePlan]:
    """The first `dialogues` plans over a source's pairs; without a number, as many as use the pairs up.

    Plan n is the same however many are asked for. Pairs that no dialogue can hold come first, each as a plan that the
    ledger shows as dropped, so that they spoil no other medium's dialogue; IMU windows, too, are no part of MosIT.
    """
    stock: dict[str, deque[Pair]] = {kind: deque() for kind in ("image", "audio", "video")}
    for pair in sorted(pairs, key=lambda pair: keyed_hash(pair.id, seed=seed, purpose="mosit pairs")):
        kind = _told_or_sniffed(pair)
        fault = _fault(pair, kind)
        if fault:
            yield DialoguePlan(seed=seed, number=0, combination="none", pairs=(pair,), lacking=fault)
        else:
            stock[kind or ""].append(pair)
    yield from itertools.islice(_cycles(stock, seed=seed, is_endless=dialogues is not None), dialogues)


def _fault(pair: Pair, kind: str | None) -> str:
    """Why a pair cannot be used, as far as a look at its file tells; "" if it may."""
    if not (pair.caption or "").strip():
        return "empty_caption"
    if not os.path.isfile(pair.path):  # noqa: PTH113 (no error for names that no system takes)
        return "missing_media"
    if kind is None:
        return "unknown_media"
    return "" if kind in KIND_BY_EXTENSION.values() else "not_in_mosit"


def _told_or_sniffed(pair: Pair) -> str | None:
    """The modality of a pair; where its list does not tell, what its first bytes look like."""
    if pair.modality is not None or not os.path.isfile(pair.path):  # noqa: PTH113
        return pair.modality
    try:
        with Path(pair.path).open("rb") as file:
            return KIND_BY_EXTENSION.get(sniff(file.read(_HEAD_BYTES)) or "")
    except OSError:
        return None


def _cycles(stock: Mapping[str, deque[Pair]], *, seed: int, is_endless: bool) -> Iterator[DialoguePlan]:
    """Rounds of seven plans, one a combination, until a round finds no media any more."""
    had = frozenset(kind for kind, waiting in stock.items() if waiting)
    for cycle in itertools.count():
        choice = Random(keyed_hash(str(cycle), seed=seed, purpose="mosit plans"))
        order = choice.sample(COMBINATIONS, k=len(COMBINATIONS))
        plans = []
        for number, combination in enumerate(order, cycle * len(order)):
            wanted, moves = _layout(combination.split("+"), choice)
            lacking = _lacking(wanted, stock, had)
            plan = DialoguePlan(
                seed=seed,
                number=number,
                combination=combination,
                topic=choice.choice(_TOPICS),
                moves=moves,
                lacking=lacking,
                pairs=[] if lacking else [stock[kind].popleft() for kind in wanted],
            )
            plans.append(plan)
        if cycle > 0 and not is_endless and all(plan.lacking for plan in plans):
            return
        yield from plans


def _layout(combination: Sequence[str], choice: Random) -> tuple[list[str], list[Move]]:
    """The kinds of two to four media, of which each side gives at least one, and the rounds around them.

    Rounds of words alone come once two media are there to talk about.
    """
    n_rounds = choice.choices(list(_ROUNDS), weights=list(_ROUNDS.values()))[0]
    n_media = choice.randint(max(2, len(combination)), min(n_rounds, _MAX_MEDIA))
    wanted = [*combination, *choice.choices(combination, k=n_media - len(combination))]
    acts: list[Literal["show", "ask"]] = ["show", "ask", *choice.choices(("show", "ask"), k=len(wanted) - 2)]
    choice.shuffle(wanted)
    choice.shuffle(acts)
    moves = [Move(act, choice.choice(("explicit", "implicit")), about) for about, act in enumerate(acts)]
    for _ in range(n_rounds - n_media):
        place = choice.randint(2, len(moves))
        given = [move.about for move in moves[:place] if move.act != "recall"]
        moves.insert(place, Move("recall", "explicit", choice.choice(given)))
    return wanted, moves


def _lacking(wanted: Sequence[str], stock: Mapping[str, deque[Pair]], had: Collection[str]) -> str:
    """Which kinds the stock cannot supply, as the ledger's reason: never had, or used up; "" if it can."""
    short = sorted(kind for kind in set(wanted) if len(stock[kind]) < wanted.count(kind))
    never = [kind for kind in short if kind not in had]
    if never:
        return f"no_such_media:{'+'.join(never)}"
    return f"no_media_left:{'+'.join(short)}" if short else ""
