"""The world in the benchmarks' own files; what lies where stands in `folder.py`."""

import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from curation.sources.world.asking import Asked, Question, Topic, ask
from curation.sources.world.captions import CAPTIONS_PER_ITEM
from curation.sources.world.expressions import Expressions, express
from curation.sources.world.outlines import edges
from curation.sources.world.relations import View
from curation.sources.world.scene import HEIGHT_PX, IMU_DURATION_S, KINDS, MOTIONS, SCHEMA, SPLITS, WIDTH_PX, Scene
from curation.sources.world.sensing import IMU_FACTS
from curation.sources.world.wording import WORDS
from shards.formats.captions import AudioClip, audiocaps_table

LICENCE: Final = "CC0-1.0"
PARTS: Final = ("train2014", "val2014")
_LICENCE: Final = {"url": "https://creativecommons.org/publicdomain/zero/1.0/", "name": LICENCE}
_OUTLINE_CORNERS = 24

Record = dict[str, Any]
AnswerOf = Callable[[Question, int], Record]  # one person's answer, by number from 1
AllAsked = Mapping[str, Sequence[Asked]]  # by topic


def ask_all(scenes: Sequence[Scene]) -> dict[str, list[Asked]]:
    """What all scenes of a world are asked in official files, by topic; its two parts are asked apart."""
    topics: tuple[Topic, ...] = ("image", "knowledge", "video")
    parts = [[scene for scene in scenes if scene.image_split == part] for part in PARTS]
    return {topic: [one for of_part in parts for one in ask(topic, of_part)] for topic in topics}


