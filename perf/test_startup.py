"""How long a user waits before anything happens: help, and the light imports, each in a fresh process."""

import subprocess
import sys

import pytest
from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture

STATEMENTS = {
    "nothing": "pass",
    "import reports": "import reports",
    "anymodal --help": "from anymodal.__main__ import run; run(['--help'])",
    "anymodal model info": "from anymodal.__main__ import run; run(['model', 'info', 'nextgpt-7b'])",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_startup(benchmark: BenchmarkFixture, name: str) -> None:
    command = [sys.executable, "-c", STATEMENTS[name]]
    beside(benchmark, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), n=1, rounds=5)
