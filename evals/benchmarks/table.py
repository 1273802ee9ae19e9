"""The table of benchmarks. A new one is one file beside this one and one line here."""

from collections.abc import Mapping

from evals.benchmarks.captioning import AUDIOCAPS, COCO_CAPTIONS, MSRVTT
from evals.benchmarks.grounding import REFCOCO, REFCOCO_PLUS, REFCOCOG
from evals.benchmarks.hallucination import CHAIR
from evals.benchmarks.item import Benchmark
from evals.benchmarks.mosit import MOSIT
from evals.benchmarks.motion import EGO4D_IMU
from evals.benchmarks.text_to_media import AUDIOCAPS_T2A, COCO_T2I, MSRVTT_T2V
from evals.benchmarks.video_questions import MSRVTT_QA
from evals.benchmarks.vqa import OKVQA, VQAV2
from evals.results import Domain
from shards.errors import UsageError

BENCHMARKS: Mapping[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (
        AUDIOCAPS,
        AUDIOCAPS_T2A,
        CHAIR,
        COCO_CAPTIONS,
        COCO_T2I,
        EGO4D_IMU,
        MOSIT,
        MSRVTT,
        MSRVTT_QA,
        MSRVTT_T2V,
        OKVQA,
        REFCOCO,
        REFCOCO_PLUS,
        REFCOCOG,
        VQAV2,
    )
}


class Task:
    """A benchmark, one of its splits, and the domain whose files are asked, out of `[world/]NAME[:SPLIT]`.

    Raises:
        UsageError: If there is no such benchmark or split.
    """

    def __init__(self, spelling: str) -> None:
        name, _, split = spelling.removeprefix("world/").partition(":")
        if name not in BENCHMARKS:
            known = f"one of {', '.join(BENCHMARKS)}, or world/ before it"
            raise UsageError("task", expected=known, found=repr(spelling))
        self.benchmark = BENCHMARKS[name]
        self.split = split or self.benchmark.splits[0]
        if self.split not in self.benchmark.splits:
            raise UsageError(f"task {name}", expected=f"a split of {', '.join(self.benchmark.splits)}", found=split)
        self.domain: Domain = "world" if spelling.startswith("world/") else "public"

    @property
    def name(self) -> str:
        """The task in its shortest spelling."""
        prefix = "world/" if self.domain == "world" else ""
        suffix = "" if self.split == self.benchmark.splits[0] else f":{self.split}"
        return f"{prefix}{self.benchmark.name}{suffix}"
