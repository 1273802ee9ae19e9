"""Metrics of made media by networks whose features are known, so that each value has a closed form."""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from anymodal.app import call
from evals.benchmarks import Item, Task, media_scores
from evals.benchmarks.item import Workspace
from evals.benchmarks.made_media import MadeMedia, RealMedium, data_uri, told
from evals.benchmarks.media_scores import JUDGES, MediaScores, frames_of, open_panel, score_media
from evals.errors import EvalsError
from evals.harness.runner import EvalSettings, evaluate
from evals.results import RunFolder, Unscored
from model_adapter import ReplayAdapter, text_generation
from model_adapter.decoding import decode_audio, decode_image, decode_video
from model_adapter.embedders import Embedder
from model_adapter.errors import ShortMediumError
from reports.comparison import compare
from reports.pairing import by_metric
from shards.draft import HeldBytes
from shards.errors import MediaError, UndecidedError, UsageError
from shards.media import MediaKind
from shards.sample import References
from tests.factories import mp4, png, wav

SHA = "0123456789ab" + "0" * 52
Features = Callable[[bytes], np.ndarray]
Seen = Counter[tuple[str, str, bytes]]


def stub(name: str, features: Mapping[str, Features], seen: Seen, *, sha256: str = SHA) -> Embedder:
    """An embedder that computes rows while it prepares, and counts what it is shown."""

    def prepare(kind: str) -> Features:
        def prepared(content: bytes) -> np.ndarray:
            seen[name, kind, content] += 1
            return features[kind](content)

        return prepared

    weights = f"sha256:{sha256} pinned at first use"
    ways = {kind: prepare(kind) for kind in features}
    by_window = frozenset({"video", "audio"}) if name in ("clip-b32", "vggish") else frozenset()
    return Embedder(
        name=name, weights=weights, preprocessing="stub@1", prepare=ways, run=lambda _, rows: rows, by_window=by_window
    )


def opened(monkeypatch: pytest.MonkeyPatch, *embedders: Embedder) -> None:
    """As if these were all networks whose weights are here."""
    known = {one.name: one for one in embedders}

    def open_known(name: str) -> Embedder:
        if name not in known:
            raise UsageError(f"weights of {name}", expected="a file", found="none", remedy=f"fetch {name}")
        return known[name]

    monkeypatch.setattr(media_scores, "open_embedder", open_known)


def red(content: bytes) -> np.ndarray:
    """How red a picture of one colour is, [1, 1]."""
    return np.array([[decode_image(content, side_px=1)[0, 0, 0] / 255]])


def red_or_nan(content: bytes) -> np.ndarray:
    return np.where(red(content) > 0, red(content), np.nan)


def angle(content: bytes) -> np.ndarray:
    """A unit vector at as many degrees as the picture's red, [1, 2]."""
    turn = math.radians(float(red(content)[0, 0]) * 255)
    return np.array([[math.cos(turn), math.sin(turn)]])


def word_angle(content: bytes) -> np.ndarray:
    """A unit vector at the degrees that the text ends with, [1, 2]."""
    turn = math.radians(float(content.split()[-1]))
    return np.array([[math.cos(turn), math.sin(turn)]])


def level(content: bytes) -> float:
    return round(float(decode_audio(content).samples[0]) * 32768)


def picture(red_of_255: int) -> bytes:
    return png(colour=f"#{red_of_255:02x}0000")


def real(kind: MediaKind, content: bytes, caption: str = "0") -> RealMedium:
    return RealMedium(kind, HeldBytes(content), caption, False)


def scored(
    kind: MediaKind, asked: Sequence[RealMedium], made: Sequence[bytes | Unscored], *, cache: Path | None = None
) -> MediaScores:
    with tempfile.TemporaryDirectory() as folder:
        panel = open_panel([one for one in JUDGES if one.kind == kind], asked, Workspace(Path(folder), cache))
        kept = MadeMedia(Path(folder))
        answers = [
            one if isinstance(one, Unscored) else told(kept.keep(text_generation(data_uri(one, kind)))) for one in made
        ]
        return score_media(panel, asked, answers, seed=0)


