"""The real command line, stopped in the middle of a build: by Ctrl-C, by SIGTERM, by kill -9, by a full disk."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shards.errors import WorkError
from shards.manifest import SHARDS
from shards.work.lock import LOCK, locked
from tests.factories import png
from tests.shards.words import digests

N_PICTURES = 4_100


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough pictures for several buckets; most of them one file, as in sets with several captions an image."""
    folder = tmp_path_factory.mktemp("stops") / "photos"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.png").write_bytes(png(64, 64, f"#{number:02x}4080"))
    rows = [f"row-{number},{number % 50}.png,picture number {number}" for number in range(N_PICTURES)]
    (folder / "captions.csv").write_text("\n".join(["id,file,caption", *rows]) + "\n")
    return folder


@pytest.fixture(scope="module")
def whole(photos: Path) -> dict[str, str]:
    """The digests of an undisturbed build."""
    out = photos.parent / "whole"
    finished(photos, out)
    return digests(out)


def command(photos: Path, out: Path, workers: int = 1) -> list[str]:
    options = ["--source", f"folder:{photos}", "--out", str(out), "--workers", str(workers)]
    return [sys.executable, "-m", "anymodal", "build", "t2m", *options]


def finished(photos: Path, out: Path, workers: int = 1) -> None:
    """Build to the end."""
    done = subprocess.run(command(photos, out, workers), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def session(leader: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if entry.name.isdigit():
                state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(its_session) == leader and state != "Z":
                    found.append(int(entry.name))
    return found


def wait_until(fact: Callable[[], bool], told: str) -> None:
    deadline_s = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < deadline_s, told
        time.sleep(0.002)


def interrupted(photos: Path, out: Path, workers: int, stop: Callable[[int], None]) -> tuple[int, str]:
    """Start a build, stop it in the middle of a shard, and see it end with all its processes: exit code and words."""
    start_s = time.time()
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            command(photos, out, workers), stdout=subprocess.DEVNULL, stderr=told, start_new_session=True
        )
        wait_until(lambda: process.poll() is not None or begun_since(out, start_s), "no shard was begun")
        assert process.poll() is None, "the build ended before it could be stopped"
        stop(process.pid)
        code = process.wait(60)
        wait_until(lambda: not session(process.pid), f"still alive: {session(process.pid)}")
        told.seek(0)
        return code, told.read()


def begun_since(out: Path, start_s: float) -> bool:
    """Whether a shard is being written, or was."""
    with contextlib.suppress(FileNotFoundError):  # renamed while we look
        return any(path.stat().st_mtime > start_s for path in (out / SHARDS).glob("*"))
    return True


def to_all(number: int) -> Callable[[int], None]:
    """A signal as a terminal sends it: to every process of the group."""
    return lambda leader: os.killpg(leader, number)


def to_one(number: int) -> Callable[[int], None]:
    return lambda leader: os.kill(leader, number)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_stopped_again_and_again_ends_in_the_same_bytes(
    photos: Path, whole: dict[str, str], tmp_path: Path, workers: int
) -> None:
    stops = [
        (to_all(signal.SIGINT), 130),
        (to_one(signal.SIGTERM), 143),
        (to_one(signal.SIGKILL), -signal.SIGKILL),
    ]
    for stop, expected in stops:
        code, told = interrupted(photos, tmp_path / "out", workers, stop)
        assert code == expected, told
        assert "Traceback" not in told
        assert ("start it again to go on" in told) == (expected > 0)
    finished(photos, tmp_path / "out", workers)
    assert digests(tmp_path / "out") == whole
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.nightly
def test_stopped_at_any_moment(photos: Path, tmp_path: Path) -> None:
    """Also while workers start, when a pool is easily left in pieces: quietly, with the right code, nobody left."""
    dice = random.Random(1)
    for number in range(40):
        stop, after_s = dice.choice((signal.SIGINT, signal.SIGTERM)), 0.3 + dice.random()
        out, told = tmp_path / str(number), (tmp_path / f"{number}.log").open("w+")
        with told:
            process = subprocess.Popen(
                command(photos, out, 2), stdout=subprocess.DEVNULL, stderr=told, start_new_session=True
            )
            time.sleep(after_s)
            os.killpg(process.pid, stop)
            assert process.wait(60) == 128 + stop
            wait_until(lambda leader=process.pid: not session(leader), "somebody is still alive")  # type: ignore[misc]
            told.seek(0)
            assert "Traceback" not in told.read()


def test_no_orphan_writes_beside_the_next_build(photos: Path, whole: dict[str, str], tmp_path: Path) -> None:
    """A worker that cannot die yet keeps the folder locked; once it is gone, the next build goes on."""
    out, stopped = tmp_path / "out", list[int]()

    def stop_a_worker_and_kill_the_build(leader: int) -> None:
        stopped.extend(workers_of(leader))
        for worker in stopped:
            os.kill(worker, signal.SIGSTOP)
        os.kill(leader, signal.SIGKILL)
        time.sleep(0.2)
        assert len(session(leader)) >= 2, "stopped processes outlive the build"
        with pytest.raises(WorkError, match="one is at work"), locked(out, patience_s=0.3):
            pass
        for worker in stopped:
            os.kill(worker, signal.SIGCONT)

    code, told = interrupted(photos, out, 2, stop_a_worker_and_kill_the_build)
    assert (code, len(stopped)) == (-signal.SIGKILL, 2), told
    finished(photos, out)
    assert digests(out) == whole


def workers_of(leader: int) -> list[int]:
    """The pool's workers: those that hold the folder's lock, beside the build itself."""
    holders = []
    for process in session(leader):
        names = [str(entry.readlink()) for entry in Path(f"/proc/{process}/fd").iterdir() if entry.is_symlink()]
        if process != leader and any(name.endswith(LOCK) for name in names):
            holders.append(process)
    return holders


def test_a_full_disk_is_named_and_costs_nothing(photos: Path, whole: dict[str, str], tmp_path: Path) -> None:
    """No file may grow beyond 1 MB, as on a disk that fills up; later there is room."""
    limited = ["bash", "-c", 'ulimit -f 1000; exec "$@"', "-", *command(photos, tmp_path / "out", workers=2)]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 4, done.stderr
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(r"anymodal: .*/shards/bucket-\d+-image-000\.tar: File too large; nothing is lost: .*", last), (
        last
    )
    assert "Traceback" not in done.stderr
    finished(photos, tmp_path / "out", workers=2)
    assert digests(tmp_path / "out") == whole


def test_a_disk_that_is_really_full(photos: Path, whole: dict[str, str], tmp_path: Path) -> None:
    """A file system of 1 MB, mounted for one process only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && "$@"; code=$?; cp -r "$0/out" "$0.kept"; exit $code'
    build = command(photos, disk / "out")
    isolated = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, str(disk), *build]
    if subprocess.run([*isolated[:3], "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lends no mounts to tests")
    done = subprocess.run(isolated, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 4, done.stderr
    assert re.search(
        rf"^anymodal: {disk}/out/\S+: No space left on device; nothing is lost: make room", done.stderr, re.M
    )
    (tmp_path / "disk.kept").rename(tmp_path / "out")
    finished(photos, tmp_path / "out")
    assert digests(tmp_path / "out") == whole
