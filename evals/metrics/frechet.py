"""Frechet distance between feature sets seen as Gaussians: FID, FVD, FAD, by the features' network.

Source: Heusel et al. 2017, arXiv:1706.08500 (FID); Rippl, Munk and Sturm 2016, arXiv:1507.04090 (limit laws);
Chong and Forsyth 2020, arXiv:1911.07023 (the bias falls as 1/n and is extrapolated away).
"""

from typing import Final

import numpy as np

from evals.errors import StatisticsError
from evals.metrics.feature_sets import delta_interval, mean_variance
from evals.metrics.gaussians import FeatureStatistics, Gaussian
from evals.results.schema import Metric, Scored
from evals.statistics.bootstrap import FloatArray

_EPS: Final = float(np.finfo(np.float64).eps)
_WELL_CONDITIONED: Final = 1e-12  # below, roots of small eigenvalues would lose their last six digits


def frechet_distance(generated: Gaussian, real: Gaussian) -> float:
    """|difference of means|^2 + tr(S1 + S2 - 2 sqrt(S1 S2)), with covariances over n - 1; at least 0, lower is better.

    Exact where matrix roots fail: for fewer rows than features the trace of the root is the sum of the singular values
    of a product of the covariances' factors.

    Raises:
        StatisticsError: If a set has fewer than two rows, the widths differ, or numbers exceed float64.
    """
    _require(generated, real)
    step, traces = _terms(generated, real)
    root = 0.0 if min(traces) == 0 else np.sqrt(traces[0]) * np.sqrt(traces[1]) * _root_trace(generated, real)
    return max(0.0, float(step @ step + traces[0] + traces[1] - 2 * root))


def extrapolated_distance(generated: FeatureStatistics, real: FeatureStatistics, distance: float) -> float | None:
    """The distance without its bias of order 1/n: the line in 1/n through n and n/2 items, at 0.

    None where the halves hold too few items (as many as features, or fewer) for the bias to be on that line.
    """
    least = min(half.n * one.starts.mean() for one in (generated, real) for half in one.halves)
    if least <= generated.sample.shape[1] + 1:
        return None
    return 2 * distance - sum(frechet_distance(*pair) for pair in zip(generated.halves, real.halves, strict=True)) / 2


def score_frechet(
    generated: FeatureStatistics,
    real: FeatureStatistics,
    *,
    metric: str = "frechet",
    protocol: str = "frechet@features",
    enough: int = 0,
) -> Scored:
    """Frechet distance with its interval, and `frechet_extrapolated` beside it.

    The interval of the distance is for its expectation at these numbers of items, bias included; the extrapolated
    one's is for the distance itself. An item's rows (a sound's seconds, a film's frames) are drawn together. Both
    carry the note "small_n" below `enough` items, or where there are no more items than features.

    Raises:
        StatisticsError: As `frechet_distance`.
    """
    wholes = generated.whole, real.whole
    value, variance = frechet_distance(*wholes), _variance((generated, real), wholes)
    n_least, enough = min(generated.n, real.n), max(enough, generated.sample.shape[1] + 1)

    def metric_of(name: str, number: float | None, least: float) -> Metric:
        interval = None if number is None else delta_interval(number, variance, n=n_least, least=least, enough=enough)
        n = generated.n + sum(generated.unscored.values())
        return Metric(name, protocol, number, "raw", False, n, generated.unscored, interval=interval)

    name = "frechet_extrapolated"
    extrapolated = metric_of(name, extrapolated_distance(generated, real, value), -np.inf)
    return Scored(primary=metric_of(metric, value, 0.0), metrics={name: extrapolated}, breakdown={}, rows=())


def _require(generated: Gaussian, real: Gaussian) -> None:
    if generated.mean.shape != real.mean.shape:
        found = f"{len(generated.mean)} and {len(real.mean)}"
        raise StatisticsError("frechet distance", expected="features of the same width", found=found)
    n_least = min(generated.n, real.n)
    if n_least < 2:
        raise StatisticsError("frechet distance", expected="at least 2 rows a set", found=str(n_least))


