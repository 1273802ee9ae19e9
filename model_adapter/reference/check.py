"""Published figures of released weights, computed again: does a file, loaded here, do what its authors saw?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from model_adapter.errors import AdapterError
from model_adapter.reference.encoders import inputs
from model_adapter.reference.encoders.imagebind import N_WORDS
from model_adapter.reference.loading import load_encoder, pretrained
from model_adapter.reference.presets import EncoderConfig
from shards.media import media_part, probe

TOLERANCE: Final = 0.01
"""Media decoders and resamplers differ a little from those of the original."""
_THINGS: Final = ("dog", "car", "bird")
_WORDS: Final = ("A dog.", "A car", "A bird")
_PUBLISHED: Final[Mapping[tuple[str, int, int], float]] = {
    **{("vision x text", place, place): value for place, value in enumerate((0.99761, 0.99994, 0.98646))},
    **{("audio x text", place, place): 1.0 for place in range(3)},
    **{("vision x audio", place, place): value for place, value in enumerate((0.8070, 0.7884, 0.9960))},
    ("vision x audio", 1, 0): 0.1036,
    ("vision x audio", 1, 2): 0.1079,
}
"""README of facebookresearch/ImageBind at 53680b0: softmax over the second medium's dog, car and bird."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published number and what came out here."""

    what: str
    published: float
    found: float

    @property
    def agrees(self) -> bool:
        """Within `TOLERANCE`."""
        return abs(self.published - self.found) <= TOLERANCE


def check_imagebind(weights: Path, *, media: Path, tokenizer: Path | None) -> list[Figure]:
    """The similarities of ImageBind's README.

    Args:
        weights: `imagebind_huge.pth`.
        media: Holds `dog_image.jpg`, `dog_audio.wav` and the same of car and bird, as the ImageBind repository does.
        tokenizer: A folder with CLIP's byte-pair vocabulary, as of openai/clip-vit-large-patch14; None leaves out the
            figures that need texts.

    Raises:
        AdapterError: If a file is absent or its weights are not ImageBind's.
    """
    words = _word_ids(tokenizer) if tokenizer else None
    shown = {kind: _prepared(media, kind) for kind in ("image", "audio")}
    model: Any = load_encoder(EncoderConfig(name="imagebind"), str(weights)).network
    with torch.no_grad():
        vision, sound = model.embed(shown["image"], "vision"), model.embed_clips(shown["audio"], "audio")
        embedded = {"vision x audio": (vision, sound)}
        if words is not None:
            text = model.embed(words, "text")
            embedded |= {"vision x text": (vision, text), "audio x text": (sound, text)}
    shares = {what: (one @ other.T).softmax(dim=-1) for what, (one, other) in embedded.items()}
    return [
        Figure(
            what=f"{what}, {_THINGS[row]} to {_THINGS[column]}", published=value, found=float(shares[what][row, column])
        )
        for (what, row, column), value in _PUBLISHED.items()
        if what in shares
    ]


def _prepared(media: Path, kind: str) -> Tensor:
    prepare: Any = inputs.imagebind()["image" if kind == "image" else "audio"]
    ready = []
    for thing in _THINGS:
        path = media / f"{thing}_{kind}.{'jpg' if kind == 'image' else 'wav'}"
        if not path.is_file():
            remedy = "the ImageBind repository has it under .assets"
            raise AdapterError(str(path), expected="a medium of the README", found="no file", remedy=remedy)
        content = path.read_bytes()
        ready.append(prepare(media_part(probe(content), member=path.name, sha256=""), content))
    return torch.stack(ready)


def _word_ids(folder: Path) -> Tensor:
    """Ids of the three texts, [3, 77], with zeros after the closing token."""
    from transformers import CLIPTokenizer

    if not ((folder / "vocab.json").exists() or (folder / "tokenizer.json").exists()):
        # transformers makes an empty tokenizer of a folder that is not there.
        raise AdapterError(str(folder), expected="CLIP's tokenizer (vocab.json, merges.txt)", found="neither file")
    tokenizer = pretrained(CLIPTokenizer, str(folder))
    rows = (tokenizer(text)["input_ids"] for text in _WORDS)
    return torch.tensor([ids + [0] * (N_WORDS - len(ids)) for ids in rows])
