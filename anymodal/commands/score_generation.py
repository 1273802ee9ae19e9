"""`anymodal score fid|fvd|fad|kid|prc|is|clap|clipscore|clipsim`: generated media or their features, scored."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anymodal.commands.score import Json, PerSample, Seed, show
from anymodal.console import print_note

if TYPE_CHECKING:
    from evals.harness.generation import GenerationMetric

Generated = Annotated[
    Path, typer.Option(help="Generated: an .npy file of features, or a folder or tar of media.", metavar="DIR|TAR|NPY")
]
Real = Annotated[Path, typer.Option(help="The same of real ones.", metavar="DIR|TAR|NPY")]
Texts = Annotated[Path, typer.Option(help="Texts: embeddings, or file,caption.", metavar="NPY|CSV|JSONL")]
Embedder = Annotated[
    str, typer.Option(help="What made, or makes, the features: features (.npy files hold them), or a network's name.")
]
Weights = Annotated[Path | None, typer.Option(help="The network's file or folder of weights.", metavar="PATH")]
Cache = Annotated[Path | None, typer.Option(help="Folder that keeps features of media.", metavar="DIR")]
Subsets = Annotated[int, typer.Option(help="Pairs of random subsets.")]
SubsetSize = Annotated[int, typer.Option(help="Items in each subset.")]


def score_fid(
    generated: Generated,
    real: Real,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Frechet distance of pictures (FID); lower is better, 0 at best.

    With --embedder features both files hold arrays [n, d] of float16, float32 or float64. `frechet_extrapolated` is the
    distance without the bias of small sets. Below 10,000 pictures the interval is marked "small_n".

    Examples:

        anymodal score fid --generated generated.npy --real real.npy --embedder features --json

        anymodal score fid --generated pictures/ --real real.tar --embedder world-handmade
    """
    _score("fid", generated, real, json, (embedder, weights, cache))


def score_fvd(
    generated: Generated,
    real: Real,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Frechet distance of clips (FVD); lower is better, 0 at best.

    As `anymodal score fid`; the published protocol asks for 2,048 clips or more.

    Examples:

        anymodal score fvd --generated generated.npy --real real.npy --embedder features --json
    """
    _score("fvd", generated, real, json, (embedder, weights, cache))


def score_fad(
    generated: Generated,
    real: Real,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Frechet distance of sounds (FAD, FD); lower is better, 0 at best. As `anymodal score fid`.

    Examples:

        anymodal score fad --generated generated.npy --real real.npy --embedder features --json
    """
    _score("fad", generated, real, json, (embedder, weights, cache))


def score_kid(
    generated: Generated,
    real: Real,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    subsets: Subsets = 100,
    subset_size: SubsetSize = 1000,
    json: Json = False,
) -> None:
    """Kernel distance of pictures (KID); lower is better, 0 on average for equal distributions.

    Draws and defaults are torch-fidelity's. `kid_std` is the spread over subsets, the interval that of the mean.

    Examples:

        anymodal score kid --generated generated.npy --real real.npy --embedder features --json

        anymodal score kid --generated generated.npy --real real.npy --subset-size 200
    """
    _score("kid", generated, real, json, (embedder, weights, cache), subsets=subsets, subset_size=subset_size)


def score_prc(
    generated: Generated,
    real: Real,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    per_sample: PerSample = None,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """Precision (generated pictures among real ones), recall (the other way round) and their F score.

    Neighbourhoods reach to the third neighbour.

    Examples:

        anymodal score prc --generated generated.npy --real real.npy --embedder features --json
    """
    _score("prc", generated, real, json, (embedder, weights, cache), seed=seed, per_sample=per_sample)


def score_is(
    generated: Generated,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Inception Score; higher is better, from 1 to the number of classes.

    --generated holds logits, [n, classes]: a classifier's outputs before the softmax, not probabilities; or pictures.

    Examples:

        anymodal score is --generated logits.npy --embedder features --json
    """
    _score("is", generated, None, json, (embedder, weights, cache))


def score_clap(
    generated: Generated,
    real: Texts,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    per_sample: PerSample = None,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """CLAP score: mean cosine of sounds and their texts, from -1 to 1; higher is better.

    Both files hold paired embeddings [n, d]: --generated of the sounds, --real of the texts. Or --generated is a folder
    or tar of sounds, and --real a .csv with the columns file,caption, or a .jsonl of these fields.

    Examples:

        anymodal score clap --generated sounds.npy --real texts.npy --embedder features --json
    """
    _score("clap", generated, real, json, (embedder, weights, cache), seed=seed, per_sample=per_sample)


def score_clipscore(
    generated: Generated,
    real: Texts,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    per_sample: PerSample = None,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """CLIPScore: 2.5 times the cosine of a picture and its text, negative ones 0, mean over pictures; higher is better.

    Both files hold paired embeddings [n, d]; or --generated is a folder or tar of pictures, and --real a .csv with the
    columns file,caption (or a .jsonl of these fields) whose texts get the prefix "A photo depicts ".

    Examples:

        anymodal score clipscore --generated pictures.npy --real texts.npy --embedder features --json
    """
    _score("clipscore", generated, real, json, (embedder, weights, cache), seed=seed, per_sample=per_sample)


def score_clipsim(
    generated: Generated,
    real: Texts,
    embedder: Embedder = "features",
    weights: Weights = None,
    cache: Cache = None,
    per_sample: PerSample = None,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """CLIPSIM: mean cosine of a clip's frames and its text, then over clips, from -1 to 1; higher is better.

    --generated holds frame embeddings [n, frames, d] (or [n, d]), --real the texts' [n, d], row for row. Or --generated
    is a folder or tar of clips, and --real a .csv with the columns file,caption, or a .jsonl of these fields.

    Examples:

        anymodal score clipsim --generated frames.npy --real texts.npy --embedder features --json
    """
    _score("clipsim", generated, real, json, (embedder, weights, cache), seed=seed, per_sample=per_sample)


def _score(
    metric: "GenerationMetric",
    generated: Path,
    real: Path | None,
    json: bool,
    features: tuple[str, Path | None, Path | None],
    *,
    per_sample: Path | None = None,
    **settings: Any,
) -> None:
    """Score and print; `features` are embedder, weights and cache."""
    from evals.harness.generation import EmbedderFiles, generation

    embedder, *files = features
    score = generation(metric, generated, real, embedder=embedder, files=EmbedderFiles(*files), **settings)
    interval = score.result.interval
    if interval is not None and interval.note:
        print_note(f"{metric}: few items for this protocol; see frechet_extrapolated for the bias of small sets")
    show(score, per_sample, json)


VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "fid": score_fid,
    "fvd": score_fvd,
    "fad": score_fad,
    "kid": score_kid,
    "prc": score_prc,
    "is": score_is,
    "clap": score_clap,
    "clipscore": score_clipscore,
    "clipsim": score_clipsim,
}
