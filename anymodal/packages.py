"""Are the suite's packages its own? `evals` and `reports` are names that other distributions use, too."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from shards.errors import UsageError

PACKAGES = ("curation", "evals", "model_adapter", "reports", "shards")


def check_packages(packages: Sequence[str] = PACKAGES) -> None:
    """Refuse to run with another distribution's package in place of ours.

    Raises:
        UsageError: The intruder's place, and what to do about it.
    """
    home = Path(__file__).parent.parent
    for name in packages:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).parent if spec is not None and spec.origin else None
        if found != home / name:
            remedy = "uninstall the distribution it belongs to, or run in a virtual environment of its own"
            raise UsageError(f"package {name}", expected=str(home / name), found=str(found), remedy=remedy)
