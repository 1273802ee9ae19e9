"""The encoders that presets name: sizes, preprocessing and terms of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor, nn

from model_adapter.errors import AdapterError
from model_adapter.reference.encoders import inputs
from model_adapter.reference.encoders.encoder import Encoder, EncoderSpec, Forward, Prepare
from model_adapter.reference.presets import EncoderConfig, EncoderName, MediumName


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One encoder: how many tokens of which width it gives, how it is built, fed and run; `tiny` for tests."""

    n_tokens: Mapping[MediumName, int]
    width: int
    tiny_tokens: Mapping[MediumName, int]
    tiny_width: int
    build: Callable[[bool], nn.Module]
    prepare: Callable[[bool], Mapping[MediumName, Prepare]]
    run: Forward
    run_pooled: Forward | None
    pooled_only: bool = False
    licence: str
    source: str


def encoder_spec(config: EncoderConfig) -> EncoderSpec:
    """What the encoder states about itself; nothing is built.

    Raises:
        AdapterError: If the encoder cannot give that output.
    """
    entry = _entry(config)
    counts = entry.tiny_tokens if config.is_tiny else entry.n_tokens
    if config.output == "pooled":
        counts = dict.fromkeys(counts, 1)
    return EncoderSpec(
        name=config.name,
        n_tokens=counts,
        width=entry.tiny_width if config.is_tiny else entry.width,
        licence=entry.licence,
        source=entry.source,
    )


def make_encoder(config: EncoderConfig) -> Encoder:
    """The encoder with random weights, on torch's current default device."""
    entry = _entry(config)
    run = entry.run_pooled if config.output == "pooled" and entry.run_pooled is not None else entry.run
    return Encoder(encoder_spec(config), entry.build(config.is_tiny), prepare=entry.prepare(config.is_tiny), run=run)


def _entry(config: EncoderConfig) -> _Entry:
    entry = _ENTRIES[config.name]
    if entry.pooled_only if config.output == "tokens" else entry.run_pooled is None:
        offered = "pooled" if entry.pooled_only else "tokens"
        raise AdapterError(f"encoder {config.name}", expected=f"output {offered}", found=config.output)
    return entry


def _imagebind(is_tiny: bool) -> nn.Module:
    from dataclasses import replace

    from model_adapter.reference.encoders.imagebind import HUGE, ImageBind

    if not is_tiny:
        return ImageBind()
    towers = {name: replace(tower, width=32, n_blocks=2, n_heads=2) for name, tower in HUGE.items()}
    return ImageBind(towers, d_out=32, vocab_size=512)


def _clip_vision(**sizes: Any) -> Callable[[bool], nn.Module]:
    def build(is_tiny: bool) -> nn.Module:
        from transformers import CLIPVisionConfig, CLIPVisionModel

        network: nn.Module = CLIPVisionModel(CLIPVisionConfig(**(_TINY_VISION if is_tiny else sizes)))
        return network

    return build


def _dinov2(is_tiny: bool) -> nn.Module:
    from transformers import Dinov2Config, Dinov2Model

    giant = {"hidden_size": 1536, "num_hidden_layers": 40, "num_attention_heads": 24, "use_swiglu_ffn": True}
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56}
    network: nn.Module = Dinov2Model(
        Dinov2Config(patch_size=14, **(sizes if is_tiny else {**giant, "image_size": 518}))
    )
    return network


def _eva(is_tiny: bool) -> nn.Module:
    """EVA ViT-g/14 with 39 blocks, as BLIP-2 has it: transformers' class for that."""
    from transformers import Blip2VisionConfig, Blip2VisionModel

    sizes = {"hidden_size": 1408, "intermediate_size": 6144, "num_hidden_layers": 39, "num_attention_heads": 16}
    tiny = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Blip2VisionConfig(
        image_size=112 if is_tiny else 448,
        patch_size=14,
        qkv_bias=True,
        layer_norm_eps=1e-6,
        **(tiny if is_tiny else sizes),
    )
    network: nn.Module = Blip2VisionModel(config)
    return network


