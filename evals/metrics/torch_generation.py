"""FID, FVD, FAD, KID and CLAP as `torchmetrics.Metric` over features, merged over ranks: the scorers' values.

torchmetrics' own FID sums raw squares, which loses small variances beside large means, and takes roots of eigenvalues,
which loses digits for fewer rows than features; its KID draws unseeded subsets, so that its value changes from call to
call; it has no CLAP score. KID over several ranks draws from their features one rank after the other. Features that
are not finite are refused; scorers leave them out. Needs the extra `models`.
"""

import numpy as np
import torch
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from evals.metrics.frechet import frechet_distance
from evals.metrics.gaussians import Gaussian, finite_rows
from evals.metrics.kernel_distance import SEED, SUBSET_SIZE, SUBSETS, kernel_distances
from evals.metrics.similarity import cosines
from evals.metrics.torch_metrics import MeanMetric
from evals.statistics.bootstrap import FloatArray


class FrechetDistance(Metric):
    """Frechet distance between generated and real features of `width` numbers, in constant memory."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    generated: torch.Tensor
    real: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width
        for side in ("generated", "real"):
            self.add_state(side, torch.zeros(1 + width + width**2, dtype=torch.float64), dist_reduce_fx="cat")

    def update(self, features: torch.Tensor, *, real: bool) -> None:
        """Add a batch of finite features [n, width] to one side.

        Raises:
            StatisticsError: If they are of another shape, or not finite.
        """
        gaussian = self._gaussian(real=real)
        gaussian.add(finite_rows(_array(features), self._width))
        packed = np.concatenate([[gaussian.n], gaussian.mean, gaussian.scatter.ravel()])
        setattr(self, "real" if real else "generated", torch.from_numpy(packed).to(self.device))

    def compute(self) -> torch.Tensor:
        """The distance, float64."""
        distance = frechet_distance(self._gaussian(real=False), self._gaussian(real=True))
        return torch.tensor(distance, dtype=torch.float64)

    def _gaussian(self, *, real: bool) -> Gaussian:
        """One side, merged over the ranks or metrics that the states were gathered from."""
        merged, width = Gaussian.empty(self._width), self._width
        for part in _array(self.real if real else self.generated).reshape(-1, 1 + width + width**2):
            merged.merge(Gaussian(int(part[0]), part[1 : width + 1], part[width + 1 :].reshape(width, width)))
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
        """Add a batch of finite features [n, d] to one side.

        Raises:
            StatisticsError: If they are of another shape than those before, or not finite.
        """
        finite_rows(_array(features), (*self.generated[:1], *self.real[:1], features)[0].shape[-1])
        wide = torch.promote_types(features.dtype, torch.float32)
        (self.real if real else self.generated).append(features.detach().to(wide))

    def compute(self) -> torch.Tensor:
        """The mean, float64."""
        generated, real = (dim_zero_cat(side).cpu().numpy() for side in (self.generated, self.real))
        return torch.tensor(kernel_distances(generated, real, **self._settings).values.mean(), dtype=torch.float64)


class ClapScore(MeanMetric):
    """Mean cosine of sounds and their texts; `unscored` counts pairs in which one is not finite or has no length."""

    def update(self, sounds: torch.Tensor, texts: torch.Tensor) -> None:
        """Add a batch of paired embeddings, [n, d] each.

        Raises:
            EvalsError: If they are no pairs.
        """
        self._add(cosines(_array(sounds), _array(texts)))


def _array(tensor: torch.Tensor) -> FloatArray:
    return np.asarray(tensor.detach().cpu().double().numpy())
