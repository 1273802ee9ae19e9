"""The world in the benchmarks' own files; what lies where stands in `folder.py`."""

import csv
import io
import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from curation.sources.world.asking import Question
from curation.sources.world.captions import CAPTIONS_PER_ITEM
from curation.sources.world.expressions import Expressions, express
from curation.sources.world.outlines import outline
from curation.sources.world.relations import View
from curation.sources.world.scene import HEIGHT_PX, IMU_DURATION_S, KINDS, MOTIONS, SCHEMA, SPLITS, WIDTH_PX, Scene
from curation.sources.world.sensing import IMU_FACTS
from curation.sources.world.topics import Topic, new_balance
from curation.sources.world.wording import WORDS

LICENCE: Final = "CC0-1.0"
PARTS: Final = ("train2014", "val2014")
_LICENCE: Final = {"url": "https://creativecommons.org/publicdomain/zero/1.0/", "name": LICENCE}
_OUTLINE_CORNERS = 24

Asked = Sequence[tuple[Scene, Sequence[Question]]]
"""Scenes with their questions about one topic."""


@dataclass
class Chronicle:
    """The scenes so far, and all that is asked and said about them; scenes come in the order of their numbers."""

    scenes: list[Scene] = field(default_factory=list)
    asked: dict[Topic, list[tuple[Scene, tuple[Question, ...]]]] = field(default_factory=dict)
    expressions: list[tuple[Scene, tuple[Expressions, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        topics: tuple[Topic, ...] = ("image", "knowledge", "video")
        self._balances = {(topic, part): new_balance(topic) for topic in topics for part in PARTS}

    def add(self, scene: Scene) -> None:
        """Ask about the next scene, and name its things."""
        view = View(scene)
        self.scenes.append(scene)
        for (topic, part), balance in self._balances.items():
            if part == scene.image_split:
                self.asked.setdefault(topic, []).append((scene, balance.ask(view)))
        self.expressions.append((scene, express(view)))


def official_files(chronicle: Chronicle, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Paths relative to the world's folder, and contents, of all annotation files."""
    info = {
        "description": f"anymodal world, seed {seed}, version {SCHEMA}: rendered scenes, not photographs; "
        "captions, questions and answers are true by construction",
        "version": str(SCHEMA),
        "contributor": "anymodal",
        "url": "",
    }
    scenes = chronicle.scenes
    for part in PARTS:
        head = {"info": info, "data_type": "mscoco", "data_subtype": part, "license": _LICENCE}
        of_part = [scene for scene in scenes if scene.image_split == part]
        asked = {
            topic: [entry for entry in entries if entry[0].image_split == part]
            for topic, entries in chronicle.asked.items()
        }
        yield f"vqav2/v2_OpenEnded_mscoco_{part}_questions.json", _questions(asked["image"], head)
        yield f"vqav2/v2_mscoco_{part}_annotations.json", _annotations(asked["image"], head, _answer)
        yield f"okvqa/OpenEnded_mscoco_{part}_questions.json", _questions(asked["knowledge"], head)
        yield f"okvqa/mscoco_{part}_annotations.json", _annotations(asked["knowledge"], head, _doubled_answer)
        yield f"coco_captions/captions_{part}.json", _captions(of_part, info)
        yield f"chair/captions_{part}.json", _captions(of_part, info)
        yield f"chair/instances_{part}.json", _instances(of_part, info)
    yield "chair/synonyms.txt", "".join(f"{', '.join(line)}\n" for line in WORDS.chair_synonyms).encode()
    for name, makers in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        yield f"{name}/instances.json", _instances(scenes, info)
        yield f"{name}/refs({makers}).p", _references(chronicle.expressions, name)
    for split in SPLITS:
        yield f"audiocaps/{split}.csv", _audio_rows([scene for scene in scenes if scene.split == split])
        of_split = [entry for entry in chronicle.asked["video"] if entry[0].split == split]
        yield f"msrvtt_qa/{split}_qa.json", _video_questions(of_split)
    yield "msrvtt/train_val_videodatainfo.json", _videos((scene for scene in scenes if scene.split != "test"), info)
    yield "msrvtt/test_videodatainfo.json", _videos((scene for scene in scenes if scene.split == "test"), info)
    uids = {split: [scene.youtube_id for scene in scenes if scene.split == split] for split in SPLITS}
    yield "ego4d/splits.json", msgspec.json.encode(uids)
    yield "ego4d/narration.json", msgspec.json.encode({scene.youtube_id: _narrated(scene) for scene in scenes})
    yield "ego4d/imu.json", msgspec.json.encode(IMU_FACTS)


def _rows(asked: Asked) -> Iterator[tuple[Scene, Question, int]]:
    """Scenes, questions and their ids by VQAv2's rule: the image's id, then three digits."""
    return (
        (scene, question, scene.image_id * 1000 + index)
        for scene, of_scene in asked
        for index, question in enumerate(of_scene)
    )


def _questions(asked: Asked, head: Mapping[str, Any]) -> bytes:
    questions = [
        {"image_id": scene.image_id, "question": question.text, "question_id": question_id}
        for scene, question, question_id in _rows(asked)
    ]
    return msgspec.json.encode({**head, "task_type": "Open-Ended", "questions": questions})


def _annotations(asked: Asked, head: Mapping[str, Any], answer: Callable[[Question, int], dict[str, Any]]) -> bytes:
    annotations = [
        {
            "question_id": question_id,
            "image_id": scene.image_id,
            "question_type": question.template.question_type,
            "answer_type": question.template.answer_type,
            "multiple_choice_answer": question.answer,
            "answers": [answer(question, number) for number in range(1, len(question.answers) + 1)],
        }
        for scene, question, question_id in _rows(asked)
    ]
    return msgspec.json.encode({**head, "annotations": annotations})


def _answer(question: Question, number: int) -> dict[str, Any]:
    return {"answer": question.answers[number - 1], "answer_confidence": "yes", "answer_id": number}


def _doubled_answer(question: Question, number: int) -> dict[str, Any]:
    """OKVQA asks five people and writes each answer twice, as given and without what grammar adds."""
    person = (number + 1) // 2
    answer = question.answers[person]
    raw = f"the {answer}" if person == 1 and answer.isalpha() else answer
    confidence = "yes" if answer == question.answer else "no"
    return {"answer_id": number, "raw_answer": raw, "answer_confidence": confidence, "answer": answer}


def _coco(scenes: Iterable[Scene], info: Mapping[str, str], **parts: Sequence[dict[str, Any]]) -> bytes:
    """A file in COCO's format; its parts come after the images."""
    size = {"height": HEIGHT_PX, "width": WIDTH_PX}
    images = [{"license": 1, "file_name": _file_name(scene), **size, "id": scene.image_id} for scene in scenes]
    return msgspec.json.encode({"info": info, "images": images, "licenses": [{"id": 1, **_LICENCE}], **parts})


def _file_name(scene: Scene) -> str:
    return scene.path("image").rpartition("/")[2]


def _captions(scenes: Sequence[Scene], info: Mapping[str, str]) -> bytes:
    annotations = [
        {"image_id": scene.image_id, "id": scene.number * CAPTIONS_PER_ITEM + index, "caption": caption}
        for scene in scenes
        for index, caption in enumerate(scene.captions["image"], start=1)
    ]
    return _coco(scenes, info, annotations=annotations)


def _instances(scenes: Sequence[Scene], info: Mapping[str, str]) -> bytes:
    categories = [{"supercategory": "shape", "id": number, "name": kind} for number, kind in enumerate(KINDS, start=1)]
    annotations = [_instance(scene, number) for scene in scenes for number in range(len(scene.things))]
    return _coco(scenes, info, annotations=annotations, categories=categories)


def _annotation_id(scene: Scene, number: int) -> int:
    return scene.image_id * 10 + number


def _instance(scene: Scene, number: int) -> dict[str, Any]:
    """A thing with its whole outline, hidden parts included; hollow ones are outlined from outside."""
    thing = scene.things[number]
    corners = outline(thing)
    corners = corners[:: max(1, len(corners) // _OUTLINE_CORNERS)]
    following = [*corners[1:], corners[0]]
    doubled_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(corners, following, strict=True))
    x1, y1, x2, y2 = thing.box_xyxy_px
    return {
        "id": _annotation_id(scene, number),
        "image_id": scene.image_id,
        "category_id": KINDS.index(thing.kind) + 1,
        "bbox": [x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)],
        "area": round(abs(doubled_area) / 2, 1),
        "segmentation": [[round(value, 1) for corner in corners for value in corner]],
        "iscrowd": 0,
    }


def _references(expressions: Iterable[tuple[Scene, Sequence[Expressions]]], name: str) -> bytes:
    """The references of one of the three sets, pickled as their authors did."""
    references: list[dict[str, Any]] = []
    sent_ids = itertools.count()
    for scene, target in ((scene, target) for scene, of_scene in expressions for target in of_scene):
        kind, ann_id = scene.things[target.thing].kind, _annotation_id(scene, target.thing)
        half = "testA" if KINDS.index(kind) < len(KINDS) // 2 else "testB"
        sentences = [
            {"sent_id": next(sent_ids), "sent": text, "raw": text, "tokens": text.split()} for text in target.of[name]
        ]
        reference = {
            "ref_id": len(references),
            "ann_id": ann_id,
            "category_id": KINDS.index(kind) + 1,
            "image_id": scene.image_id,
            "file_name": f"{_file_name(scene).removesuffix('.jpg')}_{ann_id}.jpg",
            "sent_ids": [sentence["sent_id"] for sentence in sentences],
            "split": half if scene.split == "test" and name != "refcocog" else scene.split,
            "sentences": sentences,
        }
        references.append(reference)
    return pickle.dumps(references, protocol=2)


def _audio_rows(scenes: Sequence[Scene]) -> bytes:
    """One caption a clip for training, five for validation and test."""
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("audiocap_id", "youtube_id", "start_time", "caption"))
    for scene in scenes:
        shown = scene.captions["audio"][: 1 if scene.split == "train" else CAPTIONS_PER_ITEM]
        for index, caption in enumerate(shown, start=1):
            audiocap_id = scene.number * CAPTIONS_PER_ITEM + index
            rows.writerow((audiocap_id, scene.youtube_id, scene.audio_start_s, caption))
    return table.getvalue().encode()


def _category(scene: Scene) -> int:
    """MSR-VTT sorts videos into twenty categories; here, by what happens first."""
    return MOTIONS.index(scene.film.events[0].motion)


def _videos(scenes: Iterable[Scene], info: Mapping[str, str]) -> bytes:
    videos, sentences = [], []
    for scene in scenes:
        name, split = f"video{scene.number}", "validate" if scene.split == "val" else scene.split
        facts = {"video_id": name, "split": split, "category": _category(scene), "url": ""}
        videos.append({**facts, "start time": 0.0, "end time": scene.film.duration_s, "id": scene.number})
        for index, caption in enumerate(scene.captions["video"]):
            sentences.append({"caption": caption, "video_id": name, "sen_id": scene.number * CAPTIONS_PER_ITEM + index})
    return msgspec.json.encode({"info": info, "videos": videos, "sentences": sentences})


def _video_questions(asked: Asked) -> bytes:
    rows = [
        {
            "answer": one.answer,
            "category_id": _category(scene),
            "id": number,
            "question": one.text,
            "video_id": scene.number,
        }
        for scene, one, number in _rows(asked)
    ]
    return msgspec.json.encode(rows)


def _narrated(scene: Scene) -> dict[str, Any]:
    """The captions as narrations of the window's middle, around which IMU2CLIP cuts 2.5 s each way."""
    middle_s = IMU_DURATION_S / 2
    narrations = [
        {
            "timestamp_sec": middle_s,
            "timestamp_frame": round(30 * middle_s),
            "narration_text": caption.replace("the person", "#C C", 1),
            "annotation_uid": f"{scene.youtube_id}-{index}",
        }
        for index, caption in enumerate(scene.captions["imu"])
    ]
    summary = {"start_sec": 0.0, "end_sec": IMU_DURATION_S, "summary_text": narrations[0]["narration_text"]}
    return {"narration_pass_1": {"narrations": narrations, "summaries": [summary]}}
