"""Media bytes as arrays; `shards.media.probe` refuses what is too large before a decoder sees it."""

import io
import warnings
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from shards.errors import MediaError, told_as
from shards.media import MediaFacts, MediaKind, probe

if TYPE_CHECKING:
    import PIL.Image

Pixels = npt.NDArray[np.uint8]
MAX_FRAMES: Final = 32
_LONGEST_ASPECT: Final = 100
_LEAST_RATE_HZ: Final = 1000


class Sound(NamedTuple):
    """Samples, full scale at -1 and 1 (floats may go beyond), mean over channels, [samples] float32."""

    samples: npt.NDArray[np.float32]
    sample_rate_hz: int

    def resampled(self, rate_hz: int) -> npt.NDArray[np.float32]:
        """The samples at another rate, by swresample's default filter.

        Raises:
            MediaError: If there are too few of them for that rate.
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


def open_image(content: bytes) -> "PIL.Image.Image":
    """The picture in RGB.

    Raises:
        MediaError: If `probed` refuses it, or it cannot be decoded, or has grey of 16 bits, which Pillow would whiten.
    """
    import PIL.Image

    probed(content, "image")
    faults = (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError)
    with told_as(faults, MediaError, "image", expected="a readable image"), warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # `probe` has its own limit
        with PIL.Image.open(io.BytesIO(content)) as image:
            if image.mode[0] in "IF":
                raise MediaError("image", expected="8 bits a channel", found=f"mode {image.mode}")
            return image.convert("RGB")


def decode_image(content: bytes, *, side_px: int) -> Pixels:
    """RGB, scaled to a square by Pillow's antialiased bilinear filter, [side, side, 3]; see `open_image` for errors."""
    import PIL.Image

    return np.asarray(open_image(content).resize((side_px, side_px), PIL.Image.Resampling.BILINEAR))


def decode_audio(content: bytes) -> Sound:
    """A wav, flac, mp3 or ogg.

    Raises:
        MediaError: If it is no such sound, broken, beyond the limits, or holds samples that are not finite.
    """
    import soundfile

    facts = probed(content, "audio")
    told = told_as((soundfile.SoundFileError, RuntimeError), MediaError, "audio", expected="a readable audio")
    with told, np.errstate(over="ignore"):  # infinite samples are told below
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
    """What the bytes are, if they can be scored.

    Raises:
        MediaError: If that is another kind, broken, a cut WAV or MP4, beyond the limits, a single pixel, sides beyond
            1:100 (resized they would fill the memory) or a sound below 1,000 Hz.
    """
    facts = probe(content)
    if facts.kind != kind:
        raise MediaError("media", expected=kind, found=f"{facts.kind} ({facts.extension})")
    sides = sorted((facts.width, facts.height))
    if kind != "audio" and (sides[1] < 2 or sides[1] > _LONGEST_ASPECT * sides[0]):
        raise MediaError(kind, expected=f"2 pixels or more, sides within 1:{_LONGEST_ASPECT}", found=f"sides {sides}")
    if kind == "audio" and facts.sample_rate_hz < _LEAST_RATE_HZ:
        raise MediaError(kind, expected=f"at least {_LEAST_RATE_HZ} Hz", found=f"{facts.sample_rate_hz} Hz")
    is_wav = facts.extension == "wav"
    if (is_wav or facts.extension == "mp4") and (end := _stated_end(content, is_wav=is_wav)) > len(content):
        raise MediaError(kind, expected=f"{end} bytes", found=f"the first {len(content)}")
    return facts


def _stated_end(content: bytes, *, is_wav: bool) -> int:
    """Where a WAV's `data` or an MP4's `mdat` ends by its header; decoders take what is there of a cut file in silence.

    0 where none is stated: pipes that write WAVs leave a size of 0, or one near 2 or 4 GiB.
    """
    start = 12 if is_wav else 0
    while start < len(content):
        first, second = content[start : start + 4], content[start + 4 : start + 8]
        name, size = (first, 8 + int.from_bytes(second, "little")) if is_wav else (second, int.from_bytes(first))
        if name in (b"data", b"mdat"):
            return start + size if size < 0x7FFF0000 else 0
        if not is_wav and size < 8:  # up to the end of the file, or a size beyond 4 GiB
            return 0
        start += max(8, size + size % 2 * is_wav)
    return 0
