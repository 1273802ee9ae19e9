"""Scores of generated media: two sets of features, or of media and an embedder, in; a result out."""

import hashlib
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from evals.errors import EvalsError
from evals.harness.media_sets import Side, embed_media, embed_pairs, embed_twins, kind_within
from evals.harness.offline import OfflineScore, offline_score
from evals.metrics.feature_sets import FeatureSet, feature_set, require_pair
from evals.metrics.frechet import score_frechet
from evals.metrics.gaussians import FeatureStatistics
from evals.metrics.inception_score import score_inception
from evals.metrics.kernel_distance import SUBSET_SIZE, SUBSETS, score_kernel_distance
from evals.metrics.prc import score_precision_recall
from evals.metrics.similarity import RULES, SimilarityName, score_similarity
from evals.metrics.tagger_kl import score_tagger_kl
from evals.results import Scored
from model_adapter.embedders import EMBEDDERS, Embedder, EmbedderSpec, open_embedder
from shards.errors import UsageError
from shards.media import MediaKind

GenerationMetric = Literal["fid", "fvd", "fad", "kid", "prc", "is", "kl", "clap", "clipscore", "clipsim"]
FEATURES: Final = "features"
GIVEN: Final = Embedder(
    name=FEATURES, weights="given: unknown", preprocessing="given: unknown", prepare={}, run=lambda kind, given: given
)
ENOUGH: Final[Mapping[str, int]] = {"fid": 10_000, "fvd": 2048, "fad": 0}
"""Items below which a published protocol is not met: Heusel et al. 2017, TTUR's README; Unterthiner et al. 2018."""

_METRICS: Final[Mapping[MediaKind, tuple[GenerationMetric, ...]]] = {
    "image": ("fid", "kid", "prc", "clipscore"),
    "video": ("fvd", "clipsim"),
    "audio": ("fad", "kl", "clap"),
}
_KINDS: Final = {metric: kind for kind, metrics in _METRICS.items() for metric in metrics}


_SHAPES: Final = {2: "[n, d]", 3: "[n, frames, d]"}


class EmbedderFiles(NamedTuple):
    """An embedder's weights (None for what was fetched), and a folder that keeps features by the medium's hash."""

    weights: Path | None = None
    cache: Path | None = None


