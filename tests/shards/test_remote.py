"""Sets behind URLs: by key through ranges, and whole."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import fsspec  # type: ignore[import-untyped]
import pytest

from shards.draft import Draft, UrlBytes
from shards.errors import MediaError, ShardError, UsageError
from shards.loader import begin, load
from shards.reader import ShardSet, held
from tests.shards.sets import make_set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Draft]]:
    folder = tmp_path_factory.mktemp("remote") / "set"
    return folder, make_set(folder, 9, words=("p", "s"), max_samples=2)


class Ranges(BaseHTTPRequestHandler):
    """Serves a folder; answers ranges unless told to ignore them; remembers how many bytes of each file it sent."""

    root: ClassVar[Path]
    sent: ClassVar[dict[str, int]] = {}
    ignores_ranges: ClassVar[bool] = False

    def do_GET(self) -> None:
        path = self.root / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content, status = path.read_bytes(), 200
        wanted = self.headers.get("Range")
        if wanted and not self.ignores_ranges:
            first, last = wanted.removeprefix("bytes=").split("-")
            content, status = content[int(first) : int(last) + 1], 206
        self.sent[path.name] = self.sent.get(path.name, 0) + len(content)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(made: tuple[Path, dict[str, Draft]]) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    Ranges.root, Ranges.ignores_ranges = made[0], False
    Ranges.sent.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def in_memory(folder: Path) -> str:
    system = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            system.pipe_file(f"/set/{path.relative_to(folder)}", path.read_bytes())
    return "memory://set"


def check(url: str, drafts: dict[str, Draft]) -> None:
    shard_set = ShardSet(url)
    assert len(shard_set) == len(drafts)
    for key, draft in drafts.items():
        found = shard_set.get(key)
        assert (found.sample, held(found)) == (draft.sample, held(draft))
    assert {one.sample.key: held(one) for one in shard_set} == {key: held(draft) for key, draft in drafts.items()}
    loaded = {one.draft.sample.key for one in load(url, begin(url, seed=1))}
    assert loaded == drafts.keys()


def test_file_and_memory(made: tuple[Path, dict[str, Draft]]) -> None:
    folder, drafts = made
    check(f"file://{folder}", drafts)
    check(in_memory(folder), drafts)


def test_http(made: tuple[Path, dict[str, Draft]], server: str) -> None:
    check(server, made[1])


def test_a_key_costs_the_bytes_of_its_sample(made: tuple[Path, dict[str, Draft]], server: str) -> None:
    _, drafts = made
    found = ShardSet(server).get("key-003")
    assert held(found) == held(drafts["key-003"])
    (shard,) = (name for name in Ranges.sent if name.endswith(".tar"))
    media = sum(len(content) for content in held(drafts["key-003"]).values())
    assert media < Ranges.sent[shard] < media + 2500


def test_a_server_without_ranges_is_named(made: tuple[Path, dict[str, Draft]], server: str) -> None:
    Ranges.ignores_ranges = True
    with pytest.raises(MediaError, match="must answer range requests"):
        ShardSet(server).get("key-003")


def test_what_is_not_there_is_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nothing/manifest\.jsonl"):
        ShardSet(f"{server}/nothing")
    with pytest.raises(ShardError, match="no such key"):
        ShardSet(server).get("nobody")
    with pytest.raises(UsageError, match="fsspec"):
        ShardSet("nosuchprotocol://x")
    with pytest.raises(MediaError, match="readable file"):
        UrlBytes(f"file://{tmp_path}/gone.tar", 0, 1).read()
    with pytest.raises(ShardError, match="a folder on this machine"):
        _ = ShardSet(server).folder
