"""What encoders are given and what they give: against Kaldi, transformers' processors, and cases computed by hand."""

import hashlib
import io

import av
import kaldi_native_fbank
import numpy as np
import PIL.Image
import pytest
import soundfile
import torch
from transformers import CLIPImageProcessorPil
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from model_adapter.errors import AdapterError
from model_adapter.reference.encoders import encoder_spec, inputs, make_encoder, pixels, sounds
from model_adapter.reference.encoders.imu2clip import Imu2Clip
from model_adapter.reference.presets import EncoderConfig, EncoderName, MediumName
from shards.errors import MediaError
from shards.imu import imu_part
from shards.media import media_part, probe
from shards.sample import Media

RNG = np.random.default_rng(0)
POOLED = ("laion-clap", "imu2clip")
SIZES: dict[EncoderName, dict[MediumName, tuple[tuple[int, ...], int, int]]] = {
    "imagebind": {
        "image": ((3, 224, 224), 256, 1024),
        "video": ((15, 3, 2, 224, 224), 256, 1024),
        "audio": ((3, 1, 128, 204), 228, 1024),
        "imu": ((6, 2000), 250, 1024),
    },
    "clip-vit-l-336": {"image": ((3, 336, 336), 576, 1024), "video": ((4, 3, 336, 336), 2304, 1024)},
    "openclip-vit-g": {"image": ((3, 224, 224), 256, 1664), "video": ((4, 3, 224, 224), 1024, 1664)},
    "dinov2-g": {"image": ((3, 224, 224), 256, 1536)},
    "eva-vit-g-448": {"image": ((3, 448, 448), 1024, 1408)},
    "laion-clap": {"audio": ((1, 1001, 64), 1, 512)},
    "imu2clip": {"imu": ((6, 1000), 1, 512)},
    "videomae-l": {"video": ((8, 3, 224, 224), 784, 1024)},
}
"""Input, tokens and width of each published network."""


def picture(width: int, height: int) -> bytes:
    """Noise, as PNG."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(RNG.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def film(n_frames: int = 24, fps: int = 8) -> bytes:
    """Grey frames, the k-th of value 10 k."""
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for number in range(n_frames):
            grey = np.full((24, 32, 3), 10 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def sound(samples: np.ndarray, rate_hz: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def motion(readings: np.ndarray, rate_hz: float) -> tuple[Media, bytes]:
    buffer = io.BytesIO()
    np.save(buffer, readings.astype(np.float32))
    axes = "abcdef"[: readings.shape[1]]
    units = ["m/s^2"] * len(axes)
    part = imu_part(buffer.getvalue(), rate_hz=rate_hz, axes=axes, units=units, member="i.npy", sha256="i")
    return part, buffer.getvalue()


def described(content: bytes) -> tuple[Media, bytes]:
    return media_part(probe(content), member="m.x", sha256=hashlib.sha256(content).hexdigest()), content


def shown(medium: MediumName) -> tuple[Media, bytes]:
    """Some medium of a kind."""
    if medium == "imu":
        return motion(RNG.standard_normal((300, 6)), 60.0)
    make = {"image": lambda: picture(50, 40), "video": film, "audio": lambda: sound(RNG.standard_normal(24_000) / 9)}
    return described(make[medium]())


def test_filter_banks_equal_kaldi() -> None:
    samples = (0.3 * RNG.standard_normal(32_000)).astype(np.float32)
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither, options.frame_opts.window_type, options.frame_opts.samp_freq = 0.0, "hanning", 16_000
    options.mel_opts.num_bins, options.htk_compat, options.use_energy = 128, True, False
    kaldi = kaldi_native_fbank.OnlineFbank(options)
    kaldi.accept_waveform(16_000, samples.tolist())
    expected = np.stack([kaldi.get_frame(number) for number in range(kaldi.num_frames_ready)])
    found = sounds.kaldi_mel(torch.from_numpy(samples)).numpy()
    assert found.shape == (198, 128)
    np.testing.assert_allclose(found, expected, atol=4e-4)


@pytest.mark.parametrize(("width", "height"), [(300, 200), (200, 324), (224, 224), (100, 170)])
def test_pictures_are_prepared_as_clip_does(width: int, height: int) -> None:
    content = picture(width, height)
    found = inputs.pictures(224, n_frames=4, is_imagenet=False)["image"](*described(content))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})
    expected = processor(PIL.Image.open(io.BytesIO(content)), return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


def test_pictures_are_pressed_into_a_square() -> None:
    content = picture(90, 40)
    found = inputs.squashed(*described(content), size_px=56)
    processor = CLIPImageProcessorPil(size={"height": 56, "width": 56}, do_center_crop=False)
    expected = processor(PIL.Image.open(io.BytesIO(content)), return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)


def _ramp(width: int, height: int) -> PIL.Image.Image:
    """Red tells the column, green the row."""
    rows, columns = np.mgrid[:height, :width]
    return PIL.Image.fromarray(np.stack((columns, rows, 0 * rows), axis=-1).astype(np.uint8))


@pytest.mark.parametrize(("margin", "left"), [(1, 0), (2, 1), (3, 2), (5, 2), (7, 4)])
def test_odd_margins_round_as_in_torchvision(margin: int, left: int) -> None:
    """`int(round(margin / 2.0))`: halves go to the even number."""
    assert pixels.centre_crop(_ramp(8 + margin, 8), 8).getpixel((0, 0))[0] == left


@pytest.mark.parametrize(
    ("size", "corners"),
    [((15, 8), [(0, 0), (4, 0), (7, 0)]), ((8, 13), [(0, 0), (0, 3), (0, 5)]), ((8, 8), [(0, 0)] * 3)],
)
def test_three_crops_lie_along_the_longer_side(size: tuple[int, int], corners: list[tuple[int, int]]) -> None:
    """The middle one is rounded up, as in PyTorchVideo's uniform crop."""
    crops = pixels.three_crops(_ramp(*size), 8)
    assert [crop.size for crop in crops] == [(8, 8)] * 3
    assert [crop.getpixel((0, 0))[:2] for crop in crops] == corners


