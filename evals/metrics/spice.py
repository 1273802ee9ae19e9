"""SPICE through its own jar, where the user has it together with the Stanford CoreNLP models it needs."""

import math
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from evals.errors import EvalsError
from evals.metrics.official_jars import INSTALL_JARS, installed_folder, java_program
from evals.statistics.bootstrap import FloatArray
from shards.errors import UsageError, told_as

JAR: Final = "spice-1.0.jar"
FOLDER_VARIABLE: Final = "ANYMODAL_SPICE"
_MODELS: Final = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
_REMEDY: Final = (
    f"put {_MODELS[0]} and {_MODELS[1]} (from stanford-corenlp-full-2015-12-09.zip) into its folder lib, "
    f"or point {FOLDER_VARIABLE} to a folder with {JAR} and such a lib"
)


def spice_folder() -> Path:
    """The folder with SPICE's jar and its models: $ANYMODAL_SPICE, else that of the installed pycocoevalcap.

    Raises:
        UsageError: If there is no such folder, or a file is missing in it.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named).expanduser().resolve() if named else installed_folder("spice")
    if folder is None:
        remedy = f"{INSTALL_JARS}; then {_REMEDY}"
        raise UsageError("spice", expected=JAR, found="no package pycocoevalcap", remedy=remedy)
    missing = [name for name in (JAR, *(f"lib/{model}" for model in _MODELS)) if not (folder / name).is_file()]
    if missing:
        raise UsageError("spice", expected=f"{', '.join(missing)} in {folder}", found="no such file", remedy=_REMEDY)
    return folder


def spice(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> FloatArray:
    """SPICE of tokenised captions, [items], fractions; nan where the jar gives no value.

    Raises:
        UsageError: If Java, the jar or its models are missing.
        EvalsError: If the jar fails.
    """
    if not candidates:
        return np.zeros(0)
    folder, java = spice_folder(), java_program("spice")
    questions = [
        {"image_id": place, "test": candidate, "refs": list(group)}
        for place, (candidate, group) in enumerate(zip(candidates, references, strict=True))
    ]
    with tempfile.TemporaryDirectory(prefix="anymodal-spice-") as scratch:
        asked, answered = Path(scratch, "captions.json"), Path(scratch, "scores.json")
        asked.write_bytes(msgspec.json.encode(questions))
        command = [java, "-jar", "-Xmx8G", JAR, str(asked), "-out", str(answered), "-subset", "-silent"]
        finished = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if finished.returncode or not answered.is_file():
            found = finished.stderr.decode(errors="replace").strip()[-500:] or f"exit code {finished.returncode}"
            raise EvalsError(JAR, expected="scores", found=found, remedy="SPICE is known to run on Java 8 and 11")
        return item_scores(answered.read_bytes(), len(questions))


class _Scores(msgspec.Struct):
    f: float | str | None


class _Answer(msgspec.Struct):
    image_id: int
    scores: Mapping[str, _Scores]


def item_scores(answer: bytes, n_items: int) -> FloatArray:
    """F scores out of the jar's JSON, [n_items]; nan where it holds none.

    Raises:
        EvalsError: If the answer is not what the jar writes, or an item is missing in it.
    """
    with told_as((msgspec.MsgspecError, KeyError), EvalsError, JAR, expected=f"scores of {n_items} items"):
        answers = msgspec.json.decode(answer.replace(b"NaN", b"null"), type=list[_Answer])
        values = {entry.image_id: _number(entry.scores["All"].f) for entry in answers}
        return np.array([values[place] for place in range(n_items)], dtype=np.float64)


def _number(value: float | str | None) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
