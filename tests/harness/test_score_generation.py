"""`score fid|fvd|fad|kid|prc|is|kl|clap|clipsim`: files in, results out; hostile files, protocols that never mix."""

import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from evals.errors import EvalsError
from evals.harness.generation import GenerationMetric, generation, read_features
from model_adapter.embedders.world import SHIPPED
from shards.errors import AnymodalError, UsageError
from tests.factories import png, wav

RNG = np.random.default_rng(0)
ARRAYS = {
    "generated": RNG.standard_normal((1200, 6)).astype(np.float32) * 1.5,
    "real": RNG.standard_normal((1100, 6)).astype(np.float32),
    "frames": RNG.standard_normal((50, 4, 6)),
    "paired": RNG.standard_normal((50, 6)),
    "texts": RNG.standard_normal((50, 6)).astype(np.float16),
}
PAIRS: dict[GenerationMetric, tuple[str, str]] = {
    **dict.fromkeys(("fid", "fvd", "fad", "kid", "prc"), ("generated", "real")),
    "is": ("generated", ""),
    "kl": ("paired", "texts"),
    "clap": ("paired", "texts"),
    "clipsim": ("frames", "texts"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    for name, array in ARRAYS.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anymodal", "score", *map(str, arguments)]
    plain = {"COLUMNS": "100", "NO_COLOR": "1", "PYTHONWARNINGS": "error"}
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | plain, check=False)


@pytest.mark.parametrize("metric", PAIRS)
def test_the_fixed_spelling_gives_the_houses_result(files: Path, metric: GenerationMetric) -> None:
    first, second = PAIRS[metric]
    options: list[str | Path] = ["--generated", files / f"{first}.npy", "--embedder", "features", "--json"]
    options += ["--real", files / f"{second}.npy"] if second else []
    done = run(metric, *options)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"schema", "protocol", "protocol_id", "bounds", "metrics"} <= result.keys()
    assert (result["n"], result["unscored"]) == (len(ARRAYS[first]), {})
    assert result["unit"] == ("fraction" if metric == "prc" else "raw")
    assert result["higher_is_better"] == (metric in ("prc", "is", "clap", "clipsim"))
    assert result["interval"]["low"] <= result["value"] <= result["interval"]["high"]
    assert result["metrics"][result["metric"]]["value"] == result["value"]
    assert "features" in result["protocol"]
    assert ("small_n" in result["interval"]["note"]) == (metric in ("fid", "fvd", "kl", "clap", "clipsim"))


def test_values_of_features_are_those_of_the_arrays(files: Path) -> None:
    x, y = (ARRAYS[name].astype(np.float64) for name in ("generated", "real"))
    first, second = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(first @ second)).real.sum()
    expected = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * roots
    result = generation("fid", files / "generated.npy", files / "real.npy").result
    assert result.value == pytest.approx(expected, rel=1e-9)
    assert (result.metric, result.protocol) == ("fid", "frechet@features")
    extrapolated = result.metrics["frechet_extrapolated"].value
    assert extrapolated is not None
    assert 0 < expected - extrapolated < 0.2


def test_kl_of_logits_is_scipys(files: Path, tmp_path: Path) -> None:
    p, q = (softmax(ARRAYS[name].astype(np.float64), axis=1) for name in ("paired", "texts"))
    rows = tmp_path / "rows.jsonl"
    given = ["--generated", files / "paired.npy", "--real", files / "texts.npy", "--per-sample", rows, "--json"]
    done = run("kl", *given)
    result = json.loads(done.stdout)
    assert result["value"] == pytest.approx(entropy(q, p, axis=1).mean(), abs=1e-4)  # 1e-6 is added to p
    assert result["value"] != pytest.approx(entropy(p, q, axis=1).mean(), abs=1e-2)
    assert (result["metric"], result["protocol"]) == ("tagger_kl", "tagger_kl@features")
    assert [json.loads(line)["id"] for line in rows.read_text().splitlines()] == [str(item) for item in range(50)]
    assert "frechet_extrapolated" not in done.stderr


def test_protocol_ids_part_what_differs(files: Path, tmp_path: Path) -> None:
    x, y = ARRAYS["generated"], ARRAYS["real"]
    for name, array in {"other": x * 2, "fewer": x[1:], "real2": y + 1, "wide": x.astype(np.float64)}.items():
        np.save(tmp_path / f"{name}.npy", array)

    def protocol_id(metric: GenerationMetric, generated: Path, real: Path, **settings: Any) -> str:
        return generation(metric, generated, real, **settings).result.protocol_id

    given, real = files / "generated.npy", files / "real.npy"
    same = protocol_id("fid", given, real)
    assert protocol_id("fid", tmp_path / "other.npy", real) == same
    ids = [
        same,
        protocol_id("fid", tmp_path / "fewer.npy", real),
        protocol_id("fid", given, tmp_path / "real2.npy"),
        protocol_id("fvd", given, real),
        protocol_id("kid", given, real),
        protocol_id("kid", given, real, subset_size=100),
    ]
    assert len(set(ids)) == len(ids)


def npy(header: str, body: bytes = bytes(64)) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body


