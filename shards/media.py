"""What media bytes are and state about themselves, without decoding them.

The type is read from the bytes, never from a file name. Pillow, soundfile and PyAV (extra `media`) are imported when
the first file of their kind is met.
"""

import functools
import io
import warnings
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from shards.errors import MediaError, UsageError, told_as
from shards.sample import Audio, Image, Provenance, Video

MediaKind = Literal["image", "audio", "video"]

KIND_BY_EXTENSION: Mapping[str, MediaKind] = {
    **dict.fromkeys(("jpg", "png", "webp", "gif"), "image"),
    **dict.fromkeys(("wav", "flac", "mp3", "ogg", "m4a"), "audio"),
    **dict.fromkeys(("mp4", "webm", "mkv"), "video"),
}
"""What `sniff`'s extensions usually hold; of containers, `probe` tells what a file does hold."""


class MediaLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is refused before a decoder sees it."""

    max_size_bytes: int = 512 * 2**20
    max_pixels: int = 100_000_000
    max_duration_s: float = 3600.0
    max_rate_hz: float = 10_000.0
    """Of IMU readings; see `shards.imu`."""


class MediaFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Physical facts as the container states them; 0 where they do not apply.

    `extension` is the usual one for what the bytes are; it becomes the tar member's.
    """

    kind: MediaKind
    extension: str
    width: int = 0
    height: int = 0
    duration_s: float = 0.0
    sample_rate_hz: int = 0
    channels: int = 0
    fps: float = 0.0
    has_audio: bool = False


def sniff(content: bytes) -> str | None:
    """The usual extension for what `content` is by its first bytes; None if it is nothing that shards carry."""
    if content[:4] == b"RIFF":
        return {b"WAVE": "wav", b"WEBP": "webp"}.get(content[8:12])
    if content[4:8] == b"ftyp":
        return "m4a" if content[8:11] == b"M4A" else "mp4"
    if content[:4] == b"\x1a\x45\xdf\xa3":
        return "webm" if b"webm" in content[:64] else "mkv"
    if content[:3] == b"ID3" or (content[:1] == b"\xff" and content[1:2] in (b"\xfb", b"\xf3", b"\xf2", b"\xfa")):
        return "mp3"
    return next((extension for magic, extension in _MAGIC.items() if content.startswith(magic)), None)


_MAGIC: Mapping[bytes, str] = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"GIF8": "gif",
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"\x93NUMPY": "npy",
}


def probe(content: bytes, *, limits: MediaLimits = MediaLimits()) -> MediaFacts:  # noqa: B008 (frozen)
    """The facts of an image, a sound or a film.

    Raises:
        MediaError: If the bytes are no known media, are broken, or exceed the limits.
        UsageError: If the extra `media` is not installed.
    """
    if len(content) > limits.max_size_bytes:
        raise _beyond("bytes", limits.max_size_bytes, len(content))
    extension = sniff(content)
    reader = _READERS.get(extension or "")
    if reader is None or extension is None:
        raise MediaError("media", expected=f"one of {', '.join(KIND_BY_EXTENSION)}", found=_start(content))
    try:
        facts = reader(content, extension)
    except ImportError as error:
        remedy = 'pip install "anymodal[media]"'
        raise UsageError("media", expected=f"{error.name}", found="not installed", remedy=remedy) from error
    if facts.width * facts.height > limits.max_pixels:
        raise _beyond("pixels", limits.max_pixels, facts.width * facts.height)
    if facts.duration_s > limits.max_duration_s:
        raise _beyond("seconds", limits.max_duration_s, facts.duration_s)
    return facts


def media_part(
    facts: MediaFacts,
    *,
    member: str,
    sha256: str,
    caption: str | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008 (frozen)
) -> Image | Audio | Video:
    """The part that stands for a probed medium in a sample."""
    kind = {"image": Image, "audio": Audio, "video": Video}[facts.kind]
    known = {"member": member, "sha256": sha256, "caption": caption, "provenance": provenance}
    physical = {name: getattr(facts, name) for name in kind.__struct_fields__ if name not in known}
    part: Image | Audio | Video = kind(**known, **physical)
    return part


def _probe_image(content: bytes, extension: str) -> MediaFacts:
    import PIL.Image

    faults = (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError)
    with told_as(faults, MediaError, "media", expected=f"a readable {extension}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # `probe` has its own limit
        with PIL.Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    return MediaFacts(kind="image", extension=extension, width=width, height=height)


def _probe_audio(content: bytes, extension: str) -> MediaFacts:
    import soundfile

    with told_as((soundfile.SoundFileError, RuntimeError), MediaError, "media", expected=f"a readable {extension}"):
        info = soundfile.info(io.BytesIO(content))
    if info.frames <= 0 or info.samplerate <= 0:
        raise MediaError("media", expected="at least one audio frame", found=f"{info.frames} frames")
    return MediaFacts(
        kind="audio",
        extension=extension,
        duration_s=round(info.frames / info.samplerate, 6),
        sample_rate_hz=info.samplerate,
        channels=info.channels,
    )


def _probe_container(content: bytes, extension: str) -> MediaFacts:
    import av

    faults = (av.FFmpegError, ValueError, AttributeError)  # PyAV leaves out what a damaged stream lacks
    told = told_as(faults, MediaError, "media", expected=f"a readable {extension}")
    with told, av.open(io.BytesIO(content), mode="r") as container:
        duration_s = round(container.duration / 1_000_000, 6) if container.duration else 0.0
        facts = functools.partial(MediaFacts, extension=extension, duration_s=duration_s)
        sounds = container.streams.audio
        if container.streams.video:
            film = container.streams.video[0]
            fps = round(float(film.average_rate or 0), 6)
            return facts(kind="video", width=film.width, height=film.height, fps=fps, has_audio=bool(sounds))
        if not sounds:
            raise MediaError("media", expected="a video or audio stream", found="neither")
        return facts(kind="audio", sample_rate_hz=sounds[0].rate, channels=sounds[0].channels)


_READERS: Mapping[str, Callable[[bytes, str], MediaFacts]] = {
    **dict.fromkeys(("jpg", "png", "webp", "gif"), _probe_image),
    **dict.fromkeys(("wav", "flac", "mp3", "ogg"), _probe_audio),
    **dict.fromkeys(("mp4", "m4a", "webm", "mkv"), _probe_container),
}


def _beyond(unit: str, limit: float, found: float) -> MediaError:
    expected, remedy = f"at most {limit:g} {unit}", "raise the media limits"
    return MediaError("media", expected=expected, found=f"{found:g}", remedy=remedy)


def _start(content: bytes) -> str:
    return f"{len(content)} bytes that start with {content[:8].hex(' ')}" if content else "no bytes"
