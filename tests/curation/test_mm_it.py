"""MM-IT: instructions of all kinds for all media, answers that are true, and checks that find those that are not."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from anymodal.app import call
from curation.pipelines.mm_it import mm_it_pipeline, plan_tasks
from curation.pipelines.t2m import t2m_pipeline
from curation.sources import Pair, read_pairs
from curation.sources.world import Scene, read_scenes
from curation.steps.answers import Answered, CheckAnswer
from curation.writers import GrammarWriter
from curation.writers.writer import Fact
from shards.draft import Draft
from shards.reader import ShardSet
from shards.sample import Image, Imu, Sample, Text, Turn
from shards.verify import verify
from shards.work import Drop, audit, build, read_ledger
from tests.factories import png
from tests.shards.sets import npy

KINDS = ("image", "audio", "video", "imu")


def world_pairs(folder: Path, n_scenes: int) -> list[Pair]:
    """The media of a world's first scenes, of all kinds."""
    return [
        Pair(source="world", source_id=f"{scene.number}-{kind}", root=str(folder), file=scene.path(kind),
             caption=scene.captions[kind][0], modality=kind)
        for scene in list(read_scenes(folder))[:n_scenes]
        for kind in KINDS
    ]  # fmt: skip


def test_a_world_becomes_true_instructions_of_every_kind(small_world: Path, tmp_path: Path) -> None:
    pairs = world_pairs(small_world, 10)
    build(mm_it_pipeline(pairs, source="world", writer=GrammarWriter(), dialogues=160), tmp_path)
    books = audit(tmp_path)
    assert (books.n_in, books.n_written, books.faults, verify(tmp_path)) == (160, 160, [], [])
    samples = [draft.sample for draft in ShardSet(tmp_path)]
    assert Counter(sample.signature() for sample in samples) == dict.fromkeys(KINDS, 40)
    assert Counter(sample.meta["instruction"] for sample in samples) == dict.fromkeys(
        ("describe", "question", "reason", "create"), 40
    )
    assert {sample.meta["extension"] for sample in samples if sample.signature() == "imu"} == {True}
    assert {sample.meta["extension"] for sample in samples if sample.signature() != "imu"} == {False}
    assert {sample.meta["truth"] for sample in samples} == {"facts"}


def test_drawn_questions_are_answered_as_the_scene_is(small_world: Path, tmp_path: Path) -> None:
    pairs = world_pairs(small_world, 12)
    build(mm_it_pipeline(pairs, source="world", writer=GrammarWriter(), dialogues=960), tmp_path)
    scenes = {str(scene.number): scene for scene in read_scenes(small_world)}
    n_asked: Counter[str] = Counter()
    n_verdicts: Counter[str] = Counter()
    for draft in ShardSet(tmp_path):
        (medium,) = draft.sample.media()
        scene = scenes[str(medium.provenance.id).partition("-")[0]]
        truths = {
            "How many shapes are there?": str(len(scene.things)),
            "How many different colors do the shapes have?": str(len({thing.colour for thing in scene.things})),
            "What is drawn on the background?": scene.backdrop.motif.replace("plain", "nothing"),
            "What is heard first?": scene.soundscape.events[0].sound,
            "What does the person do last?": scene.activities[-1].activity,
        }
        request, reply = (turn.text for turn in draft.sample.turns)
        sentences = re.split(r"(?<=[?.]) ", request)
        assert len(set(sentences)) == len(sentences)  # no question is compared with itself
        n_verdicts.update(re.findall("agree|differ", reply))
        for question, truth in truths.items():
            if question in request and draft.sample.meta["instruction"] == "question":
                n_asked[medium.member.rpartition(".")[2]] += 1
                assert reply.lower() == truth
    assert n_asked.keys() == {"jpg", "wav", "npy"}
    assert min(n_verdicts["agree"], n_verdicts["differ"]) > n_verdicts.total() / 4


