"""Text to pictures, sounds and films: made from captions, compared as a set with the media that the captions are of.

An answer is a medium as a `data:` URI (RFC 2397), so that media go where texts go: into files of answers and replays.
A rendered world's media are compared by written features, which need no weights; others by the published networks.
"""

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from evals.benchmarks.captioning import AUDIOCAPS, MSRVTT, load_audiocaps, load_coco_captions, load_msrvtt
from evals.benchmarks.item import Answers, Benchmark, Item, MediaFile, Size, expected
from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, feature_set, require_pair
from evals.metrics.frechet import score_frechet
from evals.metrics.gaussians import FeatureStatistics
from evals.results import Metric, Scored, Unscored
from model_adapter import Decoding, Generation
from model_adapter.embedders import Embedder, embed_all, open_embedder
from shards.draft import Blob, FileBytes, HeldBytes
from shards.errors import MediaError
from shards.media import MediaKind, sniff
from shards.sample import Audio, Image, References, Video

_WORLD_FILE: Final = "world.json"


class Making(NamedTuple):
    """How made media of a kind are scored: the metric's name, the published network, and the items that it asks for."""

    metric: str
    embedder: str
    enough: int


_MAKINGS: Final[Mapping[MediaKind, Making]] = {
    "image": Making("fid", "inception", 10_000),
    "audio": Making("fad", "vggish", 0),
    "video": Making("fvd", "i3d", 2048),
}


_PARTS: Final[Mapping[MediaKind, type[Image] | type[Audio] | type[Video]]] = {
    "image": Image,
    "audio": Audio,
    "video": Video,
}


class RealMedium(msgspec.Struct, frozen=True):
    """The medium whose caption was asked, its kind, and what compares it with made ones."""

    medium: MediaFile
    kind: MediaKind
    embedder: str


def _load(data: Path, split: str, *, kind: MediaKind, captioned: Callable[[Path, str], list[Item]]) -> list[Item]:
    """An item a medium: its first caption is asked, and no medium is shown."""
    embedder = "world-handmade" if (data / _WORLD_FILE).is_file() else _MAKINGS[kind].embedder
    return [
        msgspec.structs.replace(
            item,
            text=expected(item, item.truth, References).texts[0],
            media=(),
            official=RealMedium(item.media[0], kind, embedder),
        )
        for item in captioned(data, split)
    ]


def data_uri(content: bytes, kind: MediaKind = "image") -> str:
    """The bytes of a medium as an answer."""
    return f"data:{kind}/{sniff(content) or 'unknown'};base64,{base64.b64encode(content).decode()}"


def made_medium(generation: Generation, *, kind: MediaKind) -> str | Unscored:
    """The first medium of the kind that was made, or one that was written as a `data:` URI."""
    if generation.finish_reason in ("missing", "refusal"):
        return Unscored(generation.finish_reason)
    part_type = _PARTS[kind]
    made = [part.member for part in generation.parts if isinstance(part, part_type) and part.member in generation.blobs]
    if made:
        return data_uri(generation.blobs[made[0]].read(), kind)
    return generation.text if generation.text.startswith(f"data:{kind}/") else Unscored(f"no_{kind}")


def score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int, *, kind: MediaKind) -> Scored:
    """Frechet distance between the made media and all real ones of the split; there are no values of items."""
    metric, published, enough = _MAKINGS[kind]
    if not population:
        return _no_value(metric, f"frechet@{published}", Counter())
    real = [expected(item, item.official, RealMedium) for item in population]
    embedder = open_embedder(real[0].embedder)
    unscored = Counter[str]()
    made: list[Blob] = []
    for item in items:
        answer = answers.get(item.id, Unscored("missing"))
        if isinstance(answer, Unscored):
            unscored[answer.reason] += 1
        else:
            made.append(HeldBytes(_content(answer)))
    found = [one.rows for one in embed_all(embedder, kind, made)]
    rows = [one for one in found if not isinstance(one, MediaError)]
    unscored.update({"unreadable_media": len(found) - len(rows)} if len(found) > len(rows) else {})
    protocol = f"frechet@{embedder.name}" + (f"-{embedder.weights[7:19]}" if "sha256:" in embedder.weights else "")
    if len(rows) < 2:
        return _no_value(metric, protocol, unscored, n_made=len(rows))
    generated, reference = (
        feature_set(np.concatenate(rows), unscored=unscored),
        feature_set(_real(embedder, real, kind)),
    )
    require_pair(metric, generated, reference, least=2)
    both = FeatureStatistics.of(generated), FeatureStatistics.of(reference)
    return score_frechet(*both, metric=metric, protocol=protocol, enough=enough)


