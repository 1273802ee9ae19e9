"""Models that show what a benchmark's numbers mean: the ceiling, the floor, and answers given without looking.

Each is a replay of answers prepared from the items. Only `oracle` and `shuffled` read the truth of the items they
answer; the others learn from the training split.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import get_args

from evals.benchmarks import Item
from evals.benchmarks.grounding import reference_of
from evals.benchmarks.made_media import RealMedium, data_uri
from evals.benchmarks.mosit import TrueTurn
from evals.errors import EvalsError
from evals.harness.noise import noise_medium
from model_adapter import ReplayAdapter
from shards.errors import UsageError
from shards.formats.boxes import write_box
from shards.media import MediaKind
from shards.sample import Answers, Boxes, References

CONSTANT = "something"


def baseline(name: str, items: Sequence[Item], train: Sequence[Item], *, seed: int) -> ReplayAdapter:
    """The named baseline, ready to answer `items`.

    Args:
        name: One of `BASELINES`.
        items: The items to be answered.
        train: Items of the training split.
        seed: Of `random` and `shuffled`.

    Raises:
        UsageError: If there is no such baseline.
    """
    if name not in BASELINES:
        raise UsageError("--model", expected=f"baseline:{{{','.join(BASELINES)}}}", found=f"baseline:{name}")
    return ReplayAdapter(BASELINES[name](items, train, random.Random(seed)))


def right_answer(item: Item) -> str:
    """What the oracle says: the real medium, the answer most annotators gave, the first reference, or the box.

    A box is spelled in whole hundredths of the image, as MiniGPT-v2's training targets are, so that of one that is
    only a few hundredths wide too little may be left for an overlap of one half.
    """
    if isinstance(item.official, RealMedium):
        return item.official.uri()
    if isinstance(item.official, TrueTurn):
        return " ".join([item.official.text, *(medium.uri() for medium in item.official.media)])
    if isinstance(item.truth, Answers):
        return Counter(one.answer for one in item.truth.answers).most_common(1)[0][0]
    if isinstance(item.truth, References):
        return item.truth.texts[0]
    if isinstance(item.truth, Boxes):
        reference = reference_of(item)
        return write_box(
            item.truth.boxes_xyxy_px[0], width_px=reference.width, height_px=reference.height, grammar="grid100"
        )
    raise EvalsError(f"item {item.id}", expected="answers, references or boxes", found=type(item.truth).__name__)


class _RightAnswers(Mapping[str, str]):
    """By item id the right answer of that or another item, made when it is asked for: media are large."""

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = items

    def __getitem__(self, name: str) -> str:
        return right_answer(self._items[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


def _shuffled(items: Sequence[Item], train: Sequence[Item], rng: random.Random) -> Mapping[str, str]:
    """Each item gets the right answer of the next one in a random circle, so never its own (if there are two)."""
    circle = rng.sample(list(items), k=len(items))
    return _RightAnswers({item.id: other for item, other in zip(circle, [*circle[1:], *circle[:1]], strict=True)})


def _most_frequent(items: Sequence[Item], train: Sequence[Item], rng: random.Random) -> Mapping[str, str]:
    return _RightAnswers(dict.fromkeys((item.id for item in items), _commonest(train)))


def _blind(items: Sequence[Item], train: Sequence[Item], rng: random.Random) -> Mapping[str, str]:
    """The commonest training answer to the same question, else to its type, else at all: no look at any medium."""
    by_text, by_type = defaultdict(list), defaultdict(list)
    for item in train:
        by_text[item.text].append(item)
        by_type[_question_type(item)].append(item)
    commonest = cache(lambda text, kind: _commonest(by_text.get(text) or by_type.get(kind) or train))
    return _RightAnswers({item.id: commonest(item.text, _question_type(item)) for item in items})


def _random(items: Sequence[Item], train: Sequence[Item], rng: random.Random) -> Mapping[str, str]:
    """An answer drawn from all that was said about the training items; a box drawn anywhere; noise."""
    kinds = {item.id: _kinds(item) for item in items if _has_media(item)}
    if kinds:
        drawn = {name: rng.choice(some) for name, some in kinds.items()}
        return {name: data_uri(noise_medium(kind, rng), kind) for name, kind in drawn.items()}
    if any(isinstance(item.truth, Boxes) for item in items):
        return {item.id: _random_box(rng) for item in items}
    said = [text for item in train for text in texts_of(item) or [right_answer(item)]]
    return {item.id: rng.choice(said) for item in items}


def _kinds(item: Item) -> tuple[MediaKind, ...]:
    """The kind of medium that is asked for; any in a dialogue, which does not say."""
    return (item.official.kind,) if isinstance(item.official, RealMedium) else get_args(MediaKind)


def _random_box(rng: random.Random) -> str:
    (left, right), (top, bottom) = (sorted((rng.randint(0, 100), rng.randint(0, 100))) for _ in "xy")
    return f"{{<{left}><{top}><{right}><{bottom}>}}"


def _always(items: Sequence[Item], train: Sequence[Item], rng: random.Random, *, text: str) -> Mapping[str, str]:
    return dict.fromkeys((item.id for item in items), text)


BASELINES: Mapping[str, Callable[[Sequence[Item], Sequence[Item], random.Random], Mapping[str, str]]] = {
    "oracle": lambda items, train, rng: _RightAnswers({item.id: item for item in items}),
    "blind": _blind,
    "most-frequent": _most_frequent,
    "shuffled": _shuffled,
    "random": _random,
    "constant": partial(_always, text=CONSTANT),
    "empty": partial(_always, text=""),
}


def _commonest(items: Sequence[Item]) -> Item:
    """One with the most frequent right answer, the alphabetically first of equals; media are all different."""
    keyed = [(item.id if _has_media(item) else right_answer(item), item) for item in items]
    if not keyed:
        raise EvalsError("baseline", expected="a training split with items", found="none")
    counts = Counter(key for key, _ in keyed)
    return dict(keyed)[min(counts, key=lambda key: (-counts[key], key))]


def _has_media(item: Item) -> bool:
    return isinstance(item.official, RealMedium | TrueTurn)


def _question_type(item: Item) -> str:
    return item.truth.question_type if isinstance(item.truth, Answers) else ""


def texts_of(item: Item) -> list[str]:
    """All true answers or captions; none where the truth is no text."""
    if isinstance(item.truth, Answers):
        return [one.answer for one in item.truth.answers]
    return list(item.truth.texts) if isinstance(item.truth, References) else []
