"""The encoders that presets name: sizes, preprocessing and terms of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from torch import Tensor, nn
from torch.nn import functional

from model_adapter.errors import AdapterError
from model_adapter.reference.encoders import inputs
from model_adapter.reference.encoders.encoder import Encoder, EncoderSpec, Forward, Prepare
from model_adapter.reference.encoders.imagebind import HUGE, ImageBind
from model_adapter.reference.encoders.imu2clip import N_READINGS, Imu2Clip
from model_adapter.reference.presets import EncoderConfig, EncoderName, MediumName

_PATCH_PX: Final = 14
_TINY_WIDTH: Final = 32
_TINY: Final = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One encoder, as published and tiny: tokens by medium, how it is built and fed, and run for each output."""

    n_tokens: Mapping[MediumName, int]
    n_tiny_tokens: Mapping[MediumName, int] | None = None
    width: int
    build: Callable[[bool], nn.Module]
    prepare: Callable[[bool], Mapping[MediumName, Prepare]]
    runs: Mapping[str, Forward]
    licence: str
    source: str


def encoder_spec(config: EncoderConfig) -> EncoderSpec:
    """What the encoder states about itself; nothing is built.

    Raises:
        AdapterError: If the encoder cannot give that output.
    """
    entry = _ENTRIES[config.name]
    if config.output not in entry.runs:
        raise AdapterError(f"encoder {config.name}", expected=f"output {', '.join(entry.runs)}", found=config.output)
    counts = entry.n_tiny_tokens if config.is_tiny and entry.n_tiny_tokens else entry.n_tokens
    return EncoderSpec(
        name=config.name,
        n_tokens=dict.fromkeys(counts, 1) if config.output == "pooled" else counts,
        width=_TINY_WIDTH if config.is_tiny else entry.width,
        licence=entry.licence,
        source=entry.source,
    )


def make_encoder(config: EncoderConfig) -> Encoder:
    """The encoder with random weights, on torch's current default device."""
    spec, entry, is_tiny = encoder_spec(config), _ENTRIES[config.name], config.is_tiny
    return Encoder(spec, entry.build(is_tiny), prepare=entry.prepare(is_tiny), run=entry.runs[config.output])


def _library(
    kind: str, sizes: Mapping[str, Any], tiny: Mapping[str, Any], *, model: str = "Model"
) -> Callable[[bool], nn.Module]:
    """Builds transformers' class for `kind`, such as CLIPVision, out of its settings."""

    def build(is_tiny: bool) -> Any:
        import transformers

        config = getattr(transformers, f"{kind}Config")(**(tiny if is_tiny else sizes))
        return getattr(transformers, kind + model)(config)

    return build


def _vit(*sizes: int, **more: object) -> dict[str, Any]:
    """Width, inner width, layers and heads as transformers names them."""
    return {**dict(zip(_TINY, sizes, strict=True)), **more}


