"""Generation inside dialogues: what a model is shown, which answers are right, what is counted."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from curation.pipelines.mosit import mosit_pipeline
from curation.sources import read_pairs
from curation.writers import make_writer
from evals.benchmarks import Item, Task
from evals.benchmarks.item import Workspace
from evals.benchmarks.made_media import MadeMedia, RealMedium, data_uri
from evals.benchmarks.mosit import MOSIT, TrueTurn
from evals.harness.baselines import baseline
from evals.harness.runner import EvalSettings, evaluate, load_items
from evals.results import RunFolder, Scored, Unscored
from model_adapter import Capabilities, Generation, ReplayAdapter, Request, ScriptedAdapter, text_generation
from shards.draft import HeldBytes
from shards.errors import UsageError
from shards.reader import ShardSet, read_shard
from shards.sample import Image, References, Text
from shards.work import build
from tests.factories import mp4, png, wav

TASK = Task("world/mosit")
EVERYTHING = Capabilities(inputs=frozenset({"text", "image", "audio", "video"}))


@pytest.fixture(scope="module")
def data(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data")
    pairs = read_pairs(f"world:{small_world}")
    build(mosit_pipeline(pairs, source="world", writer=make_writer("offline"), seed=0), out / "mosit")
    return out


@pytest.fixture(scope="module")
def items(data: Path) -> list[Item]:
    return load_items(TASK, EvalSettings(data=data))


def run_of(adapter: ReplayAdapter | ScriptedAdapter, items: list[Item], out: Path) -> RunFolder:
    return evaluate(TASK, adapter, items, model="m", out=out, settings=EvalSettings(data=out))


def test_items_are_the_machines_turns_with_media(data: Path, items: list[Item]) -> None:
    both = [*items, *load_items(Task("mosit:train"), EvalSettings(data=data))]
    expected = {
        f"{draft.sample.key}.{place}": (turn, draft.sample.turns[:place])
        for draft in ShardSet(data / "mosit")
        for place, turn in enumerate(draft.sample.turns)
        if turn.role == "machine" and any(not isinstance(part, Text) for part in turn.parts)
    }
    assert len(both) == len(expected)
    assert {item.id: item.context for item in both} == {name: before for name, (_, before) in expected.items()}
    for item in both:
        turn, before = expected[item.id]
        (medium,) = (part for part in turn.parts if not isinstance(part, Text))
        assert item.truth == References((medium.caption,))
        assert (item.text, item.cluster) == (before[-1].text, item.id.rpartition(".")[0])
        assert before[-1].role == "human"
    halves = [{item.cluster for item in half} for half in (items, both[len(items) :])]
    assert not halves[0] & halves[1]
    assert all(halves)


def test_a_model_is_shown_the_true_dialogue_with_its_media(data: Path, items: list[Item], tmp_path: Path) -> None:
    seen: list[Request] = []
    adapter = ScriptedAdapter(lambda one: seen.append(one) or "so", capabilities=EVERYTHING)  # type: ignore[func-returns-value]
    run_of(adapter, items, tmp_path / "run")
    assert [request.key for request in seen] == [item.id for item in items]
    dialogues = {draft.sample.key: draft for draft in ShardSet(data / "mosit")}
    n_media = 0
    for request, item in zip(seen, items, strict=True):
        true = dialogues[item.cluster].sample.turns[: len(item.context)]
        assert [(turn.role, turn.text) for turn in request.turns] == [(turn.role, turn.text) for turn in true]
        shown = [part for turn in request.turns for part in turn.parts if not isinstance(part, Text)]
        meant = [part for turn in true for part in turn.parts if not isinstance(part, Text)]
        assert [part.sha256 for part in shown] == [part.sha256 for part in meant]
        assert all(part.caption is None and part.provenance.id is None for part in shown)
        for part in shown:
            assert hashlib.sha256(request.blobs[part.member].read()).hexdigest() == part.sha256
        n_media += len(shown)
    assert n_media > 0
    (draft, *_) = read_shard(tmp_path / "run" / "examples.tar")
    assert draft.sample.kind == "mosit"
    assert len(draft.sample.turns) % 2 == 1


def test_media_that_a_model_does_not_take_are_left_out(items: list[Item], tmp_path: Path) -> None:
    seen: list[Request] = []
    adapter = ScriptedAdapter(lambda one: seen.append(one) or "so")  # type: ignore[func-returns-value]
    run_of(adapter, items, tmp_path / "run")
    assert all(isinstance(part, Text) for one in seen for turn in one.turns for part in turn.parts)
    assert not any(one.blobs for one in seen)


def test_baselines_stand_where_they_should(data: Path, items: list[Item], tmp_path: Path) -> None:
    train = load_items(Task("mosit:train"), EvalSettings(data=data))
    runs = {
        name: run_of(baseline(name, items, train, seed=0), items, tmp_path / name)
        for name in ("oracle", "shuffled", "blind", "random", "constant", "empty")
    }
    values = {name: run.result.value for name, run in runs.items()}
    assert values["oracle"] == 100.0
    assert max(value for name, value in values.items() if name != "oracle") < 60
    assert values["constant"] == values["empty"] == 0.0
    assert runs["constant"].result.unscored == {"no_media": len(items)}
    assert runs["empty"].result.unscored == {"empty_answer": len(items)}
    best = runs["oracle"].result
    assert best.breakdown == {
        name: dict.fromkeys(("image", "audio", "video"), 100.0) for name in ("precision", "recall")
    }
    for name in ("fid", "fad", "fvd"):
        assert best.metrics[name].value == pytest.approx(0, abs=1e-6)
    for name in ("clipscore", "clipsim", "clap"):
        others = [runs[other].result.metrics[name].value for other in ("shuffled", "random")]
        assert all(best.metrics[name].value > value for value in others if value is not None)
    assert sum(best.metrics[name].n for name in ("fid", "fad", "fvd")) == len(items)


def item(number: int, *media: tuple[str, bytes]) -> Item:
    real = tuple(RealMedium(kind, HeldBytes(content), "a red circle", True) for kind, content in media)  # type: ignore[arg-type]
    truth = References(tuple(one.caption for one in real))
    return Item(id=str(number), cluster=str(number), text="", media=(), truth=truth, official=TrueTurn("here", real))


def scored(items: list[Item], texts: dict[str, str], run: Path) -> Scored:
    made = MadeMedia(run)
    answers = {name: MOSIT.parse(made.keep(text_generation(text))) for name, text in texts.items()}
    return MOSIT.scorer_of(items, Workspace(run)).score(items, answers, items, 0)


def test_a_turn_is_right_if_it_gives_as_many_media_of_each_kind(tmp_path: Path) -> None:
    picture, sound, film = png(), wav(2.0), mp4(np.zeros((16, 32, 32, 3), dtype=np.uint8))
    items = [
        item(0, ("image", picture)),
        item(1, ("image", picture)),
        item(2, ("audio", sound)),
        item(3, ("video", film)),
        item(4, ("image", picture), ("audio", sound)),
    ]
    answers = {
        "0": f"here {data_uri(picture)}",
        "1": data_uri(sound, "audio"),
        "2": "no sound today",
        "3": f"{data_uri(film, 'video')} and {data_uri(picture)}",
        "4": f"{data_uri(sound, 'image')} {data_uri(picture, 'audio')}",  # what the bytes are counts
    }
    found = scored(items, answers, tmp_path)
    primary = found.primary
    assert (primary.value, primary.unit, primary.protocol) == (40.0, "percent", "turn_modalities@anymodal")
    assert (primary.n, primary.unscored) == (5, {"no_media": 1})
    assert primary.bounds is not None
    assert (primary.bounds.all_wrong, primary.bounds.all_right) == (40.0, 60.0)
    assert [row.value for row in found.rows] == [1.0, 0.0, None, 0.0, 1.0]
    assert [row.unscored for row in found.rows] == [None, None, "no_media", None, None]
    # Made: 3 pictures (2 asked for), 2 sounds (1), 1 film (1); asked: 3 pictures, 2 sounds, 1 film.
    assert found.breakdown["precision"] == pytest.approx({"image": 200 / 3, "audio": 50.0, "video": 100.0})
    assert found.breakdown["recall"] == pytest.approx({"image": 200 / 3, "audio": 50.0, "video": 100.0})
    counts = {name: (metric.n, metric.unscored) for name, metric in found.metrics.items()}
    assert counts["clipscore"] == counts["fid"] == (3, {"no_image": 1})
    assert counts["clap"] == (2, {"no_media": 1})
    assert counts["fad"] == (2, {"no_media": 1, "too_few_items": 1})  # a set of one has no spread
    assert counts["clipsim"] == (1, {})
    assert counts["fvd"] == (1, {"too_few_items": 1})
    assert ["clipscore" in row.metrics for row in found.rows] == [True, False, False, False, True]
    assert found.metrics["clipscore"].protocol.startswith("clipscore@hessel2021/world-joint-")


@pytest.mark.parametrize(
    ("generation", "answer"),
    [
        (text_generation("a picture"), "a picture"),
        (text_generation(" "), Unscored("empty_answer")),
        (Generation(parts=(), finish_reason="refusal"), Unscored("refusal")),
        (
            Generation(
                parts=(Text("here"), Image(member="m.png", sha256="", width=8, height=6), Text("you are")),
                blobs={"m.png": HeldBytes(png())},
            ),
            f"here made/image/{hashlib.sha256(png()).hexdigest()}.png you are",
        ),
    ],
    ids=["words", "silence", "refusal", "both"],
)
def test_an_answer_is_words_and_media_in_order(generation: Generation, answer: str | Unscored, tmp_path: Path) -> None:
    assert MOSIT.parse(MadeMedia(tmp_path).keep(generation)) == answer


def test_a_broken_medium_is_no_value(tmp_path: Path) -> None:
    items = [item(0, ("image", png())), item(1, ("image", png()))]
    found = scored(items, {"0": data_uri(png()[:20]), "1": data_uri(png())}, tmp_path)
    assert (found.primary.value, found.primary.unscored) == (50.0, {"unreadable_media": 1})
    assert Counter(row.unscored for row in found.rows) == {"unreadable_media": 1, None: 1}


def test_a_missing_set_is_told_with_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mosit: expected a MosIT set, found none; anymodal build mosit"):
        load_items(TASK, EvalSettings(data=tmp_path))
