"""Entries of official files as samples with typed truth, and back.

Such a sample is what its file says: the words that were asked, the truth, and in `meta` the ids and sizes that the way
back needs. It shows no medium; whoever reads the medium adds it to the turn.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from shards.errors import SampleError
from shards.formats.captions import AudioClip, CocoCaptions
from shards.formats.refcoco import RecReference
from shards.formats.vqa import VqaAnswer, VqaQuestion, VqaTruth
from shards.keys import make_key
from shards.sample import Answers, Boxes, HumanAnswer, Kind, References, Sample, Scalar, Text, Truth, Turn

Expected = TypeVar("Expected")

_REFER_SIZES: Final = ("width", "height")
_REFER_NAMES: Final = ("image_id", "object_id", "annotation_id", "split", "file_name")


def official_sample(
    source: str, identifier: str, *, kind: Kind, text: str, truth: Truth, meta: Mapping[str, Scalar]
) -> Sample:
    """A sample for one entry; its meta adds the official id as "id"."""
    turns = (Turn("human", (Text(text),)),) if text else ()
    key = make_key(source, identifier)
    return Sample(key=key, kind=kind, turns=turns, truth=truth, meta={"id": identifier, **meta})


def vqa_sample(question: VqaQuestion, truth: VqaTruth, *, source: str) -> Sample:
    """A question and what annotators answered."""
    identifier, meta = str(question.question_id), {"image_id": str(question.image_id)}
    return official_sample(source, identifier, kind="vqa", text=question.question, truth=vqa_answers(truth), meta=meta)


def vqa_answers(truth: VqaTruth) -> Answers:
    """What annotators answered; OKVQA's answers before stemming are left behind."""
    answers = [HumanAnswer(one.answer, one.answer_confidence, one.answer_id or 0) for one in truth.answers]
    return Answers(tuple(answers), truth.question_type, truth.answer_type)


def vqa_question(sample: Sample) -> VqaQuestion:
    """The entry of the questions file."""
    return VqaQuestion(int(_id(sample)), int(str(sample.meta["image_id"])), sample.turns[0].text)


def vqa_truth(identifier: str, image_id: str, truth: Answers) -> VqaTruth:
    """The entry of the annotations file."""
    answers = tuple([VqaAnswer(one.answer, one.answer_confidence, one.answer_id) for one in truth.answers])
    return VqaTruth(int(identifier), int(image_id), truth.question_type, truth.answer_type, answers)


def refer_sample(reference: RecReference, *, source: str) -> Sample:
    """An expression and the box of what it means."""
    x, y, width, height = reference.bbox
    truth = Boxes(((x, y, x + width, y + height),))
    meta = {name: getattr(reference, name) for name in (*_REFER_SIZES, *_REFER_NAMES)}
    return official_sample(source, reference.id, kind="refer", text=reference.expression, truth=truth, meta=meta)


def refer_reference(sample: Sample) -> RecReference:
    """The expression as the original files have it; the box up to the last bit of its width and height."""
    left, top, right, bottom = _truth(sample, Boxes).boxes_xyxy_px[0]
    width, height = (float(sample.meta[name] or 0) for name in _REFER_SIZES)
    box = left, top, right - left, bottom - top
    names = [str(sample.meta[name]) for name in _REFER_NAMES]
    return RecReference(_id(sample), width, height, box, sample.turns[0].text, *names)


def coco_samples(captions: CocoCaptions, *, source: str) -> list[Sample]:
    """The captioned images, in the file's order."""
    names = captions.file_names
    return [
        official_sample(source, key, kind="caption", text="", truth=References(texts), meta={"file_name": names[key]})
        for key, texts in captions.references.items()
    ]


def coco_captions(samples: Iterable[Sample]) -> CocoCaptions:
    """The captions file of these samples."""
    samples = list(samples)
    return CocoCaptions(
        references={_id(sample): _truth(sample, References).texts for sample in samples},
        file_names={_id(sample): str(sample.meta["file_name"]) for sample in samples},
    )


def clip_sample(clip: AudioClip, *, source: str) -> Sample:
    """A captioned clip, called YOUTUBE-ID_START-TIME."""
    caption_ids = " ".join(clip.caption_ids)
    meta: dict[str, Scalar] = {"youtube_id": clip.youtube_id, "start_s": clip.start_s, "caption_ids": caption_ids}
    identifier = f"{clip.youtube_id}_{clip.start_s}"
    return official_sample(source, identifier, kind="caption", text="", truth=References(clip.captions), meta=meta)


def audio_clip(sample: Sample) -> AudioClip:
    """The clip's rows of the AudioCaps table."""
    youtube_id, start_s = str(sample.meta["youtube_id"]), int(sample.meta["start_s"] or 0)
    caption_ids = tuple(str(sample.meta["caption_ids"]).split())
    return AudioClip(youtube_id, start_s, caption_ids, _truth(sample, References).texts)


def _id(sample: Sample) -> str:
    return str(sample.meta["id"])


def _truth(sample: Sample, kind: type[Expected]) -> Expected:
    if not isinstance(sample.truth, kind):
        found = type(sample.truth).__name__
        raise SampleError(f"sample {sample.key}", expected=f"{kind.__name__} as truth", found=found)
    return sample.truth
