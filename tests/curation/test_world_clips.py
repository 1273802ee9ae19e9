"""The world's films and sensor windows: what they show and record is what the facts say."""

import io
import itertools
from collections import defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from curation.sources.world.sampling import sample_scene
from curation.sources.world.scene import ACTIVITIES, HEIGHT_PX, KINDS, MOTIONS, PACES, WIDTH_PX, MotionEvent, Scene
from curation.sources.world.sensing import IMU_FACTS, readings, render_imu
from shards.imu import imu_part
from shards.media import probe

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
av = pytest.importorskip("av", reason="PyAV is not installed")

from curation.sources.world.filming import film_frames, render_mp4  # noqa: E402 (needs Pillow and PyAV)
from curation.sources.world.rendering import render_jpeg  # noqa: E402

SCENES = [sample_scene(5, number) for number in range(300)]
QUIET = [scene for scene in SCENES if scene.backdrop.noise == "none"][:40]


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that differ by more than a soft shadow's edge, [height, width]."""
    return np.asarray(np.abs(before.astype(int) - after).max(axis=2) > 40)


def states(scene: Scene, number: int) -> list[tuple[float, float, float]]:
    """Place and radius of a thing before, between and after its events, in pixels of the film."""
    thing = scene.things[number]
    x, y, radius = thing.centre_x_px / 2, thing.centre_y_px / 2, thing.radius_px / 2
    told = [(x, y, radius)]
    for event in scene.film.events:
        step = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}.get(event.motion, (0, 0))
        if event.thing == number:
            x, y = x + step[0] * event.amount / 2, y + step[1] * event.amount / 2
            radius *= event.amount if event.motion in ("grows", "shrinks") else 1.0
        told.append((x, y, radius))
    return told


