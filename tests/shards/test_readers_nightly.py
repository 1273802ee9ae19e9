"""Readers that need environments of their own: wids, megatron-energon, Ray Data."""

import hashlib
import json
import subprocess
import venv
from pathlib import Path

import pytest

from shards.card import write_card
from shards.draft import Draft
from shards.manifest import SHARDS
from tests.shards.sets import fields, make_set

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"

WIDS = """
import hashlib, json, sys, wids
found = {}
index = sys.argv[1] + "/wids.json"
for sample in wids.ShardListDataset(index, localname=lambda url: url, keep=True, transformations=[]):
    media = {name[1:]: value.read() for name, value in sample.items() if name.startswith(".")}
    found[sample["__key__"]] = {name: hashlib.sha256(value).hexdigest() for name, value in media.items()}
print(json.dumps(found))
"""

ENERGON = """
import hashlib, json, sys
from megatron.energon import Cooker, DefaultTaskEncoder, WorkerConfig, get_loader, get_train_dataset, stateless

@stateless
def keep(sample):
    return dict(sample)

class Bytes(DefaultTaskEncoder):
    decoder = None
    cookers = [Cooker(keep)]

dataset = get_train_dataset(
    sys.argv[1], batch_size=None, worker_config=WorkerConfig(rank=0, world_size=1, num_workers=0),
    shuffle_buffer_size=None, max_samples_per_sequence=None, repeat=False, task_encoder=Bytes(),
)
found = {}
for sample in get_loader(dataset):
    media = {name: value for name, value in sample.items() if isinstance(value, bytes)}
    found[sample["__key__"]] = {name: hashlib.sha256(value).hexdigest() for name, value in media.items()}
print(json.dumps(found))
"""

ENERGON_DIRECT = """
import hashlib, json, sys
from megatron.energon.epathlib import EPath
from megatron.energon.flavors.webdataset.itar_reader import SqliteITarEntryReader

reader = SqliteITarEntryReader(EPath(sys.argv[1]), key_is_full_entryname=False)
found = {}
for key in json.loads(sys.argv[2]):
    sample = reader[key]
    media = {name: value for name, value in sample.items() if isinstance(value, bytes)}
    found[key] = {name: hashlib.sha256(value).hexdigest() for name, value in media.items()}
print(json.dumps(found))
"""

RAY = """
import glob, hashlib, json, sys
import ray
ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
found = {}
for sample in ray.data.read_webdataset(sorted(glob.glob(sys.argv[1] + "/shards/*.tar")), decoder=None).iter_rows():
    media = {name: value for name, value in sample.items() if isinstance(value, bytes)}
    found[sample["__key__"]] = {name: hashlib.sha256(value).hexdigest() for name, value in media.items()}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Draft]]:
    folder = tmp_path_factory.mktemp("nightly") / "set"
    drafts = make_set(folder, 30, words=("p", "s", "ps", "", "i"), max_samples=4)
    write_card(folder, title="Words")
    return folder, drafts


def environment(root: Path, *requirements: str) -> Path:
    """The Python of a new environment with these packages; skips where they cannot be had."""
    venv.create(root, with_pip=True)
    python = root / "bin" / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *requirements], capture_output=True, text=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"{requirements} cannot be installed: {installed.stderr[-300:]}")
    return python


def said(python: Path | str, script: str, *arguments: str) -> dict[str, dict[str, str]]:
    """What a script says in its last line."""
    done = subprocess.run([python, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, dict[str, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def hashes(drafts: dict[str, Draft]) -> dict[str, dict[str, str]]:
    return {
        key: {field: hashlib.sha256(content).hexdigest() for field, content in media.items()}
        for key, media in fields(drafts).items()
    }


def without_json(found: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    assert all("json" in media for media in found.values())
    return {key: {field: sha for field, sha in media.items() if field != "json"} for key, media in found.items()}


def test_wids(made: tuple[Path, dict[str, Draft]], tmp_path: Path) -> None:
    folder, drafts = made
    python = environment(tmp_path / "env", "webdataset==0.2.111", "torch==2.13.0", "numpy")
    assert without_json(said(python, WIDS, str(folder))) == hashes(drafts)


def test_megatron_energon(made: tuple[Path, dict[str, Draft]], tmp_path: Path) -> None:
    folder, drafts = made
    python = environment(tmp_path / "env", "megatron-energon==7.4.1", "torch==2.13.0", "aiobotocore>=3")
    assert without_json(said(python, ENERGON, str(folder))) == hashes(drafts)
    assert without_json(said(python, ENERGON_DIRECT, str(folder), json.dumps(sorted(drafts)))) == hashes(drafts)


def test_ray_data(made: tuple[Path, dict[str, Draft]], tmp_path: Path) -> None:
    folder, drafts = made
    python = environment(tmp_path / "env", "ray[data]==2.60.0", "webdataset", "-c", str(CONSTRAINTS))
    assert len(list((folder / SHARDS).glob("*.tar"))) > 5
    assert without_json(said(python, RAY, str(folder))) == hashes(drafts)
