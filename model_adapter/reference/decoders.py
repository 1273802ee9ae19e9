"""Frozen diffusion pipelines: conditioning in, a picture, a sound or a film out, as bytes."""

import inspect
import io
from collections.abc import Mapping
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
    """A frozen diffusers pipeline, run with conditioning from signals or with words.

    Args:
        output: What it makes.
        pipeline: For signals, of a kind that takes `prompt_embeds`; for words, any that makes this medium.
        settings: How it is run; what the pipeline does not know (such as frames of a picture) is not passed on.
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
        given = conditioning.unsqueeze(0) if self._output != "audio" else conditioning  # sounds: one vector, [1, d_out]
        # None lets the pipeline encode the empty prompt; without a tokenizer zeros stand for it.
        empty = torch.zeros_like(given) if self._pipeline.tokenizer is None else None
        return self._run({"prompt_embeds": given, "negative_prompt_embeds": empty}, seed)

    def make_from_words(self, words: str, *, seed: int) -> bytes:
        """One medium after a caption, as a user of the pipeline would ask for it."""
        return self._run({"prompt": words}, seed)

    def _run(self, prompt: Mapping[str, Any], seed: int) -> bytes:
        settings, pipeline = self._settings, self._pipeline
        wanted = {
            "num_inference_steps": settings.n_steps,
            "guidance_scale": settings.guidance,
            "height": settings.height_px,
            "width": settings.width_px,
            "num_frames": settings.n_frames,
            "audio_length_in_s": settings.duration_s,
            "audio_end_in_s": settings.duration_s,
            "output_type": "pil" if self._output == "image" else "np",
        }
        known = inspect.signature(pipeline.__call__).parameters
        passed = {name: value for name, value in wanted.items() if name in known and value is not None}
        made = pipeline(**prompt, **passed, generator=torch.Generator("cpu").manual_seed(seed))
        buffer = io.BytesIO()
        match self._output:
            case "image":
                made.images[0].save(buffer, format="PNG")
            case "video":
                _write_film(buffer, np.asarray(made.frames[0]), fps=settings.fps)
            case "audio":
                _write_sound(buffer, np.asarray(made.audios[0]), pipeline)
        return buffer.getvalue()


def load_decoder(output: OutputName, path: str, settings: DecoderSettings = DecoderSettings()) -> Decoder:
    """A pipeline from a folder or the hub's cache, through diffusers' own loader; nothing is fetched.

    Raises:
        AdapterError: If there is no pipeline there.
    """
    from diffusers import DiffusionPipeline

    try:
        pipeline = DiffusionPipeline.from_pretrained(path, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        remedy = "" if Path(path).exists() else f"name a local folder, or get it first: hf download {path}"
        raise AdapterError(path, expected="a diffusers pipeline", found=str(error)[:200], remedy=remedy) from error
    return Decoder(output, pipeline, settings)


def random_decoder(output: OutputName, config: OutputConfig) -> Decoder:
    """The preset's pipeline with random weights and few steps, for tests and for measuring."""
    import diffusers

    kind, given = _PIPELINES[config.decoder]
    parts = {**decoder_parts(config.decoder, is_tiny=config.is_tiny), **given}
    scheduler = diffusers.DDIMScheduler(steps_offset=1, clip_sample=False, set_alpha_to_one=False)
    quick = DecoderSettings(n_steps=2, n_frames=4, duration_s=0.5)
    return Decoder(output, getattr(diffusers, kind)(**parts, tokenizer=None, scheduler=scheduler), quick)


def _write_sound(buffer: io.BytesIO, samples: npt.NDArray[np.float32], pipeline: Any) -> None:
    """Samples [n], or [channels, n], as 16-bit WAV."""
    import soundfile

    # AudioLDM's vocoder knows the rate; newer pipelines decode with their autoencoder.
    knows = getattr(pipeline, "vocoder", None) or pipeline.vae
    soundfile.write(buffer, samples.T, knows.config.sampling_rate, format="WAV", subtype="PCM_16")


def _write_film(buffer: io.BytesIO, frames: npt.NDArray[np.float32], *, fps: int) -> None:
    """Frames [n, height, width, 3] in 0..1 as MP4; this encoder setting gives the same bytes on every run."""
    import av

    with av.open(buffer, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"tune": "zerolatency"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        for pixels in (frames.clip(0.0, 1.0) * 255.0).round().astype(np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


_NO_CHECKER: Final = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
_PIPELINES: Final[Mapping[DecoderName, tuple[str, Mapping[str, object]]]] = {
    "stable-diffusion-v1-5": ("StableDiffusionPipeline", _NO_CHECKER),
    "zeroscope-v2-576w": ("TextToVideoSDPipeline", {}),
    "audioldm-l-full": ("AudioLDMPipeline", {}),
}
