"""Generation inside dialogues: the machine's turns of a MosIT set that give media, asked with the true dialogue so far.

No published protocol: NExT-GPT's paper (arXiv:2309.05519v3) has people rate such dialogues. Here a turn is right if it
gives as many media of each kind as the true one; what they show is told by the metrics of text-to-media.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast, get_args

import msgspec
import numpy as np

from evals.benchmarks.item import Answers, Benchmark, Item, Scorer, Workspace, expected
from evals.benchmarks.made_media import RealMedium, names, said
from evals.benchmarks.media_scores import JUDGES, SIMILARITIES, Panel, open_panel, score_media
from evals.metrics.outcomes import reason_of
from evals.metrics.ratios import scoring_of
from evals.results import Metric, Scored, Unscored
from model_adapter import Decoding
from shards.draft import Draft
from shards.errors import MediaError, UsageError
from shards.keys import keyed_hash
from shards.manifest import MANIFEST
from shards.media import MediaKind, probe
from shards.reader import ShardSet
from shards.sample import Audio, Image, References, Turn, Video, modality

SCORER: Final = "turn_modalities@anymodal"
_KINDS: Final[tuple[MediaKind, ...]] = get_args(MediaKind)
_METRICS: Final = {("image", "fid"), ("audio", "fad"), ("video", "fvd")}
_JUDGES: Final = tuple(one for one in JUDGES if one.metric in SIMILARITIES or one[:2] in _METRICS)
_HOW_TO_GET: Final = "anymodal build mosit --source KIND:DIR --out DATA/mosit"


class TrueTurn(msgspec.Struct, frozen=True):
    """What the dialogue's own machine says and gives."""

    text: str
    media: tuple[RealMedium, ...]


def load_mosit(data: Path, split: str) -> list[Item]:
    """The turns with media of half of the dialogues, by the hash of their keys; media stay where they lie.

    Raises:
        UsageError: If there is no such set.
    """
    folder = data / "mosit"
    if not (folder / MANIFEST).is_file():
        told = UsageError(str(folder), expected="a MosIT set", found="none", remedy=_HOW_TO_GET)
        raise told from FileNotFoundError(folder)
    dialogues = ShardSet(folder)
    keys = dialogues.index["key"].to_pylist()
    chosen = [key for key in keys if keyed_hash(key, seed=0, purpose="mosit") % 2 == (split == "train")]
    return [item for key in chosen for item in _items(dialogues.get(key))]


def _items(draft: Draft) -> Iterator[Item]:
    key, turns = draft.sample.key, draft.sample.turns
    for place, turn in enumerate(turns):
        media = tuple(_real_media(turn, draft))
        if turn.role == "machine" and media:
            yield Item(
                id=f"{key}.{place}",
                cluster=key,
                text=turns[place - 1].text,
                media=(),
                truth=References(tuple(one.caption for one in media)),
                official=TrueTurn(turn.text, media),
                context=turns[:place],
                blobs=draft.blobs,
            )


def _real_media(turn: Turn, draft: Draft) -> Iterator[RealMedium]:
    for part in turn.parts:
        if isinstance(part, Image | Audio | Video):
            kind, is_world = cast(MediaKind, modality(part)), part.provenance.source == "world"
            yield RealMedium(kind, draft.blobs[part.member], part.caption or "", is_world, draft.sample.key)


def _made(answer: str | Unscored, panel: Panel) -> list[tuple[MediaKind, str]] | Unscored:
    """The media of an answer and what their bytes are, or why none are to be had."""
    if isinstance(answer, Unscored):
        return answer
    try:
        made = [(probe(panel.made(name).read()).kind, name) for name in names(answer)]
    except MediaError:
        return Unscored("unreadable_media")
    return made or Unscored("no_media")


def _judged_by(population: Sequence[Item], workspace: Workspace) -> Scorer:
    """No network is needed: the primary metric counts media."""
    panel = open_panel(_JUDGES, [one for item in population for one in _true(item).media], workspace)
    return Scorer(partial(_score, panel=panel), panel.identities, panel.real_sha256)


def _true(item: Item) -> TrueTurn:
    return expected(item, item.official, TrueTurn)


def _score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int, *, panel: Panel) -> Scored:
    """Share of turns with as many media of each kind as the true turn; of each kind what these media are worth."""
    made = [_made(answers.get(item.id, Unscored("missing")), panel) for item in items]
    true = [Counter(one.kind for one in _true(item).media) for item in items]
    found = [Counter(kind for kind, _ in one) if isinstance(one, list) else Counter[MediaKind]() for one in made]
    scoring = scoring_of(items, [reason_of(one) for one in made], SCORER, seed)
    values = np.array([float(one == other) for one, other in zip(found, true, strict=True)])
    metrics: dict[str, Metric] = {}
    further: list[dict[str, float]] = [{} for _ in items]
    for kind in _KINDS:
        asked = {place: one[kind] for place, item in enumerate(items) if kind in (one := _first(item))}
        given = [_given(made[place], kind) for place in asked]
        scores = score_media(panel.of(kind), list(asked.values()), given, seed=seed)
        metrics |= scores.metrics
        for place, numbers in zip(asked, scores.values, strict=True):
            further[place].update(numbers)
    primary = scoring.mean("turn_modalities", values)
    return Scored(primary, metrics, _precision_recall(true, found), scoring.rows(values, further))


def _first(item: Item) -> dict[MediaKind, RealMedium]:
    return {one.kind: one for one in reversed(_true(item).media)}


def _given(made: Sequence[tuple[MediaKind, str]] | Unscored, kind: MediaKind) -> str | Unscored:
    """The first medium of the kind that was made."""
    return made if isinstance(made, Unscored) else dict(reversed(made)).get(kind, Unscored(f"no_{kind}"))


def _precision_recall(
    true: Sequence[Counter[MediaKind]], found: Sequence[Counter[MediaKind]]
) -> dict[str, dict[str, float]]:
    """Of the media made, and of those asked for, the share that the other side has too; percent by kind."""
    shared = sum((one & other for one, other in zip(true, found, strict=True)), Counter())
    wholes = {"precision": sum(found, Counter()), "recall": sum(true, Counter())}
    return {
        name: {kind: 100 * shared[kind] / whole[kind] for kind in _KINDS if whole[kind]}
        for name, whole in wholes.items()
    }


MOSIT: Final = Benchmark(
    name="mosit",
    kind="mosit",
    splits=("test", "train"),
    train_split="train",
    load=load_mosit,
    prompts={"plain": "{text}"},
    decoding=Decoding(max_new_tokens=512),
    parser="made_turn@1",
    parse=said,
    scorer=SCORER,
    scorer_of=_judged_by,
    submission="answers",
    source="sets of `anymodal build mosit`, after NExT-GPT, arXiv:2309.05519v3, section 5.2; the protocol is our own",
    licence="that of the set's media",
    how_to_get=_HOW_TO_GET,
)