def test_pictures_get_fid_and_clipscore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: Seen = Counter()
    inception = stub("inception", {"image": red}, seen)
    opened(monkeypatch, inception, stub("clip-b32", {"image": angle, "text": word_angle}, seen))
    asked = [real("image", picture(shade), f"a tone of {degrees}") for shade, degrees in ((0, 0), (60, 60), (90, 0))]
    made = [picture(30), picture(60), picture(180), Unscored("refusal"), b"no picture"]
    asked += [real("image", picture(200)), real("image", picture(250))]
    found = scored("image", asked, made, cache=tmp_path / "kept")
    # In one dimension the distance is (m1 - m2)^2 + (s1 - s2)^2.
    two = np.array([30, 60, 180]) / 255, np.array([0, 60, 90, 200, 250]) / 255
    expected = (two[0].mean() - two[1].mean()) ** 2 + (two[0].std(ddof=1) - two[1].std(ddof=1)) ** 2
    fid, clipscore = found.metrics["fid"], found.metrics["clipscore"]
    assert fid.value == pytest.approx(expected, rel=1e-9)
    assert (fid.protocol, fid.higher_is_better) == ("frechet@inception-0123456789ab", False)
    # Cosines of 30, 0 and 180 degrees; the negative one counts 0.
    assert clipscore.value == pytest.approx(2.5 * (math.cos(math.radians(30)) + 1) / 3)
    assert (clipscore.protocol, clipscore.higher_is_better) == ("clipscore@hessel2021/clip-b32-0123456789ab", True)
    for metric in found.metrics.values():
        assert (metric.n, metric.unscored) == (5, {"refusal": 1, "unreadable_media": 1})
    assert found.reasons == [None, None, None, "refusal", "unreadable_media"]
    assert [one.get("clipscore") for one in found.values] == pytest.approx(
        [2.5 * math.cos(math.radians(30)), 2.5, 0.0, None, None]
    )
    assert ("clip-b32", "text", b"A photo depicts a tone of 60") in seen
    assert max(seen.values()) == 2  # picture(60) is real and made; nothing else is seen twice
    before = seen.total()
    assert scored("image", asked, made, cache=tmp_path / "kept") == found
    assert seen.total() == before + 2  # what cannot be decoded is tried again by both networks


