"""Diffusion pipelines: from folders, from words, old ones that diffusers may drop, new ones of the same shape."""

import inspect
import io
import re
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import numpy as np
import PIL.Image
import pytest
import soundfile
import torch
from transformers import CLIPTokenizer

from model_adapter.errors import AdapterError
from model_adapter.reference import find_preset
from model_adapter.reference.decoder_parts import decoder_parts
from model_adapter.reference.decoders import Decoder, DecoderSettings, load_decoder
from model_adapter.reference.loading import Sources, load_adapter, save_model
from model_adapter.reference.model import ReferenceModel
from model_adapter.reference.presets import OutputName
from model_adapter.reference.tiny import byte_tokenizer

QUICK = DecoderSettings(n_steps=2, height_px=32, width_px=32)
LENGTH = {"image": "height", "video": "num_frames", "audio": "audio_length_in_s"}
NEWER: dict[OutputName, tuple[str, ...]] = {
    "image": ("FluxPipeline", "StableDiffusion3Pipeline", "StableDiffusionXLPipeline"),
    "video": ("WanPipeline", "LTXPipeline", "CogVideoXPipeline"),
    "audio": ("AudioLDM2Pipeline", "StableAudioPipeline"),
}


@pytest.fixture(scope="module")
def pipeline() -> Any:
    """A tiny Stable Diffusion with a tokenizer of letters."""
    torch.manual_seed(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[])
    tokenizer.model_max_length = 77
    return diffusers.StableDiffusionPipeline(
        **decoder_parts("stable-diffusion-v1-5", is_tiny=True),
        tokenizer=tokenizer,
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


class NewerSound:
    """Called as StableAudio is, which has no vocoder, ends by a time, and gives two channels."""

    def __init__(self) -> None:
        self.given: dict[str, object] = {}
        self.vae = SimpleNamespace(config=SimpleNamespace(sampling_rate=44_100))

    def set_progress_bar_config(self, *, disable: bool) -> None:
        self.is_quiet = disable

    def __call__(
        self, prompt: str, audio_end_in_s: float, num_inference_steps: int, generator: torch.Generator
    ) -> SimpleNamespace:
        self.given = {"prompt": prompt, "end": audio_end_in_s, "steps": num_inference_steps}
        return SimpleNamespace(audios=[0.1 * torch.randn(2, 4_410, generator=generator).numpy()])


def test_a_newer_sound_pipeline_is_given_what_it_knows() -> None:
    pipeline = NewerSound()
    decoder = Decoder("audio", pipeline, DecoderSettings(n_steps=3, duration_s=0.1))
    content = decoder.make_from_words("rain", seed=1)
    assert pipeline.given == {"prompt": "rain", "end": 0.1, "steps": 3}
    assert pipeline.is_quiet
    samples, rate_hz = soundfile.read(io.BytesIO(content))
    assert (samples.shape, rate_hz) == ((4_410, 2), 44_100)
    assert content == decoder.make_from_words("rain", seed=1) != decoder.make_from_words("rain", seed=2)
