"""The torchmetrics classes of generation: the scorers' numbers however batches and ranks are cut."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing
from torchmetrics import MetricCollection
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from evals.errors import EvalsError, StatisticsError
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


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`:UserWarning")
def test_where_torchmetrics_kernel_distance_differs() -> None:
    """The same of whole sets; of random subsets another value in each run, with the same mean."""

    def twice(subsets: int, size: int) -> tuple[list[float], list[float]]:
        found: list[list[float]] = [[], []]
        for _ in range(2):
            own, its = (
                KID(subsets=subsets, subset_size=size),
                KernelInceptionDistance(torch.nn.Identity(), subsets, size),
            )
            for real, features in ((False, GENERATED[:70]), (True, REAL)):
                own.update(features, real=real)
                its.update(features, real=real)
            found[0].append(float(own.compute()))
            found[1].append(float(its.compute()[0]))
        return found[0], found[1]

    with torch.random.fork_rng():
        torch.manual_seed(0)
        whole, few, many = twice(1, 70), twice(20, 20), twice(1000, 20)
    assert whole[0] == pytest.approx(whole[1], abs=1e-5)
    assert few[0][0] == few[0][1]
    assert few[1][0] != few[1][1]
    for mean in (*many[0], *many[1]):
        assert mean == pytest.approx(whole[0][0], abs=4 * 0.49 / 1000**0.5)  # 0.49: the spread over subsets


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


def test_metrics_merge_as_often_as_they_are_asked() -> None:
    parts = [FID(6) for _ in range(4)]
    for rows, metric in zip(((0, 20), (20, 50), (50, 51), (51, 80)), parts, strict=True):
        metric.update(GENERATED[slice(*rows)], real=False)
        metric.update(REAL[slice(*rows)][:60], real=True)
    for metric in parts[1:]:
        parts[0].merge_state(metric)
    assert parts[0].compute().item() == pytest.approx(expected_distance(GENERATED[:80], REAL), rel=1e-10)
    parts[0].update(GENERATED[80:], real=False)
    assert parts[0].compute().item() == pytest.approx(expected_distance(GENERATED, REAL), rel=1e-10)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_features_of_any_precision(dtype: torch.dtype) -> None:
    x, y = GENERATED[:70].to(dtype), REAL.to(dtype)
    distance, kernel, clap = FID(6), KID(subsets=3, subset_size=70), ClapScore()
    plain = KID(subsets=3, subset_size=70)
    for real, features in ((False, x), (True, y)):
        distance.update(features, real=real)
        kernel.update(features, real=real)
        plain.update(features.float(), real=real)
    clap.update(x, y)
    assert distance.compute().item() == pytest.approx(expected_distance(x, y), rel=1e-10)
    assert kernel.compute().item() == pytest.approx(plain.compute().item(), abs=1e-5)
    cosines = torch.nn.functional.cosine_similarity(x.double(), y.double())
    assert clap.compute().item() == pytest.approx(cosines.mean().item(), abs=1e-9)


@pytest.mark.parametrize("metric", [FID(6), KID(subsets=3, subset_size=2)])
@pytest.mark.parametrize(
    ("features", "told"),
    [
        (torch.full((5, 6), torch.nan), "with nan or infinity"),
        (torch.tensor([[torch.inf] + [0.0] * 5]), "with nan or infinity"),
        (torch.zeros(5, 4), r"finite rows \[k, 6\], found shape \[5, 4\]"),
        (torch.zeros(6), r"found shape \[6\]"),
        (torch.zeros(1, 5, 6), r"found shape \[1, 5, 6\]"),
    ],
)
def test_what_is_no_feature_is_refused_at_once(metric: FID | KID, features: torch.Tensor, told: str) -> None:
    metric.update(GENERATED, real=False)
    for real in (False, True):
        with pytest.raises(StatisticsError, match=told):
            metric.update(features, real=real)


def test_clap_score_leaves_out_and_counts_what_has_no_cosine() -> None:
    metric, other = ClapScore(), ClapScore()
    sounds, texts = GENERATED[:6].clone(), REAL[:6].clone()
    sounds[1], sounds[2, 3], texts[4] = 0, torch.nan, 0
    metric.update(sounds, texts)
    expected = torch.nn.functional.cosine_similarity(sounds, texts)[[0, 3, 5]].mean()
    assert metric.compute().item() == pytest.approx(expected.item(), abs=1e-6)
    other.update(torch.zeros(2, 6), texts[:2])
    metric.merge_state(other)
    assert metric.compute().item() == pytest.approx(expected.item(), abs=1e-6)
    assert (int(metric.n), int(metric.unscored)) == (3, 5)


@pytest.mark.parametrize("texts", [GENERATED[:2], GENERATED[:4, :3], GENERATED[0]])
def test_clap_score_takes_pairs_alone(texts: torch.Tensor) -> None:
    metric = ClapScore()
    with pytest.raises(EvalsError, match="for each generated item, found shapes"):
        metric.update(GENERATED[:4], texts)
    assert int(metric.n) == 0


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
