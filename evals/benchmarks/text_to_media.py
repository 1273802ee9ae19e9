"""Text to pictures, sounds and films: made from captions, compared with these and, as a set, with the real media.

A rendered world's media are compared by the small network that ships; others by the published ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from evals.benchmarks.captioning import AUDIOCAPS, COCO_CAPTIONS, MSRVTT
from evals.benchmarks.item import Answers, Benchmark, Item, Scorer, Size, Workspace, expected
from evals.benchmarks.made_media import RealMedium, names, said
from evals.benchmarks.media_scores import JUDGES, Panel, open_panel, score_media
from evals.results import ItemRow, Scored, Unscored
from model_adapter import Decoding, Generation
from shards.draft import FileBytes
from shards.errors import UsageError
from shards.media import MediaKind
from shards.sample import References

_WORLD_FILE: Final = "world.json"


def _load(data: Path, split: str, *, kind: MediaKind, captioned: Callable[[Path, str], Sequence[Item]]) -> list[Item]:
    """An item a medium: its first caption is asked, and no medium is shown."""
    is_world = (data / _WORLD_FILE).is_file()
    items = []
    for item in captioned(data, split):
        caption = expected(item, item.truth, References).texts[0]
        real = RealMedium(kind, FileBytes(item.media[0].path), caption, is_world, item.cluster)
        items.append(msgspec.structs.replace(item, text=caption, media=(), official=real))
    return items


def made_medium(generation: Generation, *, kind: MediaKind) -> str | Unscored:
    """The first medium of the kind that was made."""
    answer = said(generation)
    if isinstance(answer, Unscored):
        return answer
    return next((name for name in names(answer) if name.startswith(f"made/{kind}/")), Unscored(f"no_{kind}"))


def _judged_by(population: Sequence[Item], workspace: Workspace, *, kind: MediaKind) -> Scorer:
    """The networks of all metrics of a kind; that of the primary one must be here, and so must all real media."""
    real = [expected(item, item.official, RealMedium) for item in population]
    absent = [one.place for one in real if isinstance(one.blob, FileBytes) and not Path(one.place).is_file()]
    if absent:
        found = f"{len(absent)} absent, such as {absent[0]}"
        raise UsageError("--data", expected=f"all {len(real)} real media of the split", found=found)
    panel = open_panel([judge for judge in JUDGES if judge.kind == kind], real, workspace, needs_first=True)
    return Scorer(partial(_score, panel=panel), panel.identities, panel.real_sha256)


def _score(items: Sequence[Item], answers: Answers, population: Sequence[Item], seed: int, *, panel: Panel) -> Scored:
    """All metrics; items have values in those that compare pairs, and none in the primary one, which compares sets."""
    asked = [expected(item, item.official, RealMedium) for item in items]
    made = [answers.get(item.id, Unscored("missing")) for item in items]
    metrics, values, reasons = score_media(panel, asked, made, seed=seed)
    told = zip(items, reasons, values, strict=True)
    rows = [ItemRow(item.id, None, reason, item.cluster, value) for item, reason, value in told]
    return Scored(metrics.pop(panel.judges[0].metric), metrics, {}, rows)


def _made_from_captions(name: str, kind: MediaKind, captioned: Benchmark, source: str) -> Benchmark:
    """A captioning benchmark turned round."""
    first = next(judge for judge in JUDGES if judge.kind == kind)
    return replace(
        captioned,
        name=name,
        kind="generation",
        load=partial(_load, kind=kind, captioned=captioned.load),
        prompts={"plain": "{text}"},
        decoding=Decoding(),
        parser=f"made_{kind}@2",
        parse=partial(made_medium, kind=kind),
        scorer=f"{first.rules}{first.network}",
        scorer_of=partial(_judged_by, kind=kind),
        enough=first.enough,
        submission="answers",
        source=f"{captioned.source}; {source}",
        sizes={split: Size(size.items) for split, size in captioned.sizes.items()},
    )


COCO_T2I: Final = _made_from_captions(
    "coco_t2i",
    "image",
    COCO_CAPTIONS,
    "FID: Heusel et al. 2017; CLIPScore: Hessel et al. 2021. FID-30K is `--limit 30000`: the first caption of so many "
    "pictures, drawn by the hash of their ids, against all real ones; NExT-GPT's paper tells neither number nor draw",
)
AUDIOCAPS_T2A: Final = _made_from_captions(
    "audiocaps_t2a",
    "audio",
    AUDIOCAPS,
    "FAD: Kilgour et al. 2019; FD, KL and IS as haoheliu/audioldm_eval; CLAP: Wu et al. 2023. A clip's first caption",
)
MSRVTT_T2V: Final = _made_from_captions(
    "msrvtt_t2v",
    "video",
    MSRVTT,
    "FVD: Unterthiner et al. 2018; CLIPSIM: Wu et al. 2021, a film's first caption; FID: of eight frames a film",
)
