"""What an embedder is: media in, rows of features out, under a name that numbers carry."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt

from shards.media import MediaKind

Array = npt.NDArray[Any]
Input = MediaKind | Literal["text"]
Prepare = Callable[[bytes], Array]
"""One medium, or a text in UTF-8, to what the network takes, [windows, ...] with at least one window."""

Run = Callable[[Input, Array], Array]
"""Windows of one kind of medium, [b, ...], to features [b, d]."""


@dataclass(frozen=True, kw_only=True)
class Embedder:
    """A network that is ready, and all that a feature depends on beside the medium.

    Loaders leave out its name and preprocessing, which stand in the table, and the hash of weights that do not ship.

    Args:
        name: As on the command line.
        weights: Their sha256.
        preprocessing: What happens before the weights, with a version.
        prepare: By the kinds that it takes.
        run: The network.
        by_window: Kinds whose windows (frames, seconds) stay rows of their own; those of the others are averaged.
    """

    name: str = ""
    weights: str = ""
    preprocessing: str = ""
    prepare: Mapping[Input, Prepare]
    run: Run
    by_window: frozenset[Input] = frozenset()

    def embed(self, kind: Input, content: bytes) -> Array:
        """Features of one medium, [windows, d], or [1, d] where windows are averaged.

        Raises:
            MediaError: If it cannot be decoded.
        """
        return self.rows(kind, self.run(kind, self.prepare[kind](content)))

    def rows(self, kind: Input, windows: Array) -> Array:
        """A medium's rows out of the features of its windows."""
        return windows if kind in self.by_window else windows.mean(axis=0, keepdims=True)

    @property
    def label(self) -> str:
        """The name for protocols: with twelve digits of the weights' hash, where that is known."""
        sha256 = self.weights.partition("sha256:")[2]
        return f"{self.name}-{sha256[:12]}" if sha256 else self.name

    @property
    def identity(self) -> str:
        """Hash of everything that features depend on beside the medium."""
        return hashlib.sha256("\n".join((self.name, self.weights, self.preprocessing)).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec:
    """A line of the table: what is known of an embedder before its weights are there.

    Args:
        name: As on the command line.
        distances: Media whose sets it compares.
        similarities: Media that it compares with texts.
        output: Whether rows are features or a classifier's outputs before the softmax.
        preprocessing: What happens before the weights, with a version.
        protocol: The published protocol that it implements, and where that was read.
        weights: Where weights are published: "hub:OWNER/NAME", a file's name and home, or "" if they ship.
        checked: Against what the network is tested: the publishing library, or names and shapes of its weights alone.
        load: Makes the network out of a file or folder of weights; None for what ships.
    """

    name: str
    distances: tuple[MediaKind, ...] = ()
    similarities: tuple[MediaKind, ...] = ()
    output: Literal["features", "logits"] = "features"
    preprocessing: str
    protocol: str
    weights: str = ""
    checked: Literal["library", "own", "unverified"]
    load: Callable[[Path | None], Embedder] = field(repr=False)

    @property
    def hub(self) -> str | None:
        """The repository on the hub, if that is where the weights are."""
        return self.weights.removeprefix("hub:") if self.weights.startswith("hub:") else None