def test_clips_and_frames_lie_evenly() -> None:
    assert pixels.clip_starts(10.0, n=5, length_s=2.0) == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert pixels.clip_starts(1.5, n=3, length_s=2.0) == [0.0, 0.0, 0.0]
    assert pixels.evenly(8.0, 4) == [1.0, 3.0, 5.0, 7.0]


def test_films_are_shown_at_the_asked_times() -> None:
    frames = pixels.read_frames(film(), [1.06, 0.0, 99.0, 2.0, 1.0])
    values = [float(np.asarray(frame).mean()) / 10 for frame in frames]
    np.testing.assert_allclose(values, [8, 0, 23, 16, 8], atol=0.35)


def test_imagebind_sees_the_ends_of_five_clips() -> None:
    """A film of 3 s: clips begin at 0, 0.25 ... 1 s and end 2 s later; frames of equal grey have equal crops."""
    views = inputs.imagebind()["video"](*described(film()))
    grey = (views[:, 0, :, 0, 0] * pixels.CLIP_STD[0] + pixels.CLIP_MEAN[0]) * 255 / 10  # [15, 2]
    expected = [[start, start + 15] for start in (0, 2, 4, 6, 8)]
    np.testing.assert_allclose(grey.reshape(5, 3, 2)[:, 0], expected, atol=0.35)
    np.testing.assert_allclose(grey.reshape(5, 3, 2)[:, 2], expected, atol=0.35)


def test_imagebind_hears_three_clips_padded_before_they_are_standardised() -> None:
    samples = (0.3 * RNG.standard_normal(16_000 * 4)).astype(np.float32)
    banks = inputs.imagebind()["audio"](*described(sound(samples)))
    assert banks.shape == (3, 1, 128, 204)
    torch.testing.assert_close(banks[:, :, :, 198:], torch.full((3, 1, 128, 6), 4.268 / 9.138))
    second = torch.from_numpy(samples[16_000 : 3 * 16_000])
    expected = (sounds.kaldi_mel(second - second.mean()).T + 4.268) / 9.138
    torch.testing.assert_close(banks[1, 0, :, :198], expected, atol=1e-4, rtol=0)


def test_clap_hears_ten_seconds_of_repeated_sound_from_50_hz_to_14_khz() -> None:
    samples = (0.3 * RNG.standard_normal(48_000 * 4)).astype(np.float32)
    found = inputs.clap_sound(*described(sound(samples, 48_000)))[0].numpy()
    filters = mel_filter_bank(513, 64, 50, 14_000, 48_000, norm="slaney", mel_scale="slaney")
    repeated = np.pad(np.tile(samples, 2), (0, 2 * 48_000))
    expected = spectrogram(
        repeated, window_function(1024, "hann"), 1024, 480, power=2.0, mel_filters=filters, log_mel="dB"
    )
    np.testing.assert_allclose(found, expected.T, atol=1e-3)


