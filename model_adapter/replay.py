"""Answers given elsewhere or earlier, played back: from a mapping, or from a run's `generations.jsonl`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from model_adapter.adapter import Capabilities, Generation, Request, text_generation
from model_adapter.errors import AdapterError
from shards.draft import Blob, FileBytes

MADE_NAME: Final = re.compile(r"\bmade/(image|audio|video)/([0-9a-f]{64})\.[a-z0-9]+")
"""How a run's answers name the media that were made: files below the run's folder."""


class _Line(msgspec.Struct):
    id: str
    text: str


class ReplayAdapter:
    """Answers each request with the text that stands under its key; "missing" where none does.

    Args:
        texts: By key.
        folder: The run's, in which the media lie that texts name.
    """

    def __init__(self, texts: Mapping[str, str], folder: Path | None = None) -> None:
        self._texts, self._folder = texts, folder

    @classmethod
    def read(cls, path: Path) -> "ReplayAdapter":
        """The answers of a JSON lines file with `id` and `text`; further fields are ignored.

        Raises:
            AdapterError: If the file cannot be read, a line is not of that form, or an id stands twice.
        """
        texts: dict[str, str] = {}
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise AdapterError(str(path), expected="a file of answers", found=error.strerror or str(error)) from error
        for number, raw in enumerate(lines, 1):
            place = f"{path}, line {number}"
            try:
                line = msgspec.json.decode(raw, type=_Line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise AdapterError(place, expected='{"id": ..., "text": ...}', found=str(error)) from error
            if line.id in texts:
                raise AdapterError(place, expected="each id once", found=f"{line.id} again")
            texts[line.id] = line.text
        return cls(texts, path.parent)

    def capabilities(self) -> Capabilities:
        """Text; media are not looked at."""
        return Capabilities()

    def generate(self, requests: Sequence[Request]) -> list[Generation]:
        """The stored answers, in order."""
        return [self.answer(request.key) for request in requests]

    def score(self, requests: Sequence[Request], continuations: Sequence[str]) -> list[float]:
        """Refused: stored answers have no probabilities."""
        raise AdapterError("replay", expected="a model with probabilities", found="stored answers")

    def answer(self, key: str) -> Generation:
        """The stored answer to the request of this key."""
        text = self._texts.get(key)
        if text is None:
            return Generation(parts=(), finish_reason="missing")
        return msgspec.structs.replace(text_generation(text), blobs=dict(self._media(text)))

    def _media(self, text: str) -> Iterator[tuple[str, Blob]]:
        """The media that a text names and that are there."""
        for found in MADE_NAME.finditer(text):
            if self._folder is not None and (self._folder / found[0]).is_file():
                yield found[0], FileBytes(str(self._folder / found[0]))
