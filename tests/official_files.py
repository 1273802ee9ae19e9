"""The official files of every benchmark, a few entries each, as their publishers lay them out."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from tests.factories import png, wav
from tests.shards.sets import make_set

IMAGES = {9: ("train2014", 200, 100), 25: ("val2014", 640, 480), 42: ("val2014", 640, 480)}
"""Split, width and height by image id."""
CATEGORIES = [
    {"id": 1, "name": "person", "supercategory": "person"},
    {"id": 18, "name": "dog", "supercategory": "animal"},
]


def image_name(image_id: int) -> str:
    return f"COCO_{IMAGES[image_id][0]}_{image_id:012d}.jpg"


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def vqa_question(question_id: int, image_id: int, text: str) -> dict[str, Any]:
    return {"image_id": image_id, "question": text, "question_id": question_id}


def vqa_annotation(question_id: int, image_id: int, *answers: str) -> dict[str, Any]:
    said = [
        {"answer": one, "raw_answer": f"{one}s", "answer_confidence": "yes", "answer_id": number}
        for number, one in enumerate(answers, 1)
    ]
    return {
        "question_id": question_id,
        "image_id": image_id,
        "question_type": "what",
        "answer_type": "other",
        "multiple_choice_answer": answers[0],
        "answers": said,
    }


def coco_images(split: str) -> list[dict[str, Any]]:
    return [
        {"id": image_id, "file_name": image_name(image_id), "width": width, "height": height, "license": 1}
        for image_id, (of_split, width, height) in IMAGES.items()
        if of_split == split
    ]


CAPTIONS = {
    9: ["a man walks", "a man in a park"],
    25: ["a dog sleeps", "the dog on a rug"],
    42: ["a woman with her dog", "two friends outside"],
}


def write_vqa(data: Path, folder: str, prefix: str, digits: int) -> None:
    for split in ("train2014", "val2014"):
        ids = [image["id"] for image in coco_images(split)]
        questions = [vqa_question(one * digits + 1, one, "What is this?") for one in ids]
        annotations = [vqa_annotation(one * digits + 1, one, *["dog"] * 6, *["cat"] * 4) for one in ids]
        head = {"info": {"version": "2.0"}, "data_subtype": split}
        write_json(data / folder / f"{prefix}OpenEnded_mscoco_{split}_questions.json", {**head, "questions": questions})
        write_json(data / folder / f"{prefix}mscoco_{split}_annotations.json", {**head, "annotations": annotations})


REFS = [
    ("val", 11, 21, [(41, "man left"), (42, "tall man")]),
    ("testA", 12, 22, [(43, "man right")]),
    ("testB", 13, 23, [(44, "dog")]),
    ("train", 14, 24, [(45, "spot")]),
    ("test", 15, 23, [(46, "the dog")]),
]
BOXES = {21: [20.0, 10.0, 60.5, 50.0], 22: [100, 0, 100, 100], 23: [0, 0, 200, 100], 24: [50, 50, 1, 1]}


def write_refcoco(data: Path, name: str, maker: str) -> None:
    refs = [
        {
            "ref_id": ref_id,
            "ann_id": ann_id,
            "category_id": 1,
            "image_id": 9,
            "file_name": f"COCO_train2014_000000000009_{ann_id}.jpg",
            "sent_ids": [sent_id for sent_id, _ in sentences],
            "split": split,
            "sentences": [
                {"sent_id": number, "sent": text, "raw": text, "tokens": text.split()} for number, text in sentences
            ],
        }
        for split, ref_id, ann_id, sentences in REFS
    ]
    annotations = [
        {"id": ann_id, "image_id": 9, "category_id": 1, "bbox": box, "segmentation": [[1, 2]], "iscrowd": 0}
        for ann_id, box in BOXES.items()
    ]
    instances = {"images": coco_images("train2014"), "annotations": annotations, "categories": CATEGORIES}
    write_json(data / name / "instances.json", instances)
    (data / name / f"refs({maker}).p").write_bytes(pickle.dumps(refs, protocol=2))


def write_captions(data: Path) -> None:
    for split in ("train2014", "val2014"):
        images = coco_images(split)
        annotations = [
            {"id": image["id"] * 10 + number, "image_id": image["id"], "caption": text}
            for image in images
            for number, text in enumerate(CAPTIONS[image["id"]])
        ]
        content = {"info": {}, "licenses": [], "images": images, "annotations": annotations}
        for folder in ("coco_captions", "chair"):
            write_json(data / folder / f"captions_{split}.json", content)
        objects = [
            {"id": n, "image_id": image["id"], "category_id": 18 if image["id"] == 25 else 1, "bbox": [0, 0, 1, 1]}
            for n, image in enumerate(images)
        ]
        instances = {"images": images, "annotations": objects, "categories": CATEGORIES}
        write_json(data / "chair" / f"instances_{split}.json", instances)


def write_clips(data: Path) -> None:
    folder = data / "audiocaps"
    (folder / "audios").mkdir(parents=True)
    for split, n in (("train", 1), ("val", 2), ("test", 2)):
        table = io.StringIO()
        table.write("audiocap_id,youtube_id,start_time,caption\n")
        for number in range(n):
            table.write(f'{number},{split}-_x,30,"A dog barks, {number}"\n')
        (folder / f"{split}.csv").write_text(table.getvalue())
        (folder / "audios" / f"{split}-_x_30.wav").write_bytes(wav())


def write_videos(data: Path) -> None:
    for name, splits in (("train_val", ("train", "validate")), ("test", ("test",))):
        videos = [{"video_id": f"video{ord(split[0])}", "split": split, "id": 0} for split in splits]
        sentences = [{"sen_id": 1, "video_id": one["video_id"], "caption": "a man cooks"} for one in videos]
        content = {"info": {}, "videos": videos, "sentences": sentences * 2}
        write_json(data / "msrvtt" / f"{name}_videodatainfo.json", content)
    for split in ("train", "val", "test"):
        question = {"id": 7, "video_id": 116, "question": "who cooks?", "answer": "man", "category_id": 3}
        write_json(data / "msrvtt_qa" / f"{split}_qa.json", [question])


def write_recordings(data: Path) -> None:
    """Recordings of 20 s at 10 Hz, whose first axis counts the readings."""
    narrations = [
        {"timestamp_sec": time_s, "timestamp_frame": 0, "narration_text": text, "annotation_uid": "a"}
        for time_s, text in ((12.0, "#C C walks"), (1.0, "#O a man waves"), (12.0, "#C C  strolls #unsure"))
    ]
    passes = {
        "narration_pass_1": {"narrations": narrations[:2], "summaries": []},
        "narration_pass_2": {"narrations": narrations[2:]},
    }
    write_json(data / "ego4d/narration.json", dict.fromkeys(("train", "val", "test"), passes))
    write_json(data / "ego4d/splits.json", {uid: [uid] for uid in ("train", "val", "test")})
    write_json(data / "ego4d/imu.json", {"rate_hz": 10, "axes": list("abcdef"), "units": ["m/s^2"] * 6, "note": ""})
    (data / "ego4d/imu").mkdir()
    for uid in ("train", "val", "test"):
        np.save(data / f"ego4d/imu/{uid}.npy", np.repeat(np.arange(200, dtype="<f4")[:, None], 6, axis=1))


def write_official(data: Path) -> Path:
    """Write all of it below `data`."""
    for image_id, (split, _, _) in IMAGES.items():
        (data / "images" / split).mkdir(parents=True, exist_ok=True)
        (data / "images" / split / image_name(image_id)).write_bytes(png())
    write_vqa(data, "vqav2", "v2_", 1000)
    write_vqa(data, "okvqa", "", 10)
    for name, maker in (("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")):
        write_refcoco(data, name, maker)
    write_captions(data)
    write_clips(data)
    write_videos(data)
    write_recordings(data)
    make_set(data / "mosit", 8, words=("p", "s"))  # dialogues in which a picture or a sound is given
    return data
