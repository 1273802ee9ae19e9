"""The networks of the frozen diffusion pipelines, built from their published settings without weights.

Counting, memory estimates and tests need the parts; real weights come through diffusers' own loaders (`decoders.py`).
Sources: the `config.json` files of stable-diffusion-v1-5, cerspense/zeroscope_v2_576w and cvssp/audioldm-l-full.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import nn

from model_adapter.reference.presets import DecoderName

TINY_WIDTH: Final = 32


def decoder_parts(name: DecoderName, *, is_tiny: bool) -> Mapping[str, nn.Module]:
    """The pipeline's networks by the name of diffusers' component, in evaluation mode.

    Built on torch's current default device, so that `torch.device("meta")` counts them without memory.
    """
    return {component: part.eval() for component, part in _BUILDERS[name](is_tiny).items()}


def _stable_diffusion(is_tiny: bool) -> dict[str, nn.Module]:
    from diffusers import UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    if is_tiny:
        down, up = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
        unet = UNet2DConditionModel(**_TINY_UNET, down_block_types=down, up_block_types=up)
        return _with_words(unet, TINY_WIDTH, n_layers=1)
    seen = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    checker = CLIPConfig(text_config={}, vision_config={**seen, "patch_size": 14}, projection_dim=768)
    parts = _with_words(UNet2DConditionModel(sample_size=64, cross_attention_dim=768), 768, n_layers=12)
    return {**parts, "safety_checker": StableDiffusionSafetyChecker(checker)}


def _zeroscope(is_tiny: bool) -> dict[str, nn.Module]:
    from diffusers import UNet3DConditionModel

    if is_tiny:
        down, up = ("CrossAttnDownBlock3D", "DownBlock3D"), ("UpBlock3D", "CrossAttnUpBlock3D")
        unet = UNet3DConditionModel(**_TINY_UNET, down_block_types=down, up_block_types=up, attention_head_dim=4)
        return _with_words(unet, TINY_WIDTH, n_layers=1)
    unet = UNet3DConditionModel(sample_size=32, cross_attention_dim=1024, attention_head_dim=64)
    return _with_words(unet, 1024, n_layers=23, activation="gelu")


def _with_words(unet: Any, width: int, *, n_layers: int, activation: str = "quick_gelu") -> dict[str, nn.Module]:
    """A U-Net with Stable Diffusion's autoencoder and CLIP's text encoder of that width."""
    from transformers import CLIPTextConfig, CLIPTextModel

    is_tiny = width == TINY_WIDTH
    text = CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=n_layers,
        num_attention_heads=max(2, width // 64),
        hidden_act=activation,
    )
    vae = _autoencoder((32, 64) if is_tiny else (128, 256, 512, 512), is_tiny=is_tiny)
    return {"unet": unet, "vae": vae, "text_encoder": CLIPTextModel(text)}


def _audioldm(is_tiny: bool) -> dict[str, nn.Module]:
    from diffusers import UNet2DConditionModel
    from transformers import ClapTextConfig, ClapTextModelWithProjection, SpeechT5HifiGan, SpeechT5HifiGanConfig

    channels = (32, 64) if is_tiny else (256, 512, 768, 1280)
    n_crossing = len(channels) - 1
    unet = UNet2DConditionModel(
        sample_size=8 if is_tiny else 128,
        in_channels=8,
        out_channels=8,
        block_out_channels=channels,
        layers_per_block=1 if is_tiny else 2,
        attention_head_dim=8,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * n_crossing,
        up_block_types=("CrossAttnUpBlock2D",) * n_crossing + ("UpBlock2D",),
        cross_attention_dim=channels,
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=TINY_WIDTH if is_tiny else 512,
        class_embeddings_concat=True,
    )
    text = ClapTextConfig(**(_TINY_CLAP_TEXT if is_tiny else {}))
    vocoder = SpeechT5HifiGanConfig(**_HIFI_GAN, upsample_initial_channel=32 if is_tiny else 1024)
    vae = _autoencoder((32, 64, 64) if is_tiny else (128, 256, 512), is_tiny=is_tiny, channels=1, latent_channels=8)
    words, sound = ClapTextModelWithProjection(text), SpeechT5HifiGan(vocoder)
    return {"unet": unet, "vae": vae, "text_encoder": words, "vocoder": sound}


def _autoencoder(widths: tuple[int, ...], *, is_tiny: bool, channels: int = 3, latent_channels: int = 4) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1 if is_tiny else 2,
        latent_channels=latent_channels,
    )


_TINY_UNET: Final[Mapping[str, Any]] = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "layers_per_block": 1,
    "cross_attention_dim": TINY_WIDTH,
}
_TINY_CLAP_TEXT: Final[Mapping[str, Any]] = {
    "vocab_size": 512,
    "hidden_size": TINY_WIDTH,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "projection_dim": TINY_WIDTH,
    "max_position_embeddings": 80,
}
# SpeechT5's vocoder has other steps and kernels, at the same rate of 16 kHz.
_HIFI_GAN: Final[Mapping[str, Any]] = {
    "model_in_dim": 64,
    "upsample_rates": (5, 4, 2, 2, 2),
    "upsample_kernel_sizes": (16, 16, 8, 4, 4),
    "normalize_before": False,
}
_BUILDERS: Final[Mapping[DecoderName, Callable[[bool], dict[str, nn.Module]]]] = {
    "stable-diffusion-v1-5": _stable_diffusion,
    "zeroscope-v2-576w": _zeroscope,
    "audioldm-l-full": _audioldm,
}
