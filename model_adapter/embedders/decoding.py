"""Media bytes as arrays; `shards.media.probe` refuses what is too large before a decoder sees it."""

import io
import warnings
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from shards.errors import MediaError, told_as
from shards.media import MediaFacts, MediaKind, probe

Pixels = npt.NDArray[np.uint8]
MAX_FRAMES: Final = 32


class Sound(NamedTuple):
    """Samples in [-1, 1], mean over channels, [samples] float32."""

    samples: npt.NDArray[np.float32]
    sample_rate_hz: int

    def resampled(self, rate_hz: int) -> npt.NDArray[np.float32]:
        """The samples at another rate, by swresample's default filter.

        Raises:
            MediaError: If there are too few of them, or their rate is no rate of sounds.
        """
        import av

        if rate_hz == self.sample_rate_hz:
            return self.samples
        frame = av.AudioFrame.from_ndarray(self.samples[None], format="fltp", layout="mono")
        frame.sample_rate = self.sample_rate_hz
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
        pieces = [part.to_ndarray()[0] for given in (frame, None) for part in resampler.resample(given)]
        if not pieces:
            found = f"{len(self.samples)} samples at {self.sample_rate_hz} Hz"
            raise MediaError("audio", expected=f"a sound that {rate_hz} Hz can render", found=found)
        return np.concatenate(pieces).astype(np.float32, copy=False)


def decode_image(content: bytes, *, side_px: int) -> Pixels:
    """RGB, scaled to a square by Pillow's antialiased bilinear filter, [side, side, 3].

    Raises:
        MediaError: If it is no image, broken or beyond the limits.
    """
    import PIL.Image

    probed(content, "image")
    faults = (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError)
    with told_as(faults, MediaError, "image", expected="a readable image"), warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # `probe` has its own limit
        with PIL.Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB").resize((side_px, side_px), PIL.Image.Resampling.BILINEAR))


def decode_audio(content: bytes) -> Sound:
    """A wav, flac, mp3 or ogg.

    Raises:
        MediaError: If it is no such sound, broken, beyond the limits, or holds samples that are not finite.
    """
    import soundfile

    facts = probed(content, "audio")
    with told_as((soundfile.SoundFileError, RuntimeError), MediaError, "audio", expected="a readable audio"):
        samples = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].mean(axis=1)
    if not len(samples) or not np.isfinite(samples).all():
        raise MediaError("audio", expected="finite samples", found="nan or infinity" if len(samples) else "none")
    return Sound(samples, facts.sample_rate_hz)


def decode_video(content: bytes, *, side_px: int | None) -> Pixels:
    """Up to `MAX_FRAMES` frames at equal steps from the first on, RGB, scaled to squares or as they are, [n, h, w, 3].

    Raises:
        MediaError: If it is no film, broken, beyond the limits, or has no frames.
    """
    import av

    probed(content, "video")
    frames: list[Any] = []
    step = 1
    with (
        told_as((av.FFmpegError, ValueError), MediaError, "video", expected="a readable video"),
        av.open(io.BytesIO(content), mode="r") as container,
    ):
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                frames.append(frame.to_ndarray(width=side_px, height=side_px, format="rgb24"))
            if len(frames) > MAX_FRAMES:
                frames, step = frames[::2], 2 * step
    if not frames:
        raise MediaError("video", expected="at least one frame", found="none")
    return np.stack(frames)


def probed(content: bytes, kind: MediaKind) -> MediaFacts:
    """What the bytes are.

    Raises:
        MediaError: If that is another kind, broken or beyond the limits.
    """
    facts = probe(content)
    if facts.kind != kind:
        raise MediaError("media", expected=kind, found=f"{facts.kind} ({facts.extension})")
    return facts
