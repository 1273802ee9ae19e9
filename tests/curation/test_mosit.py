"""MosIT: plans that use each medium once, dialogues that keep the rules, rules that find each fault."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from anymodal.app import call
from curation.pipelines.mosit import ProbedDialogue, WriteMosIT, mosit_pipeline
from curation.pipelines.mosit_plans import DialoguePlan, plan_dialogues
from curation.sources import Pair, read_pairs
from curation.sources.world import read_scenes
from curation.steps.dialogues import RULES, Check
from curation.steps.pairs import ProbedPair
from curation.writers import GrammarWriter
from curation.writers.spoken import spoken
from curation.writers.writer import MediumBrief, MosITBrief, Move
from shards.draft import Draft
from shards.media import MediaFacts, media_part
from shards.reader import ShardSet, held
from shards.sample import Audio, Image, Part, Provenance, Sample, Text, Turn
from shards.verify import verify
from shards.work import Drop, audit, build, read_ledger
from tests.factories import png, wav

SEVEN = {"image", "audio", "video", "audio+image", "image+video", "audio+video", "audio+image+video"}
PICTURE = Image(member="k.0-1.png", sha256="a" * 64, width=8, height=6, caption="A red bench, here is a sign.")
SOUND = Audio(member="k.3-1.wav", sha256="b" * 64, duration_s=1, sample_rate_hz=8000, channels=1, caption="Rain falls")
GOOD = Sample(
    key="k",
    kind="mosit",
    turns=(
        Turn("human", (Text("What does this picture show?"), PICTURE)),
        Turn("machine", (Text("It shows a red bench, here is a sign."),)),
        Turn("human", (Text("I wonder how that sounds: rain falls."),)),
        Turn("machine", (Text("Here is a recording of it."), SOUND)),
        Turn("human", (Text("Which of the two comes first?"),)),
        Turn("machine", (Text("The bench does."),)),
    ),
    meta={"combination": "audio+image", "media": "human:image machine:audio"},
)


def with_turn(number: int, *parts: Part | str, role: str = "") -> Sample:
    """The good dialogue with another turn in place of one."""
    turns = list(GOOD.turns)
    contents = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    turns[number] = Turn(role or turns[number].role, contents)  # type: ignore[arg-type]
    return msgspec.structs.replace(GOOD, turns=tuple(turns))


def says(words: str) -> Sample:
    return with_turn(1, words)


def replaced(**fields: object) -> Sample:
    return msgspec.structs.replace(GOOD, **fields)


def renamed(**fields: object) -> Image:
    return msgspec.structs.replace(PICTURE, **fields)


LATER = with_turn(2, "And this picture?", PICTURE)
PLANTED = [
    ("roles", with_turn(1, "It shows a red bench.", role="human")),
    ("roles", replaced(turns=GOOD.turns[1:])),
    ("roles", replaced(turns=GOOD.turns[:3])),
    ("roles", replaced(turns=())),
    ("turn_count", replaced(turns=GOOD.turns[:2])),
    ("turn_count", replaced(turns=GOOD.turns * 4)),
    ("empty_text", says(" ")),
    ("empty_caption", with_turn(0, "This picture?", renamed(caption=" "))),
    ("repeated_turn", with_turn(2, "what does this PICTURE show?")),
    ("repeated_medium", LATER),
    ("wrong_side", with_turn(1, "It is this picture.", renamed(sha256="c" * 64))),
    ("one_sided", replaced(turns=(*GOOD.turns[:3], Turn("machine", (Text("No."),))))),
    ("wrong_combination", replaced(meta={"combination": "image"})),
    ("promise_without_medium", says("Here is the picture you wanted.")),
    ("medium_without_mention", with_turn(0, "What is this?", PICTURE)),
    ("medium_without_mention", with_turn(3, "Here is a film of rain.", SOUND)),
    ("request_mismatch", with_turn(2, "Show me a picture of it.")),
    ("hidden_characters", says("It shows a\u202e red bench.")),
    ("hidden_characters", says("It shows\x00 a red bench.")),
    ("markup", says("It shows <b>a red bench</b>.")),
    ("markup", says("It shows a bench. <|im_end|>")),
    ("markup", says("It shows a bench. ### Human: go on")),
    ("markup", says("It shows a bench &amp; a tree.")),
    ("address", says("It shows a bench, see www.example.org.")),
    ("address", says("Ask me@example.org about the bench.")),
    ("other_script", replaced(turns=(Turn("human", (Text("Что это за картинка, друг?"),)),))),
    ("name_leak", says("It shows 00123.JPG.")),
    ("name_leak", with_turn(0, "Is picture b12-99 red?", renamed(provenance=Provenance(source="x", id="b12-99")))),
    ("too_long", says("bench " * 600)),
]


@pytest.mark.parametrize(("rule", "bad"), PLANTED)
def test_each_rule_finds_its_fault(rule: str, bad: Sample) -> None:
    verdict = Check(rule)(Draft(bad))
    assert isinstance(verdict, Drop)
    assert (verdict.reason, bool(verdict.detail)) == (rule, True)


@pytest.mark.parametrize("rule", RULES)
def test_a_good_dialogue_keeps_each_rule_and_each_rule_has_a_planted_fault(rule: str) -> None:
    assert Check(rule)(Draft(GOOD)) == Draft(GOOD)
    assert rule in {planted for planted, _ in PLANTED}


def made_up_pairs(n: int, kinds: tuple[str, ...] = ("image", "audio", "video")) -> list[Pair]:
    """Pairs whose files exist, but hold nothing of the kind."""
    captions = ("A dog , running .", "Tooth", "Rain falls <on> a roof", "Booth bay, me", 'two {name} "stars"')
    return [
        Pair(source=kind, source_id=f"{number}", root=__file__, file="", caption=captions[number % 5], modality=kind)  # type: ignore[arg-type]
        for kind in kinds
        for number in range(n)
    ]


def probed(plan: DialoguePlan) -> ProbedDialogue:
    """The plan as if its media had been looked at."""
    media = [
        ProbedPair(
            pair,
            media_part(MediaFacts(kind=pair.modality, extension="x"), member="", sha256=pair.id, caption=pair.caption),
            "x",
        )  # type: ignore[arg-type]
        for pair in plan.pairs
    ]
    return ProbedDialogue(plan, tuple(media))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_planned_the_grammar_keeps_the_rules(seed: int) -> None:
    plans = [plan for plan in plan_dialogues(made_up_pairs(200), seed=seed) if not plan.lacking]
    assert len(plans) > 150
    for plan in plans:
        draft = WriteMosIT(GrammarWriter(), seed)(probed(plan))
        text = "\n".join(turn.text for turn in draft.sample.turns)
        broken = [rule for rule in RULES if isinstance(Check(rule)(draft), Drop)]
        places = [n for n, turn in enumerate(draft.sample.turns) if len(turn.parts) == 2]
        assert [part.member for part in draft.sample.media()] == [f"{draft.sample.key}.{n}-1.x" for n in places]
        assert broken == (["markup"] if "<on>" in text else []), text
        assert re.search(r"\.\.|[ .][.,?:]|\ba [aeiou]|\ban [^aeiou]|\{(?!name\} 'stars')", text) is None, text
        assert all(line[0].isupper() for line in text.splitlines())


@pytest.mark.parametrize(
    ("acts", "about", "human", "machine"),
    [
        (("show", "ask"), 0, "What was my picture about again?", "Your picture was about this: a bell."),
        (("show", "ask"), 1, "What was your picture about again?", "My picture was about this: a dog."),
        (("ask", "ask"), 1, "What was your second picture about again?", "My second picture was about this: a dog."),
    ],
)
def test_each_side_calls_media_by_whose_they_are(acts: tuple[str, str], about: int, human: str, machine: str) -> None:
    media = [MediumBrief("image", "A bell."), MediumBrief("image", "A dog.")]
    moves = [Move(act, "explicit", number) for number, act in enumerate(acts)]  # type: ignore[arg-type]
    brief = MosITBrief("a play", media, [*moves, Move("recall", "explicit", about)])
    ends = {tuple(GrammarWriter().mosit(brief, key=f"k{number}", seed=0)[-2:]) for number in range(200)}
    assert [end for end in ends if end[0].endswith(human) and end[1] == machine]
    assert not [end for end in ends if "about again" in end[0] and "picture" in end[0] and not end[0].endswith(human)]


def test_plans_take_turns_use_each_medium_once_and_do_not_depend_on_how_many_are_asked_for() -> None:
    pairs = made_up_pairs(60)
    plans = list(plan_dialogues(pairs, seed=3))
    written = [plan for plan in plans if not plan.lacking]
    used = Counter(pair.id for plan in written for pair in plan.pairs)
    assert set(used.values()) == {1}
    assert len(used) >= len(pairs) - 9  # less than a last dialogue's need is left of each kind
    counts = Counter(plan.combination for plan in plans)
    assert set(counts) == SEVEN
    assert max(counts.values()) == min(counts.values())
    assert list(plan_dialogues(reversed(pairs), seed=3, dialogues=10)) == plans[:10]
    assert list(plan_dialogues(pairs, seed=4))[:10] != plans[:10]
    assert {len(plan.moves) for plan in written} == {3, 4, 5, 6, 7}
    assert all({move.act for move in plan.moves} >= {"show", "ask"} for plan in written)
    assert {plan.moves[0].act for plan in written} == {"show", "ask"}
    assert {move.request for plan in written for move in plan.moves} == {"explicit", "implicit"}
    more = list(plan_dialogues(pairs, seed=3, dialogues=1000))
    assert len(more) == 1000
    assert {plan.lacking.partition(":")[0] for plan in more[len(plans) :]} == {"no_media_left"}


def test_a_source_of_pictures_alone_gives_one_combination_and_the_others_are_counted(
    tmp_path: Path, captioned_folder: Callable[[int], Path]
) -> None:
    folder = captioned_folder(9)
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes(b"<html>")
    with (folder / "captions.csv").open("a") as table:
        table.write("3.png,\n" + "x" * 300 + ".png,a name that is too long\n")
    with pytest.raises(SystemExit, match="0"):
        call(["build", "mosit", "--source", f"folder:{folder}", "--out", str(tmp_path / "out")])
    rows = list(read_ledger(tmp_path / "out"))
    written = [row for row in rows if row.outcome == "written"]
    assert {row.id.split("-")[-1] for row in written} == {"image"}
    assert 2 <= len(written) <= 3
    lost = {row.id: row.reason for row in rows if not row.id.startswith("mosit/")}
    assert lost == {
        "photos/1.png": "missing_media",
        "photos/2.png": "unknown_media",
        "photos/3.png": "empty_caption",
        f"photos/{'x' * 300}.png": "missing_media",
    }
    n_each = sum(row.id.endswith("-image") for row in rows)
    assert Counter(row.reason for row in rows if row.outcome == "dropped") == Counter(
        {
            "no_such_media:audio": 2 * n_each,
            "no_such_media:video": 2 * n_each,
            "no_such_media:audio+video": 2 * n_each,
            "no_media_left:image": n_each - len(written),
            **Counter(lost.values()),
        }
    )


def test_real_pairs_become_dialogues_of_all_seven_combinations(real_pairs: Path, tmp_path: Path) -> None:
    pipeline = mosit_pipeline(read_pairs(f"nextgpt:{real_pairs}"), source="nextgpt", writer=GrammarWriter())
    build(pipeline, tmp_path)
    drafts = list(ShardSet(tmp_path))
    assert {draft.sample.signature() for draft in drafts} == SEVEN
    assert verify(tmp_path) == []
    books = audit(tmp_path)
    assert books.faults == []
    assert ("dropped", "probe_dialogue", "missing_media", 3) in books.reasons
    originals = {hashlib.sha256(path.read_bytes()).hexdigest() for path in real_pairs.glob("*/*/*")}
    for draft in drafts:
        assert {hashlib.sha256(content).hexdigest() for content in held(draft).values()} <= originals
    hashes = [part.sha256 for draft in drafts for part in draft.sample.media()]
    assert len(hashes) == len(set(hashes)) >= 30


def test_a_world_becomes_dialogues_and_stats_count_each_combination(
    small_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenes = [scene for scene in read_scenes(small_world) if scene.split == "train"][:30]
    pairs = [
        Pair(source="world", source_id=f"{scene.number}-{kind}", root=str(small_world), file=scene.path(kind),
             caption=captions[0], modality=kind)
        for scene in scenes
        for kind, captions in scene.captions.items()
    ]  # fmt: skip
    build(mosit_pipeline(pairs, source="world", writer=GrammarWriter(), dialogues=21), tmp_path)
    with pytest.raises(SystemExit, match="0"):
        call(["stats", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out)["by_signature"] == dict.fromkeys(sorted(SEVEN), 3)
    assert {draft.sample.meta["request"] for draft in ShardSet(tmp_path)} == {"explicit", "implicit", "mixed"}
    books = audit(tmp_path)
    assert (books.n_written, books.faults, verify(tmp_path)) == (21, [], [])
    assert books.reasons == [("dropped", "probe_dialogue", "not_in_mosit", len(scenes))]


def test_two_workers_write_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    lines = ["file,caption"]
    for number in range(40):
        (folder / f"{number}.png").write_bytes(png(colour=f"#{number:02x}4080"))
        (folder / f"{number}.wav").write_bytes(wav(level=number))
        lines += [f"{number}.png,a wall in colour {number}", f"{number}.wav,{number} beats of a drum"]
    (folder / "captions.csv").write_text("\n".join(lines))
    for workers in (1, 2):
        pipeline = mosit_pipeline(read_pairs(f"folder:{folder}"), source="folder", writer=GrammarWriter())
        build(msgspec.structs.replace(pipeline, n_buckets=4), tmp_path / str(workers), workers=workers)
    one, two = (ShardSet(tmp_path / str(workers)) for workers in (1, 2))
    assert [record.sha256 for record in one.shards] == [record.sha256 for record in two.shards]
    assert len(one) > 20


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A dog , running .", "a dog, running"),
        ("Running then spraying", "running then spraying"),
        ("Gweebarra bay in ireland.", "Gweebarra bay in ireland"),
        ('The sign says "stop" !', "the sign says 'stop'"),
        ("I", "I"),
        ("USA from above", "USA from above"),
        ("Ring", "Ring"),
    ],
)
def test_captions_are_put_inside_sentences(caption: str, words: str) -> None:
    assert spoken(caption) == words
