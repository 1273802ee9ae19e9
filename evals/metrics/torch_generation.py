"""FID, FVD, FAD, KID and CLAP as `torchmetrics.Metric` over features: merged over ranks, the scorers' numbers.

torchmetrics' own FID sums raw squares, which loses small variances beside large means, and takes roots of eigenvalues,
which loses digits for fewer rows than features; its KID draws unseeded subsets. Needs the extra `models`.
"""

from typing import Final

import numpy as np
import torch
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from evals.metrics.frechet import frechet_distance
from evals.metrics.gaussians import Gaussian
from evals.metrics.kernel_distance import SEED, SUBSET_SIZE, SUBSETS, kernel_distances
from evals.metrics.similarity import cosines
from evals.metrics.torch_metrics import MeanMetric
from evals.statistics.bootstrap import FloatArray

_STATES: Final = ("n", "mean", "scatter")


class FrechetDistance(Metric):
    """Frechet distance between generated and real features of `width` numbers, in constant memory."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width
        for side in ("generated", "real"):
            for name, value in zip(_STATES, _tensors(Gaussian.empty(width)), strict=True):
                self.add_state(f"{side}_{name}", value, dist_reduce_fx=None)

    def update(self, features: torch.Tensor, *, real: bool) -> None:
        """Add a batch of features [n, width] to one side."""
        gaussian = self._gaussian(real=real)
        gaussian.add(_array(features))
        for name, value in zip(_STATES, _tensors(gaussian), strict=True):
            setattr(self, _state(name, real=real), value.to(self.device))

    def compute(self) -> torch.Tensor:
        """The distance, float64."""
        distance = frechet_distance(self._gaussian(real=False), self._gaussian(real=True))
        return torch.tensor(distance, dtype=torch.float64)

    def _gaussian(self, *, real: bool) -> Gaussian:
        """One side, merged over the ranks that the states were gathered from."""
        n, mean, scatter = (_array(getattr(self, _state(name, real=real))) for name in _STATES)
        merged, width = Gaussian.empty(self._width), self._width
        for part in zip(n.ravel(), mean.reshape(-1, width), scatter.reshape(-1, width, width), strict=True):
            merged.merge(Gaussian(int(part[0]), *part[1:]))
        return merged


class FID(FrechetDistance):
    """Of pictures."""


class FVD(FrechetDistance):
    """Of clips."""


class FAD(FrechetDistance):
    """Of sounds."""


class KID(Metric):
    """Mean kernel distance over seeded subsets of generated and real features; keeps all features."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    generated: list[torch.Tensor]
    real: list[torch.Tensor]

    def __init__(self, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = SEED) -> None:
        super().__init__()
        self._settings = {"subsets": subsets, "subset_size": subset_size, "seed": seed}
        for side in ("generated", "real"):
            self.add_state(side, [], dist_reduce_fx="cat")

    def update(self, features: torch.Tensor, *, real: bool) -> None:
        """Add a batch of features [n, d] to one side."""
        (self.real if real else self.generated).append(features.detach())

    def compute(self) -> torch.Tensor:
        """The mean, float64."""
        generated, real = (dim_zero_cat(side).cpu().numpy() for side in (self.generated, self.real))
        return torch.tensor(kernel_distances(generated, real, **self._settings).values.mean(), dtype=torch.float64)


class ClapScore(MeanMetric):
    """Mean cosine of sounds and their texts."""

    def update(self, sounds: torch.Tensor, texts: torch.Tensor) -> None:
        """Add a batch of paired embeddings, [n, d] each."""
        self._add(cosines(_array(sounds), _array(texts)))


def _state(name: str, *, real: bool) -> str:
    return f"{'real' if real else 'generated'}_{name}"


def _array(tensor: torch.Tensor) -> FloatArray:
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)


def _tensors(gaussian: Gaussian) -> list[torch.Tensor]:
    return [torch.tensor([gaussian.n]), torch.from_numpy(gaussian.mean), torch.from_numpy(gaussian.scatter)]
