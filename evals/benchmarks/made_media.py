"""Media as answers: made ones travel as `data:` URIs (RFC 2397), so that they go where texts go: into files of answers.

An answer is words and such URIs, parted by white space.
"""

import base64
import binascii
import hashlib
import re
from typing import Final

import msgspec

from evals.results import Unscored
from model_adapter import Generation
from shards.draft import Blob, FileBytes
from shards.media import MediaKind, sniff
from shards.sample import Audio, Image, Text, Video, modality

_URI: Final = re.compile(r"data:(image|audio|video)/\S*")


class RealMedium(msgspec.Struct, frozen=True):
    """What a made medium is compared with: the real one, the caption that was asked, and whether it is the world's."""

    kind: MediaKind
    blob: Blob
    caption: str
    is_world: bool

    @property
    def place(self) -> str:
        """The file in which it lies."""
        return self.blob.path if isinstance(self.blob, FileBytes) else f"a real {self.kind}"

    def uri(self) -> str:
        """The medium as an answer."""
        return data_uri(self.blob.read(), self.kind)


def data_uri(content: bytes, kind: str = "image") -> str:
    """The bytes of a medium as an answer."""
    return f"data:{kind}/{sniff(content) or 'unknown'};base64,{base64.b64encode(content).decode()}"


def content_of(uri: str) -> bytes:
    """The bytes of a `data:` URI; none if it is broken, which no decoder takes for a medium."""
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


def said(generation: Generation) -> str | Unscored:
    """Words and media of a generation in their order, as one answer.

    Raises:
        MediaError: If the model's own medium cannot be read.
    """
    if generation.finish_reason in ("missing", "refusal"):
        return Unscored(generation.finish_reason)
    pieces = []
    for part in generation.parts:
        if isinstance(part, Text):
            pieces.append(part.text)
        elif isinstance(part, Image | Audio | Video) and part.member in generation.blobs:
            pieces.append(data_uri(generation.blobs[part.member].read(), modality(part)))
    return " ".join(pieces).strip() or Unscored("empty_answer")


def uris(answer: str) -> list[str]:
    """The media of an answer, in order."""
    return [found[0] for found in _URI.finditer(answer)]


def shortened(text: str) -> str:
    """The text with a medium's type, size and hash in place of each `data:` URI."""

    def facts(found: re.Match[str]) -> str:
        content = content_of(found[0])
        media_type = found[0].removeprefix("data:").partition(";")[0]
        return f"{media_type}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"

    return _URI.sub(facts, text)
