"""What tests share: a small world, a captioned folder, and the real pairs where they are."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from curation.sources.world import write_world
from tests.factories import png

settings.register_profile("anymodal", deadline=None)  # a loaded machine is no failure
settings.load_profile("anymodal")

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_pairs() -> Path:
    """NExT-GPT's sample pairs; they may not be committed, so most machines have none."""
    if not (SHARED / "pairs").is_dir():
        pytest.skip("../shared/data/pairs is absent")
    return SHARED / "pairs"


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 60 scenes."""
    out = tmp_path_factory.mktemp("world") / "world"
    write_world(out, scenes=60, seed=1, progress=lambda done: None)
    return out


@pytest.fixture
def captioned_folder(tmp_path: Path) -> Callable[[int], Path]:
    """Makes a user's own folder of that many pictures with captions."""

    def make(n: int) -> Path:
        folder = tmp_path / "photos"
        folder.mkdir()
        lines = ["file,caption"]
        for number in range(n):
            (folder / f"{number}.png").write_bytes(png(colour=f"#{number % 256:02x}4080"))
            lines.append(f"{number}.png,picture number {number}")
        (folder / "captions.csv").write_text("\n".join(lines) + "\n")
        return folder

    return make