def test_sounds_get_fad_fd_kl_inception_score_and_clap(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Seen = Counter()

    def seconds(content: bytes) -> np.ndarray:
        if level(content) == 999:
            raise ShortMediumError("sound", expected="a second", found="less")
        return np.array([[level(content)], [level(content) + 2.0]])

    def logits(content: bytes) -> np.ndarray:
        return np.array([[50.0, 0.0] if level(content) % 2 else [0.0, 50.0]])

    opened(
        monkeypatch,
        stub("vggish", {"audio": seconds}, seen),
        stub("panns", {"audio": lambda content: np.array([[10.0 * level(content)]])}, seen),
        stub("panns-logits", {"audio": logits}, seen),
        stub("clap", {"audio": lambda content: np.array([[0.0, 1.0]]), "text": word_angle}, seen),
    )
    asked = [real("audio", wav(level=number + 100), "30") for number in range(20)]
    made = [wav(level=number) for number in range(19)] + [wav(level=999)]
    found = scored("audio", asked, made)
    values = {name: metric.value for name, metric in found.metrics.items()}

    def distance(one: np.ndarray, other: np.ndarray) -> float:
        return float((one.mean() - other.mean()) ** 2 + (one.std(ddof=1) - other.std(ddof=1)) ** 2)

    levels = np.array([*range(19), 999.0])
    windows = np.concatenate([[n, n + 2.0] for n in range(19)]), np.concatenate([[n, n + 2.0] for n in range(100, 120)])
    assert values["fad"] == pytest.approx(distance(*windows), rel=1e-9)
    assert found.metrics["fad"].unscored == {"too_short": 1}
    assert found.metrics["fad"].n == 20
    assert values["fd"] == pytest.approx(distance(10 * levels, 10 * np.arange(100.0, 120.0)), rel=1e-9)
    # Real and made are of one class but for the last: q ln(q / (p + 1e-6)) of equal and of opposite certainties.
    same, other = -math.log(1 + 1e-6), -math.log(math.exp(-50) + 1e-6)
    assert (100 + 19) % 2 == 999 % 2
    assert values["kl"] == pytest.approx(same, abs=1e-9)
    swapped = scored("audio", asked, [*made[:-1], wav(level=998)])
    assert swapped.metrics["kl"].value == pytest.approx((19 * same + other) / 20, rel=1e-6)
    # Two items a split: 2 where their classes differ, 1 where they agree.
    order = np.random.RandomState(2020).permutation(20).reshape(10, 2)
    odd = levels.astype(int)[order] % 2
    assert values["inception_score"] == pytest.approx(np.mean(1 + (odd[:, 0] != odd[:, 1])), rel=1e-6)
    assert values["clap"] == pytest.approx(0.5)  # 90 against 30 degrees
    assert max(count for (name, _, _), count in seen.items() if name == "panns-logits") == 2  # once a scoring
    assert {name: metric.protocol for name, metric in found.metrics.items() if name in ("fd", "kl", "clap")} == {
        "fd": "frechet@panns-0123456789ab",
        "kl": "tagger_kl@panns-logits-0123456789ab",
        "clap": "clap@mean/clap-0123456789ab",
    }


def test_films_get_fvd_clipsim_and_the_fid_of_their_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Seen = Counter()

    def frames(content: bytes) -> np.ndarray:
        return np.array([[1.0, 0.0], [0.0, 1.0]])

    opened(
        monkeypatch,
        stub("i3d", {"video": lambda content: np.array([[float(len(content) % 7)]])}, seen),
        stub("clip-b32", {"video": frames, "text": word_angle}, seen),
        stub("inception", {"image": lambda content: red(content) * 255}, seen),
    )
    films = [mp4(np.full((16, 16, 16, 3), shade, dtype=np.uint8)) for shade in (40, 80, 120, 160)]
    asked = [real("video", film, "60") for film in films[:2]]
    found = scored("video", asked, films[2:])
    tones = [[decode_video(film, side_px=None)[0, 0, 0, 0]] * 8 for film in films]
    apart = np.concatenate(tones[2:]), np.concatenate(tones[:2])
    expected = (apart[0].mean() - apart[1].mean()) ** 2 + (apart[0].std(ddof=1) - apart[1].std(ddof=1)) ** 2
    assert found.metrics["fid"].value == pytest.approx(expected, rel=1e-3)
    assert found.metrics["fid"].protocol == "frechet@8-frames/inception-0123456789ab"
    assert found.metrics["fid"].n == 2
    # The mean of cosines of 60 and of 30 degrees, not the cosine of a mean frame (45 degrees off, cos 15).
    assert found.metrics["clipsim"].value == pytest.approx((0.5 + math.sqrt(3) / 2) / 2)
    assert {"fvd", "fvd_extrapolated", "clipsim", "fid", "fid_extrapolated"} == set(found.metrics)
    broken = scored("video", asked, [films[2], films[3][:200]])
    assert broken.metrics["fid"].unscored == {"unreadable_media": 1}
    assert broken.reasons == [None, None]  # those of the first metric, whose network takes any bytes here


def test_frames_are_the_middles_of_eight_parts() -> None:
    film = mp4(
        np.repeat(np.arange(24, dtype=np.uint8)[:, None, None, None] * 10, 3, axis=3).repeat(32, 1).repeat(32, 2)
    )
    shown = [float(decode_image(one, side_px=1)[0, 0, 0]) for one in frames_of(film)]
    assert shown == pytest.approx([10 * number for number in range(1, 24, 3)], abs=6)


def test_without_weights_a_metric_has_no_value_and_all_items_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, stub("inception", {"image": red}, Counter()))
    asked = [real("image", picture(shade)) for shade in (0, 60, 90)]
    found = scored("image", asked, [picture(30), picture(60), Unscored("refusal")])
    assert found.metrics["fid"].value is not None
    clipscore = found.metrics["clipscore"]
    assert (clipscore.value, clipscore.n, clipscore.unscored) == (None, 3, {"no_weights": 3})
    assert (clipscore.protocol, clipscore.higher_is_better) == ("clipscore@hessel2021/clip-b32", True)
    notes: list[str] = []
    film = real("video", mp4(np.zeros((16, 16, 16, 3), dtype=np.uint8)))
    panel = open_panel([one for one in JUDGES if one.kind == "video"], [film], Workspace(note=notes.append))
    assert [note.partition(":")[0] for note in notes] == ["no value for fvd", "no value for clipsim"]
    assert list(panel.identities) == ["inception"]


def test_notes_name_the_command_that_fetches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    notes: list[str] = []
    judges = [one for one in JUDGES if one.metric == "clipscore"]
    open_panel(judges, [real("image", png())], Workspace(note=notes.append))
    (note,) = notes
    assert note.startswith("no value for clipscore: weights of clip-b32")
    assert "anymodal weights fetch clip-b32" in note


def test_too_few_made_media_give_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, stub("inception", {"image": red}, Counter()))
    asked = [real("image", picture(shade)) for shade in (0, 60)]
    found = scored("image", asked, [picture(30), Unscored("refusal")]).metrics["fid"]
    assert (found.value, found.n, found.unscored) == (None, 2, {"refusal": 1, "too_few_items": 1})


def test_rows_that_are_not_finite_are_counted_and_a_broken_reference_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(monkeypatch, stub("inception", {"image": red_or_nan}, Counter()))
    asked = [real("image", picture(shade)) for shade in (30, 60, 90)]
    found = scored("image", asked, [picture(0), picture(60), picture(90)])
    assert found.metrics["fid"].unscored == {"not_finite": 1}
    none = scored("image", asked, [picture(0)] * 3).metrics["fid"]
    assert (none.value, none.unscored) == (None, {"not_finite": 3})
    with pytest.raises(EvalsError, match="a readable image of the reference set"):
        scored("image", [*asked[:2], real("image", b"gone")], [picture(30)] * 3)


