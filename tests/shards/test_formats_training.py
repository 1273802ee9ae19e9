"""Training records of LLaVA and NExT-GPT, field by field, and back to samples."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shards.draft import Draft, HeldBytes
from shards.errors import SampleError
from shards.formats.errors import AnnotationError
from shards.formats.export import export_set
from shards.formats.training import TrainingRecord, read_training, training_file, training_record, training_sample
from shards.sample import Audio, Image, Imu, Kind, Media, Part, Sample, Text, Turn, Video

IMAGE = Image(member="k.0-0.jpg", sha256="", width=8, height=6, caption="a dog")
SOUND = Audio(member="k.1-1.wav", sha256="", duration_s=1, sample_rate_hz=8000, channels=1, caption="a bark")
FILM = Video(member="k.2-0.mp4", sha256="", width=8, height=6, duration_s=1, fps=8, has_audio=False, caption="a run")
WINDOW = Imu(member="k.0-0.npy", sha256="", duration_s=1, rate_hz=200, axes=("x",), units=("m",))
PARTS: dict[str, Media] = {one.member: one for one in (IMAGE, SOUND, FILM)}


def sample(kind: Kind, *turns: tuple[Part | str, ...]) -> Sample:
    said = [tuple(Text(part) if isinstance(part, str) else part for part in turn) for turn in turns]
    roles = ("human", "machine") * len(turns)
    return Sample(key="k", kind=kind, turns=tuple(Turn(role, parts) for role, parts in zip(roles, said, strict=False)))  # type: ignore[arg-type]


CASES: list[tuple[Any, ...]] = [
    (
        sample("caption", (IMAGE, "Describe it."), ("A dog.",)),
        "image_comprehension.json",
        {
            "input_image": "k.0-0.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\nDescribe it."},
                {"from": "gpt", "value": "A dog."},
            ],
        },
    ),
    (
        sample("generation", ("Make a bark.",), ("Here it is:", SOUND)),
        "audio_generation.json",
        {
            "output_audio": "k.1-1.wav",
            "audio_captions": "a bark",
            "audio_caption_embeddings": "k.1-1.wav.npy",
            "conversations": [
                {"from": "human", "value": "Make a bark."},
                {"from": "gpt", "value": "Here it is: <audio>"},
            ],
        },
    ),
    (
        sample("t2m", ("Make a bark.",), ("Here it is:", SOUND)),
        "audio_t2x_instruction_tuning.json",
        {
            "audio_captions": ["a bark"],
            "audio_caption_embeddings": ["k.1-1.wav.npy"],
            "conversations": [
                {"from": "human", "value": "Make a bark.", "input_modality": "text"},
                {"from": "gpt", "value": "Here it is: <audio>", "caption": "a bark", "output_modality": "audio"},
            ],
        },
    ),
    (
        sample("mosit", (IMAGE, "Who is it?"), ("A dog", SOUND, "barks."), ("More!",), ("It runs.", FILM)),
        "mosit_instruction_tuning.json",
        {
            "input_image": ["k.0-0.jpg"],
            "audio_captions": ["a bark"],
            "audio_caption_embeddings": ["k.1-1.wav.npy"],
            "video_captions": ["a run"],
            "video_caption_embeddings": ["k.2-0.mp4.npy"],
            "conversations": [
                {"from": "human", "value": "<image>\nWho is it?"},
                {"from": "gpt", "value": "A dog <audio> barks."},
                {"from": "human", "value": "More!"},
                {"from": "gpt", "value": "It runs. <video>"},
            ],
        },
    ),
    (
        sample("mm_it", (IMAGE, "Who?"), ("A dog.",), ("Sure?",), ("Yes.",)),
        "image_instruction_tuning.json",
        {
            "input_image": ["k.0-0.jpg"],
            "conversations": [
                {"from": "human", "value": "<image>\nWho?"},
                {"from": "gpt", "value": "A dog."},
                {"from": "human", "value": "Sure?"},
                {"from": "gpt", "value": "Yes."},
            ],
        },
    ),
    (
        sample("mm_it", ("Add 2 and 3.",), ("5",)),
        "text_instruction_tuning.json",
        {"conversations": [{"from": "human", "value": "Add 2 and 3."}, {"from": "gpt", "value": "5"}]},
    ),
]


@pytest.mark.parametrize(("one", "file", "record"), CASES, ids=[case[1] for case in CASES])
def test_nextgpt_records_field_by_field_and_back(one: Sample, file: str, record: dict[str, Any]) -> None:
    written = training_record(one, "nextgpt")
    assert json.loads(msgspec.json.encode(written)) == record
    assert training_file(one, "nextgpt") == file
    again = training_sample(written, "7", source="s", kind=one.kind, media=lambda kind, name: PARTS[name])
    assert again.turns == one.turns


def test_llava_records_field_by_field_and_back() -> None:
    one = CASES[4][0]
    written = training_record(one, "llava")
    said = CASES[4][2]["conversations"]
    assert json.loads(msgspec.json.encode(written)) == {"id": "k", "image": "k.0-0.jpg", "conversations": said}
    again = training_sample(written, "k", source="s", kind="mm_it", media=lambda kind, name: PARTS[name])
    assert again.turns == one.turns
    assert "image" not in json.loads(msgspec.json.encode(training_record(CASES[5][0], "llava")))


@pytest.mark.parametrize(
    ("one", "form", "found"),
    [
        (sample("caption", (WINDOW, "What?"), ("Walking.",)), "nextgpt", "IMU"),
        (sample("vqa", (IMAGE, "What?")), "nextgpt", "alternate"),
        (sample("t2m", ("Make it.",), (msgspec.structs.replace(SOUND, caption=None),)), "nextgpt", "caption"),
        (sample("mm_it", ("What is <image>?",), ("A tag.",)), "nextgpt", "placeholder"),
        (sample("t2m", ("Make it.",), ("No.",)), "nextgpt", "T2M without a medium"),
        (sample("mm_it", ("One?",), ("Yes.",), ("Two?",)), "nextgpt", "alternate"),
        (CASES[2][0], "llava", "other than one image"),
        (sample("mm_it", (IMAGE, IMAGE, "Same?"), ("Yes.",)), "llava", "other than one image"),
    ],
)
def test_what_has_no_place_is_refused(one: Sample, form: Any, found: str) -> None:
    with pytest.raises(SampleError, match=f"found .*{found}"):
        training_record(one, form)


@pytest.mark.parametrize(("names", "found"), [([], "one too few"), (["a.jpg", "b.jpg"], r"b\.jpg")])
def test_files_and_placeholders_must_agree(names: list[str], found: str) -> None:
    record = msgspec.convert(
        {"input_image": names, "conversations": [{"from": "human", "value": "<image>\nWho?"}]}, TrainingRecord
    )
    with pytest.raises(AnnotationError, match=found):
        training_sample(record, "1", source="s", kind="mm_it", media=lambda kind, name: IMAGE)


def test_broken_records_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('[{"conversations": [{"from": "user", "value": "x"}]}]')
    with pytest.raises(AnnotationError, match=r"\[0\]\.conversations\[0\]\.from"):
        read_training(tmp_path / "r.json")


def test_a_set_becomes_files_media_and_a_count_of_what_has_no_place(tmp_path: Path) -> None:
    def draft(one: Sample) -> Draft:
        blobs = {part.member: HeldBytes(hashlib.sha256(part.member.encode()).digest()) for part in one.media()}
        return Draft(one, blobs)

    drafts = [draft(case[0]) for case in CASES] + [draft(CASES[2][0]), draft(sample("vqa", (IMAGE, "What?")))]
    exported = export_set(drafts, "nextgpt", tmp_path / "out")
    assert exported.files == {case[1]: 2 if case[1].startswith("audio_t2x") else 1 for case in CASES}
    assert list(exported.left_out.values()) == [1]
    for name, n in exported.files.items():
        assert len(read_training(tmp_path / "out" / name)) == n
    assert (tmp_path / "out/audios/k.1-1.wav").read_bytes() == hashlib.sha256(b"k.1-1.wav").digest()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*exported.files, "images", "audios", "videos"}
    assert export_set(drafts, "llava", tmp_path / "llava").files == {"llava.json": 3}
