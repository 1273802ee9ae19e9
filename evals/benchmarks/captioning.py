"""Captioning: COCO images and AudioCaps clips, scored by CIDEr against several references."""

from collections.abc import Sequence
from pathlib import Path

from evals.benchmarks.item import Answers, Benchmark, Item, MediaFile, first_text
from evals.benchmarks.vqav2 import coco_image
from evals.errors import EvalsError
from evals.metrics.caption_measures import CaptionMetric
from evals.metrics.captions import frozen_frequencies, score_captions
from evals.results import Scored
from model_adapter import Decoding
from shards.formats.captions import read_audiocaps, read_coco_captions
from shards.sample import References


def load_coco_captions(data: Path, split: str) -> list[Item]:
    """The captioned images of a split, in the file's order."""
    captions = read_coco_captions(data / "coco_captions" / f"captions_{split}.json")
    return [
        Item(
            id=str(image_id),
            cluster=str(image_id),
            text="",
            media=(MediaFile("image", str(coco_image(data, split, int(image_id)))),),
            truth=References(texts),
        )
        for image_id, texts in captions.references.items()
    ]


def load_audiocaps(data: Path, split: str) -> list[Item]:
    """The captioned clips of a split; a clip is `audios/<youtube_id>_<start_time>.wav`."""
    folder = data / "audiocaps"
    return [
        Item(
            id=f"{clip.youtube_id}_{clip.start_s}",
            cluster=f"{clip.youtube_id}_{clip.start_s}",
            text="",
            media=(MediaFile("audio", str(folder / "audios" / f"{clip.youtube_id}_{clip.start_s}.wav")),),
            truth=References(clip.captions),
        )
        for clip in read_audiocaps(folder / f"{split}.csv")
    ]


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """CIDEr-D, BLEU and ROUGE-L as COCO's scorer computes them.

    Where only a part of the split is asked, document frequencies are those of the whole split, under their own name.
    """
    references = {item.id: _references(item).texts for item in items}
    frozen = None
    if len(items) < len(population):
        frozen = frozen_frequencies({item.id: _references(item).texts for item in population})
    metrics: tuple[CaptionMetric, ...] = ("cider", "bleu", "rouge")
    return score_captions(references, answers, metrics=metrics, document_frequencies=frozen, seed=seed)


def _references(item: Item) -> References:
    if not isinstance(item.truth, References):
        raise EvalsError(f"item {item.id}", expected="references as truth", found=type(item.truth).__name__)
    return item.truth


COCO_CAPTIONS = Benchmark(
    name="coco_captions",
    kind="caption",
    splits=("val2014", "train2014"),
    train_split="train2014",
    load=load_coco_captions,
    prompt="Describe the image in one sentence.",
    decoding=Decoding(max_new_tokens=40),
    parser="first_text@1",
    parse=first_text,
    scorer="cider@coco",
    score=score,
    chance=None,
    source="Chen et al. 2015, arXiv:1504.00325; cocodataset.org",
    licence="annotations CC BY 4.0; images: Flickr terms",
    how_to_get="cocodataset.org: annotations_trainval2014 into coco_captions/, images into images/",
)

AUDIOCAPS = Benchmark(
    name="audiocaps",
    kind="caption",
    splits=("test", "val", "train"),
    train_split="train",
    load=load_audiocaps,
    prompt="Describe the sound in one sentence.",
    decoding=Decoding(max_new_tokens=40),
    parser="first_text@1",
    parse=first_text,
    scorer="cider@coco",
    score=score,
    chance=None,
    source="Kim et al. 2019, NAACL; github.com/cdjkim/audiocaps",
    licence="captions MIT, for academic use; clips: YouTube terms",
    how_to_get="github.com/cdjkim/audiocaps: dataset/*.csv into audiocaps/; clips from YouTube into audiocaps/audios/",
)