def _no_value(metric: str, protocol: str, unscored: Counter[str], *, n_made: int = 0) -> Scored:
    primary = Metric(metric, protocol, None, "raw", False, n_made + sum(unscored.values()), dict(unscored))
    return Scored(primary, {}, {}, ())


def _real(embedder: Embedder, real: Sequence[RealMedium], kind: MediaKind) -> Features:
    rows = []
    made = embed_all(embedder, kind, (FileBytes(one.medium.path) for one in real))
    for one, embedded in zip(real, made, strict=True):
        if isinstance(embedded.rows, MediaError):
            found = str(embedded.rows)
            raise EvalsError(
                one.medium.path, expected=f"a readable {kind} of the reference set", found=found
            ) from embedded.rows
        rows.append(embedded.rows)
    return np.concatenate(rows)


def shortened(text: str) -> str:
    """The text, or a medium's type, size and hash in place of a `data:` URI."""
    if not text.startswith(tuple(f"data:{kind}/" for kind in _MAKINGS)):
        return text
    content = _content(text)
    media_type = text.removeprefix("data:").partition(";")[0]
    return f"{media_type}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


def _content(answer: str) -> bytes:
    """The bytes of a `data:` URI; none if it is broken, which no decoder takes for a picture."""
    try:
        return base64.b64decode(answer.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


COCO_T2I: Final = Benchmark(
    name="coco_t2i",
    kind="generation",
    splits=("val2014", "train2014"),
    train_split="train2014",
    load=partial(_load, kind="image", captioned=load_coco_captions),
    prompts={"plain": "{text}"},
    decoding=Decoding(),
    parser="made_image@1",
    parse=partial(made_medium, kind="image"),
    scorer="frechet@inception",
    score=partial(score, kind="image"),
    submission="answers",
    source="Lin et al. 2014, arXiv:1405.0312; FID: Heusel et al. 2017; cocodataset.org",
    licence="annotations CC BY 4.0; images: Flickr terms",
    how_to_get="cocodataset.org: annotations_trainval2014 into coco_captions/, images into images/",
    sizes={"val2014": Size(40_504), "train2014": Size(82_783)},
)

AUDIOCAPS_T2A: Final = replace(
    COCO_T2I,
    name="audiocaps_t2a",
    splits=AUDIOCAPS.splits,
    train_split=AUDIOCAPS.train_split,
    load=partial(_load, kind="audio", captioned=load_audiocaps),
    parser="made_audio@1",
    parse=partial(made_medium, kind="audio"),
    scorer="frechet@vggish",
    score=partial(score, kind="audio"),
    source=f"{AUDIOCAPS.source}; FAD: Kilgour et al. 2019",
    licence=AUDIOCAPS.licence,
    how_to_get=AUDIOCAPS.how_to_get,
    sizes={split: Size(size.items) for split, size in AUDIOCAPS.sizes.items()},
)

MSRVTT_T2V: Final = replace(
    COCO_T2I,
    name="msrvtt_t2v",
    splits=MSRVTT.splits,
    train_split=MSRVTT.train_split,
    load=partial(_load, kind="video", captioned=load_msrvtt),
    parser="made_video@1",
    parse=partial(made_medium, kind="video"),
    scorer="frechet@i3d",
    score=partial(score, kind="video"),
    source=f"{MSRVTT.source}; FVD: Unterthiner et al. 2018",
    licence=MSRVTT.licence,
    how_to_get=MSRVTT.how_to_get,
    sizes={split: Size(size.items) for split, size in MSRVTT.sizes.items()},
)