def made_run(
    folder: Path, tilt: int, sha256: str, monkeypatch: pytest.MonkeyPatch, *, missing: int = 0, n: int = 120
) -> RunFolder:
    """A run whose pictures are `tilt` degrees off, by a clip of these weights; the first ones may be missing."""
    clip = stub("clip-b32", {"image": angle, "text": word_angle}, Counter(), sha256=sha256)
    opened(monkeypatch, stub("inception", {"image": red}, Counter()), clip)
    items = [
        Item(
            id=str(number),
            cluster=str(number),
            text=str(number),
            media=(),
            truth=References((str(number),)),
            official=real("image", picture(number), str(number)),
        )
        for number in range(n)
    ]
    answers = {
        item.id: data_uri(picture(int(item.id) + tilt + (int(item.id) % 3 if tilt else 0))) for item in items[missing:]
    }
    settings = EvalSettings(data=folder)
    return evaluate(Task("coco_t2i"), ReplayAdapter(answers), items, model=folder.name, out=folder, settings=settings)


def test_two_models_clipscores_are_compared_item_by_item(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    near, far = (made_run(tmp_path / str(tilt), tilt, SHA, monkeypatch) for tilt in (10, 20))
    found = compare(by_metric(near, "clipscore"), by_metric(far, "clipscore"))
    cosines = [[math.cos(math.radians(tilt + number % 3)) for number in range(120)] for tilt in (10, 20)]
    assert found.difference.method == "paired"
    assert found.difference.value == pytest.approx(2.5 * (np.mean(cosines[1]) - np.mean(cosines[0])))
    assert found.is_worse
    assert (found.n_better, found.n_worse) == (0, 120)
    assert compare(near, far).difference.method == "unpaired"  # sets have no items
    exact = made_run(tmp_path / "exact", 0, SHA, monkeypatch)
    assert exact.result.value == pytest.approx(0, abs=1e-12)  # which is the mean of items that have no value
    assert compare(exact, exact).difference.method == "unpaired"
    with pytest.raises(UsageError, match=r"one of fid, fid_extrapolated, clipscore, found clap"):
        by_metric(near, "clap")


def test_items_without_a_picture_are_left_out_of_the_mean_that_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, part = (made_run(tmp_path / str(gone), 10, SHA, monkeypatch, missing=gone) for gone in (0, 30))
    found = compare(by_metric(whole, "clipscore"), by_metric(part, "clipscore"))
    assert (found.difference.method, found.difference.value) == ("paired", pytest.approx(0, abs=1e-12))
    assert part.result.metrics["clipscore"].unscored == {"missing": 30}


def test_numbers_of_other_weights_do_not_meet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, other = (made_run(tmp_path / sha[0], 10, sha, monkeypatch) for sha in (SHA, SHA[::-1]))
    for sides in ((one, other), (by_metric(one, "clipscore"), by_metric(other, "clipscore"))):
        with pytest.raises(UndecidedError, match=r"networks\.clip-b32: 'sha256:0123"):
            compare(*sides)
    assert compare(by_metric(one, "fid"), by_metric(other, "fid")).difference.value == 0  # of one network


@pytest.mark.parametrize(("tilt", "code"), [(10, 0), (40, 1)])
def test_the_gate_decides_on_another_metric(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], tilt: int, code: int
) -> None:
    for name, degrees in (("before", 10), ("after", tilt)):
        made_run(tmp_path / name, degrees, SHA, monkeypatch)
    with pytest.raises(SystemExit) as stopped:
        call(["gate", str(tmp_path / "before"), str(tmp_path / "after"), "--metric", "clipscore"])
    assert stopped.value.code == code
    assert "coco_t2i" in capsys.readouterr().out


def test_too_few_items_for_the_published_protocol_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened(monkeypatch, stub("inception", {"image": red}, Counter()))
    notes: list[str] = []
    item = Item(id="1", cluster="1", text="0", media=(), truth=References(("0",)), official=real("image", picture(1)))
    settings = EvalSettings(data=tmp_path, note=notes.append)
    run = evaluate(Task("coco_t2i"), ReplayAdapter({}), [item], model="m", out=tmp_path / "run", settings=settings)
    assert notes == [
        "coco_t2i: 1 items; its published protocol asks for 30,000",
        "no value for clipscore: weights of clip-b32: expected a file, found none; fetch clip-b32",
    ]
    assert run.result.unscored == {"missing": 1}
    assert issubclass(ShortMediumError, MediaError)