HOSTILE = {
    "claims 10 GB": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1250)}\n"),
    "claims 2^124": npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904)}\n"
    ),
    "negative": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 8)}\n"),
    "a bool": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (True, 8)}\n"),
    "pickled": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1, 8)}\n"),
    "no rows": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 8)}\n", b""),
    "no columns": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (8, 0)}\n", b""),
    "flat": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (8,)}\n"),
    "integers": npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1, 8)}\n"),
    "records": npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2, 4)}\n"),
    "no end": npy("{'descr': ((((\n"),
    "long": npy("{'descr': '<f8'," + " " * 20_000 + "'fortran_order': False, 'shape': (1, 8)}\n"),
    "header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
    "cut": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 8)}\n"),
    "zip": b"PK\x03\x04" + bytes(60),
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(EvalsError, match=r"x\.npy: expected an \.npy file of float16, float32 or float64"):
        read_features(path)


def test_absent_files_folders_and_unknown_embedders_are_told(files: Path, tmp_path: Path) -> None:
    for absent in (tmp_path / "no.npy", tmp_path):
        with pytest.raises(EvalsError, match=r"found (a folder|no such file)"):
            generation("fid", absent, files / "real.npy")
    with pytest.raises(UsageError, match=r"features or world-joint .*for fid, found 'unknown'"):
        generation("fid", tmp_path, tmp_path, embedder="unknown")
    with pytest.raises(UsageError, match=r"expected features or world-joint or clap or clap-music for clap"):
        generation("clap", tmp_path, tmp_path, embedder="world-tags")
    done = run("fid", "--generated", tmp_path, "--real", tmp_path, "--embedder", "nothing")
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)


@pytest.mark.parametrize("metric", ["fid", "kid", "prc"])
def test_rows_that_are_not_finite_are_counted(files: Path, tmp_path: Path, metric: GenerationMetric) -> None:
    broken = ARRAYS["generated"].copy()
    broken[[0, 5], 2] = np.nan, np.inf
    np.save(tmp_path / "broken.npy", broken)
    np.save(tmp_path / "clean.npy", np.delete(broken, [0, 5], axis=0))
    result = generation(metric, tmp_path / "broken.npy", files / "real.npy").result
    assert (result.n, result.unscored) == (1200, {"not_finite": 2})
    clean = generation(metric, tmp_path / "clean.npy", files / "real.npy").result
    assert result.value == pytest.approx(clean.value, rel=1e-9)
    with pytest.raises(EvalsError, match="2 not_finite"):
        generation(metric, files / "real.npy", tmp_path / "broken.npy")


def test_media_come_from_folders_and_tars_and_broken_ones_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(png(colour=f"#{40 * number:02x}4080"))
    (folder / "captions.csv").write_text("no picture")
    archive = tmp_path / "pictures.tar"
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    both = generation("fid", folder, archive, embedder="world-joint")
    assert both.result.value == pytest.approx(0, abs=1e-9)
    sha256 = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert (both.result.protocol, both.result.n) == (f"frechet@world-joint-{sha256[:12]}", 6)
    (folder / "cut.png").write_bytes((folder / "1.png").read_bytes()[:50])
    (folder / "empty.jpg").write_bytes(b"")
    with (folder / "large.png").open("wb") as file:
        file.write((folder / "1.png").read_bytes())
        file.truncate(10 * 2**30)  # a file of holes: 10 GB that nobody may read
    broken = generation("fid", folder, archive, embedder="world-joint").result
    assert (broken.n, broken.unscored) == (9, {"unreadable_media": 3})
    assert broken.value == pytest.approx(0, abs=1e-9)
    with pytest.raises(EvalsError, match="a folder or tar of video files"):
        generation("fvd", folder, archive, embedder="world-joint")
    archive.write_bytes(archive.read_bytes()[:700])
    with pytest.raises(AnymodalError, match=r"pictures\.tar"):
        generation("fid", folder, archive, embedder="world-joint")


def pictures(folder: Path, n: int = 6) -> Path:
    folder.mkdir()
    for number in range(n):
        (folder / f"{number}.png").write_bytes(png(20, 30, f"#{40 * number:02x}4080"))
    return folder


def unscored(generated: Path, real: Path) -> tuple[int, dict[str, int]]:
    result = generation("fid", generated, real, embedder="world-joint").result
    assert result.value == pytest.approx(0, abs=1e-9)
    return result.n, dict(result.unscored)


def test_files_that_should_be_media_are_never_left_out(tmp_path: Path) -> None:
    folder, real = pictures(tmp_path / "made"), pictures(tmp_path / "real")
    for name, form in {"a.bmp": "BMP", "b.TIFF": "TIFF"}.items():
        PIL.Image.new("RGB", (20, 30)).save(folder / name, form)
    (folder / "sound.png").write_bytes(wav())
    (folder / "picture.txt").write_bytes((real / "0.png").read_bytes())
    (folder / "notes.txt").write_text("no picture")
    (real / "0b.png").write_bytes((real / "0.png").read_bytes())  # so that both sides hold the first one twice
    assert unscored(folder, real) == (10, {"unreadable_media": 3})
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "x.avi").write_bytes(b"RIFF\0\0\0\0AVI LIST")
    with pytest.raises(EvalsError, match="of video files, found 1 unreadable ones"):
        generation("fvd", tmp_path / "films", real, embedder="world-joint")


