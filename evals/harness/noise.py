"""Media without content, for the baseline that answers at random."""

import io
import random

import numpy as np

from shards.media import MediaKind

_SIDE_PX = 64
_N_FRAMES = 8
_RATE_HZ = 16_000


def noise_medium(kind: MediaKind, rng: random.Random) -> bytes:
    """White noise: a PNG, two seconds of WAV, or a film of one second."""
    import av
    import PIL.Image
    import soundfile

    file, draw = io.BytesIO(), np.random.default_rng(rng.getrandbits(64))
    if kind == "image":
        PIL.Image.fromarray(draw.integers(0, 256, (_SIDE_PX, _SIDE_PX, 3), dtype=np.uint8)).save(file, "PNG")
    elif kind == "audio":
        soundfile.write(file, draw.uniform(-1, 1, 2 * _RATE_HZ), _RATE_HZ, format="WAV", subtype="PCM_16")
    else:
        with av.open(file, "w", format="matroska", options={"fflags": "+bitexact"}) as container:  # no random ids
            stream = container.add_stream("ffv1", rate=_N_FRAMES)
            stream.width, stream.height, stream.pix_fmt = _SIDE_PX, _SIDE_PX, "yuv420p"
            for pixels in draw.integers(0, 256, (_N_FRAMES, _SIDE_PX, _SIDE_PX, 3), dtype=np.uint8):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
    return file.getvalue()