def official_files(scenes: Sequence[Scene], asked: AllAsked, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Paths relative to the world's folder, and contents, of all annotation files."""
    description = (
        f"anymodal world, seed {seed}, version {SCHEMA}: rendered scenes, not photographs; "
        "captions, questions and answers are true by construction"
    )
    info = {"description": description, "version": str(SCHEMA), "contributor": "anymodal", "url": ""}
    documents = itertools.chain(_of_parts(scenes, asked, info), _of_splits(scenes, asked["video"], info))
    yield from ((path, msgspec.json.encode(document)) for path, document in documents)
    yield "chair/synonyms.txt", "".join(f"{', '.join(line)}\n" for line in WORDS.chair_synonyms).encode()
    named = [(scene, target) for scene in scenes for target in express(View(scene))]
    for name, makers in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        yield f"{name}/instances.json", msgspec.json.encode(_instances(scenes, info))
        yield f"{name}/refs({makers}).p", _references(named, name)
    for split in SPLITS:
        yield f"audiocaps/{split}.csv", audiocaps_table(_clip(scene) for scene in scenes if scene.split == split)


def _of_parts(scenes: Sequence[Scene], asked: AllAsked, info: Mapping[str, str]) -> Iterator[tuple[str, Record]]:
    """Files about the pictures of train2014 and of val2014."""
    for part in PARTS:
        head = {"info": info, "data_type": "mscoco", "data_subtype": part, "license": _LICENCE}
        for topic, stem, answer in (("image", "vqav2/v2_", _answer), ("knowledge", "okvqa/", _doubled_answer)):
            rows = [row for row in asked[topic] if row[0].image_split == part]
            questions, annotations = [_question(*row) for row in rows], [_annotation(*row, answer) for row in rows]
            document = {**head, "task_type": "Open-Ended", "questions": questions}
            yield f"{stem}OpenEnded_mscoco_{part}_questions.json", document
            yield f"{stem}mscoco_{part}_annotations.json", {**head, "annotations": annotations}
        of_part = [scene for scene in scenes if scene.image_split == part]
        captions = [row for scene in of_part for row in _captions(scene)]
        yield f"coco_captions/captions_{part}.json", _coco(of_part, info, annotations=captions)
        yield f"chair/captions_{part}.json", _coco(of_part, info, annotations=captions)
        yield f"chair/instances_{part}.json", _instances(of_part, info)


def _of_splits(scenes: Sequence[Scene], asked: Iterable[Asked], info: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Files about films and sensor windows."""
    for split in SPLITS:
        yield f"msrvtt_qa/{split}_qa.json", [_video_question(*row) for row in asked if row[0].split == split]
    for name, splits in (("train_val", SPLITS[:2]), ("test", SPLITS[2:])):
        videos = [_video(scene) for scene in scenes if scene.split in splits]
        sentences = [row for scene in scenes if scene.split in splits for row in _sentences(scene)]
        yield f"msrvtt/{name}_videodatainfo.json", {"info": info, "videos": videos, "sentences": sentences}
    uids = {split: [scene.youtube_id for scene in scenes if scene.split == split] for split in SPLITS}
    yield "ego4d/splits.json", uids
    yield "ego4d/narration.json", {scene.youtube_id: _narrated(scene) for scene in scenes}
    yield "ego4d/imu.json", IMU_FACTS


def _question(scene: Scene, question: Question, question_id: int) -> Record:
    return {"image_id": scene.image_id, "question": question.text, "question_id": question_id}


def _annotation(scene: Scene, question: Question, question_id: int, answer: AnswerOf) -> Record:
    return {
        "question_id": question_id, "image_id": scene.image_id, "question_type": question.template.question_type,
        "answer_type": question.template.answer_type, "multiple_choice_answer": question.answer,
        "answers": [answer(question, number) for number in range(1, len(question.answers) + 1)],
    }  # fmt: skip


def _answer(question: Question, number: int) -> Record:
    return {"answer": question.answers[number - 1], "answer_confidence": "yes", "answer_id": number}


def _doubled_answer(question: Question, number: int) -> Record:
    """OKVQA asks five people and writes each answer twice, as given and without what grammar adds."""
    person = (number + 1) // 2
    answer = question.answers[person]
    raw = f"the {answer}" if person == 1 and answer.isalpha() else answer
    confidence = "yes" if answer == question.answer else "no"
    return {"answer_id": number, "raw_answer": raw, "answer_confidence": confidence, "answer": answer}


def _coco(scenes: Iterable[Scene], info: Mapping[str, str], **parts: Sequence[Record]) -> Record:
    """A file in COCO's format; its parts come after the images."""
    size = {"height": HEIGHT_PX, "width": WIDTH_PX}
    images = [{"license": 1, "file_name": _file_name(scene), **size, "id": scene.image_id} for scene in scenes]
    return {"info": info, "images": images, "licenses": [{"id": 1, **_LICENCE}], **parts}


def _file_name(scene: Scene) -> str:
    return scene.path("image").rpartition("/")[2]


def _captions(scene: Scene) -> Iterator[Record]:
    for number, caption in enumerate(scene.captions["image"], start=scene.number * CAPTIONS_PER_ITEM + 1):
        yield {"image_id": scene.image_id, "id": number, "caption": caption}


def _instances(scenes: Sequence[Scene], info: Mapping[str, str]) -> Record:
    categories = [{"supercategory": "shape", "id": number, "name": kind} for number, kind in enumerate(KINDS, start=1)]
    annotations = [_instance(scene, number) for scene in scenes for number in range(len(scene.things))]
    return _coco(scenes, info, annotations=annotations, categories=categories)


def _annotation_id(scene: Scene, number: int) -> int:
    return scene.image_id * 10 + number


def _instance(scene: Scene, number: int) -> Record:
    """A thing with its whole outline, hidden parts included; hollow ones are outlined from outside."""
    thing = scene.things[number]
    corners = edges(thing)[0]
    corners = corners[:: max(1, len(corners) // _OUTLINE_CORNERS)]
    sides = itertools.pairwise([*corners, corners[0]])
    doubled_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides)
    x1, y1, x2, y2 = thing.box_xyxy_px
    return {
        "id": _annotation_id(scene, number), "image_id": scene.image_id, "category_id": KINDS.index(thing.kind) + 1,
        "bbox": [x1, y1, round(x2 - x1, 1), round(y2 - y1, 1)], "area": round(abs(doubled_area) / 2, 1),
        "segmentation": [[round(value, 1) for corner in corners for value in corner]], "iscrowd": 0,
    }  # fmt: skip


def _references(named: Iterable[tuple[Scene, Expressions]], name: str) -> bytes:
    """The references of one of the three sets, pickled as their authors did."""
    references: list[Record] = []
    sent_ids = itertools.count()
    for scene, target in named:
        kind, ann_id = KINDS.index(scene.things[target.thing].kind), _annotation_id(scene, target.thing)
        half = "testA" if kind < len(KINDS) // 2 else "testB"
        sentences = [
            {"sent_id": next(sent_ids), "sent": text, "raw": text, "tokens": text.split()} for text in target.of[name]
        ]
        references.append({
            "ref_id": len(references), "ann_id": ann_id, "category_id": kind + 1, "image_id": scene.image_id,
            "file_name": f"{_file_name(scene).removesuffix('.jpg')}_{ann_id}.jpg",
            "sent_ids": [sentence["sent_id"] for sentence in sentences],
            "split": half if scene.split == "test" and name != "refcocog" else scene.split, "sentences": sentences,
        })  # fmt: skip
    return pickle.dumps(references, protocol=2)


def _clip(scene: Scene) -> AudioClip:
    """One caption for training, five for validation and test."""
    captions = scene.captions["audio"][: 1 if scene.split == "train" else CAPTIONS_PER_ITEM]
    first = scene.number * CAPTIONS_PER_ITEM + 1
    ids = tuple(map(str, range(first, first + len(captions))))
    return AudioClip(scene.youtube_id, scene.audio_start_s, ids, captions)


def _category(scene: Scene) -> int:
    """MSR-VTT sorts videos into twenty categories; here, by what happens first."""
    return MOTIONS.index(scene.film.events[0].motion)


def _video(scene: Scene) -> Record:
    split = "validate" if scene.split == "val" else scene.split
    facts = {"video_id": f"video{scene.number}", "split": split, "category": _category(scene), "url": ""}
    return {**facts, "start time": 0.0, "end time": scene.film.duration_s, "id": scene.number}


def _sentences(scene: Scene) -> Iterator[Record]:
    for number, caption in enumerate(scene.captions["video"], start=scene.number * CAPTIONS_PER_ITEM):
        yield {"caption": caption, "video_id": f"video{scene.number}", "sen_id": number}


def _video_question(scene: Scene, question: Question, number: int) -> Record:
    said = {"answer": question.answer, "category_id": _category(scene), "id": number, "question": question.text}
    return {**said, "video_id": scene.number}


def _narrated(scene: Scene) -> Record:
    """The captions as narrations of the window's middle, around which IMU2CLIP cuts 2.5 s each way."""
    middle = {"timestamp_sec": IMU_DURATION_S / 2, "timestamp_frame": round(30 * IMU_DURATION_S / 2)}
    spoken = [caption.replace("the person", "#C C", 1) for caption in scene.captions["imu"]]
    narrations = [
        {**middle, "narration_text": text, "annotation_uid": f"{scene.youtube_id}-{index}"}
        for index, text in enumerate(spoken)
    ]
    summary = {"start_sec": 0.0, "end_sec": IMU_DURATION_S, "summary_text": spoken[0]}
    return {"narration_pass_1": {"narrations": narrations, "summaries": [summary]}}