def test_tars_of_any_dialect(tmp_path: Path) -> None:
    folder, real = pictures(tmp_path / "pictures"), pictures(tmp_path / "real")
    (folder / "5.png").rename(folder / f"{'é' * 60}.png")
    (folder / "deep").mkdir()
    (folder / "folder.png").mkdir()
    (folder / "4.png").rename(folder / "deep" / f"{'long' * 40}.png")
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "plain.tar", "w", format=form) as archive:
            archive.add(folder, "./pictures")
        assert unscored(tmp_path / "plain.tar", real) == (6, {})


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
def test_links_and_sparse_files_in_tars_are_counted(tmp_path: Path) -> None:
    folder, real = pictures(tmp_path / "pictures"), pictures(tmp_path / "real")
    (folder / "link.png").symlink_to(folder / "0.png")
    (folder / "twin.png").hardlink_to(folder / "1.png")
    with (folder / "1sparse.png").open("wb") as file:  # a picture, and what follows it in the tar is not its own
        file.write((folder / "1.png").read_bytes())
        file.truncate(8192)
    for options in ("--format=gnu", "--format=posix"):
        command = ["tar", "-c", "-S", "--sort=name", options, "-f", "links.tar", "-C", str(tmp_path), "pictures"]
        subprocess.run(command, cwd=tmp_path, check=True)
        assert unscored(tmp_path / "links.tar", real) == (9, {"unreadable_media": 3})


def test_names_in_tars_of_the_folder_itself_are_those_in_the_folder(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures")
    with tarfile.open(tmp_path / "dot.tar", "w") as archive:
        archive.add(folder, ".")
    (tmp_path / "texts.csv").write_text("file,caption\n" + "".join(f"{n}.png,a red dog\n" for n in range(6)))
    for made in ("pictures", "dot.tar"):
        found = generation("clipscore", tmp_path / made, tmp_path / "texts.csv", embedder="world-joint").result
        assert (found.n, found.unscored) == (6, {})


def stating(archive: bytes, size: bytes) -> bytes:
    """The archive with another size in its second member's header, under a right checksum."""
    second = 512 * (1 + (int(archive[124:135], 8) + 511) // 512)
    block = bytearray(archive[second : second + 512])
    block[124:136], block[148:156] = size, b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return archive[:second] + bytes(block) + archive[second + 512 :]


BROKEN_TARS = {
    "compressed": gzip.compress,
    "cut in a member": lambda archive: archive[: 512 * 3],
    "cut between members": lambda archive: archive[: archive.rindex(b"5.png")],
    "a header of noise": lambda archive: archive.replace(b"3.png", b"x.png"),
    "claims 8 GiB": lambda archive: stating(archive, b"77777777777\0"),
    "claims 2^80": lambda archive: stating(archive, b"\x80" + bytes(1) + b"\1" + bytes(9)),
    "goes back": lambda archive: stating(archive, b"\xff" * 10 + b"\xf8\0"),
    "features": lambda archive: npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 8)}\n"),
    "empty": lambda archive: b"",
}


@pytest.mark.parametrize("name", BROKEN_TARS)
def test_broken_tars_are_refused(tmp_path: Path, name: str) -> None:
    folder, path = pictures(tmp_path / "pictures"), tmp_path / "broken.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for one in sorted(folder.iterdir()):
            archive.add(one, one.name)
    path.write_bytes(BROKEN_TARS[name](path.read_bytes()))
    with pytest.raises(
        EvalsError, match=r"broken\.tar: expected a folder, or a whole tar .* that is not compressed"
    ) as told:
        generation("fid", path, folder, embedder="world-joint")
    assert "rebuild" not in str(told.value)


def test_the_inception_score_takes_the_spelling_of_all(files: Path) -> None:
    plain = run("is", "--generated", files / "generated.npy", "--json")
    done = run(
        "is", "--generated", files / "generated.npy", "--real", files / "real.npy", "--embedder", "features", "--json"
    )
    assert (done.returncode, done.stdout) == (0, plain.stdout)
    assert done.stderr == "is: --real is ignored, as this score has no reference\n"
    assert plain.stderr == ""


def test_options_that_cannot_be_are_usage_errors(files: Path, tmp_path: Path) -> None:
    given = ["--generated", files / "generated.npy", "--real", files / "real.npy"]
    for options in (("--subsets", "0"), ("--subsets", "-1"), ("--subset-size", "1"), ("--cache", files / "real.npy")):
        done = run("kid", *given, *options)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
        assert options[0] in done.stderr
    made = pictures(tmp_path / "made")
    done = run("fid", "--generated", made, "--real", made, "--embedder", "world-joint", "--json")
    assert json.loads(done.stdout)["protocol"].startswith("frechet@world-joint-")
    assert "world-joint: sha256:" in done.stderr
    assert "generated n=6; real n=6; real sha256=" in done.stderr
