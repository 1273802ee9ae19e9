"""Diffusion pipelines: from folders, from words, old ones that diffusers may drop, new ones of the same shape."""

import inspect
import io
import re
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import av
import diffusers
import numpy as np
import PIL.Image
import pytest
import soundfile
import torch
from diffusers.pipelines.stable_audio import StableAudioProjectionModel
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from model_adapter.errors import AdapterError
from model_adapter.reference import find_preset
from model_adapter.reference.decoder_parts import decoder_parts
from model_adapter.reference.decoders import Decoder, DecoderSettings, load_decoder
from model_adapter.reference.loading import Sources, load_adapter, save_model
from model_adapter.reference.model import ReferenceModel
from model_adapter.reference.presets import OutputName
from model_adapter.reference.tiny import byte_tokenizer
from shards.media import probe

LETTERS = "abcdefghijklmnopqrstuvwxyz"
QUICK = DecoderSettings(n_steps=2, height_px=32, width_px=32)
LENGTH = {"image": "height", "video": "num_frames", "audio": "audio_length_in_s"}
NEWER: dict[OutputName, tuple[str, ...]] = {
    "image": ("FluxPipeline", "StableDiffusion3Pipeline", "StableDiffusionXLPipeline"),
    "video": ("WanPipeline", "LTXPipeline", "CogVideoXPipeline"),
    "audio": ("AudioLDM2Pipeline", "StableAudioPipeline"),
}


def _clip_letters() -> CLIPTokenizer:
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[])
    tokenizer.model_max_length = 77
    return tokenizer