def _clap(is_tiny: bool) -> nn.Module:
    from transformers import ClapAudioConfig, ClapAudioModelWithProjection

    tiny = {
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "projection_dim": 32,
        "num_mel_bins": 64,
        "spec_size": 256,
    }
    network: nn.Module = ClapAudioModelWithProjection(ClapAudioConfig(**(tiny if is_tiny else {})))
    return network


def _imu2clip(is_tiny: bool) -> nn.Module:
    from model_adapter.reference.encoders.imu2clip import Imu2Clip

    return Imu2Clip(d_out=32) if is_tiny else Imu2Clip()


def _videomae(is_tiny: bool) -> nn.Module:
    from transformers import VideoMAEConfig, VideoMAEModel

    large = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    tiny = {**_TINY_VISION, "patch_size": 14}
    network: nn.Module = VideoMAEModel(VideoMAEConfig(num_frames=8, **(tiny if is_tiny else large)))
    return network


_TINY_VISION: Final = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}


def _patches(network: Any, pixels: Tensor, medium: MediumName) -> Tensor:
    """The last layer's states without the class token; films are pictures side by side."""
    if pixels.ndim == 5:  # [b, frames, 3, h, w]
        tokens = _patches(network, pixels.flatten(0, 1), medium)
        return tokens.reshape(len(pixels), -1, tokens.shape[-1])
    states: Tensor = network(pixel_values=pixels).last_hidden_state
    return states[:, 1:]


def _film_patches(network: Any, pixels: Tensor, medium: MediumName) -> Tensor:
    states: Tensor = network(pixel_values=pixels).last_hidden_state
    return states


def _eva_patches(network: Any, pixels: Tensor, medium: MediumName) -> Tensor:
    """The last block's states through a norm without parameters.

    MiniGPT-v2's code makes the norm's weights anew and never loads any, so that it does no more than normalise.
    """
    from torch.nn import functional

    states: Tensor = network(pixel_values=pixels, output_hidden_states=True).hidden_states[-1]
    return functional.layer_norm(states.float(), states.shape[-1:]).to(states.dtype)[:, 1:]


_IMAGEBIND_NAMES: Final = {"image": "vision", "video": "vision", "audio": "audio", "imu": "imu"}


def _bind_patches(network: Any, given: Tensor, medium: MediumName) -> Tensor:
    """Patch features, the mean over clips and crops at each position."""
    if medium == "image":
        patches: Tensor = network.embed_patches(given, "vision")
        return patches
    tokens: Tensor = network.embed_patches(given.flatten(0, 1), _IMAGEBIND_NAMES[medium])
    return tokens.reshape(*given.shape[:2], *tokens.shape[1:]).mean(dim=1)


def _bind_pooled(network: Any, given: Tensor, medium: MediumName) -> Tensor:
    name = _IMAGEBIND_NAMES[medium]
    vector: Tensor = network.embed(given, name) if medium in ("image", "imu") else network.embed_clips(given, name)
    return vector.unsqueeze(1)


def _clap_pooled(network: Any, features: Tensor, medium: MediumName) -> Tensor:
    vector: Tensor = network(input_features=features).audio_embeds
    return vector.unsqueeze(1)


def _imu_pooled(network: Any, readings: Tensor, medium: MediumName) -> Tensor:
    vector: Tensor = network(readings)
    return vector.unsqueeze(1)


def _pictures(
    size_px: int, *, tiny_px: int, n_frames: int = 4, imagenet: bool = False
) -> Callable[[bool], Mapping[MediumName, Prepare]]:
    def prepare(is_tiny: bool) -> Mapping[MediumName, Prepare]:
        return inputs.pictures(tiny_px if is_tiny else size_px, n_frames=n_frames, is_imagenet=imagenet)

    return prepare


