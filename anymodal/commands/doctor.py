"""`anymodal doctor`."""

import platform
import shutil
from collections.abc import Iterator
from importlib import metadata

from anymodal.console import print_line, print_table

_EXTRAS = {
    "base": ("numpy", "pyarrow", "duckdb", "msgspec", "matplotlib"),
    "media": ("pillow", "soundfile", "av"),
    "curate": ("datasets", "webdataset", "pandas", "openai"),
    "models": ("torch", "transformers", "diffusers", "peft", "accelerate", "torchmetrics"),
    "official": ("pycocoevalcap",),
}
_INTRUDERS = ("torchvision", "torchaudio")


def doctor() -> None:
    """Look at this machine: which parts of the suite can work, and what is missing for the others.

    Examples:

        anymodal doctor
    """
    rows = []
    for extra, packages in _EXTRAS.items():
        for package in packages:
            version = _version(package)
            rows.append((extra, package, version or "missing", "" if version else f'pip install "anymodal[{extra}]"'))
    java = shutil.which("java")
    rows.append(("official", "java", java or "missing", "" if java else "Java 8 or newer, for METEOR and SPICE"))
    rows.extend(("harmful", name, _version(name) or "absent, good", "") for name in _INTRUDERS)
    print_table(f"anymodal {metadata.version('anymodal')}", ("extra", "what", "found", "remedy"), rows)
    print_table("Embedders of generated media", ("embedder", "weights", "remedy"), _embedder_rows())
    free = shutil.disk_usage(".").free / 2**30
    print_line(
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {free:.0f} GiB free here."
    )


def _embedder_rows() -> Iterator[tuple[str, str, str]]:
    from model_adapter.embedders import EMBEDDERS
    from model_adapter.embedders.weights import weights_state

    for one in EMBEDDERS.values():
        state = weights_state(one)
        fetch = f"anymodal weights fetch {one.name} --allow-network" if one.hub else f"--weights PATH: {one.weights}"
        yield one.name, state, fetch if state.startswith("not") else ""


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
