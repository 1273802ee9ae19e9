"""Small media and samples, made on the spot."""

import hashlib
import io
import wave
from collections.abc import Sequence

import av
import msgspec
import numpy as np
from PIL import Image as Picture

from shards.draft import Draft, HeldBytes
from shards.sample import Audio, Image, Media, Sample, Text, Turn


class Word(msgspec.Struct, frozen=True):
    """A source's record: a word, told under an id, perhaps standing on files."""

    id: str
    word: str
    files: Sequence[str] = ()


def png(width: int = 8, height: int = 6, colour: str = "red") -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Picture.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def wav(duration_s: float = 0.5, rate_hz: int = 8000, level: int = 0) -> bytes:
    """A mono sound of one level."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(level.to_bytes(2, "little", signed=True) * int(duration_s * rate_hz))
    return buffer.getvalue()


def mp4(frames: np.ndarray, fps: int = 8) -> bytes:
    """A film of frames [n, height, width, 3], even sides."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def media_draft(key: str, *, picture: bytes | None = None, sound: bytes | None = None, text: str = "hello") -> Draft:
    """A two-turn sample with the given media in the machine's turn."""
    media: list[Media] = []
    blobs = {}
    if picture is not None:
        member = f"{key}.1-{len(media)}.png"
        media.append(Image(member=member, sha256=hashlib.sha256(picture).hexdigest(), width=8, height=6))
        blobs[member] = HeldBytes(picture)
    if sound is not None:
        member = f"{key}.1-{len(media)}.wav"
        sha256 = hashlib.sha256(sound).hexdigest()
        media.append(Audio(member=member, sha256=sha256, duration_s=0.5, sample_rate_hz=8000, channels=1))
        blobs[member] = HeldBytes(sound)
    turns = (Turn("human", (Text(text),)), Turn("machine", (*media, Text("here"))))
    return Draft(Sample(key=key, kind="t2m", turns=turns), blobs)
