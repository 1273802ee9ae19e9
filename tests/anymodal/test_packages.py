"""Light imports, own packages, layers, exported names."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from anymodal.packages import PACKAGES, check_packages
from shards.errors import AnymodalError, UsageError

HEAVY = ("torch", "transformers", "diffusers", "webdataset", "datasets", "openai", "pandas", "matplotlib", "PIL", "av")


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "package", ["anymodal", "reports", "shards", "evals", "evals.results", "model_adapter", "curation"]
)
def test_imports_are_light(package: str) -> None:
    assert not modules_after(f"import {package}") & set(HEAVY)


def test_help_is_light() -> None:
    loaded = modules_after("from anymodal.__main__ import run; run(['--help'])")
    assert not loaded & {*HEAVY, "numpy", "pyarrow", "duckdb"}


def test_no_base_path_imports_torch() -> None:
    modules = [
        f"from {name} import *"
        for name in ("evals.harness.offline", "evals.benchmarks", "reports.page", "shards.verify")
    ]
    assert not modules_after("; ".join(modules)) & {"torch", "transformers", "torchmetrics"}


def test_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def packages() -> list[str]:
    names = []
    for name in ("anymodal", *PACKAGES):
        package = importlib.import_module(name)
        found = pkgutil.walk_packages(package.__path__, f"{name}.")
        names += [name, *(one.name for one in found if one.ispkg)]
    return names


@pytest.mark.parametrize("name", packages())
def test_shop_windows_are_complete(name: str) -> None:
    package = importlib.import_module(name)
    exported = getattr(package, "__all__", [])
    assert len(exported) == len(set(exported))
    assert all(hasattr(package, one) for one in exported)


@pytest.mark.parametrize(
    ("package", "names"),
    [
        ("evals.metrics", "ptb_tokenize score_vqa score_captions score_rec score_chair score_gqa score_answers"),
        ("evals.benchmarks", "BENCHMARKS Benchmark Item Task Answers Size first_text"),
        ("evals.results", "Result RunFolder read_run find_runs"),
        ("model_adapter", "Adapter Request Generation ReplayAdapter ScriptedAdapter"),
    ],
)
def test_names_that_programs_import_stay(package: str, names: str) -> None:
    assert set(names.split()) <= set(importlib.import_module(package).__all__)


def test_every_error_is_in_the_tree_and_has_a_code_of_the_contract() -> None:
    def below(kind: type[AnymodalError]) -> list[type[AnymodalError]]:
        return [kind, *(one for child in kind.__subclasses__() for one in below(child))]

    assert {kind.exit_code for kind in below(AnymodalError)} == {2, 3, 4}


def test_an_intruder_is_named(tmp_path: Path) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "__init__.py").write_text("")
    command = [sys.executable, "-c", "from anymodal.__main__ import run; import sys; sys.exit(run(['tasks']))"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(tmp_path / "evals") in done.stderr
    assert "uninstall" in done.stderr


def test_own_packages_are_accepted_and_absent_ones_are_not() -> None:
    check_packages()
    with pytest.raises(UsageError, match="None"):
        check_packages(["no_such_package"])