def answered(request: str, reply: str, *, caption: str, facts: Sequence[Fact] = (), scene: Scene | None) -> Answered:
    picture = Image(member="k.0-1.png", sha256="", width=1, height=1, caption=caption)
    turns = (Turn("human", (Text(request), picture)), Turn("machine", (Text(reply),)))
    return Answered(Draft(Sample(key="k", kind="mm_it", turns=turns)), "image", facts, scene)


SAME, OTHER = "Do the answers agree or differ?", "A dog . On a red mat"


@pytest.mark.parametrize(
    ("request_", "reply", "is_true"),
    [
        ("Describe this picture.", "A dog. On a red mat.", True),
        ("Describe this picture.", "A dog. On a green mat.", False),
        ("Describe this picture.", "A brown dog on a mat.", False),
        ("Describe this picture.", "I can see this: a dog.", True),
        ('Fill the gap: "a ___. On a red mat".', "Dog", True),
        ('Fill the gap: "a ___. On a red mat".', "Cat", False),
        ('Fill the gap: "a ___. On a red mat".', "Mat", False),
        ('Does the word "dog" fit? Say why.', "Yes, since I can see this: a dog. On a red mat.", True),
        ('Does the word "cat" fit? Say why.', "Yes, since I can see this: a dog. On a red mat.", False),
    ],
)
def test_an_answer_may_say_what_the_caption_says(request_: str, reply: str, is_true: bool) -> None:
    item = answered(request_, reply, caption=OTHER, scene=None)
    verdict = CheckAnswer()(item)
    assert verdict == item.draft if is_true else isinstance(verdict, Drop) and verdict.reason == "answer_beyond_caption"


@pytest.fixture(scope="module")
def scene(small_world: Path) -> Scene:
    """A scene of three things or more."""
    return next(scene for scene in read_scenes(small_world) if len(scene.things) == 3)


@pytest.mark.parametrize(
    ("reply", "is_true"),
    [("3", True), ("2", False), ("three", False), ("There are 3, I think, or 4.", False)],
)
def test_a_short_answer_must_be_the_scene_s(scene: Scene, reply: str, is_true: bool) -> None:
    told = [Fact("How many shapes are there?", reply)]  # whatever the writer was told is not believed
    item = answered("How many shapes are there?", reply, caption="x", facts=told, scene=scene)
    verdict = CheckAnswer()(item)
    assert verdict == item.draft if is_true else verdict.reason == "answer_contradicts_facts"


@pytest.mark.parametrize(
    ("reply", "is_true"),
    [
        ('The answers are "3" and "nothing". They differ.', True),
        ('The answers are "3" and "nothing". They agree.', False),
        ('The answers are "3" and "nothing". They agree and differ.', False),
        ('The answers are "nothing" and "3". They differ.', False),
        ("They differ.", False),
    ],
)
def test_a_comparison_must_give_both_answers_and_the_verdict(scene: Scene, reply: str, is_true: bool) -> None:
    plain = msgspec.structs.replace(scene, backdrop=msgspec.structs.replace(scene.backdrop, motif="plain"))
    questions = ["How many shapes are there?", "What is drawn on the background?"]
    facts = [Fact(question, "?") for question in questions]
    item = answered(f"{' '.join(questions)} {SAME}", reply, caption="x", facts=facts, scene=plain)
    verdict = CheckAnswer()(item)
    assert verdict == item.draft if is_true else verdict.reason == "answer_contradicts_facts"


def test_questions_that_were_not_asked_and_foreign_captions_are_found(scene: Scene) -> None:
    fact = Fact("How many shapes are there?", "3")
    good = answered("Describe this.", f"{scene.captions['image'][3]}.", caption=scene.captions["image"][3], scene=scene)
    assert CheckAnswer()(good) == good.draft
    for item in (
        answered("How many things?", "3", caption="x", facts=[fact], scene=scene),
        answered("Why?", "3", caption="x", facts=[Fact("Why?", "3")], scene=scene),
        answered("Describe this.", "a star.", caption="a star", scene=scene),
    ):
        verdict = CheckAnswer()(item)
        assert isinstance(verdict, Drop)
        assert verdict.reason == "answer_contradicts_facts"


