"""Weights: fetched only when allowed, pinned at the first meeting, told by `doctor` and `weights list`."""

import hashlib
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from anymodal.app import call
from model_adapter.embedders import EMBEDDERS, open_embedder
from model_adapter.embedders.weights import fetch, find_weights, pin, read_pins, weights_sha256
from model_adapter.errors import AdapterError
from shards.errors import UsageError


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "anymodal" / "weights"


def test_the_network_is_refused_without_leave(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *args, **settings: pytest.fail("it was used"))
    with pytest.raises(UsageError, match="leave to use the network, found none; --allow-network"):
        fetch(EMBEDDERS["clip-b32"], allow_network=False)
    with pytest.raises(UsageError, match=r"weights on the hub, found vggish-10086976\.pth of github"):
        fetch(EMBEDDERS["vggish"], allow_network=True)
    assert not cache.exists()


def test_offline_ends_in_a_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(AdapterError, match="weights of clip-b32: expected openai/clip-vit-base-patch32 on the hub"):
        fetch(EMBEDDERS["clip-b32"], allow_network=True)


def test_what_was_fetched_is_pinned_and_found(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repository: str, *, local_dir: Path, ignore_patterns: list[str]) -> None:
        assert repository == "facebook/dinov2-large"
        local_dir.mkdir(parents=True, exist_ok=True)
        (local_dir / "model.safetensors").write_bytes(served)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    served = b"first"
    assert fetch(EMBEDDERS["dinov2"], allow_network=True) == find_weights(EMBEDDERS["dinov2"]) == cache / "dinov2"
    assert read_pins() == {"dinov2": hashlib.sha256(b"first").hexdigest()}
    served = b"second"
    with pytest.raises(AdapterError, match=r"as at first use, found .*; if the new file is meant, remove dinov2 from"):
        fetch(EMBEDDERS["dinov2"], allow_network=True)


def test_hashes_of_files_and_folders(tmp_path: Path) -> None:
    for name, content in {"b.bin": b"other format", "1.safetensors": b"1", "2.safetensors": b"2"}.items():
        (tmp_path / name).write_bytes(content)
    assert weights_sha256(tmp_path / "b.bin") == hashlib.sha256(b"other format").hexdigest()
    both = "\n".join(hashlib.sha256(content).hexdigest() for content in (b"1", b"2"))
    assert weights_sha256(tmp_path) == hashlib.sha256(both.encode()).hexdigest()


def test_damaged_pins_are_told(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "900")
    pin("clip-b32", "0" * 64)
    (cache / "pins.json").write_bytes(b"{")
    with pytest.raises(AdapterError, match=r"pins\.json: expected names and hashes"):
        read_pins()
    for words in (("weights", "list"), ("doctor",)):
        code, shown = called(capsys, *words)
        assert code in (0, None)
        assert "clip-l14" in shown
        assert "pins.json: expected names and hashes, or no such file" in shown


def test_missing_and_needless_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--weights PATH; anymodal weights fetch clap --allow-network"):
        open_embedder("clap")
    with pytest.raises(UsageError, match="none for world-joint"):
        open_embedder("world-joint", tmp_path)
    with pytest.raises(UsageError, match=r"expected world-joint or .*inception .* found 'nothing'"):
        open_embedder("nothing")


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as exit_:
        call(list(words))
    return exit_.value.code, " ".join(capsys.readouterr().out.split())


def test_lists_name_every_embedder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    pin("clip-b32", "abcdef012345" + 52 * "0")
    for words in (("weights", "list"), ("doctor",)):
        code, shown = called(capsys, *words)
        assert code in (0, None)
        assert all(name in shown for name in EMBEDDERS)
        assert "not fetched, pinned abcdef012345" in shown


def test_the_table_names_a_source_for_every_network() -> None:
    for spec in EMBEDDERS.values():
        assert spec.protocol
        assert "@" in spec.preprocessing
        assert bool(spec.weights) == (not spec.name.startswith("world-"))
        assert spec.distances or spec.similarities
