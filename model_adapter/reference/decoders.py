"""Frozen diffusion pipelines: conditioning in, a picture, a sound or a film out, as bytes."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model_adapter.errors import AdapterError
from model_adapter.reference.decoder_parts import decoder_parts
from model_adapter.reference.presets import DecoderName, OutputConfig, OutputName


@dataclass(frozen=True, kw_only=True)
class DecoderSettings:
    """How a pipeline is run; the defaults are those of NExT-GPT.

    Args:
        n_steps: Denoising steps.
        guidance: Weight of the conditioning against the empty prompt.
        height_px: Of pictures and films; None takes the pipeline's own.
        width_px: The same.
        n_frames: Of films.
        fps: Of films.
        duration_s: Of sounds.
    """

    n_steps: int = 50
    guidance: float = 7.5
    height_px: int | None = None
    width_px: int | None = None
    n_frames: int = 16
    fps: int = 8
    duration_s: float = 5.0


class Decoder:
    """A diffusers pipeline that is given conditioning instead of a prompt.

    Args:
        output: What it makes.
        pipeline: Any pipeline that takes `prompt_embeds` as its kind does.
        settings: How it is run.
    """

    def __init__(self, output: OutputName, pipeline: Any, settings: DecoderSettings) -> None:
        self._output, self._pipeline, self._settings = output, pipeline, settings
        pipeline.set_progress_bar_config(disable=True)

    def make(self, conditioning: Tensor, *, seed: int) -> bytes:
        """One medium, the same for the same conditioning and seed: PNG, WAV or MP4.

        Args:
            conditioning: [n_queries, d_out].
            seed: Of the first noise.
        """
        generator = torch.Generator("cpu").manual_seed(seed)
        return _MAKERS[self._output](self._pipeline, conditioning.unsqueeze(0), generator, self._settings)


def load_decoder(output: OutputName, path: str, settings: DecoderSettings = DecoderSettings()) -> Decoder:
    """A pipeline from a folder or hub name, through diffusers' own loader.

    Raises:
        AdapterError: If there is no pipeline there.
    """
    from diffusers import DiffusionPipeline

    try:
        pipeline = DiffusionPipeline.from_pretrained(path, local_files_only=Path(path).exists(), use_safetensors=True)
    except (OSError, ValueError) as error:
        raise AdapterError(path, expected="a diffusers pipeline", found=str(error)[:200]) from error
    return Decoder(output, pipeline, settings)


def random_decoder(output: OutputName, config: OutputConfig, settings: DecoderSettings) -> Decoder:
    """The preset's pipeline with random weights, for tests and for measuring."""
    parts = decoder_parts(config.decoder, is_tiny=config.is_tiny)
    return Decoder(output, _PIPELINES[config.decoder](dict(parts)), settings)


def _image(pipeline: Any, conditioning: Tensor, generator: torch.Generator, settings: DecoderSettings) -> bytes:
    made = pipeline(
        prompt_embeds=conditioning,
        negative_prompt_embeds=_unconditional(pipeline, conditioning),
        num_inference_steps=settings.n_steps,
        guidance_scale=settings.guidance,
        height=settings.height_px,
        width=settings.width_px,
        generator=generator,
        output_type="pil",
    )
    buffer = io.BytesIO()
    made.images[0].save(buffer, format="PNG")
    return buffer.getvalue()


def _video(pipeline: Any, conditioning: Tensor, generator: torch.Generator, settings: DecoderSettings) -> bytes:
    made = pipeline(
        prompt_embeds=conditioning,
        negative_prompt_embeds=_unconditional(pipeline, conditioning),
        num_inference_steps=settings.n_steps,
        guidance_scale=settings.guidance,
        height=settings.height_px,
        width=settings.width_px,
        num_frames=settings.n_frames,
        generator=generator,
        output_type="np",
    )
    return _film(np.asarray(made.frames[0]), fps=settings.fps)


def _audio(pipeline: Any, conditioning: Tensor, generator: torch.Generator, settings: DecoderSettings) -> bytes:
    import soundfile

    made = pipeline(
        prompt_embeds=conditioning[:, 0],
        negative_prompt_embeds=_unconditional(pipeline, conditioning[:, 0]),
        num_inference_steps=settings.n_steps,
        guidance_scale=settings.guidance,
        audio_length_in_s=settings.duration_s,
        generator=generator,
        output_type="np",
    )
    buffer = io.BytesIO()
    soundfile.write(buffer, made.audios[0], pipeline.vocoder.config.sampling_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _unconditional(pipeline: Any, conditioning: Tensor) -> Tensor | None:
    """None lets the pipeline encode the empty prompt; without a tokenizer zeros stand for it."""
    return torch.zeros_like(conditioning) if pipeline.tokenizer is None else None


def _film(frames: npt.NDArray[np.float32], *, fps: int) -> bytes:
    """Frames [n, height, width, 3] in 0..1 as MP4; this encoder setting gives the same bytes on every run."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"tune": "zerolatency"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for pixels in (frames.clip(0.0, 1.0) * 255.0).round().astype(np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def _stable_diffusion(parts: dict[str, Any]) -> Any:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    return StableDiffusionPipeline(
        **{**parts, "safety_checker": None},
        tokenizer=None,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False, set_alpha_to_one=False),
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _zeroscope(parts: dict[str, Any]) -> Any:
    from diffusers import DDIMScheduler, TextToVideoSDPipeline

    return TextToVideoSDPipeline(**parts, tokenizer=None, scheduler=DDIMScheduler(steps_offset=1, clip_sample=False))


def _audioldm(parts: dict[str, Any]) -> Any:
    from diffusers import AudioLDMPipeline, DDIMScheduler

    return AudioLDMPipeline(**parts, tokenizer=None, scheduler=DDIMScheduler(steps_offset=1, clip_sample=False))


_MAKERS: Final[Mapping[OutputName, Callable[[Any, Tensor, torch.Generator, DecoderSettings], bytes]]] = {
    "image": _image,
    "video": _video,
    "audio": _audio,
}
_PIPELINES: Final[Mapping[DecoderName, Callable[[dict[str, Any]], Any]]] = {
    "stable-diffusion-v1-5": _stable_diffusion,
    "zeroscope-v2-576w": _zeroscope,
    "audioldm-l-full": _audioldm,
}
