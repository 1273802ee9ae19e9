"""Captioning: COCO images, AudioCaps clips and MSR-VTT films, scored by CIDEr against several references."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from evals.benchmarks.item import Answers, Benchmark, Item, MediaFile, Size, by_rules, coco_image_of, expected, item_of
from evals.metrics.captions import frozen_frequencies, score_captions
from evals.results import Scored
from model_adapter import Decoding
from shards.formats.captions import read_audiocaps, read_coco_captions
from shards.formats.samples import clip_sample, coco_samples
from shards.formats.videos import MsrvttSplit, read_msrvtt
from shards.sample import References

_MSRVTT_SPLITS: Final[Mapping[str, MsrvttSplit]] = {"test": "test", "val": "validate", "train": "train"}


def load_coco_captions(data: Path, split: str) -> list[Item]:
    """The captioned images of a split, in the file's order."""
    samples = coco_samples(read_coco_captions(data / "coco_captions" / f"captions_{split}.json"), source="coco")
    return [item_of(sample, coco_image_of(data, split, str(sample.meta["id"]))) for sample in samples]


def load_audiocaps(data: Path, split: str) -> list[Item]:
    """The captioned clips of a split; a clip is `audios/<youtube_id>_<start_time>.wav`."""
    folder = data / "audiocaps"
    samples = [clip_sample(clip, source="audiocaps") for clip in read_audiocaps(folder / f"{split}.csv")]
    return [item_of(one, MediaFile("audio", f"{folder}/audios/{one.meta['id']}.wav")) for one in samples]


def load_msrvtt(data: Path, split: str) -> list[Item]:
    """The captioned films of a split; a film is `videos/<video_id>.mp4`."""
    folder = data / "msrvtt"
    name = "test_videodatainfo.json" if split == "test" else "train_val_videodatainfo.json"
    captions = read_msrvtt(folder / name, split=_MSRVTT_SPLITS[split])
    return [
        Item(
            id=video_id,
            cluster=video_id,
            text="",
            media=(MediaFile("video", f"{folder}/videos/{video_id}.mp4"),),
            truth=References(texts),
        )
        for video_id, texts in captions.items()
    ]


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int) -> Scored:
    """CIDEr-D, BLEU and ROUGE-L as COCO's scorer computes them.

    Where only a part of the split is asked, document frequencies are those of the whole split, under their own name.
    """
    frozen = frozen_frequencies(_references(population)) if len(items) < len(population) else None
    return score_captions(
        _references(items),
        answers,
        metrics=("cider", "bleu", "rouge"),
        clusters={item.id: item.cluster for item in items},
        document_frequencies=frozen,
        seed=seed,
    )


def _references(items: Sequence[Item]) -> dict[str, tuple[str, ...]]:
    return {item.id: expected(item, item.truth, References).texts for item in items}


COCO_CAPTIONS = Benchmark(
    name="coco_captions",
    kind="caption",
    splits=("val2014", "train2014"),
    train_split="train2014",
    load=load_coco_captions,
    prompts={"plain": "Describe the image in one sentence.", "minigpt-v2": "[caption] briefly describe the image."},
    decoding=Decoding(max_new_tokens=40),
    scorer="cider@coco",
    scorer_of=by_rules(score),
    submission="coco",
    source="Chen et al. 2015, arXiv:1504.00325; cocodataset.org",
    licence="annotations CC BY 4.0; images: Flickr terms",
    how_to_get="cocodataset.org: annotations_trainval2014 into coco_captions/, images into images/",
    sizes={"val2014": Size(40_504, 202_654), "train2014": Size(82_783, 414_113)},
    other_editions={5_000: "COCO 2017's validation set, or Karpathy's test split", 118_287: "COCO 2017's training set"},
)

AUDIOCAPS = replace(
    COCO_CAPTIONS,
    name="audiocaps",
    splits=("test", "val", "train"),
    train_split="train",
    load=load_audiocaps,
    prompts={"plain": "Describe the sound in one sentence.", "anymal": "Describe the sound."},
    source="Kim et al. 2019, NAACL; github.com/cdjkim/audiocaps",
    licence="captions MIT, for academic use; clips: YouTube terms",
    how_to_get="github.com/cdjkim/audiocaps: dataset/*.csv into audiocaps/; clips from YouTube into audiocaps/audios/",
    sizes={"test": Size(975, 4_875), "val": Size(495, 2_475), "train": Size(49_838, 49_838)},
    other_editions={91_256: "AudioCaps 2.0"},
)

MSRVTT = replace(
    AUDIOCAPS,
    name="msrvtt",
    load=load_msrvtt,
    prompts={"plain": "Describe the film in one sentence."},
    source="Xu et al. 2016, CVPR; microsoft.com/en-us/research/publication/msr-vtt",
    licence="captions: none stated; films: YouTube terms",
    how_to_get="train_val_videodatainfo.json and test_videodatainfo.json into msrvtt/, films into msrvtt/videos/",
    sizes={"test": Size(2_990, 59_800), "val": Size(497, 9_940), "train": Size(6_513, 130_260)},
    other_editions={},
)
