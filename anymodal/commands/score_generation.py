"""`anymodal score fid|fvd|fad|kid|prc|is|kl|clap|clipscore|clipsim`: generated media or their features, scored."""

from collections.abc import Callable, Mapping
from inspect import Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anymodal.commands.score import Json, PerSample, Seed, show
from anymodal.console import print_note

if TYPE_CHECKING:
    from evals.harness.generation import GenerationMetric

Verb = Callable[..., None]
_Made = typer.Option(help="Generated: an .npy file of features, or a folder or tar of media.", metavar="DIR|TAR|NPY")
_Texts = typer.Option("--real", help="Texts: embeddings, or file,caption.", metavar="NPY|CSV|JSONL")
_Maker = typer.Option(help="What made, or makes, the features: features (.npy files hold them), or a network's name.")
_Ignored = typer.Option("--real", help="Ignored, as the score has no reference.", metavar="DIR|TAR|NPY")
_SHARED: Final = ("generated", "embedder", "weights", "cache", "json")


def _options(
    *,
    generated: Annotated[Path, _Made],
    real: Annotated[Path, typer.Option(help="The same of real ones.", metavar="DIR|TAR|NPY")],
    texts: Annotated[Path, _Texts],
    ignored: Annotated[Path | None, _Ignored] = None,
    embedder: Annotated[str, _Maker] = "features",
    weights: Annotated[
        Path | None, typer.Option(help="The network's file or folder of weights.", metavar="PATH")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Keeps features of media.", metavar="DIR", file_okay=False)] = None,
    subsets: Annotated[int, typer.Option(help="Pairs of random subsets.", min=1)] = 100,
    subset_size: Annotated[int, typer.Option(help="Items in each subset.", min=2)] = 1000,
    per_sample: PerSample = None,
    json: Json = False,
    seed: Seed = 0,
) -> None:
    """The options of all verbs; each has the shared ones and some of the others."""


def _verb(metric: "GenerationMetric", helped: Callable[[], None], *own: str) -> Verb:
    """A verb with the shared options and its own, under the help of a function that holds nothing else."""

    def verb(**given: Any) -> None:
        _score(metric, given)

    chosen = [option for name, option in signature(_options).parameters.items() if name in (*_SHARED, *own)]
    verb.__doc__, verb.__signature__ = helped.__doc__, Signature(chosen)  # type: ignore[attr-defined]
    return verb


def score_fid() -> None:
    """Frechet distance of pictures (FID); lower is better, 0 at best.

    With --embedder features both files hold arrays [n, d] of float16, float32 or float64. `frechet_extrapolated` is the
    distance without the bias of small sets. Below 10,000 pictures the interval is marked "small_n".

    Examples:

        anymodal score fid --generated generated.npy --real real.npy --embedder features --json

        anymodal score fid --generated pictures/ --real real.tar --embedder world-joint
    """


def score_fvd() -> None:
    """Frechet distance of clips (FVD); lower is better, 0 at best.

    As `anymodal score fid`; the published protocol asks for 2,048 clips or more.

    Examples:

        anymodal score fvd --generated generated.npy --real real.npy --embedder features --json
    """


def score_fad() -> None:
    """Frechet distance of sounds (FAD, FD); lower is better, 0 at best. As `anymodal score fid`.

    Examples:

        anymodal score fad --generated generated.npy --real real.npy --embedder features --json
    """


def score_kid() -> None:
    """Kernel distance of pictures (KID); lower is better, 0 on average for equal distributions.

    Draws and defaults are torch-fidelity's. `kid_std` is the spread over subsets, the interval that of the mean.

    Examples:

        anymodal score kid --generated generated.npy --real real.npy --embedder features --json

        anymodal score kid --generated generated.npy --real real.npy --subset-size 200
    """


def score_prc() -> None:
    """Precision (generated pictures among real ones), recall (the other way round) and their F score.

    Neighbourhoods reach to the third neighbour.

    Examples:

        anymodal score prc --generated generated.npy --real real.npy --embedder features --json
    """


def score_is() -> None:
    """Inception Score; higher is better, from 1 to the number of classes.

    --generated holds logits, [n, classes]: a classifier's outputs before the softmax, not probabilities; or pictures.

    Examples:

        anymodal score is --generated logits.npy --embedder features --json
    """


def score_kl() -> None:
    """KL divergence of a tagger's posteriors of each generated sound from its real one's, in nats; lower is better.

    KL(real || generated), softmax over the classes, as audioldm_eval has it. Both files hold logits [n, classes], row
    for row; or folders or tars whose sounds have the same names: a real one without a generated one is unscored.

    Examples:

        anymodal score kl --generated generated.npy --real real.npy --embedder features --json

        anymodal score kl --generated sounds/ --real real.tar --embedder panns-logits
    """


def score_clap() -> None:
    """CLAP score: mean cosine of sounds and their texts, from -1 to 1; higher is better.

    Both files hold paired embeddings [n, d]: --generated of the sounds, --real of the texts. Or --generated is a folder
    or tar of sounds, and --real a .csv with the columns file,caption, or a .jsonl of these fields.

    Examples:

        anymodal score clap --generated sounds.npy --real texts.npy --embedder features --json
    """


def score_clipscore() -> None:
    """CLIPScore: 2.5 times the cosine of a picture and its text, negative ones 0, mean over pictures; higher is better.

    Both files hold paired embeddings [n, d]; or --generated is a folder or tar of pictures, and --real a .csv with the
    columns file,caption (or a .jsonl of these fields) whose texts get the prefix "A photo depicts ".

    Examples:

        anymodal score clipscore --generated pictures.npy --real texts.npy --embedder features --json
    """


def score_clipsim() -> None:
    """CLIPSIM: mean cosine of a clip's frames and its text, then over clips, from -1 to 1; higher is better.

    --generated holds frame embeddings [n, frames, d] (or [n, d]), --real the texts' [n, d], row for row. Or --generated
    is a folder or tar of clips, and --real a .csv with the columns file,caption, or a .jsonl of these fields.

    Examples:

        anymodal score clipsim --generated frames.npy --real texts.npy --embedder features --json
    """


def _score(metric: "GenerationMetric", given: dict[str, Any]) -> None:
    from evals.harness.generation import EmbedderFiles, generation

    sides = given.pop("generated"), given.pop("real", None) or given.pop("texts", None)
    if given.pop("ignored", None):
        print_note(f"{metric}: --real is ignored, as this score has no reference")
    files = EmbedderFiles(given.pop("weights"), given.pop("cache"))
    json, per_sample = given.pop("json"), given.pop("per_sample", None)
    score = generation(metric, *sides, files=files, **given)
    interval = score.result.interval
    if interval is not None and interval.note:
        where = "; see frechet_extrapolated for the bias of small sets" if metric in ("fid", "fvd", "fad") else ""
        print_note(f"{metric}: few items for this protocol{where}")
    show(score, per_sample, json)


VERBS: Final[Mapping[str, Verb]] = {
    "fid": _verb("fid", score_fid, "real"),
    "fvd": _verb("fvd", score_fvd, "real"),
    "fad": _verb("fad", score_fad, "real"),
    "kid": _verb("kid", score_kid, "real", "subsets", "subset_size"),
    "prc": _verb("prc", score_prc, "real", "per_sample", "seed"),
    "is": _verb("is", score_is, "ignored"),
    "kl": _verb("kl", score_kl, "real", "per_sample", "seed"),
    "clap": _verb("clap", score_clap, "texts", "per_sample", "seed"),
    "clipscore": _verb("clipscore", score_clipscore, "texts", "per_sample", "seed"),
    "clipsim": _verb("clipsim", score_clipsim, "texts", "per_sample", "seed"),
}
