"""Media are what their bytes say, within limits, and a broken one is an error with a sentence."""

import io

import av
import numpy as np
import pytest
import soundfile

from shards.errors import MediaError
from shards.media import MediaLimits, media_part, probe, sniff
from shards.sample import Audio, Image, Video
from tests.factories import png, wav


def film(n_frames: int = 12, fps: int = 6, *, sound: bool = False) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        voice = container.add_stream("aac", rate=16000) if sound else None
        for level in range(n_frames):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), level * 9, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            tone.sample_rate = 16000
            container.mux(voice.encode(tone))
            container.mux(voice.encode())
    return buffer.getvalue()


def sound(container: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((800, 2)), 8000, format=container, subtype=subtype)
    return buffer.getvalue()


def test_an_image_states_its_size() -> None:
    facts = probe(png(13, 7))
    assert (facts.kind, facts.extension, facts.width, facts.height) == ("image", "png", 13, 7)


@pytest.mark.parametrize(
    ("content", "extension"),
    [(sound("WAV", "PCM_16"), "wav"), (sound("FLAC", "PCM_16"), "flac"), (sound("OGG", "VORBIS"), "ogg")],
)
def test_a_sound_states_rate_channels_and_length(content: bytes, extension: str) -> None:
    facts = probe(content)
    assert (facts.kind, facts.extension, facts.sample_rate_hz, facts.channels) == ("audio", extension, 8000, 2)
    assert facts.duration_s == 0.1


@pytest.mark.parametrize("has_sound", [False, True])
def test_a_film_states_size_rate_length_and_sound(has_sound: bool) -> None:
    facts = probe(film(sound=has_sound))
    assert (facts.kind, facts.extension, facts.width, facts.height) == ("video", "mp4", 32, 16)
    assert (facts.fps, facts.duration_s, facts.has_audio) == (6.0, 2.0, has_sound)


@pytest.mark.parametrize(
    ("content", "kind"), [(png(), Image), (wav(), Audio), (film(), Video)], ids=["image", "audio", "video"]
)
def test_facts_become_the_part_of_their_kind(content: bytes, kind: type) -> None:
    facts = probe(content)
    part = media_part(facts, member="a.0-0.x", sha256="00", caption="c")
    assert type(part) is kind
    assert part.caption == "c"
    assert all(getattr(part, name) == getattr(facts, name) for name in ("width", "duration_s") if hasattr(part, name))


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>", b"%PDF-1.7", bytes(100)])
def test_what_is_no_medium_is_refused(content: bytes) -> None:
    assert sniff(content) is None
    with pytest.raises(MediaError, match="jpg, png"):
        probe(content)


@pytest.mark.parametrize(
    "content", [png()[:20], film()[:60], wav()[:20], b"\xff\xd8\xff" + bytes(50), b"OggS" + bytes(50)]
)
def test_a_cut_medium_is_refused(content: bytes) -> None:
    with pytest.raises(MediaError):
        probe(content)


def test_a_sound_without_frames_is_refused() -> None:
    with pytest.raises(MediaError, match="0 frames"):
        probe(wav(0))


@pytest.mark.parametrize(
    ("content", "limits", "unit"),
    [
        (png(100, 100), MediaLimits(max_pixels=9_999), "pixels"),
        (wav(2.0), MediaLimits(max_duration_s=1.9), "seconds"),
        (png(), MediaLimits(max_size_bytes=10), "bytes"),
    ],
)
def test_media_beyond_the_limits_are_refused(content: bytes, limits: MediaLimits, unit: str) -> None:
    with pytest.raises(MediaError, match=unit):
        probe(content, limits=limits)


def test_an_image_bomb_is_refused_without_decoding() -> None:
    bomb = bytearray(png())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(MediaError):
        probe(bytes(bomb))