@pytest.fixture(scope="module")
def pipeline() -> Any:
    """A tiny Stable Diffusion with a tokenizer of letters."""
    torch.manual_seed(0)
    return diffusers.StableDiffusionPipeline(
        **decoder_parts("stable-diffusion-v1-5", is_tiny=True),
        tokenizer=_clip_letters(),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _asked(pipeline: Any, **prompt: Any) -> np.ndarray:
    """The pipeline called as its users call it."""
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator("cpu").manual_seed(5)
    sizes = {"num_inference_steps": 2, "guidance_scale": 7.5, "height": 32, "width": 32}
    return np.asarray(pipeline(**prompt, **sizes, generator=generator).images[0])


def test_words_and_signals_reach_the_pipeline_and_folders_give_the_same(pipeline: Any, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    conditioning = torch.randn(77, 32)
    for decoder in (Decoder("image", pipeline, QUICK), load_decoder("image", str(tmp_path), QUICK)):
        worded = PIL.Image.open(io.BytesIO(decoder.make_from_words("a dog", seed=5)))
        assert np.array_equal(np.asarray(worded), _asked(pipeline, prompt="a dog"))
        made = PIL.Image.open(io.BytesIO(decoder.make(conditioning, seed=5)))
        assert np.array_equal(np.asarray(made), _asked(pipeline, prompt_embeds=conditioning.unsqueeze(0)))
    assert not np.array_equal(np.asarray(worded), np.asarray(made))
    preset = find_preset("tiny-nextgpt")
    sources = Sources(preset=preset.name, decoders={"image": str(tmp_path)}, from_words=True)
    save_model(ReferenceModel(preset, byte_tokenizer()), tmp_path / "model", sources)
    assert load_adapter(tmp_path / "model").capabilities().outputs == {"text", "image"}


@pytest.mark.parametrize("place", ["nobody/nothing", "empty"])
def test_what_is_no_pipeline_is_refused(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdapterError, match="expected a diffusers pipeline"):
        load_decoder("image", str(tmp_path / place) if place == "empty" else place)


def test_deprecated_pipelines_are_still_there_below_the_cap_of_diffusers() -> None:
    """TextToVideoSD and AudioLDM get no fixes any more; should diffusers drop them, this says so before users do."""
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["models"]
    cap = next(found[1] for one in extras if (found := re.search(r"^diffusers.*<(\d+\.\d+)", one)))
    version = tuple(map(int, metadata.version("diffusers").split(".")[:2]))
    assert version < tuple(map(int, cap.split(".")))
    for name in ("TextToVideoSDPipeline", "AudioLDMPipeline"):
        known = inspect.signature(getattr(diffusers, name).__call__).parameters
        assert {"prompt", "prompt_embeds", "negative_prompt_embeds", "generator", "guidance_scale"} <= set(known)


@pytest.mark.parametrize(("output", "name"), [(output, name) for output, names in NEWER.items() for name in names])
def test_newer_pipelines_can_be_asked_the_same_way(output: OutputName, name: str) -> None:
    known = set(inspect.signature(getattr(diffusers, name).__call__).parameters)
    assert {"prompt", "generator", "num_inference_steps", "guidance_scale", "output_type"} <= known
    assert known & {LENGTH[output], "audio_end_in_s"}


def _letters(n: int = 32) -> T5Tokenizer:
    """T5's kind of tokenizer, of letters; texts of `n` tokens at most."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), ("▁", -2.0), *((one, -3.0) for one in LETTERS)]
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0)
    tokenizer.model_max_length = n
    return tokenizer


def _t5() -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)).eval()


def _stable_diffusion_3() -> Any:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"projection_dim": 16, "bos_token_id": 52, "eos_token_id": 53}
    clip = [CLIPTextModelWithProjection(CLIPTextConfig(vocab_size=64, **sizes, **ends)).eval() for _ in range(2)]
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
    )
    vae = diffusers.AutoencoderKL(block_out_channels=(4,), norm_num_groups=4, shift_factor=0.06, scaling_factor=1.5)
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=clip[0],
        tokenizer=_clip_letters(),
        text_encoder_2=clip[1],
        tokenizer_2=_clip_letters(),
        text_encoder_3=_t5(),
        tokenizer_3=_letters(),
    )


def _cog_video() -> Any:
    transformer = diffusers.CogVideoXTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=32,
        num_layers=1,
        sample_width=2,
        sample_height=2,
        sample_frames=9,
    )
    vae = diffusers.AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
    )
    scheduler = diffusers.CogVideoXDDIMScheduler()
    return diffusers.CogVideoXPipeline(_letters(), _t5(), vae=vae, transformer=transformer, scheduler=scheduler)


def _stable_audio() -> Any:
    """Has no vocoder, ends by a time, and gives two channels."""
    transformer = diffusers.StableAudioDiTModel(
        sample_size=4,
        in_channels=3,
        out_channels=3,
        num_layers=1,
        attention_head_dim=4,
        num_attention_heads=2,
        num_key_value_attention_heads=2,
        cross_attention_dim=4,
        cross_attention_input_dim=4,
        time_proj_dim=8,
        global_states_input_dim=8,
    )
    vae = diffusers.AutoencoderOobleck(
        encoder_hidden_size=6,
        downsampling_ratios=[1, 2],
        channel_multiples=[2, 4],
        decoder_channels=3,
        decoder_input_channels=3,
        sampling_rate=400,
    )
    projection = StableAudioProjectionModel(text_encoder_dim=32, conditioning_dim=4, min_value=0, max_value=32)
    return diffusers.StableAudioPipeline(
        vae=vae,
        text_encoder=_t5(),
        projection_model=projection,
        tokenizer=_letters(),
        transformer=transformer,
        scheduler=diffusers.EDMDPMSolverMultistepScheduler(sigma_data=1.0, sigma_schedule="exponential"),
    )


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("output", "make"), [("image", _stable_diffusion_3), ("video", _cog_video), ("audio", _stable_audio)]
)
def test_newer_pipelines_make_media_of_words(output: OutputName, make: Callable[[], Any], tmp_path: Path) -> None:
    """Tiny ones with random weights, as they are and out of a folder; beside the pipeline called by its user."""
    torch.manual_seed(0)
    pipeline = make()
    pipeline.save_pretrained(tmp_path)
    settings = DecoderSettings(n_steps=2, height_px=16, width_px=16, n_frames=8, duration_s=0.01)
    decoder = Decoder(output, pipeline, settings)
    content = decoder.make_from_words("a dog", seed=5)
    assert content == load_decoder(output, str(tmp_path), settings).make_from_words("a dog", seed=5)
    assert content not in (decoder.make_from_words("a cat", seed=5), decoder.make_from_words("a dog", seed=6))
    assert probe(content).kind == output
    given = {"prompt": "a dog", "num_inference_steps": 2, "guidance_scale": 7.5}
    sizes = {"audio_end_in_s": 0.01} if output == "audio" else {"height": 16, "width": 16}
    frames = {"num_frames": 8, "output_type": "np"} if output == "video" else {}
    made = pipeline(**given, **sizes, **frames, generator=torch.Generator("cpu").manual_seed(5))
    match output:
        case "image":
            assert np.array_equal(np.asarray(PIL.Image.open(io.BytesIO(content))), np.asarray(made.images[0]))
        case "video":
            with av.open(io.BytesIO(content)) as film:
                shown = np.stack([one.to_ndarray(format="rgb24") for one in film.decode(video=0)])
            assert shown.shape == np.asarray(made.frames[0]).shape
            assert np.abs(shown / 255 - np.asarray(made.frames[0])).mean() < 0.1  # colour is halved in size, and lossy
        case "audio":
            samples, rate_hz = soundfile.read(io.BytesIO(content))
            assert (samples.shape, rate_hz) == ((4, 2), 400)
            np.testing.assert_allclose(samples, np.clip(made.audios[0].numpy().T, -1, 1), atol=1e-4)
