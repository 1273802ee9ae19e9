"""The torchmetrics classes: the scorers' numbers, however batches and ranks are cut."""

import json
from pathlib import Path

import pytest
import torch
import torch.multiprocessing
from pycocoevalcap.cider.cider import Cider as OfficialCider

from evals.metrics.torch_metrics import Cider, RecAccuracy, VqaAccuracy
from shards.formats.vqa import read_annotations, read_results

GOLDEN = Path(__file__).parent.parent / "golden"
CANDIDATES = ["a red car on a road", "two dogs run", "a boat", "", "a dog and a car"]
REFERENCES = [
    ["a red car", "the car is on a road"],
    ["two dogs run fast", "dogs"],
    ["a small boat"],
    ["nothing to see"],
    ["a car", "a dog sits in a car"],
]


def official_cider() -> float:
    pairs = enumerate(zip(CANDIDATES, REFERENCES, strict=True))
    answers = {n: ([candidate], references) for n, (candidate, references) in pairs}
    total, _ = OfficialCider().compute_score(
        {n: references for n, (_, references) in answers.items()},
        {n: candidate for n, (candidate, _) in answers.items()},
    )
    return float(total)


def test_vqa_accuracy_is_the_official_one_in_any_batches() -> None:
    truths = read_annotations(GOLDEN / "vqa" / "annotations.json")
    results = read_results(GOLDEN / "vqa" / "results.json")
    expected = json.loads((GOLDEN / "vqa" / "expected.json").read_bytes())
    for revision, name in (("official", "revision_2021_03"), ("official-before-2021", "revision_before")):
        metric = VqaAccuracy(revision=revision)  # type: ignore[arg-type]
        for start in range(0, len(truths), 77):
            batch = truths[start : start + 77]
            metric.update([results[one.question_id] for one in batch], batch)
        assert metric.compute().item() == pytest.approx(expected[name]["overall"], abs=1e-9)


def test_rec_accuracy_counts_boxes_above_one_half() -> None:
    metric = RecAccuracy()
    truths = torch.tensor([[10.0, 20.0, 40.0, 60.0]] * 3)
    sizes = torch.tensor([[100.0, 200.0]] * 3)
    metric.update(["{<10><10><40><30>}", "{<10><10><25><30>}", "no box"], truths, sizes)
    metric.update(["{<11><10><40><30>}"], truths[:1], sizes[:1])
    assert metric.compute().item() == 50.0


def test_cider_is_the_official_one_in_any_batches() -> None:
    metric = Cider(tokenizer="whitespace")
    for start, end in ((0, 2), (2, 3), (3, 5)):
        metric.update(CANDIDATES[start:end], REFERENCES[start:end])
    assert metric.compute().item() == pytest.approx(official_cider(), abs=1e-9)
    metric.reset()
    metric.update([], [])
    assert metric.compute().isnan()


def _rank(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    metric = Cider(tokenizer="whitespace")
    half = slice(0, 3) if rank == 0 else slice(3, 5)
    metric.update(CANDIDATES[half], REFERENCES[half])
    accuracy = RecAccuracy()
    box = torch.tensor([[0.0, 0.0, 50.0, 50.0]])
    accuracy.update(["{<0><0><50><50>}" if rank else "none"], box, torch.tensor([[100.0, 100.0]]))
    Path(folder, f"{rank}.json").write_text(json.dumps([metric.compute().item(), accuracy.compute().item()]))
    torch.distributed.destroy_process_group()


def test_ranks_merge(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_rank, args=(str(tmp_path),), nprocs=2)
    for rank in range(2):
        cider, accuracy = json.loads((tmp_path / f"{rank}.json").read_text())
        assert cider == pytest.approx(official_cider(), abs=1e-9)
        assert accuracy == 50.0