@np.errstate(over="ignore", invalid="ignore")
def _terms(generated: Gaussian, real: Gaussian) -> tuple[FloatArray, list[float]]:
    step, traces = generated.mean - real.mean, [float(np.trace(one.scatter) / (one.n - 1)) for one in (generated, real)]
    if not np.isfinite(step @ step + sum(traces)):  # no covariance is larger than the variances
        raise StatisticsError("frechet distance", expected="features whose squares fit float64", found="larger ones")
    return step, traces


def _shape(gaussian: Gaussian) -> FloatArray:
    """The covariance divided by its trace, so that no product over- or underflows."""
    return np.asarray(gaussian.scatter / np.trace(gaussian.scatter))


def _root_trace(generated: Gaussian, real: Gaussian) -> float:
    """tr sqrt(S1 S2) of two covariances of trace 1."""
    if min(generated.n, real.n) > len(generated.mean):
        try:
            lower = np.asarray(np.linalg.cholesky(_shape(generated)), dtype=np.float64)
        except np.linalg.LinAlgError:
            return _nuclear_norm(generated, real)
        roots_squared = np.linalg.eigvalsh(_sandwiched(lower, _shape(real)))
        if roots_squared[0] > _WELL_CONDITIONED * roots_squared[-1]:
            return float(np.sqrt(roots_squared).sum())
    return _nuclear_norm(generated, real)


def _sandwiched(lower: FloatArray, middle: FloatArray) -> FloatArray:
    """The lower triangle of lower^T middle lower, without the products with the zeros of `lower`."""
    half = len(lower) // 2
    left, corner = middle @ lower[:, :half], lower[half:, half:]
    product = np.zeros_like(middle)
    product[:half, :half] = lower[:, :half].T @ left
    product[half:, :half] = corner.T @ left[half:]
    product[half:, half:] = corner.T @ (middle[half:, half:] @ corner)
    return product


def _nuclear_norm(generated: Gaussian, real: Gaussian) -> float:
    return float(np.linalg.svd(_factor(generated).T @ _factor(real), compute_uv=False).sum())


def _factor(gaussian: Gaussian) -> FloatArray:
    """F [d, rank] with F F^T the covariance of trace 1, without directions that only rounding fills."""
    values, vectors = np.linalg.eigh(_shape(gaussian))
    kept = values > len(values) * _EPS * values[-1]
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


def _variance(sets: tuple[FeatureStatistics, FeatureStatistics], wholes: tuple[Gaussian, Gaussian]) -> float:
    """Variance of the distance by the delta method: of both sets' influences, summed over each item's rows."""
    variance = 0.0
    for own, whole, other in zip(sets, wholes, wholes[::-1], strict=True):
        influences = _influences(own.sample, whole, other)
        by_item = np.add.reduceat(influences - influences.mean(), np.flatnonzero(own.starts))
        variance += mean_variance(by_item) * len(by_item) * own.n / whole.n**2
    return variance


def _influences(rows: FloatArray, own: Gaussian, other: Gaussian) -> FloatArray:
    """How each row [k, d] moves the distance, up to a constant: 2 step.a + a.a - a T a, with a the row about the mean.

    T = F (F^T S F)^(-1/2) F^T maps N(0, S) to N(0, F F^T): the derivative of 2 tr sqrt(S F F^T) by S.
    """
    (step, traces), centred = _terms(own, other), rows - own.mean
    influences = 2 * centred @ step + np.einsum("kd,kd->k", centred, centred)
    if min(traces) > 0:
        factor = _factor(other)
        values, vectors = np.linalg.eigh(factor.T @ _shape(own) @ factor)
        kept = values > len(values) * _EPS * values[-1]
        mapped = centred @ (factor @ (vectors[:, kept] * values[kept] ** -0.25))
        influences -= np.sqrt(traces[1] / traces[0]) * np.einsum("kd,kd->k", mapped, mapped)
    return np.asarray(influences)
