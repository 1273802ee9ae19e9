"""The networks of the frozen diffusion pipelines, built from their published settings without weights.

Counting, memory estimates and tests need the parts; real weights come through diffusers' own loaders (`decoders.py`).
Sources: the `config.json` files of stable-diffusion-v1-5, cerspense/zeroscope_v2_576w and cvssp/audioldm-l-full.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from model_adapter.reference.presets import DecoderName

if TYPE_CHECKING:
    from torch import nn

TINY_WIDTH: Final = 32


def decoder_parts(name: DecoderName, *, is_tiny: bool) -> Mapping[str, "nn.Module"]:
    """The pipeline's networks by the name of diffusers' component, in evaluation mode.

    Built on torch's current default device, so that `torch.device("meta")` counts them without memory.
    """
    parts = _BUILDERS[name](is_tiny)
    return {component: part.eval() for component, part in parts.items()}


def _stable_diffusion(is_tiny: bool) -> dict[str, "nn.Module"]:
    from diffusers import UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    if is_tiny:
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=TINY_WIDTH,
        )
        return {"unet": unet, "vae": _autoencoder((32, 64), layers=1), "text_encoder": _clip_text(TINY_WIDTH, layers=1)}
    seen = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    checker = CLIPConfig(text_config={}, vision_config={**seen, "patch_size": 14}, projection_dim=768)
    return {
        "unet": UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        "vae": _autoencoder((128, 256, 512, 512), layers=2),
        "text_encoder": _clip_text(768, layers=12),
        "safety_checker": StableDiffusionSafetyChecker(checker),
    }


def _zeroscope(is_tiny: bool) -> dict[str, "nn.Module"]:
    from diffusers import UNet3DConditionModel

    if is_tiny:
        unet = UNet3DConditionModel(
            sample_size=8,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
            up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
            cross_attention_dim=TINY_WIDTH,
            attention_head_dim=4,
            norm_num_groups=32,
        )
        return {"unet": unet, "vae": _autoencoder((32, 64), layers=1), "text_encoder": _clip_text(TINY_WIDTH, layers=1)}
    return {
        "unet": UNet3DConditionModel(
            sample_size=32,
            block_out_channels=(320, 640, 1280, 1280),
            layers_per_block=2,
            cross_attention_dim=1024,
            attention_head_dim=64,
        ),
        "vae": _autoencoder((128, 256, 512, 512), layers=2),
        "text_encoder": _clip_text(1024, layers=23, activation="gelu"),
    }


def _audioldm(is_tiny: bool) -> dict[str, "nn.Module"]:
    from diffusers import UNet2DConditionModel
    from transformers import ClapTextConfig, ClapTextModelWithProjection, SpeechT5HifiGan, SpeechT5HifiGanConfig

    channels = (32, 64) if is_tiny else (256, 512, 768, 1280)
    n_crossing = len(channels) - 1
    d_text = TINY_WIDTH if is_tiny else 512
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
        projection_class_embeddings_input_dim=d_text,
        class_embeddings_concat=True,
    )
    text, vocoder = ClapTextConfig(), SpeechT5HifiGanConfig(**_HIFI_GAN, upsample_initial_channel=1024)
    if is_tiny:
        text = ClapTextConfig(
            vocab_size=512,
            hidden_size=TINY_WIDTH,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            projection_dim=d_text,
            max_position_embeddings=80,
        )
        vocoder = SpeechT5HifiGanConfig(**_HIFI_GAN, upsample_initial_channel=32)
    return {
        "unet": unet,
        "vae": _autoencoder(
            (32, 64, 64) if is_tiny else (128, 256, 512), layers=1 if is_tiny else 2, channels=1, latent_channels=8
        ),
        "text_encoder": ClapTextModelWithProjection(text),
        "vocoder": SpeechT5HifiGan(vocoder),
    }


_HIFI_GAN: Final = {
    "model_in_dim": 64,
    "sampling_rate": 16_000,
    "upsample_rates": [5, 4, 2, 2, 2],
    "upsample_kernel_sizes": [16, 16, 8, 4, 4],
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5]] * 3,
    "normalize_before": False,
}


def _autoencoder(
    block_out_channels: tuple[int, ...], *, layers: int, channels: int = 3, latent_channels: int = 4
) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(block_out_channels),
        up_block_types=("UpDecoderBlock2D",) * len(block_out_channels),
        block_out_channels=block_out_channels,
        layers_per_block=layers,
        latent_channels=latent_channels,
    )


def _clip_text(width: int, *, layers: int, activation: str = "quick_gelu") -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=max(2, width // 64),
            hidden_act=activation,
        )
    )


_BUILDERS: Final[Mapping[DecoderName, Callable[[bool], dict[str, "nn.Module"]]]] = {
    "stable-diffusion-v1-5": _stable_diffusion,
    "zeroscope-v2-576w": _zeroscope,
    "audioldm-l-full": _audioldm,
}