def _stills(kind: str, size_px: int, sizes: Mapping[str, Any], *, licence: str, source: str) -> _Entry:
    """An encoder of pictures; a film is four of them, their patches side by side."""
    n_patches, is_imagenet = (size_px // _PATCH_PX) ** 2, kind == "Dinov2"
    cut = {"image_size": size_px, "patch_size": _PATCH_PX}
    return _Entry(
        n_tokens={"image": n_patches, "video": 4 * n_patches},
        n_tiny_tokens={"image": 16, "video": 64},
        width=sizes["hidden_size"],
        build=_library(kind, {**cut, **sizes}, {**cut, **_TINY, "image_size": 56}),
        prepare=lambda is_tiny: inputs.pictures(56 if is_tiny else size_px, n_frames=4, is_imagenet=is_imagenet),
        runs={"tokens": _patches},
        licence=licence,
        source=source,
    )


def _imagebind(is_tiny: bool) -> nn.Module:
    if not is_tiny:
        return ImageBind()
    towers = {name: replace(tower, width=32, n_blocks=2, n_heads=2) for name, tower in HUGE.items()}
    return ImageBind(towers, d_out=_TINY_WIDTH, vocab_size=512)


def _patches(network: Any, pixels: Tensor, medium: MediumName) -> Tensor:
    """The last layer's states without the class token; films are pictures side by side."""
    if pixels.ndim == 5:  # [b, frames, 3, h, w]
        tokens = _patches(network, pixels.flatten(0, 1), medium)
        return tokens.reshape(len(pixels), -1, tokens.shape[-1])
    states: Tensor = network(pixel_values=pixels).last_hidden_state
    return states[:, 1:]


def _eva_patches(network: Any, pixels: Tensor, medium: MediumName) -> Tensor:
    """The last block's states through a norm without parameters.

    MiniGPT-v2's code makes the norm's weights anew and never loads any, so that it does no more than normalise.
    """
    states: Tensor = network(pixel_values=pixels, output_hidden_states=True).hidden_states[-1]
    return functional.layer_norm(states.float(), states.shape[-1:]).to(states.dtype)[:, 1:]


def _over_clips(embed: Callable[[Tensor, Any], Tensor], given: Tensor, medium: MediumName) -> Tensor:
    """ImageBind's features, of films and sounds the mean over clips and crops at each position."""
    modality = "vision" if medium in ("image", "video") else medium
    if medium in ("image", "imu"):
        return embed(given, modality)
    each = embed(given.flatten(0, 1), modality)
    return each.reshape(*given.shape[:2], *each.shape[1:]).mean(dim=1)


_TINY_CLAP: Final = {
    "patch_embeds_hidden_size": 8,
    "hidden_size": 64,
    "depths": [1, 1, 1, 1],
    "num_attention_heads": [1, 1, 2, 2],
    "projection_dim": _TINY_WIDTH,
    "num_mel_bins": 64,
    "spec_size": 256,
}
_EVA: Final = {"patch_size": _PATCH_PX, "qkv_bias": True, "layer_norm_eps": 1e-6}
_ENTRIES: Final[Mapping[EncoderName, _Entry]] = {
    "imagebind": _Entry(
        n_tokens={"image": 256, "video": 256, "audio": 228, "imu": 250},
        width=1024,
        build=_imagebind,
        prepare=lambda is_tiny: inputs.imagebind(),
        runs={
            "tokens": lambda network, given, medium: _over_clips(network.embed_patches, given, medium),
            "pooled": lambda network, given, medium: _over_clips(network.embed, given, medium).unsqueeze(1),
        },
        licence="CC BY-NC-SA 4.0",
        source="Girdhar et al. 2023, arXiv:2305.05665; imagebind_huge.pth",
    ),
    "clip-vit-l-336": _stills(
        "CLIPVision",
        336,
        _vit(1024, 4096, 24, 16),
        licence="MIT",
        source="Radford et al. 2021, arXiv:2103.00020; openai/clip-vit-large-patch14-336",
    ),
    "openclip-vit-g": _stills(
        "CLIPVision",
        224,
        _vit(1664, 8192, 48, 16, hidden_act="gelu"),
        licence="MIT",
        source="Schuhmann et al. 2022, arXiv:2210.08402; laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    ),
    "dinov2-g": _stills(
        "Dinov2",
        224,
        # Its positions were learned at 518 px and are resized; its hidden width follows from the gated layer.
        _vit(1536, 0, 40, 24, use_swiglu_ffn=True, image_size=518),
        licence="Apache-2.0",
        source="Oquab et al. 2023, arXiv:2304.07193; facebook/dinov2-giant",
    ),
    "eva-vit-g-448": _Entry(
        n_tokens={"image": 1024},
        n_tiny_tokens={"image": 64},
        width=1408,
        # EVA ViT-g/14 with 39 blocks, as BLIP-2 has it.
        build=_library(
            "Blip2Vision", _vit(1408, 6144, 39, 16, image_size=448, **_EVA), {**_TINY, "image_size": 112, **_EVA}
        ),
        prepare=lambda is_tiny: {"image": partial(inputs.squashed, size_px=112 if is_tiny else 448)},
        runs={"tokens": _eva_patches},
        licence="BSD-3-Clause (LAVIS); EVA-CLIP MIT",
        source="Fang et al. 2022, arXiv:2211.07636; LAVIS BLIP2/eva_vit_g.pth",
    ),
    "laion-clap": _Entry(
        n_tokens={"audio": 1},
        width=512,
        build=_library("ClapAudio", {}, _TINY_CLAP, model="ModelWithProjection"),
        prepare=lambda is_tiny: {"audio": inputs.clap_sound},
        runs={"pooled": lambda network, given, medium: network(input_features=given).audio_embeds.unsqueeze(1)},
        licence="Apache-2.0",
        source="Wu et al. 2023, arXiv:2211.06687; laion/clap-htsat-unfused",
    ),
    "imu2clip": _Entry(
        n_tokens={"imu": 1},
        width=512,
        build=lambda is_tiny: Imu2Clip(d_out=_TINY_WIDTH if is_tiny else 512),
        prepare=lambda is_tiny: {"imu": partial(inputs.motion, n_readings=N_READINGS)},
        runs={"pooled": lambda network, given, medium: network(given).unsqueeze(1)},
        licence="no weights were released",
        source="Moon et al. 2022, arXiv:2210.14395",
    ),
    "videomae-l": _Entry(
        n_tokens={"video": 784},
        n_tiny_tokens={"video": 64},
        width=1024,
        build=_library(
            "VideoMAE",
            _vit(1024, 4096, 24, 16, num_frames=8),
            {**_TINY, "num_frames": 8, "image_size": 56, "patch_size": _PATCH_PX},
        ),
        prepare=lambda is_tiny: inputs.film(56 if is_tiny else 224, n_frames=8),
        runs={"tokens": lambda network, given, medium: network(pixel_values=given).last_hidden_state},
        licence="CC BY-NC 4.0",
        source="Tong et al. 2022, arXiv:2203.12602; MCG-NJU/videomae-large, cut to 8 frames",
    ),
}
