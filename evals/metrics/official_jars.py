"""Where the official scorers' Java programs are, told clearly where they are not."""

import importlib.util
import shutil
from pathlib import Path
from typing import Final

from shards.errors import UsageError

INSTALL_JARS: Final = 'pip install "anymodal[official]"'
INSTALL_JAVA: Final = "install Java 8 or later and put `java` on the PATH"


def java_program(metric: str) -> str:
    """Path of the `java` program.

    Raises:
        UsageError: If there is none.
    """
    program = shutil.which("java")
    if program is None:
        raise UsageError(metric, expected="Java", found="no `java` on the PATH", remedy=INSTALL_JAVA)
    return program


def installed_folder(metric: str) -> Path | None:
    """The folder that pycocoevalcap keeps a metric's jar in, None where pycocoevalcap is not installed."""
    package = importlib.util.find_spec("pycocoevalcap")
    folders = package.submodule_search_locations if package else None
    return Path(folders[0]) / metric if folders else None


def installed_jar(metric: str, name: str) -> Path:
    """Path of a jar that comes with pycocoevalcap.

    Raises:
        UsageError: If it is not installed.
    """
    folder = installed_folder(metric)
    if folder is None:
        raise UsageError(metric, expected=name, found="no package pycocoevalcap", remedy=INSTALL_JARS)
    if not (folder / name).is_file():
        raise UsageError(metric, expected=f"{name} in {folder}", found="no such file", remedy=INSTALL_JARS)
    return folder / name
