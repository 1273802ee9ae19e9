"""Every embedder, by its name on the command line. A new one is one line here and a loader."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

from model_adapter.embedders.embedder import Embedder, EmbedderSpec
from model_adapter.embedders.resizing import Resizing
from model_adapter.embedders.weights import find_weights, pin, weights_sha256
from shards.errors import UsageError


def _lazy(module: str, function: str, **options: Any) -> Callable[[Path | None], Embedder]:
    """A loader whose module, and torch with it, is imported when it is called."""

    def load(weights: Path | None) -> Embedder:
        loaded: Embedder = getattr(import_module(f"model_adapter.embedders.{module}"), function)(weights, **options)
        return loaded

    return load


_clip = partial(_lazy, "library", "clip")
_CLIP_B32: Final = EmbedderSpec(
    name="clip-b32",
    distances=("image",),
    similarities=("image", "video"),
    preprocessing="shorter side to 224 (Pillow's bicubic filter), middle square; of a film 8 frames; CLIP's mean@1",
    protocol="CLIPScore (Hessel et al. 2021), CLIPSIM (Wu et al. 2021), CLIP-FID",
    weights="hub:openai/clip-vit-base-patch32",
    checked="library",
    load=_clip(patch_px=32),
)
_CLAP: Final = EmbedderSpec(
    name="clap",
    distances=("audio",),
    similarities=("audio",),
    preprocessing="48 kHz mono (swresample), the first 10 s, shorter ones repeated; texts of 77 tokens@1",
    protocol="CLAP score, Wu et al. 2023; HTSAT-tiny without fusion",
    weights="hub:laion/clap-htsat-unfused",
    checked="library",
    load=_lazy("library", "clap"),
)
_PANNS: Final = EmbedderSpec(
    name="panns",
    distances=("audio",),
    preprocessing="16 kHz mono (swresample), zeros up to 2 s@1",
    protocol="FD of sounds: haoheliu/audioldm_eval@70fc9cd, panns/models.py, 2048",
    weights="Cnn14_16k_mAP=0.438.pth of zenodo.org/record/3987831",
    checked="unverified",
    load=_lazy("listening", "cnn14", output="features"),
)

_WORLD_JOINT: Final = EmbedderSpec(
    name="world-joint",
    distances=("image", "video", "audio"),
    similarities=("image", "video", "audio"),
    preprocessing="squashed to 96; 8 frames, changes; 16 kHz mono (swresample), windows of 5 s, 40 bands; 40 words@1",
    protocol="none: for self-tests; trained on rendered worlds by tools/world_network.py",
    checked="own",
    load=_lazy("world", "world", head="joint"),
)


def _inception(
    name: str, resizing: Resizing, protocol: str, output: Literal["features", "logits"] = "features"
) -> EmbedderSpec:
    scale = "x / 127.5 - 1" if resizing == "torch-bilinear" else "(x - 128) / 128"
    return EmbedderSpec(
        name=name,
        distances=("image",),
        output=output,
        preprocessing=f"{resizing} to 299, {scale}@{2 if resizing == 'pil-bicubic' else 1}",
        protocol=protocol,
        weights="pt_inception-2015-12-05-6726825d.pth of github.com/mseitzer/pytorch-fid (release fid_weights), or "
        "weights-inception-2015-12-05-6726825d.pth of github.com/toshas/torch-fidelity (release v0.2.0)",
        checked="library",
        load=_lazy("inception", "inception", resizing=resizing, output=output),
    )


EMBEDDERS: Final[Mapping[str, EmbedderSpec]] = {
    one.name: one
    for one in (
        _WORLD_JOINT,
        replace(
            _WORLD_JOINT,
            name="world-tags",
            similarities=(),
            output="logits",
            load=_lazy("world", "world", head="tags"),
        ),
        _inception("inception", "tf1-bilinear", "FID and KID as TTUR and torch-fidelity@028118e compute them"),
        _inception("inception-clean", "pil-bicubic", "FID and KID as clean-fid@353c13e computes them, mode clean"),
        _inception("inception-pytorch", "torch-bilinear", "FID as pytorch-fid@1232cd6 computes it"),
        _inception(
            "inception-logits", "tf1-bilinear", "Inception Score as torch-fidelity@028118e computes it", "logits"
        ),
        _CLIP_B32,
        replace(_CLIP_B32, name="clip-l14", weights="hub:openai/clip-vit-large-patch14", load=_clip(patch_px=14)),
        EmbedderSpec(
            name="dinov2",
            distances=("image",),
            preprocessing="squashed to 224 (Pillow's bicubic filter), ImageNet's mean@1",
            protocol="FD-DINOv2, Stein et al. 2023: layer6ai-labs/dgm-eval@d57a6d2, dinov2.py, class token",
            weights="hub:facebook/dinov2-large",
            checked="library",
            load=_lazy("library", "dinov2"),
        ),
        EmbedderSpec(
            name="videomae",
            distances=("video",),
            preprocessing="16 frames, shorter side to 224 (Pillow's bicubic), middle square, ImageNet's mean@1",
            protocol="Frechet distance of VideoMAE's mean patch, after Ge et al. 2024, arXiv:2404.12391",
            weights="hub:MCG-NJU/videomae-base",
            checked="library",
            load=_lazy("library", "videomae"),
        ),
        EmbedderSpec(
            name="i3d",
            distances=("video",),
            preprocessing="the middle 16 consecutive frames, fewer refused, torch-bilinear to 224, x / 127.5 - 1@2",
            protocol="FVD, Unterthiner et al. 2018: 400 outputs; names of piergiaj/pytorch-i3d@b49fadf",
            weights="i3d_pretrained_400.pt, as VideoGPT's FVD uses it",
            checked="unverified",
            load=_lazy("i3d", "i3d"),
        ),
        _CLAP,
        replace(
            _CLAP,
            name="clap-music",
            protocol="CLAP score, larger music checkpoint",
            weights="hub:laion/larger_clap_music",
        ),
        EmbedderSpec(
            name="vggish",
            distances=("audio",),
            preprocessing="16 kHz mono (swresample), windows of 0.96 s, log of 64 mel bands@1",
            protocol="FAD, Kilgour et al. 2019, no PCA, no last ReLU: haoheliu/audioldm_eval@48873a9, fad.py",
            weights="vggish-10086976.pth of github.com/harritaylor/torchvggish (release v0.1)",
            checked="unverified",
            load=_lazy("listening", "vggish"),
        ),
        _PANNS,
        replace(
            _PANNS,
            name="panns-logits",
            output="logits",
            protocol="Inception Score of sounds: haoheliu/audioldm_eval@70fc9cd, panns/models.py, logits",
            load=_lazy("listening", "cnn14", output="logits"),
        ),
        EmbedderSpec(
            name="imagebind",
            distances=("image", "video", "audio"),
            preprocessing="pictures as CLIP's; 5 clips of 2 frames, 3 crops; 3 clips of 2 s as filter banks@1",
            protocol="joint embeddings, Girdhar et al. 2023, clips averaged",
            weights="imagebind_huge.pth of github.com/facebookresearch/ImageBind",
            checked="own",
            load=_lazy("library", "imagebind"),
        ),
    )
}


def open_embedder(name: str, weights: Path | None = None) -> Embedder:
    """The embedder with its weights, whose hash is pinned at the first use.

    Args:
        name: A key of `EMBEDDERS`.
        weights: File or folder; None for what was fetched, and for what ships.

    Raises:
        UsageError: If there is no such embedder, or its weights are missing.
        AdapterError: If the weights are of another network, or other ones than at the first use.
    """
    spec = EMBEDDERS.get(name)
    if spec is None:
        raise UsageError("--embedder", expected=" or ".join(EMBEDDERS), found=repr(name))
    if not spec.weights:
        if weights is not None:
            raise UsageError("--weights", expected=f"none for {name}", found=str(weights))
        return replace(spec.load(None), name=name, preprocessing=spec.preprocessing)
    path = find_weights(spec, weights)
    sha256 = weights_sha256(path)
    loaded = spec.load(path)
    pin(name, sha256)
    identity = f"sha256:{sha256} pinned at first use" + ("" if spec.checked != "unverified" else ", unverified")
    return replace(loaded, name=name, weights=identity, preprocessing=spec.preprocessing)