_ENTRIES: Final[Mapping[EncoderName, _Entry]] = {
    "imagebind": _Entry(
        n_tokens={"image": 256, "video": 256, "audio": 228},
        width=1024,
        tiny_tokens={"image": 256, "video": 256, "audio": 228},
        tiny_width=32,
        build=_imagebind,
        prepare=lambda is_tiny: inputs.imagebind(),
        run=_bind_patches,
        run_pooled=_bind_pooled,
        licence="CC BY-NC-SA 4.0",
        source="Girdhar et al. 2023, arXiv:2305.05665; imagebind_huge.pth",
    ),
    "clip-vit-l-336": _Entry(
        n_tokens={"image": 576, "video": 4 * 576},
        width=1024,
        tiny_tokens={"image": 16, "video": 64},
        tiny_width=32,
        build=_clip_vision(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=336,
            patch_size=14,
        ),
        prepare=_pictures(336, tiny_px=56),
        run=_patches,
        run_pooled=None,
        licence="MIT",
        source="Radford et al. 2021, arXiv:2103.00020; openai/clip-vit-large-patch14-336",
    ),
    "openclip-vit-g": _Entry(
        n_tokens={"image": 256, "video": 4 * 256},
        width=1664,
        tiny_tokens={"image": 16, "video": 64},
        tiny_width=32,
        build=_clip_vision(
            hidden_size=1664,
            intermediate_size=8192,
            num_hidden_layers=48,
            num_attention_heads=16,
            image_size=224,
            patch_size=14,
            hidden_act="gelu",
        ),
        prepare=_pictures(224, tiny_px=56),
        run=_patches,
        run_pooled=None,
        licence="MIT",
        source="Schuhmann et al. 2022, arXiv:2210.08402; laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
    ),
    "dinov2-g": _Entry(
        n_tokens={"image": 256, "video": 4 * 256},
        width=1536,
        tiny_tokens={"image": 16, "video": 64},
        tiny_width=32,
        build=_dinov2,
        prepare=_pictures(224, tiny_px=56, imagenet=True),
        run=_patches,
        run_pooled=None,
        licence="Apache-2.0",
        source="Oquab et al. 2023, arXiv:2304.07193; facebook/dinov2-giant",
    ),
    "eva-vit-g-448": _Entry(
        n_tokens={"image": 1024},
        width=1408,
        tiny_tokens={"image": 64},
        tiny_width=32,
        build=_eva,
        prepare=lambda is_tiny: inputs.squashed(112 if is_tiny else 448),
        run=_eva_patches,
        run_pooled=None,
        licence="BSD-3-Clause (LAVIS); EVA-CLIP MIT",
        source="Fang et al. 2022, arXiv:2211.07636; LAVIS BLIP2/eva_vit_g.pth",
    ),
    "laion-clap": _Entry(
        n_tokens={"audio": 1},
        width=512,
        tiny_tokens={"audio": 1},
        tiny_width=32,
        build=_clap,
        prepare=lambda is_tiny: inputs.clap(),
        run=_clap_pooled,
        run_pooled=_clap_pooled,
        pooled_only=True,
        licence="Apache-2.0",
        source="Wu et al. 2023, arXiv:2211.06687; laion/clap-htsat-unfused",
    ),
    "imu2clip": _Entry(
        n_tokens={"imu": 1},
        width=512,
        tiny_tokens={"imu": 1},
        tiny_width=32,
        build=_imu2clip,
        prepare=lambda is_tiny: inputs.imu2clip(),
        run=_imu_pooled,
        run_pooled=_imu_pooled,
        pooled_only=True,
        licence="no weights were released",
        source="Moon et al. 2022, arXiv:2210.14395",
    ),
    "videomae-l": _Entry(
        n_tokens={"video": 784},
        width=1024,
        tiny_tokens={"video": 64},
        tiny_width=32,
        build=_videomae,
        prepare=lambda is_tiny: inputs.film(56 if is_tiny else 224, n_frames=8),
        run=_film_patches,
        run_pooled=None,
        licence="CC BY-NC 4.0",
        source="Tong et al. 2022, arXiv:2203.12602; MCG-NJU/videomae-large, cut to 8 frames",
    ),
}
