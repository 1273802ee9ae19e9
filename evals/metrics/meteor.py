"""METEOR 1.5 through its own jar: one Java process a call, fed without waiting and always ended."""

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from evals.errors import EvalsError, PredictionError
from evals.metrics.official_jars import installed_jar, java_program
from evals.statistics.bootstrap import FloatArray

JAR: Final = "meteor-1.5.jar"
# Columns of the jar's statistics: lengths and function words of candidate and reference, four numbers for each of the
# modules exact, stem, synonym and paraphrase, then chunks and matched words of both sides.
_CANDIDATE_WORDS, _REFERENCE_WORDS, _CANDIDATE_FUNCTION, _REFERENCE_FUNCTION = range(4)
_CHUNKS, _CANDIDATE_MATCHES, _REFERENCE_MATCHES = 20, 21, 22
_COLUMNS: Final = 23
_MODULE_WEIGHTS: Final = np.array([1.0, 0.6, 0.8, 0.6])
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75


@dataclass(frozen=True)
class MeteorScores:
    """METEOR of a corpus, fractions.

    Attributes:
        total: Corpus score, from summed statistics.
        items: Item scores, [items].
        statistics: What is summed, [items, 23]; `meteor_of_sums` turns sums of rows into scores.
    """

    total: float
    items: FloatArray
    statistics: FloatArray


def meteor(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> MeteorScores:
    """METEOR of tokenised captions, words joined by spaces, as the official wrapper asks the jar for it.

    Raises:
        UsageError: If Java or the jar is missing.
        PredictionError: If a caption holds a line break, which would shift all further answers.
        EvalsError: If the jar does not answer.
    """
    lines = [_score_line(candidate, group) for candidate, group in zip(candidates, references, strict=True)]
    if not lines:
        return MeteorScores(0.0, np.zeros(0), np.zeros((0, _COLUMNS)))
    with _jar_process() as ask:
        rows = ask(lines, len(lines))
        statistics = _numbers(rows, width=_COLUMNS)  # only numbers may go into EVAL: its answers are counted on
        values = _numbers(ask([" ||| ".join(["EVAL", *rows])], len(lines) + 1), width=1)[:, 0]
    return MeteorScores(float(values[-1]), values[:-1], _without_excused_chunks(statistics))


def meteor_of_sums(statistics: FloatArray) -> FloatArray:
    """METEOR of rows or sums of `MeteorScores.statistics`, [r, 23] -> [r]; the jar's formula.

    Source: Denkowski and Lavie 2014, Meteor Universal, sections 2 and 3.
    """
    precision = _weighted_share(statistics, side=0)
    recall = _weighted_share(statistics, side=1)
    matched = (statistics[:, _CANDIDATE_MATCHES] + statistics[:, _REFERENCE_MATCHES]) / 2
    has_match = (precision > 0) & (recall > 0) & (matched > 0)
    means = precision * recall / np.where(has_match, _ALPHA * precision + (1 - _ALPHA) * recall, 1)
    fragmentation = statistics[:, _CHUNKS] / np.where(has_match, matched, 1)
    return np.asarray(np.where(has_match, means * (1 - _GAMMA * fragmentation**_BETA), 0.0))


def without_matches(statistics: FloatArray) -> FloatArray:
    """The statistics of captions as long as these that match nothing, [r, 23]."""
    wrong = statistics.copy()
    wrong[:, _REFERENCE_FUNCTION + 1 :] = 0
    return wrong


def _weighted_share(statistics: FloatArray, *, side: int) -> FloatArray:
    """Share of words matched, content words counted more: precision on side 0 (candidate), recall on 1, [r]."""
    content = statistics[:, 4 + side : 20 : 4] @ _MODULE_WEIGHTS
    function = statistics[:, 6 + side : 20 : 4] @ _MODULE_WEIGHTS
    n_words, n_function = statistics[:, _CANDIDATE_WORDS + side], statistics[:, _CANDIDATE_FUNCTION + side]
    weight = _DELTA * (n_words - n_function) + (1 - _DELTA) * n_function
    return np.asarray((_DELTA * content + (1 - _DELTA) * function) / np.where(weight > 0, weight, 1))


def _without_excused_chunks(statistics: FloatArray) -> FloatArray:
    """The jar does not count the chunk of a caption that is matched whole, in one piece, on both sides."""
    is_whole = (
        (statistics[:, _CHUNKS] == 1)
        & (statistics[:, _CANDIDATE_MATCHES] == statistics[:, _CANDIDATE_WORDS])
        & (statistics[:, _REFERENCE_MATCHES] == statistics[:, _REFERENCE_WORDS])
    )
    counted = statistics.copy()
    counted[is_whole, _CHUNKS] = 0
    return counted


def _numbers(lines: Sequence[str], *, width: int) -> FloatArray:
    """Rows of `width` numbers each, [lines, width]."""
    for place, line in enumerate(lines):
        if len(line.split()) != width or line.startswith("Error"):
            raise EvalsError(f"{JAR}, answer {place}", expected=f"{width} numbers", found=repr(line[:200]))
    return np.array([line.split() for line in lines], dtype=np.float64)


def _score_line(candidate: str, references: Sequence[str]) -> str:
    candidate = candidate.replace("|||", "").replace("  ", " ")  # once, as the official wrapper does
    line = " ||| ".join(["SCORE", *references, candidate])
    if "\n" in line or "\r" in line:
        raise PredictionError("meteor", expected="captions without line breaks", found=repr(line[:80]))
    return line


class _Ask:
    """Sends lines to a process while reading its answers, so that neither side waits for the other's full pipe."""

    def __init__(self, process: "subprocess.Popen[bytes]", messages: IO[bytes]) -> None:
        self._process, self._messages = process, messages

    def __call__(self, lines: Sequence[str], n_answers: int) -> list[str]:
        sender = threading.Thread(target=self._send, args=(lines,), daemon=True)
        sender.start()
        assert self._process.stdout is not None
        answers = [self._process.stdout.readline() for _ in range(n_answers)]
        sender.join()
        if not answers[-1].endswith(b"\n"):
            self._process.wait()
            self._messages.seek(0)
            found = self._messages.read().decode(errors="replace").strip()[-500:] or "the end of its output"
            raise EvalsError(JAR, expected=f"{n_answers} lines of numbers", found=found)
        return [answer.decode().strip() for answer in answers]

    def _send(self, lines: Sequence[str]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the reader tells what happened
            for line in lines:
                self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


@contextmanager
def _jar_process() -> Iterator[_Ask]:
    jar = installed_jar("meteor", JAR)
    command = [java_program("meteor"), "-jar", "-Xmx2G", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            command, cwd=jar.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=messages
        )
        try:
            yield _Ask(process, messages)
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                process.communicate()