def test_real_pairs_become_instructions_out_of_their_captions(real_pairs: Path, tmp_path: Path) -> None:
    source = f"nextgpt:{real_pairs}"
    build(mm_it_pipeline(read_pairs(source), source="nextgpt", writer=GrammarWriter(), dialogues=300), tmp_path)
    books = audit(tmp_path)
    assert {reason[2] for reason in books.reasons} == {"missing_media"}
    assert (books.faults, verify(tmp_path)) == ([], [])
    samples = [draft.sample for draft in ShardSet(tmp_path)]
    assert len(samples) > 250
    assert {sample.meta["truth"] for sample in samples} == {"caption"}
    assert Counter(sample.meta["instruction"] for sample in samples).keys() == {
        "describe", "question", "reason", "create"
    }  # fmt: skip
    asked = [sample for sample in samples if sample.meta["instruction"] == "question"]
    places = [(next(one.media()).caption or "").lower().find(one.turns[1].text.lower()) for one in asked]
    assert min(places) >= 0
    assert len(set(places)) > 20


def test_tasks_take_turns_in_kinds_and_do_not_depend_on_how_many_are_asked_for() -> None:
    pairs = [Pair(source="s", source_id=str(number), root="/", file="", caption="x") for number in range(10)]
    tasks = list(plan_tasks(pairs, seed=0, dialogues=90, scenes={}))
    assert len({task.id for task in tasks}) == 90
    assert set(Counter((task.pair.id, task.instruction) for task in tasks[:40]).values()) == {1}
    counts = Counter(task.instruction for task in tasks[:10])
    assert max(counts.values()) - min(counts.values()) == 1
    assert list(plan_tasks(reversed(pairs), seed=0, scenes={})) == tasks[:10]
    assert list(plan_tasks(pairs, seed=1, scenes={})) != tasks[:10]
    assert list(plan_tasks([], seed=0, dialogues=5, scenes={})) == []


@pytest.fixture
def mixed_folder(tmp_path: Path) -> Path:
    """A picture without a word to ask for, and two windows, of which one has nothing that names its axes."""
    folder = tmp_path / "own"
    (folder / "imu" / "head").mkdir(parents=True)
    (folder / "a.png").write_bytes(png())
    (folder / "imu" / "head" / "w.npy").write_bytes(npy())
    (folder / "w.npy").write_bytes(npy())
    facts = {"rate_hz": 50, "axes": list("abcdef"), "units": ["g"] * 6, "note": "more is welcome"}
    (folder / "imu" / "imu.json").write_text(json.dumps(facts))
    (folder / "captions.csv").write_text("file,caption\na.png,I\nimu/head/w.npy,someone walks\nw.npy,someone runs\n")
    return folder


def test_own_imu_windows_extend_the_set_and_the_card_says_so(mixed_folder: Path, tmp_path: Path) -> None:
    arguments = ["--source", f"folder:{mixed_folder}", "--out", str(tmp_path / "out"), "--dialogues", "12"]
    with pytest.raises(SystemExit, match="0"):
        call(["build", "mm-it", *arguments])
    ends = Counter((row.id.split("/", 1)[1].rpartition("/")[0], row.reason) for row in read_ledger(tmp_path / "out"))
    assert ends == {
        ("a.png", ""): 2,
        ("a.png", "nothing_to_ask"): 2,
        ("imu/head/w.npy", ""): 4,
        ("w.npy", "broken_media"): 4,
    }
    windows = [part for draft in ShardSet(tmp_path / "out") for part in draft.sample.media() if isinstance(part, Imu)]
    assert {(part.rate_hz, part.axes, part.duration_s) for part in windows} == {(50, tuple("abcdef"), 0.2)}
    assert "IMU windows" in (tmp_path / "out" / "README.md").read_text()


def test_nobody_asks_for_an_imu_window(mixed_folder: Path, tmp_path: Path) -> None:
    source = f"folder:{mixed_folder}"
    build(t2m_pipeline(read_pairs(source), source="folder", writer=GrammarWriter()), tmp_path / "out")
    assert Counter(row.reason for row in read_ledger(tmp_path / "out")) == {"": 1, "not_in_t2m": 1, "broken_media": 1}