def generation(
    metric: GenerationMetric,
    generated: Path,
    real: Path | None,
    *,
    embedder: str = FEATURES,
    files: EmbedderFiles = EmbedderFiles(),  # noqa: B008 (frozen)
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> OfflineScore:
    """Score generated media, or their features, against real ones.

    The protocol id carries the embedder's name, weights and preprocessing, the number of generated items, and the
    bytes of the real side, so that numbers which differ in one of these are never compared; a note tells them.

    Args:
        metric: What to compute.
        generated: With embedder "features" an .npy file of [n, d] ([n, frames, d] too for clipsim; for is and kl of
            logits). Otherwise a folder or a tar of media.
        real: The same of real media, row for row or name for name for kl; of texts, row for row, for clap, clipscore
            and clipsim (see `read_captions`); None for "is".
        embedder: "features", or a name in `model_adapter.embedders`.
        files: The embedder's weights, and where features are kept.
        subsets: Of kid: how many pairs of subsets.
        subset_size: Of kid: items in each.
        seed: Of bootstraps.

    Raises:
        UsageError: If the embedder is unknown, does not serve this metric, or has no weights.
        AdapterError: If its weights are not of this network.
        EvalsError: If a file is no such array, or the sets cannot be compared.
    """
    maker = _embedder(metric, embedder, files.weights)
    sides, missing = _sides(metric, generated, real, maker, files.cache)
    made, other = sides[0].features, sides[-1].features
    scored = score_sets(
        metric, made, other, embedder=maker.label, missing=missing, subsets=subsets, subset_size=subset_size, seed=seed
    )
    items = [f"{name} n={side.features.n}" for name, side in zip(("generated", "real"), sides, strict=False)]
    items += [f"real sha256={side.sha256}" for side in sides[1:]]
    networks = {maker.name: maker.weights}
    notes = [] if maker is GIVEN else ["; ".join([f"{maker.name}: {maker.weights}", maker.preprocessing, *items])]
    score = offline_score(metric, scored, items, parser=maker.preprocessing, networks=networks)
    return OfflineScore(score.result, score.rows, notes)


def score_sets(
    metric: GenerationMetric | SimilarityName | Literal["tagger_kl"],
    generated: FeatureSet,
    real: FeatureSet,
    *,
    embedder: str,
    missing: Mapping[int, str] | None = None,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> Scored:
    """Any metric of two sets of features, under a protocol that names their embedder; see `generation`.

    Args:
        metric: What to compute; "is" looks at the generated side alone.
        generated: Features, or logits.
        real: Those of real media, or of texts.
        embedder: What made them.
        missing: Why rows of nan have no features.
        subsets: Of kid.
        subset_size: Of kid.
        seed: Of bootstraps.
    """
    match metric:
        case "fid" | "fvd" | "fad":
            require_pair(metric, generated, real, least=2)
            both = FeatureStatistics.of(generated), FeatureStatistics.of(real)
            return score_frechet(*both, metric=metric, protocol=f"frechet@{embedder}", enough=ENOUGH[metric])
        case "kid":
            plain = (subsets, subset_size) == (SUBSETS, SUBSET_SIZE)
            protocol = f"kernel@{embedder}" + ("" if plain else f"-{subsets}x{subset_size}")
            return score_kernel_distance(generated, real, protocol=protocol, subsets=subsets, subset_size=subset_size)
        case "prc":
            return score_precision_recall(generated, real, protocol=f"prc@{embedder}", seed=seed)
        case "is":
            return score_inception(generated, protocol=f"inception_score@{embedder}")
        case "kl" | "tagger_kl":
            return score_tagger_kl(generated, real, protocol=f"tagger_kl@{embedder}", missing=missing, seed=seed)
        case _:
            return score_similarity(generated, real, metric, embedder=embedder, missing=missing, seed=seed)


def _embedder(metric: GenerationMetric, name: str, weights: Path | None) -> Embedder:
    fitting = [FEATURES, *(one.name for one in EMBEDDERS.values() if _serves(one, metric))]
    if name not in fitting:
        raise UsageError("--embedder", expected=f"{' or '.join(fitting)} for {metric}", found=repr(name))
    if name != FEATURES:
        return open_embedder(name, weights)
    if weights is not None:
        raise UsageError("--weights", expected="none with --embedder features", found=str(weights))
    return GIVEN


def _serves(spec: EmbedderSpec, metric: GenerationMetric) -> bool:
    if metric == "is":
        return spec.output == "logits"
    if metric in ("clap", "clipscore", "clipsim"):
        return _KINDS[metric] in spec.similarities
    return _KINDS[metric] in spec.distances and spec.output == ("logits" if metric == "kl" else "features")


def _sides(
    metric: GenerationMetric, generated: Path, real: Path | None, maker: Embedder, cache: Path | None
) -> tuple[list[Side], Mapping[int, str]]:
    """Generated and real features; why rows of pairs have none."""
    paths = [generated] if real is None else [generated, real]
    if maker is GIVEN:
        return [_given(path, metric) for path in paths], {}
    kind = kind_within(generated, EMBEDDERS[maker.name].distances) if metric == "is" else _KINDS[metric]
    match metric:
        case "kl" if real is not None:
            *pair, missing = embed_twins(generated, real, maker, kind, cache=cache)
        case "clap" | "clipscore" | "clipsim" if real is not None:
            *pair, missing = embed_pairs(generated, real, maker, kind, prefix=RULES[metric].prefix, cache=cache)
        case _:
            pair, missing = [embed_media(path, maker, kind, cache=cache) for path in paths], {}
    return pair, missing


def _given(path: Path, metric: GenerationMetric) -> Side:
    features = read_features(path, ndims=(2, 3) if metric == "clipsim" else (2,))
    with path.open("rb") as file:
        return Side(features, hashlib.file_digest(file, "sha256").hexdigest())


def read_features(path: Path, *, ndims: tuple[int, ...] = (2,)) -> FeatureSet:
    """Features in an .npy file, mapped, never unpickled; rows that are not finite are unscored.

    Raises:
        EvalsError: If it is no file of floating point numbers of that many dimensions with at least one row and column.
    """
    expected = f"an .npy file of float16, float32 or float64, shape {' or '.join(_SHAPES[ndim] for ndim in ndims)}"
    if not path.is_file():
        raise EvalsError(str(path), expected=expected, found="a folder" if path.is_dir() else "no such file")
    try:
        with np.errstate(over="raise"):
            array: Any = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, TypeError, ArithmeticError, tokenize.TokenError) as error:
        raise EvalsError(str(path), expected=expected, found=f"{error!s:.200}") from error
    if array.dtype.kind != "f" or array.dtype.itemsize > 8 or array.ndim not in ndims or array.size == 0:
        raise EvalsError(str(path), expected=expected, found=f"{array.dtype}, shape {list(array.shape)}")
    return feature_set(array)
