"""CLIPScore, CLIPSIM and CLAP score: cosines of paired embeddings, each name with its own scale and clipping.

Source: Hessel et al. 2021, arXiv:2104.08718 (CLIPScore); Wu et al. 2021, arXiv:2104.14806 (CLIPSIM); torchmetrics 1.9
and audiocraft (which clip after the mean, and not at all).
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec
import numpy as np

from evals.errors import EvalsError
from evals.metrics.feature_sets import BLOCK_ROWS, Features, FeatureSet, mean_metric, require_pair
from evals.metrics.outcomes import counted
from evals.results.schema import ItemRow, Scored
from evals.statistics.bootstrap import FloatArray, cluster_sums

SimilarityName = Literal["clipscore", "clipscore_torchmetrics", "clipsim", "clap"]


class SimilarityRule(msgspec.Struct, frozen=True):
    """`scale` times the cosine; negative ones become 0 per item or after the mean, or stay. Texts follow the prefix."""

    protocol: str
    scale: float
    clip: Literal["item", "end", "none"]
    prefix: str = ""


RULES: Final[Mapping[SimilarityName, SimilarityRule]] = {
    "clipscore": SimilarityRule("clipscore@hessel2021", 2.5, "item", "A photo depicts "),
    "clipscore_torchmetrics": SimilarityRule("clipscore@torchmetrics", 100.0, "end"),
    "clipsim": SimilarityRule("clipsim@frame-mean", 1.0, "none"),
    "clap": SimilarityRule("clap@mean", 1.0, "none"),
}


def score_similarity(
    generated: FeatureSet,
    texts: FeatureSet,
    name: SimilarityName,
    *,
    embedder: str = "features",
    missing: Mapping[int, str] | None = None,
    seed: int = 0,
) -> Scored:
    """Mean similarity of each generated item to its text.

    The protocol is the rule's with the embedder behind it, such as "clipsim@frame-mean/features". An item whose
    embedding is not finite or has no length is unscored, and left out of the mean; bounds tell what it could do.

    Args:
        generated: [n, d], or [n, frames, d] whose cosines are averaged (the mean of cosines, not the cosine of a mean);
            rows of one cluster are one medium under several texts.
        texts: [n, d], row for row the same items.
        missing: Why rows of nan in `generated` have no embedding.
        seed: Of the bootstrap.

    Raises:
        EvalsError: If the numbers of items or the widths differ, or a text has no embedding.
    """
    require_pair(name, generated, texts, least=1)
    if not texts.array.any(axis=1).all():
        raise EvalsError(name, expected="text embeddings with a length", found="one that is 0")
    rule, values = RULES[name], cosines(generated.array, texts.array)
    if rule.clip == "item":
        values = np.maximum(values, 0)
    broken = ["zero_embedding" if is_finite else "not_finite" for is_finite in generated.is_finite.tolist()]
    for row, why in (missing or {}).items():
        broken[row] = why
    reasons = [None if np.isfinite(value) else reason for value, reason in zip(values, broken, strict=True)]
    clusters = generated.clusters or list(map(str, range(len(values))))
    told = enumerate(zip((values * rule.scale).tolist(), reasons, clusters, strict=True))
    rows = [ItemRow(str(item), None if why else value, why, cluster) for item, (value, why, cluster) in told]
    counts = np.column_stack([values, np.ones(len(values))])[np.isfinite(values)]
    least = -1.0 if rule.clip == "none" else 0.0

    def mean(totals: FloatArray) -> FloatArray:
        return np.asarray(rule.scale * np.maximum(totals[:, 0] / totals[:, 1], least))

    primary = mean_metric(
        name,
        f"{rule.protocol}/{embedder}",
        cluster_sums(counts, [row.cluster for row in rows if row.value is not None]),
        unscored={**counted(reasons), **generated.unscored},
        ends=(0.0 if rule.clip == "item" else -1.0, 1.0),
        statistic=mean,
        seed=seed,
    )
    return Scored(primary=primary, metrics={}, breakdown={}, rows=rows)


def cosines(generated: Features, texts: Features) -> FloatArray:
    """Cosine of each pair, [n], averaged over frames; nan where an embedding is not finite or 0.

    Raises:
        EvalsError: If they are not [n, d] or [n, frames, d] and [n, d].
    """
    if (len(generated), generated.shape[-1]) != texts.shape:
        found = f"shapes {list(generated.shape)} and {list(texts.shape)}"
        raise EvalsError("similarity", expected="a text embedding [n, d] for each generated item", found=found)
    blocks = [np.zeros(0)]
    for start in range(0, len(texts), BLOCK_ROWS):
        media = _unit(generated[start : start + BLOCK_ROWS])
        words = _unit(texts[start : start + BLOCK_ROWS])
        blocks.append(np.einsum("nfd,nd->nf", media.reshape(len(words), -1, words.shape[1]), words).mean(axis=1))
    return np.concatenate(blocks)


def _unit(vectors: Features) -> FloatArray:
    wide = vectors.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide /= np.abs(wide).max(axis=-1, keepdims=True)  # so that squares neither over- nor underflow
        wide /= np.linalg.norm(wide, axis=-1, keepdims=True)
    return wide
