"""Writing the embedded world: pictures, clips and all annotation files."""

from pathlib import Path

import pytest
from peers import beside
from pytest_benchmark.fixture import BenchmarkFixture

from curation.sources.world import write_world


@pytest.mark.parametrize("scenes", [75, 300])
def test_world(benchmark: BenchmarkFixture, tmp_path: Path, scenes: int) -> None:
    folders = (tmp_path / str(number) for number in range(9))
    summary = beside(
        benchmark, lambda: write_world(next(folders), scenes=scenes, seed=1, progress=lambda done: None), n=scenes
    )
    assert sum(summary.scenes.values()) == scenes