def inside(x: float, y: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[0 : HEIGHT_PX // 2, 0 : WIDTH_PX // 2]
    return np.asarray(np.hypot(columns - x, rows - y) <= radius)


def test_films_show_the_events_at_their_times_and_nothing_else() -> None:
    seen: set[str] = set()
    for scene in QUIET:
        frames = film_frames(scene)
        assert len(frames) == scene.film.duration_s * 8
        times = [time_s for event in scene.film.events for time_s in (event.start_s, event.end_s)]
        assert times == sorted(times)
        assert len(set(times)) == len(times)
        still = [frames[round(8 * start_s) : round(8 * end_s) + 1] for start_s, end_s in
                 zip([0.0, *times[1::2]], [*times[0::2], scene.film.duration_s], strict=True)]  # fmt: skip
        for part in still:
            assert not any(changed(part[0], frame).any() for frame in part)
        for index, event in enumerate(scene.film.events):
            seen.add(event.motion)
            check_event(scene, event, frames, states(scene, event.thing)[index : index + 2])
    assert seen == set(MOTIONS)


def check_event(
    scene: Scene, event: MotionEvent, frames: list[NDArray[np.uint8]], ends: list[tuple[float, float, float]]
) -> None:
    first, last = round(8 * event.start_s), round(8 * event.end_s)
    lasting = changed(frames[first], frames[last])
    (x, y, radius), (new_x, new_y, new_radius) = ends
    before, after = inside(x, y, 1.15 * radius + 6), inside(new_x, new_y, 1.15 * new_radius + 6)
    assert not (lasting & ~before & ~after).any()
    if event.motion in ("circles", "spins", "blinks"):
        assert not lasting.any()
        assert any(changed(frames[first], frame).any() for frame in frames[first:last])
    elif event.motion == "grows":
        assert (lasting & ~inside(x, y, radius)).any()
    else:
        assert (lasting & before).any()
    if event.motion in MOTIONS[:4]:
        assert (lasting & after).any()
        across, down = (new_x - x) / (WIDTH_PX / 2), (new_y - y) / (HEIGHT_PX / 2)
        wanted = {"left": across < -0.15, "right": across > 0.15, "up": down < -0.2, "down": down > 0.2}
        assert wanted[event.motion]
        assert 0 < new_x < WIDTH_PX / 2
        assert 0 < new_y < HEIGHT_PX / 2


def test_film_begins_as_the_picture_and_decodes() -> None:
    for scene in QUIET[:6]:
        content = render_mp4(scene)
        assert content == render_mp4(scene)
        facts = probe(content)
        assert (facts.kind, facts.width, facts.height, facts.fps, facts.has_audio) == ("video", 160, 120, 8.0, False)
        assert facts.duration_s == pytest.approx(scene.film.duration_s, abs=0.01)
        picture = Image.open(io.BytesIO(render_jpeg(scene))).reduce(2)
        with av.open(io.BytesIO(content)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == scene.film.duration_s * 8
        assert np.abs(frames[0].astype(int) - np.asarray(picture)).mean() < 6


def test_every_film_has_an_event_and_no_two_alike() -> None:
    for scene in SCENES:
        events = [(event.thing, event.motion) for event in scene.film.events]
        assert 1 <= len(events) == len(set(events)) <= 3
        assert 2.0 <= scene.film.duration_s <= 4.0 or len(events) == 1
        for place, (number, motion) in enumerate(events):
            assert motion != "disappears" or number not in [later for later, _ in events[place + 1 :]]


def test_unseen_combinations_split_films_and_windows() -> None:
    acts: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    paces: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for scene in SCENES:
        is_train = scene.split == "train"
        acts[is_train] |= {(event.motion, scene.things[event.thing].kind) for event in scene.film.events}
        paces[is_train] |= {(span.activity, span.pace) for span in scene.activities if span.activity != "stand"}
    for told, firsts, seconds in ((acts, MOTIONS, KINDS), (paces, ACTIVITIES[1:], PACES)):
        assert not told[True] & told[False]
        assert {first for first, _ in told[True]} == set(firsts)
        assert {second for _, second in told[True]} == set(seconds)
        assert len(told[False]) >= 8


def windows() -> dict[tuple[str, str], list[NDArray[np.float64]]]:
    """Readings of each activity at each pace, without the ends where it swells and ebbs."""
    by_name: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
    for scene in SCENES[:150]:
        window = readings(scene)
        for span in scene.activities:
            cut = window[round(200 * span.start_s) + 50 : round(200 * span.end_s) - 50]
            by_name[span.activity, span.pace].append(cut)
    return by_name


def test_windows_record_gravity_turns_and_rhythms() -> None:
    by_name = windows()
    assert {activity for activity, _ in by_name} == set(ACTIVITIES)
    spread: dict[str, list[float]] = defaultdict(list)
    for (activity, pace), cuts in by_name.items():
        factor = {"slow": 0.7, "steady": 1.0, "fast": 1.4}[pace]
        for cut in cuts:
            spread[activity].append(float(cut[:, 2].std()))
            if activity in ("stand", "turn left", "turn right"):
                assert cut[:, :3].mean(axis=0) == pytest.approx([0, 0, 9.81], abs=1.0)
            turned = cut[:, 5].mean()
            expected = {"turn left": 0.9 * factor, "turn right": -0.9 * factor}.get(activity, 0.0)
            assert turned == pytest.approx(expected, abs=0.1 if expected else 0.5)
            steps_hz = {"walk": 1.8, "run": 2.7, "climb stairs": 1.3, "nod": 1.0, "shake the head": 1.2}
            axis = {"nod": 4, "shake the head": 5}.get(activity, 2)
            if activity in steps_hz:
                assert loudest_hz(cut[:, axis]) == pytest.approx(steps_hz[activity] * factor, abs=0.35)
            lightest = np.convolve(np.linalg.norm(cut[:, :3], axis=1), np.ones(10) / 10, "valid").min()
            assert (lightest < 3) == (activity in ("jump", "run")) or activity == "run"
    order = ("stand", "nod", "walk", "run")
    assert [np.mean(spread[one]) for one in order] == sorted(np.mean(spread[one]) for one in order)


def loudest_hz(signal: NDArray[np.float64]) -> float:
    """The strongest frequency of a signal of 200 readings a second."""
    padded = np.abs(np.fft.rfft(signal - signal.mean(), 4096))
    return float(np.fft.rfftfreq(4096, 1 / 200)[padded.argmax()])


def test_windows_are_what_shards_take() -> None:
    for scene in SCENES[:5]:
        content = render_imu(scene)
        stated = {"rate_hz": IMU_FACTS["rate_hz"], "axes": IMU_FACTS["axes"], "units": IMU_FACTS["units"]}
        part = imu_part(content, **stated, member="a.npy", sha256="0")  # type: ignore[arg-type]
        assert (part.duration_s, part.rate_hz, len(part.axes)) == (5.0, 200.0, 6)
        array = np.load(io.BytesIO(content), allow_pickle=False)
        assert array.shape == (1000, 6)
        assert array.dtype == np.dtype("<f4")
        assert np.isfinite(array).all()
        spans = [(span.start_s, span.end_s) for span in scene.activities]
        assert spans[0][0] == 0.0
        assert spans[-1][1] == 5.0
        assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))
