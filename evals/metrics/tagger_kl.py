"""KL divergence between a tagger's posteriors for reference and generated sound, pair by pair.

Source: haoheliu/audioldm_eval@8dc07ee, calculate_kl (softmax variant; the rules, written anew).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from evals.errors import EvalsError
from evals.metrics.feature_sets import Features, FeatureSet, mean_metric, require_pair
from evals.metrics.inception_score import log_softmax
from evals.metrics.outcomes import counted
from evals.results.schema import ItemRow, Scored
from evals.statistics.bootstrap import FloatArray, cluster_sums

_EPS: Final = 1e-6


def score_tagger_kl(
    generated: FeatureSet,
    real: FeatureSet,
    *,
    protocol: str = "tagger_kl@logits",
    missing: Mapping[int, str] | None = None,
    seed: int = 0,
) -> Scored:
    """Mean KL(reference || generated) in nats over pairs of logits [n, classes]; lower is better.

    Args:
        generated: Logits of generated sounds.
        real: Of their references, row for row.
        protocol: The rules' name.
        missing: Why rows of nan in `generated` have no logits.
        seed: Of the bootstrap.

    Raises:
        EvalsError: If the sets are not pairs, or a reference is not finite.
    """
    require_pair("tagger kl", generated, real, least=1)
    if len(generated.array) != len(real.array):
        found = f"{len(generated.array)} and {len(real.array)} rows"
        raise EvalsError("tagger kl", expected="a reference for each generated item", found=found)
    values = tagger_divergences(generated.rows(), real.array[generated.is_finite])
    why = {**dict.fromkeys(np.flatnonzero(~generated.is_finite).tolist(), "not_finite"), **(missing or {})}
    left = iter(values.tolist())
    clusters = generated.clusters or list(map(str, range(len(generated.array))))
    rows = [
        ItemRow(str(item), None if item in why else next(left), why.get(item), cluster)
        for item, cluster in enumerate(clusters)
    ]
    sums = cluster_sums(
        np.column_stack([values, np.ones(len(values))]), [row.cluster for row in rows if row.value is not None]
    )
    unscored = {**counted(why.values()), **generated.unscored}
    primary = mean_metric("tagger_kl", protocol, sums, unscored=unscored, ends=None, seed=seed)
    return Scored(primary=primary, metrics={}, breakdown={}, rows=rows)


def tagger_divergences(generated: Features, real: Features) -> FloatArray:
    """sum_k q ln(q / (p + 1e-6)) of each pair, with p the generated and q the reference posterior, [n]."""
    log_real = log_softmax(real)
    softened = np.log(np.exp(log_softmax(generated)) + _EPS)
    return np.asarray(np.einsum("nk,nk->n", np.exp(log_real), log_real - softened))
