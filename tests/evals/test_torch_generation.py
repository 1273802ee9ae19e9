"""The torchmetrics classes of generation: the scorers' numbers however batches and ranks are cut."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing
from torchmetrics import MetricCollection
from torchmetrics.image.fid import FrechetInceptionDistance

from evals.errors import StatisticsError
from evals.metrics.torch_generation import FAD, FID, FVD, KID, ClapScore

GENERATOR = torch.Generator().manual_seed(0)
GENERATED = torch.randn(90, 6, generator=GENERATOR)
REAL = torch.randn(70, 6, generator=GENERATOR) * 1.3 + 0.2


def expected_distance(x: torch.Tensor, y: torch.Tensor) -> float:
    """The exact one: the trace of the root as a nuclear norm."""
    a, b = x.double().numpy(), y.double().numpy()
    roots = [(one - one.mean(axis=0)) / np.sqrt(len(one) - 1) for one in (a, b)]
    step = a.mean(axis=0) - b.mean(axis=0)
    traces = sum(float((root**2).sum()) for root in roots)
    return float(step @ step) + traces - 2 * float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())


class Pictures(torch.nn.Module):
    """Stands for a network: the features are the first pixels."""

    num_features = 6

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.flatten(1)[:, :6].double()


def theirs(x: torch.Tensor, y: torch.Tensor) -> float:
    """torchmetrics' class after it has seen these features: its running sums, in its float64."""
    metric = FrechetInceptionDistance(feature=Pictures(), input_img_size=(3, 2, 1))
    metric.update(torch.zeros(2, 3, 2, 1, dtype=torch.uint8), real=False)
    for features, real in ((x, False), (y, True)):
        state = "real" if real else "fake"
        setattr(metric, f"{state}_features_sum", features.double().sum(dim=0))
        setattr(metric, f"{state}_features_cov_sum", features.double().T @ features.double())
        setattr(metric, f"{state}_features_num_samples", torch.tensor(len(features)))
    return float(metric.compute())


@pytest.mark.parametrize("kind", [FID, FVD, FAD])
@pytest.mark.parametrize("batch", [1, 7, 90])
def test_frechet_distances_in_any_batches(kind: type[FID], batch: int) -> None:
    metric = kind(6)
    for real, features in ((False, GENERATED), (True, REAL)):
        for part in features.split(batch):
            metric.update(part, real=real)
    assert metric.compute().item() == pytest.approx(expected_distance(GENERATED, REAL), rel=1e-10)
    metric.reset()
    metric.update(GENERATED[:1], real=False)
    with pytest.raises(StatisticsError, match="at least 2"):
        metric.compute()


def test_where_torchmetrics_differs() -> None:
    """A mean that is large beside the spread: the sums of raw squares have lost the spread."""
    assert theirs(GENERATED, REAL) == pytest.approx(expected_distance(GENERATED, REAL), rel=1e-4)
    far = [1e6 + 1e-2 * one.double() for one in (GENERATED, REAL)]
    metric, truth = FID(6), expected_distance(*far)
    metric.update(far[0], real=False)
    metric.update(far[1], real=True)
    assert metric.compute().item() == pytest.approx(truth, rel=1e-6)
    assert not abs(theirs(*far) - truth) < 0.05 * truth


def test_kernel_distance_is_the_seeded_one() -> None:
    metric = KID(subsets=3, subset_size=70)
    for real, features in ((False, GENERATED[:70]), (True, REAL)):
        for part in features.split(30):
            metric.update(part, real=real)
    a, b = GENERATED[:70].double(), REAL.double()
    kernels = [(one @ other.T / 6 + 1) ** 3 for one, other in ((a, a), (b, b), (a, b))]
    within = sum((one.sum() - one.trace()) for one in kernels[:2]) / (70 * 69)
    assert metric.compute().item() == pytest.approx(float(within - 2 * kernels[2].sum() / 70**2), abs=1e-5)


def test_clap_score_and_collections() -> None:
    metric = ClapScore()
    texts = torch.randn(90, 6, generator=GENERATOR)
    for start in (0, 50):
        metric.update(GENERATED[start : start + 50 - start // 5], texts[start : start + 50 - start // 5])
    expected = torch.nn.functional.cosine_similarity(GENERATED, texts).mean().item()
    assert metric.compute().item() == pytest.approx(expected, abs=1e-6)
    both = MetricCollection([FID(6), KID(subsets=2, subset_size=70)])
    both.update(GENERATED, real=False)
    both.update(REAL, real=True)
    assert set(both.compute()) == {"FID", "KID"}


def _rank(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    metric, kernel = FID(6), KID(subsets=2, subset_size=70)
    for one in (metric, kernel):
        one.update(GENERATED[:20] if rank else GENERATED[20:], real=False)
        one.update(REAL[:50] if rank else REAL[50:], real=True)
    Path(folder, f"{rank}.json").write_text(json.dumps([metric.compute().item(), kernel.compute().item()]))
    torch.distributed.destroy_process_group()


def test_ranks_merge(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_rank, args=(str(tmp_path),), nprocs=2)
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1]
    assert found[0][0] == pytest.approx(expected_distance(GENERATED, REAL), rel=1e-10)
