"""The readers that users have load what we write, whole."""

import gc
import itertools
import json
import os
import warnings
from pathlib import Path
from typing import Any

import duckdb
import pytest

os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import datasets
import torch.utils.data
import webdataset

from shards.card import write_card
from shards.draft import Draft
from shards.manifest import INDEX, SHARDS
from tests.shards.sets import fields, make_set

WORDS = ("p", "s", "ps", "", "p", "p", "p", "p", "p", "i")
"""The first samples of a bucket have few fields: what comes later must survive."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Draft]]:
    folder = tmp_path_factory.mktemp("readers") / "set"
    drafts = make_set(folder, 30, words=WORDS, max_samples=6)
    write_card(folder, title="Words", notice="for tests")
    return folder, drafts


def urls(folder: Path) -> list[str]:
    return sorted(str(path) for path in (folder / SHARDS).glob("*.tar"))


def plain(samples: Any) -> dict[str, dict[str, bytes]]:
    """Media by key and field, whatever the reader adds."""
    return {
        one["__key__"]: {name: value for name, value in one.items() if not name.startswith("__") and name != "json"}
        for one in samples
    }


@pytest.fixture
def _open_files() -> Any:
    """webdataset and mlcroissant leave their files to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.mark.usefixtures("_open_files")
@pytest.mark.parametrize("shuffled", [False, True])
def test_webdataset(made: tuple[Path, dict[str, Draft]], shuffled: bool) -> None:
    folder, drafts = made
    stream = webdataset.WebDataset(urls(folder), shardshuffle=5 if shuffled else False, seed=1, detshuffle=shuffled)
    found = list(stream.shuffle(10) if shuffled else stream)
    assert len(found) == len(drafts)
    assert plain(found) == fields(drafts)
    assert {one["__key__"]: json.loads(one["json"])["key"] for one in found} == {key: key for key in drafts}


@pytest.mark.usefixtures("_open_files")
def test_torch_dataloader_with_workers(made: tuple[Path, dict[str, Draft]]) -> None:
    folder, drafts = made
    stream = webdataset.WebDataset(urls(folder), shardshuffle=False)
    found = list(torch.utils.data.DataLoader(stream, batch_size=None, num_workers=2))
    assert len(found) == len(drafts)
    assert plain(found) == fields(drafts)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", ["all", "audio", "audio+image", "image", "imu", "text", None])
def test_hugging_face_datasets(
    made: tuple[Path, dict[str, Draft]], tmp_path: Path, name: str | None, streaming: bool
) -> None:
    folder, drafts = made
    chosen = {k: d for k, d in drafts.items() if name in (None, "all", d.sample.signature())}
    (split,) = datasets.load_dataset(str(folder), name, streaming=streaming, cache_dir=str(tmp_path)).values()
    rows = list(split)
    assert {row["__key__"] for row in rows} == chosen.keys()
    assert len(rows) == len(chosen)
    for row in rows:
        expected = fields(chosen)[row["__key__"]]
        window = row.pop("0-1.npy", None)
        assert (window is not None) == ("0-1.npy" in expected)
        if window is not None:
            assert list(itertools.chain.from_iterable(window)) == [float(n) for n in range(60)]
            expected = {}
        found = {field: row[field] for field in row if "." in field and row[field] is not None}
        assert found == expected
        assert row["json"]["turns"][0]["role"] == "human"
        assert row["json"]["key"] == row["__key__"]
        assert row["json"]["meta"] == chosen[row["__key__"]].sample.meta
    texts = {row["__key__"]: [part["text"] for turn in row["json"]["turns"] for part in turn["parts"]] for row in rows}
    for key, draft in chosen.items():
        assert texts[key] == [getattr(part, "text", None) for turn in draft.sample.turns for part in turn.parts]


def test_duckdb(made: tuple[Path, dict[str, Draft]]) -> None:
    folder, drafts = made
    counted = duckdb.execute(
        f"SELECT signature, count(*), sum(len(members)) FROM read_parquet('{folder / INDEX}/*.parquet') GROUP BY ALL"
    ).fetchall()
    expected: dict[str, list[int]] = {}
    for draft in drafts.values():
        row = expected.setdefault(draft.sample.signature(), [0, 0])
        row[0] += 1
        row[1] += 1 + len(draft.blobs)
    assert {name: [n, int(members)] for name, n, members in counted} == expected
    (shards,) = duckdb.execute(
        f"SELECT sum(shard.n_samples) FROM (SELECT unnest(shards) AS shard FROM '{folder / 'manifest.jsonl'}')"
    ).fetchall()
    assert shards == (len(drafts),)


@pytest.mark.usefixtures("_open_files")
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter extracted tar:DeprecationWarning")
@pytest.mark.parametrize("one_shard", [False, True])
def test_mlcroissant(
    made: tuple[Path, dict[str, Draft]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_shard: bool
) -> None:
    import mlcroissant  # type: ignore[import-untyped]
    from etils import epath  # type: ignore[import-untyped]
    from mlcroissant._src.operation_graph.operations import extract  # type: ignore[import-untyped]

    # it keeps what it extracts under the hash of a file's relative name, which other sets share
    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "extracted"))
    folder, drafts = made
    if one_shard:
        folder = tmp_path / "one"
        drafts = make_set(folder, 3, n_buckets=1)
        write_card(folder, title="One")
    described = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    assert described.metadata.ctx.issues.errors == set()
    assert described.metadata.ctx.is_v1_1()
    records = list(described.records("samples"))
    found = {record["samples/key"].decode(): json.loads(record["samples/json"]) for record in records}
    assert len(records) == len(drafts)
    assert {key: content["kind"] for key, content in found.items()} == {k: d.sample.kind for k, d in drafts.items()}
