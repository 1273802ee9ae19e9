"""`weights fetch` as its own process, from a server on loopback that lays files out and answers as the hub does."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from model_adapter.embedders import open_embedder
from model_adapter.embedders.weights import read_pins
from model_adapter.errors import AdapterError
from tests.factories import png

NAME, REPOSITORY = "clip-b32", "openai/clip-vit-base-patch32"
COMMIT = "0123456789" * 4


class Hub(ThreadingHTTPServer):
    """Its files, how many bytes of the weights pass before the line breaks (and how often), and what was asked."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.lost = files, set[str]()
        self.cut_after, self.cuts_left, self.hangs = 0, 0, False
        self.asked: list[str] = []
        self.is_hanging = threading.Event()


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        self.server.asked.append(f"{self.command} {self.path}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, name = self.path.partition("?")[0], self.path.rpartition("/")[2]
        listing = f"/api/models/{REPOSITORY}"
        files = self.server.files
        if path.startswith(f"{listing}/tree/"):
            rows = [
                {"type": "file", "path": one, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for one, content in files.items()
            ]
            self.send(json.dumps(rows).encode())
        elif path.startswith(listing):
            self.send(json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": []}).encode())
        elif path == f"/{REPOSITORY}/resolve/{COMMIT}/{name}" and name in files.keys() - self.server.lost:
            self.send(files[name], is_weights=name.endswith(".safetensors"))
        else:
            self.send(b"{}", status=404)

    def send(self, content: bytes, *, status: int = 200, is_weights: bool = False) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound" if "/api/" in self.path else "EntryNotFound")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_weights and self.server.cuts_left:
            self.server.cuts_left -= 1
            self.wfile.write(content[: self.server.cut_after])
            self.wfile.flush()
            self.server.is_hanging.set()
            time.sleep(60 if self.server.hangs else 0)
            self.close_connection = True
            self.connection.close()
        else:
            self.wfile.write(content)


@pytest.fixture
def hub(folders: Path) -> Iterator[Hub]:
    """A tiny CLIP in the published layout, and files that scores do not need."""
    files = {path.name: path.read_bytes() for path in sorted((folders / NAME).iterdir())}
    server = Hub({**files, "tf_model.h5": b"another format", "flax_model.msgpack": b"another format"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def start(hub: Hub, tmp_path: Path, *options: str) -> subprocess.Popen[str]:
    own = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_COLOR": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "anymodal", "weights", "fetch", NAME, *options]
    return subprocess.Popen(command, env=os.environ | own, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def fetched(hub: Hub, tmp_path: Path, *options: str) -> tuple[int, str, str]:
    process = start(hub, tmp_path, *options)
    shown, told = process.communicate(timeout=300)
    return process.returncode, shown, " ".join(told.split())


def kept(tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "cache" / "anymodal" / "weights" / NAME
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} if folder.exists() else {}


def needed(hub: Hub) -> dict[str, bytes]:
    return {name: content for name, content in hub.files.items() if name not in ("tf_model.h5", "flax_model.msgpack")}


def test_without_leave_nothing_is_asked(hub: Hub, tmp_path: Path) -> None:
    code, shown, told = fetched(hub, tmp_path)
    assert (code, shown, hub.asked) == (2, "", [])
    assert "--allow-network" in told


def test_weights_come_whole_and_open(hub: Hub, tmp_path: Path, folders: Path) -> None:
    code, shown, told = fetched(hub, tmp_path, "--allow-network")
    assert code == 0, told
    assert kept(tmp_path) == needed(hub)
    assert not [one for one in hub.asked if "tf_model" in one or "flax_model" in one]
    sha256 = hashlib.sha256(hub.files["model.safetensors"]).hexdigest()
    assert f"sha256 {sha256}" in shown
    ours, given = open_embedder(NAME), open_embedder(NAME, folders / NAME)
    assert ours.weights == f"sha256:{sha256} pinned at first use"
    np.testing.assert_array_equal(ours.embed("image", png(30, 20)), given.embed("image", png(30, 20)))
    before = len(hub.asked)
    assert fetched(hub, tmp_path, "--allow-network")[0] == 0
    assert len(hub.asked) > before


def test_a_broken_line_is_mended(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after, hub.cuts_left = 5000, 1
    code, _, told = fetched(hub, tmp_path, "--allow-network")
    assert (code, hub.cuts_left) == (0, 0), told
    assert kept(tmp_path) == needed(hub)


def test_a_line_that_stays_broken_leaves_no_weights(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after, hub.cuts_left = 5000, 1000
    code, shown, told = fetched(hub, tmp_path, "--allow-network")
    assert (code, shown, kept(tmp_path), read_pins()) == (4, "", {}, {})
    assert "weights of clip-b32: expected openai/clip-vit-base-patch32 on the hub, found peer closed" in told
    assert "Traceback" not in told
    hub.cuts_left = 0
    assert fetched(hub, tmp_path, "--allow-network")[0] == 0
    assert kept(tmp_path) == needed(hub)


def test_a_killed_fetch_leaves_no_weights_and_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after, hub.cuts_left, hub.hangs = 5000, 1, True
    process = start(hub, tmp_path, "--allow-network")
    assert hub.is_hanging.wait(120)
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert (kept(tmp_path), read_pins()) == ({}, {})
    assert fetched(hub, tmp_path, "--allow-network")[0] == 0
    assert kept(tmp_path) == needed(hub)


def test_other_weights_are_refused_and_the_first_stay(hub: Hub, tmp_path: Path) -> None:
    assert fetched(hub, tmp_path, "--allow-network")[0] == 0
    first = kept(tmp_path)
    hub.files["model.safetensors"] = hub.files["model.safetensors"][:-1] + b"x"
    code, _, told = fetched(hub, tmp_path, "--allow-network")
    assert code == 4
    for content in (first["model.safetensors"], hub.files["model.safetensors"]):
        assert hashlib.sha256(content).hexdigest() in told
    assert kept(tmp_path) == first
    assert open_embedder(NAME)
    with pytest.raises(AdapterError, match="as at first use"):
        open_embedder(NAME, tmp_path / "cache" / "anymodal" / "weights" / f"{NAME}.part")


@pytest.mark.parametrize("lost", ["config.json", "all"])
def test_what_is_not_there_is_named(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    if lost == "all":
        monkeypatch.setattr(Answer, "do_GET", lambda self: self.send(b"{}", status=404))
    hub.lost.add(lost)
    code, _, told = fetched(hub, tmp_path, "--allow-network")
    what = "Repository Not Found for url: http" if lost == "all" else "Entry Not Found for url: http"
    assert code == 4
    assert f"expected openai/clip-vit-base-patch32 on the hub, found 404 Client Error. {what}" in told
    assert (REPOSITORY in told.partition("url:")[2], kept(tmp_path)) == (True, {})
