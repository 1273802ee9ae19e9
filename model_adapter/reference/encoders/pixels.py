"""Pictures and films to arrays, each step as the encoders' original code has it."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import PIL.Image

from model_adapter.decoding import probed
from shards.errors import MediaError, told_as

FloatArray = npt.NDArray[np.float32]

CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


def short_side(image: PIL.Image.Image, size_px: int) -> PIL.Image.Image:
    """Resized bicubically so that the shorter side has `size_px`; the longer one is cut to whole pixels."""
    width, height = image.size
    new = (size_px, size_px * height // width) if width <= height else (size_px * width // height, size_px)
    return image.resize(new, PIL.Image.Resampling.BICUBIC)


def squash(image: PIL.Image.Image, size_px: int) -> PIL.Image.Image:
    """Resized bicubically to a square, the aspect lost, so that boxes in shares of the sides stay true."""
    return image.resize((size_px, size_px), PIL.Image.Resampling.BICUBIC)


def centre_crop(image: PIL.Image.Image, size_px: int) -> PIL.Image.Image:
    """The middle square; odd margins leave the extra pixel right and below, halves rounded to even."""
    left, top = round((image.width - size_px) / 2.0), round((image.height - size_px) / 2.0)
    return image.crop((left, top, left + size_px, top + size_px))


def three_crops(image: PIL.Image.Image, size_px: int) -> list[PIL.Image.Image]:
    """Left, middle and right square of a wide picture; top, middle and bottom of a tall one."""
    across, down = image.width - size_px, image.height - size_px
    middle = (-(-across // 2), -(-down // 2))
    first, last = ((0, middle[1]), (across, middle[1])) if across > down else ((middle[0], 0), (middle[0], down))
    return [image.crop((left, top, left + size_px, top + size_px)) for left, top in (first, middle, last)]


def normalise(images: Sequence[PIL.Image.Image], mean: Sequence[float], std: Sequence[float]) -> FloatArray:
    """Pictures of one size to [n, 3, height, width], scaled to 0..1, then standardised by channel."""
    stacked = np.stack([np.asarray(image, dtype=np.float32) for image in images]) / np.float32(255.0)
    standard = (stacked - np.asarray(mean, dtype=np.float32)) / np.asarray(std, dtype=np.float32)
    return np.ascontiguousarray(standard.transpose(0, 3, 1, 2))


def read_frames(content: bytes, times_s: Sequence[float]) -> list[PIL.Image.Image]:
    """The frame on show at each time; a time after the end gets the last frame.

    Raises:
        MediaError: If the bytes are no readable film, or it has no frame.
    """
    import av

    facts = probed(content, "video")
    wanted = sorted(range(len(times_s)), key=times_s.__getitem__)
    found: dict[int, PIL.Image.Image] = {}
    last: Any = None
    told = told_as((av.error.FFmpegError, ValueError), MediaError, "video", expected=f"a readable {facts.extension}")
    with told, av.open(io.BytesIO(content), mode="r") as container:
        for frame in container.decode(video=0):
            while wanted and last is not None and frame.time > times_s[wanted[0]]:
                found[wanted.pop(0)] = _rgb(last)
            if not wanted:
                break
            last = frame
        found.update((number, _rgb(last)) for number in wanted if last is not None)
    if last is None:
        raise MediaError("video", expected="at least one frame", found="none")
    return [found[number] for number in range(len(times_s))]


def _rgb(frame: Any) -> PIL.Image.Image:
    return PIL.Image.fromarray(frame.to_ndarray(format="rgb24"))


def evenly(duration_s: float, n: int) -> list[float]:
    """Middles of `n` equal parts of a film, in seconds."""
    return [(number + 0.5) * duration_s / n for number in range(n)]


def clip_starts(duration_s: float, *, n: int, length_s: float) -> list[float]:
    """Where `n` clips begin that lie evenly from the start to the end; all at 0 in a medium shorter than one."""
    last = max(duration_s - length_s, 0.0)
    return [number * last / max(n - 1, 1) for number in range(n)]
