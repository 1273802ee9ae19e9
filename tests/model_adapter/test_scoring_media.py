"""Media in folders and tars through embedders to scores: streamed, cached, paired with texts, bad media counted."""

import hashlib
import io
import json
import struct
import tarfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from evals.errors import EvalsError
from evals.harness.generation import EmbedderFiles, GenerationMetric, generation
from evals.harness.media_sets import embed_media, read_captions
from model_adapter.embedders import Embedder, embed_all, open_embedder
from model_adapter.embedders.embedder import Array
from model_adapter.embedders.listening import Cnn14
from shards.draft import HeldBytes
from shards.errors import MediaError
from tests.factories import mp4, png

RNG = np.random.default_rng(0)
TEXTS = ["a red dog", "two cats, asleep", "rain", "nothing at all"]


def film(number: int) -> bytes:
    return mp4(RNG.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8) // (number + 1))


def sound(number: int) -> bytes:
    file = io.BytesIO()
    tone = np.sin(np.arange(48_000) * 0.02 * (number + 1)) / 3
    soundfile.write(file, tone, 48_000, format="FLAC")
    return file.getvalue()


MAKERS: dict[str, tuple[GenerationMetric, str, Callable[[int], bytes], str]] = {
    "clipscore": ("clipscore", "image", lambda number: png(20 + number, 20, f"#{60 * number:02x}8040"), "png"),
    "clipsim": ("clipsim", "video", film, "mp4"),
    "clap": ("clap", "audio", sound, "flac"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_pairs_of_media_and_texts_score_as_their_features(folders: Path, tmp_path: Path, name: str) -> None:
    metric, kind, make, extension = MAKERS[name]
    embedder = "clap" if name == "clap" else "clip-b32"
    media = [make(number) for number in range(4)]
    (tmp_path / "made" / "deep").mkdir(parents=True)
    names = [f"deep/{number}.{extension}" for number in range(4)]
    for file, content in zip(names, media, strict=True):
        (tmp_path / "made" / file).write_bytes(content)
    with tarfile.open(tmp_path / "made.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for file in reversed(names):
            archive.add(tmp_path / "made" / file, file)
    pairs = list(zip(names, TEXTS, strict=True))
    table = "\r\n".join(["file,caption", *(f'{file},"{text}"' for file, text in pairs)])
    (tmp_path / "texts.csv").write_bytes(b"\xef\xbb\xbf" + table.encode())  # as spreadsheets begin it
    lines = [json.dumps({"file": file, "caption": text}) for file, text in pairs]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    ours = open_embedder(embedder, folders / embedder)
    prefix = "A photo depicts " if name == "clipscore" else ""
    np.save(tmp_path / "texts.npy", np.concatenate([ours.embed("text", (prefix + text).encode()) for text in TEXTS]))
    rows = np.stack([ours.embed(kind, content) for content in media])
    np.save(tmp_path / "media.npy", rows if name == "clipsim" else rows[:, 0])
    expected = generation(metric, tmp_path / "media.npy", tmp_path / "texts.npy").result.value
    files = EmbedderFiles(folders / embedder)
    sha256 = hashlib.sha256((folders / embedder / "model.safetensors").read_bytes()).hexdigest()
    for made, texts in (("made", "texts.csv"), ("made.tar", "texts.jsonl")):
        result = generation(metric, tmp_path / made, tmp_path / texts, embedder=embedder, files=files).result
        assert result.value == pytest.approx(expected, abs=1e-6)
        assert result.protocol.endswith(f"/{embedder}-{sha256[:12]}")


def test_missing_and_broken_media_of_texts_are_counted_under_their_rows(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    for number in (0, 2, 3):
        (tmp_path / "made" / f"{number}.png").write_bytes(png(24, 24, "blue") if number != 2 else png()[:40])
    (tmp_path / "texts.csv").write_text(
        "file,caption\n" + "".join(f'{n}.png,"{text}"\n' for n, text in enumerate(TEXTS))
    )
    files = EmbedderFiles(folders / "clip-b32")
    scored = generation("clipscore", tmp_path / "made", tmp_path / "texts.csv", embedder="clip-b32", files=files)
    assert (scored.result.n, scored.result.unscored) == (4, {"missing_media": 1, "unreadable_media": 1})
    assert [row.unscored for row in scored.rows] == [None, "missing_media", "unreadable_media", None]
    with pytest.raises(EvalsError, match=r"image files that .*texts\.csv names, found none that can be read"):
        generation("clipscore", folders, tmp_path / "texts.csv", embedder="clip-b32", files=files)


def test_kl_pairs_sounds_by_their_names(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Cnn14()
    torch.save({"model": network.state_dict()}, tmp_path / "cnn14.pth")
    for folder, names in {"made": "dcb", "real": "abcd"}.items():
        (tmp_path / folder).mkdir()
        for number, name in enumerate(names):
            (tmp_path / folder / f"{name}.flac").write_bytes(sound(number) if name != "b" else sound(number)[:30])
    (tmp_path / "real" / "b.flac").write_bytes(sound(9))
    with tarfile.open(tmp_path / "real.tar", "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in "bdac":
            archive.add(tmp_path / "real" / f"{name}.flac", f"{name}.flac")
    settings = {"embedder": "panns-logits", "files": EmbedderFiles(tmp_path / "cnn14.pth")}
    scored = generation("kl", tmp_path / "made", tmp_path / "real.tar", **settings)  # type: ignore[arg-type]
    reasons = ["unreadable_media", None, "missing_media", None]
    assert [row.unscored for row in scored.rows] == reasons
    assert (scored.result.n, sum(scored.result.unscored.values())) == (4, 2)
    ours = open_embedder("panns-logits", tmp_path / "cnn14.pth")

    def posterior(folder: str, name: str) -> Array:
        logits = ours.embed("audio", (tmp_path / folder / f"{name}.flac").read_bytes())[0].astype(np.float64)
        return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()

    for row, name in ((1, "d"), (3, "c")):
        p, q = posterior("made", name), posterior("real", name)
        assert scored.rows[row].value == pytest.approx((q * np.log(q / (p + 1e-6))).sum(), abs=1e-6)
    (tmp_path / "made" / "alone.flac").write_bytes(sound(5))
    with pytest.raises(EvalsError, match=r"named as in .*real\.tar, found 1 others, such as alone\.flac"):
        generation("kl", tmp_path / "made", tmp_path / "real.tar", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b""), ("t.csv", b"file,caption\n"), ("t.csv", b"name,text\n1.png,a\n"),
        ("t.csv", b'file,caption\n"1'), ("t.csv", b"file,caption\n1.png,a, b\n"),
        ("t.jsonl", b'{"file": "1.png"}'), ("t.jsonl", b"\xff"), ("t.jsonl", b"1.png a"), ("t.npy", b"\x93NUMPY"),
    ],
)  # fmt: skip
def test_texts_that_are_none_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EvalsError, match=r"expected a \.csv with columns file,caption or a \.jsonl"):
        read_captions(tmp_path / name)


class Counting:
    """A rule for a network: a medium's bytes are its numbers, four to a window, or three."""

    def __init__(self) -> None:
        self.prepared = self.ran = self.ahead = self.most_ahead = 0
        self.lock = threading.Lock()

    def prepare(self, content: bytes) -> Array:
        with self.lock:
            self.prepared += 1
            self.ahead += 1
            self.most_ahead = max(self.most_ahead, self.ahead)
        if content.startswith(b"bad"):
            raise MediaError("medium", expected="good", found="bad")
        return np.frombuffer(content, np.uint8).astype(np.float32).reshape(-1, 3 if len(content) % 4 else 4)

    def run(self, kind: str, windows: Array) -> Array:
        self.ran += len(windows)
        return windows * 2

    def embedder(self, **settings: object) -> Embedder:
        known = {"name": "counting", "weights": "1", "preprocessing": "none@1"}
        return Embedder(**{**known, **settings}, prepare={"image": self.prepare}, run=self.run)


def test_media_pass_in_order_and_few_are_in_memory() -> None:
    counting = Counting()
    lengths = (4, 8, 6, 12, 3)
    contents = [bytes([number] * lengths[number % 5]) if number % 7 else b"bad" for number in range(120)]
    found = []
    for one in embed_all(counting.embedder(), "image", map(HeldBytes, contents), group=8):
        counting.ahead -= 1
        found.append("bad" if isinstance(one.rows, MediaError) else one.rows.tolist())
    widths = (4, 4, 3, 4, 3)
    expected = [[[2.0 * number] * widths[number % 5]] if number % 7 else "bad" for number in range(120)]
    assert found == expected
    assert counting.most_ahead <= 3 * 8


def test_windows_stay_rows_where_the_protocol_keeps_them(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(bytes(range(4 + 4 * number)))
    rows = embed_media(tmp_path, Counting().embedder(by_window=frozenset({"image"})), "image").features
    assert (rows.n, rows.array[:, 0].tolist()) == (3, [0, 0, 8, 0, 8, 16])
    assert rows.starts.tolist() == [True, True, False, True, False, False]


def test_the_cache_knows_bytes_and_embedders_and_mends_itself(tmp_path: Path) -> None:
    counting, cache = Counting(), tmp_path / "cache"
    contents = [HeldBytes(bytes([number] * 8)) for number in range(5)] + [HeldBytes(b"bad")]

    def rows(embedder: Embedder) -> list[object]:
        made = embed_all(embedder, "image", contents, cache=cache)
        return [one.rows.tolist() for one in made if not isinstance(one.rows, MediaError)]

    first = rows(counting.embedder())
    assert (counting.prepared, counting.ran) == (6, 10)
    assert rows(counting.embedder()) == first
    assert (counting.prepared, counting.ran) == (7, 10)  # only the bad one was tried again
    kept = sorted(cache.rglob("*.npy"))
    kept[0].write_bytes(kept[0].read_bytes()[:90])
    np.save(kept[1], np.zeros((2, 7), np.float32))  # another width, by another program
    assert rows(counting.embedder()) == rows(counting.embedder()) == first
    assert counting.ran == 14
    for other in ({"weights": "2"}, {"preprocessing": "none@2"}, {"name": "other"}):
        before = counting.ran
        assert rows(counting.embedder(**other)) == first
        assert counting.ran == before + 10


def test_a_note_tells_what_the_number_depends_on(folders: Path, tmp_path: Path) -> None:
    for side, n in (("made", 3), ("real", 4)):
        (tmp_path / side).mkdir()
        for number in range(n):
            (tmp_path / side / f"{number}.png").write_bytes(png(20, 30, f"#{50 * number:02x}4080"))
    files = EmbedderFiles(folders / "dinov2")
    scored = generation("fid", tmp_path / "made", tmp_path / "real", embedder="dinov2", files=files)
    sha256 = hashlib.sha256((folders / "dinov2" / "model.safetensors").read_bytes()).hexdigest()
    assert scored.result.protocol == f"frechet@dinov2-{sha256[:12]}"
    (note,) = scored.notes
    assert note.startswith(f"dinov2: sha256:{sha256} pinned at first use; squashed to 224")
    assert "; generated n=3; real n=4; real sha256=" in note
    np.save(tmp_path / "rows.npy", np.eye(4))
    assert not generation("fid", tmp_path / "rows.npy", tmp_path / "rows.npy").notes


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header states a size that its bytes do not have."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + png()[33:]


def test_bad_pictures_are_counted(folders: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    for folder in (good, bad):
        folder.mkdir()
        for number in range(5):
            (folder / f"{number}.png").write_bytes(png(20, 30, f"#{50 * number:02x}4080"))
    worst = [png()[:40], b"", b"\x89PNG", png(1, 1), png(1, 500), claiming(60_000, 60_000), claiming(20_000, 4)]
    for number, content in enumerate(worst):
        (bad / f"bad{number}.png").write_bytes(content)
    files = EmbedderFiles(folders / "clip-b32", tmp_path / "cache")
    result = generation("fid", bad, good, embedder="clip-b32", files=files).result
    assert (result.n, result.unscored) == (5 + len(worst), {"unreadable_media": len(worst)})
    assert result.value == pytest.approx(0, abs=1e-6)
    again = generation("fid", bad, good, embedder="clip-b32", files=files).result
    assert (again.value, again.protocol_id) == (result.value, result.protocol_id)
