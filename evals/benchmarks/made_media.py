"""Made media in answers: their bytes lie in the run folder, and answers name them by their paths below it.

An answer is words and such names, parted by white space. What a model writes may hold media too, as `data:` URIs
(RFC 2397).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from evals.results import Unscored
from model_adapter import MADE_NAME, Generation
from shards.draft import Blob, FileBytes
from shards.files import make_folder, write_atomic
from shards.media import MediaKind, sniff
from shards.sample import Boxes, Part, Text, modality

_URI: Final = re.compile(r"data:(image|audio|video)/[^\s\"'<>)]*")


class RealMedium(msgspec.Struct, frozen=True):
    """What a made medium is compared with: the real one, the caption that was asked, and whether it is the world's.

    Media of one cluster are drawn together by intervals; "" stands alone.
    """

    kind: MediaKind
    blob: Blob
    caption: str
    is_world: bool
    cluster: str = ""

    @property
    def place(self) -> str:
        """The file in which it lies."""
        return self.blob.path if isinstance(self.blob, FileBytes) else f"a real {self.kind}"

    def uri(self) -> str:
        """The medium as an answer."""
        return data_uri(self.blob.read(), self.kind)


def data_uri(content: bytes, kind: str = "image") -> str:
    """The bytes of a medium in a text."""
    return f"data:{kind}/{sniff(content) or 'unknown'};base64,{base64.b64encode(content).decode()}"


class MadeMedia:
    """The media that a model made in a run, each once under the hash of its bytes."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._names: set[str] = set()

    def keep(self, generation: Generation) -> Generation:
        """The generation with its media in the run folder and their names as members; what lacks its bytes is gone.

        Raises:
            MediaError: If a medium that the model made cannot be read.
            OSError: If the disk is full or broken.
        """
        return msgspec.structs.replace(generation, parts=tuple(self._kept(generation)), blobs={})

    def _kept(self, generation: Generation) -> Iterator[Part | Boxes]:
        for part in generation.parts:
            if isinstance(part, Text):
                named = MADE_NAME.sub(lambda found: self._again(generation, found), part.text)
                yield Text(_URI.sub(lambda found: self._name(_content_of(found[0]), found[1]), named))
            elif isinstance(part, Boxes):
                yield part
            elif part.member in generation.blobs:
                name = self._name(generation.blobs[part.member].read(), modality(part))
                yield msgspec.structs.replace(part, member=name)

    def _again(self, generation: Generation, found: re.Match[str]) -> str:
        """The name of a medium that an earlier run kept."""
        content = generation.blobs[found[0]].read() if found[0] in generation.blobs else b""
        return self._name(content, found[1]) if hashlib.sha256(content).hexdigest() == found[2] else found[0]

    def _name(self, content: bytes, kind: str) -> str:
        name = f"made/{kind}/{hashlib.sha256(content).hexdigest()}.{sniff(content) or 'unknown'}"
        path = self._run / name
        if name not in self._names and not path.exists():
            make_folder(path.parent)
            write_atomic(path, content)
        self._names.add(name)
        return name

    def forget_others(self) -> None:
        """Remove what an earlier run in the same folder made."""
        for path in self._run.glob("made/*/*"):
            if str(path.relative_to(self._run)) not in self._names:
                path.unlink()


def told(generation: Generation) -> str:
    """Words and names of a kept generation, in their order."""
    spoken = (part for part in generation.parts if not isinstance(part, Boxes))
    return " ".join(part.text if isinstance(part, Text) else part.member for part in spoken)


def said(generation: Generation) -> str | Unscored:
    """All that was said, as one answer."""
    if generation.finish_reason in ("missing", "refusal"):
        return Unscored(generation.finish_reason)
    return told(generation).strip() or Unscored("empty_answer")


def names(answer: str) -> list[str]:
    """The media of an answer, in order."""
    return [found[0] for found in MADE_NAME.finditer(answer)]


def _content_of(uri: str) -> bytes:
    """The bytes of a `data:` URI; none if it is broken, which no decoder takes for a medium."""
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except binascii.Error:
        return b""
