"""The world in the benchmarks' own files: VQAv2, COCO captions, AudioCaps."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from curation.sources.world.asking import Question
from curation.sources.world.captions import CAPTIONS_PER_ITEM
from curation.sources.world.scene import HEIGHT_PX, SCHEMA, WIDTH_PX, Scene, Split

LICENCE: Final = "CC0-1.0"
_LICENCE_URL: Final = "https://creativecommons.org/publicdomain/zero/1.0/"

Asked = Sequence[tuple[Scene, Sequence[Question]]]
"""The scenes of one part with their questions."""


def official_files(asked: Asked, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Paths relative to the world's folder, and contents, of all annotation files."""
    info = _info(seed)
    for part in ("train2014", "val2014"):
        of_part = [(scene, questions) for scene, questions in asked if scene.image_split == part]
        head = {"info": info, "data_type": "mscoco", "data_subtype": part, "license": _licence("name")}
        yield f"vqav2/v2_OpenEnded_mscoco_{part}_questions.json", _questions(of_part, head)
        yield f"vqav2/v2_mscoco_{part}_annotations.json", _annotations(of_part, head)
        yield f"coco_captions/captions_{part}.json", _captions([scene for scene, _ in of_part], info)
    splits: tuple[Split, ...] = ("train", "val", "test")
    for split in splits:
        yield f"audiocaps/{split}.csv", _audio_rows([scene for scene, _ in asked if scene.split == split])


def question_id(scene: Scene, index: int) -> int:
    """VQAv2's rule: the image's id, then three digits."""
    return scene.image_id * 1000 + index


def _info(seed: int) -> dict[str, str]:
    return {
        "description": f"anymodal world, seed {seed}, version {SCHEMA}: rendered scenes, not photographs; "
        "captions, questions and answers are true by construction",
        "version": str(SCHEMA),
        "contributor": "anymodal",
        "url": "",
    }


def _licence(name_field: str) -> dict[str, str]:
    return {"url": _LICENCE_URL, name_field: LICENCE}


def _questions(asked: Asked, head: Mapping[str, Any]) -> bytes:
    questions = [
        {"image_id": scene.image_id, "question": question.text, "question_id": question_id(scene, index)}
        for scene, of_scene in asked
        for index, question in enumerate(of_scene)
    ]
    return msgspec.json.encode({**head, "task_type": "Open-Ended", "questions": questions})


def _annotations(asked: Asked, head: Mapping[str, Any]) -> bytes:
    annotations = [
        {
            "question_id": question_id(scene, index),
            "image_id": scene.image_id,
            "question_type": question.template.question_type,
            "answer_type": question.template.answer_type,
            "multiple_choice_answer": question.answer,
            "answers": [
                {"answer": answer, "answer_confidence": "yes", "answer_id": number}
                for number, answer in enumerate(question.answers, start=1)
            ],
        }
        for scene, of_scene in asked
        for index, question in enumerate(of_scene)
    ]
    return msgspec.json.encode({**head, "annotations": annotations})


def _captions(scenes: Sequence[Scene], info: Mapping[str, str]) -> bytes:
    images = [
        {
            "license": 1,
            "file_name": scene.image_path.rpartition("/")[2],
            "height": HEIGHT_PX,
            "width": WIDTH_PX,
            "id": scene.image_id,
        }
        for scene in scenes
    ]
    annotations = [
        {"image_id": scene.image_id, "id": scene.number * CAPTIONS_PER_ITEM + index, "caption": caption}
        for scene in scenes
        for index, caption in enumerate(scene.image_captions, start=1)
    ]
    licences = [{"id": 1, **_licence("name")}]
    return msgspec.json.encode({"info": info, "images": images, "licenses": licences, "annotations": annotations})


def _audio_rows(scenes: Sequence[Scene]) -> bytes:
    """One caption a clip for training, five for validation and test."""
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("audiocap_id", "youtube_id", "start_time", "caption"))
    for scene in scenes:
        shown = scene.audio_captions[:1] if scene.split == "train" else scene.audio_captions
        for index, caption in enumerate(shown, start=1):
            audiocap_id = scene.number * CAPTIONS_PER_ITEM + index
            rows.writerow((audiocap_id, scene.youtube_id, scene.audio_start_s, caption))
    return table.getvalue().encode()
