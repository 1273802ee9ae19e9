"""Writes official.json: what torch-fidelity and pytorch-fid answer to features drawn for this test.

Run as `python tests/golden/generation/make.py`, in an environment with torch-fidelity 0.4.0 and pytorch-fid 0.3.0,
which the suite does not need. Only their functions of features are called; torchvision, which both import for their
networks, may be an empty stand-in. Similarities and the tagger's divergence follow from their published formulas.
"""

import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

Recipe = dict[str, Any]


def recipe(seed: int, *shape: int, offset: float = 0.0) -> Recipe:
    return {"seed": seed, "shape": shape, "offset": offset}


def drawn(made: Recipe) -> Any:
    """Running sums of uniform draws from -1 to 1 in steps of 1/512, exact in float64."""
    steps = np.random.RandomState(made["seed"]).randint(-512, 513, size=made["shape"]) / 512
    return np.cumsum(steps, axis=-1) + made["offset"]


def rows(made: Recipe) -> Any:
    return drawn(made).tolist()


def case(metric: str, generated: Recipe, real: Recipe | None, official: dict[str, float]) -> dict[str, Any]:
    return {"metric": metric, "generated": generated, "real": real, "official": official}


def frechet(metric: str, generated: Recipe, real: Recipe, *, is_singular: bool = False) -> dict[str, Any]:
    """pytorch-fid's value if torch-fidelity agrees; for fewer rows than features the exact one, which both are near."""
    x, y = drawn(generated), drawn(real)
    root = calculate_frechet_distance(x.mean(0), np.cov(x, rowvar=False), y.mean(0), np.cov(y, rowvar=False))
    statistics = [fid_features_to_statistics(torch.from_numpy(one)) for one in (x, y)]
    eigen = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    value = root
    if is_singular:
        first, second = ((one - one.mean(0)) / math.sqrt(len(one) - 1) for one in (x, y))
        root_trace = np.linalg.svd(first @ second.T, compute_uv=False).sum()
        value = ((x.mean(0) - y.mean(0)) ** 2).sum() + (first**2).sum() + (second**2).sum() - 2 * root_trace
    tolerance = 1e-5 if is_singular else 1e-10
    if max(abs(root - value), abs(eigen - value)) > tolerance:
        raise SystemExit(f"{metric}: pytorch-fid {root!r}, torch-fidelity {eigen!r}, exact {value!r}")
    return case(metric, generated, real, {metric: float(value)})


def kid() -> dict[str, Any]:
    """At torch-fidelity's defaults: 100 subsets of 1,000."""
    sides = recipe(21, 1100, 4), recipe(22, 1050, 4, offset=0.25)
    found = kid_features_to_metric(*(torch.from_numpy(drawn(side)) for side in sides), verbose=False)
    names = {"kid": "kernel_inception_distance_mean", "kid_std": "kernel_inception_distance_std"}
    return case("kid", *sides, {name: found[theirs] for name, theirs in names.items()})


def precision_recall() -> dict[str, Any]:
    sides = recipe(31, 90, 3), recipe(32, 70, 3, offset=0.5)
    found = prc_features_to_metric(*(torch.from_numpy(drawn(side)) for side in sides), verbose=False)
    shares = {"precision": round(found["precision"] * 90) / 90, "recall": round(found["recall"] * 70) / 70}
    f_score = 2 * math.prod(shares.values()) / sum(shares.values())  # theirs are float32 means of exact counts
    if max(abs(found[name] - value) for name, value in {**shares, "f_score": f_score}.items()) > 1e-6:
        raise SystemExit(f"precision and recall: {found}")
    return case("prc", *sides, {**shares, "f_score": f_score})


def inception() -> dict[str, Any]:
    logits = recipe(41, 103, 5)
    found = isc_features_to_metric(torch.from_numpy(drawn(logits)))
    names = {"inception_score": "inception_score_mean", "is_std": "inception_score_std"}
    return case("is", logits, None, {name: found[theirs] for name, theirs in names.items()})


def cosine(first: list[float], second: list[float]) -> float:
    product = math.fsum(a * b for a, b in zip(first, second, strict=True))
    return product / math.hypot(*first) / math.hypot(*second)


def similarities() -> list[dict[str, Any]]:
    """Hessel et al. 2021 (2.5 max(cos, 0) an item), torchmetrics (100 cos, 0 at least in the mean), and plain means."""
    plain, negative = (recipe(51, 12, 6), recipe(52, 12, 6)), (recipe(59, 9, 6), recipe(60, 9, 6))
    frames = recipe(53, 7, 4, 6), recipe(54, 7, 6)
    cosines, below = ([cosine(*both) for both in zip(*map(rows, sides), strict=True)] for sides in (plain, negative))
    films = zip(*map(rows, frames), strict=True)
    means = [math.fsum(cosine(one, text) for one in film) / len(film) for film, text in films]
    percents = [100 * value for value in below]
    items = [2.5 * max(value, 0.0) for value in cosines]
    return [
        case("clipscore", *plain, by_place(items) | {"clipscore": mean(items)}),
        case(
            "clipscore_torchmetrics",
            *negative,
            by_place(percents) | {"clipscore_torchmetrics": max(0.0, mean(percents))},
        ),
        case("clap", *plain, by_place(cosines) | {"clap": mean(cosines)}),
        case("clipsim", *frames, by_place(means) | {"clipsim": mean(means)}),
    ]


def tagger() -> dict[str, Any]:
    """audioldm_eval's softmax variant: sum over classes of q ln(q / (p + 1e-6)), q the reference's posterior."""
    sides = recipe(61, 9, 5), recipe(62, 9, 5)
    values = []
    for generated, real in zip(*map(rows, sides), strict=True):
        p, q = ([math.exp(one) / math.fsum(map(math.exp, side)) for one in side] for side in (generated, real))
        values.append(math.fsum(b * math.log(b / (a + 1e-6)) for a, b in zip(p, q, strict=True)))
    return case("tagger_kl", *sides, by_place(values) | {"tagger_kl": mean(values)})


def peers(cases: list[dict[str, Any]]) -> dict[str, float]:
    """torch-fidelity's own values where it is known to deviate: fewer rows than features, and features in float32."""
    found = {}
    for name, metric, dtype in (("few rows", "fvd", np.float64), ("float32", "fad", np.float32)):
        one = next(one for one in cases if one["metric"] == metric)
        arrays = (drawn(one[side]).astype(dtype) for side in ("generated", "real"))
        statistics = [fid_features_to_statistics(torch.from_numpy(array)) for array in arrays]
        found[name] = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    return found


def by_place(values: list[float]) -> dict[str, float]:
    return {str(place): value for place, value in enumerate(values)}


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def main() -> None:
    """Ask the official programs and write their answers."""
    cases = [
        frechet("fid", recipe(11, 300, 6), recipe(12, 250, 6, offset=0.5)),
        frechet("fad", recipe(13, 80, 5, offset=3e4), recipe(14, 60, 5, offset=30000.25)),
        frechet("fvd", recipe(15, 8, 16), recipe(16, 11, 16, offset=0.25), is_singular=True),
        kid(),
        precision_recall(),
        inception(),
        *similarities(),
        tagger(),
    ]
    programs = {name: version(name) for name in ("torch-fidelity", "pytorch-fid", "numpy", "scipy", "torch")}
    lines = ",\n".join(json.dumps(one) for one in cases)
    target = Path(__file__).with_name("official.json")
    start = f'{{"programs": {json.dumps(programs)},\n"peers": {json.dumps(peers(cases))},\n'
    target.write_text(f'{start}"cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
