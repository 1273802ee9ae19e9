"""Answers given elsewhere or earlier, played back: from a mapping, or from a run's `generations.jsonl`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from model_adapter.adapter import Capabilities, Generation, Request, text_generation
from model_adapter.errors import AdapterError


class _Line(msgspec.Struct):
    id: str
    text: str


class ReplayAdapter:
    """Answers each request with the text that stands under its key; "missing" where none does."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

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
        return cls(texts)

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
        return Generation(parts=(), finish_reason="missing") if text is None else text_generation(text)