def test_motion_is_resampled_in_the_middle_and_followed_by_zeros() -> None:
    times_s = np.arange(700) / 100.0
    long = inputs.motion(*motion(np.stack([times_s + axis for axis in range(6)], axis=1), 100.0), n_readings=1000)
    np.testing.assert_allclose(long[2], 1.0 + np.arange(1000) / 200.0 + 2.0, atol=1e-4)
    short = inputs.imagebind()["imu"](*motion(np.ones((100, 6)), 50.0))
    assert short.shape == (6, 2000)
    assert short[:, :790].eq(1).all()
    assert short[:, 800:].eq(0).all()


def test_the_motion_encoder_recurs_over_channels_as_its_original_does() -> None:
    torch.manual_seed(0)
    network = Imu2Clip(d_out=24)
    seen = network.convolutions(torch.randn(1, 6, 1000))
    assert seen.shape == (1, 32, 32)
    cell = torch.nn.GRUCell(32, 24)
    cell.load_state_dict({name.removesuffix("_l0"): one for name, one in network.recurrence.state_dict().items()})
    for transposes in (False, True):
        state = torch.zeros(1, 24)
        for number in range(32):
            state = cell(seen[:, :, number] if transposes else seen[:, number], state)
        network.transposes, network.convolutions = transposes, torch.nn.Identity()
        torch.testing.assert_close(network(seen), state, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_encoders_give_what_they_state(name: EncoderName) -> None:
    """Tiny ones with real media; the published sizes on the meta device."""
    for is_tiny in (True, False):
        config = EncoderConfig(name=name, output="pooled" if name in POOLED else "tokens", is_tiny=is_tiny)
        with torch.device("cpu" if is_tiny else "meta"):
            encoder = make_encoder(config)
        assert encoder.spec == encoder_spec(config)
        assert encoder.spec.licence
        assert encoder.spec.source
        for medium, (shape, n_tokens, width) in SIZES[name].items():
            assert encoder.spec.n_tokens[medium] == n_tokens or is_tiny
            given = encoder.prepare([shown(medium)], medium) if is_tiny else torch.empty(1, *shape, device="meta")
            found = encoder(given, medium).shape
            assert found == (1, encoder.spec.n_tokens[medium], encoder.spec.width if is_tiny else width)
            if not is_tiny:
                prepared = make_prepared_shape(config, medium)
                assert prepared == shape


def make_prepared_shape(config: EncoderConfig, medium: MediumName) -> tuple[int, ...]:
    """Shape of what the published network is given."""
    with torch.device("meta"):
        encoder = make_encoder(config)
    return tuple(encoder.prepare([shown(medium)], medium).shape[1:])


def test_outputs_and_media_that_an_encoder_lacks_are_refused() -> None:
    with pytest.raises(AdapterError, match="output tokens"):
        encoder_spec(EncoderConfig(name="eva-vit-g-448", output="pooled"))
    with pytest.raises(AdapterError, match="output pooled"):
        make_encoder(EncoderConfig(name="imu2clip", is_tiny=True))
    with pytest.raises(AdapterError, match="one of image"):
        make_encoder(EncoderConfig(name="eva-vit-g-448", is_tiny=True)).prepare([shown("audio")], "audio")
    pooled = make_encoder(EncoderConfig(name="imagebind", output="pooled", is_tiny=True))
    for medium in ("image", "video", "audio", "imu"):
        assert pooled(pooled.prepare([shown(medium)], medium), medium).shape == (1, 1, 32)


@pytest.mark.parametrize(
    ("medium", "found"),
    [
        ("image", described(sound(np.zeros(800)))),
        ("image", (described(picture(8, 8))[0], picture(8, 8)[:60])),
        ("video", (described(film())[0], film()[:700])),
        ("video", described(picture(8, 8))),
        ("audio", described(film())),
        ("audio", (described(sound(np.zeros(800)))[0], b"RIFF no wave")),
        ("imu", motion(np.ones((10, 3)), 50.0)),
        ("imu", described(picture(8, 8))),
    ],
)
def test_media_that_cannot_be_decoded_end_in_a_media_error(medium: MediumName, found: tuple[Media, bytes]) -> None:
    with pytest.raises(MediaError):
        inputs.imagebind()[medium](*found)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_channels_are_averaged(rate_hz: int) -> None:
    wave = np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz)
    file = io.BytesIO()
    soundfile.write(file, np.column_stack([0.5 * wave, 0.1 * wave]), rate_hz, format="WAV")
    heard = sounds.read_sound(file.getvalue(), rate_hz=16_000)
    assert len(heard) == pytest.approx(16_000, abs=32)
    assert np.abs(heard).max() == pytest.approx(0.3, abs=1e-3)
