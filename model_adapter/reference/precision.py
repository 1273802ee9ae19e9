"""What it costs to train on a base in few bits and to answer with the full one, as AnyMAL does (arXiv:2309.16058)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_adapter.adapter import Decoding, Request
from model_adapter.errors import AdapterError
from model_adapter.reference.adapter import ReferenceAdapter
from model_adapter.reference.loading import load_model, read_sources
from model_adapter.reference.presets import Bits, find_preset
from shards.draft import Draft
from shards.sample import Text, modality

_BATCH: Final = 8


@dataclass(frozen=True, kw_only=True)
class BaseGap:
    """Log-probabilities of the same answers with the same adapters on two bases, in nats an answer.

    Args:
        low: On the base in few bits.
        full: On the base in full precision.
    """

    low: tuple[float, ...]
    full: tuple[float, ...]

    @property
    def gaps(self) -> list[float]:
        """Full minus few bits."""
        return [full - low for low, full in zip(self.low, self.full, strict=True)]


def compare_bases(folder: Path, drafts: Sequence[Draft], *, bits: Bits) -> BaseGap:
    """How likely last answers of dialogues are with a folder's adapters on its base in few bits and on the full one.

    Args:
        folder: Holds `reference.json`, which names the language model; where it says 16 bit, these count as full.
        drafts: Samples; left out are those that do not end in words of the machine's, or show before them what the
            model does not take.
        bits: Of the base in few bits: those of training.

    Raises:
        AdapterError: If a part of the folder cannot be loaded, or no sample is left.
    """
    sources = read_sources(folder)
    takes = {"text", *find_preset(sources.preset).inputs}
    asked = [one for draft in drafts if (one := _last_answer(draft, takes)) is not None]
    if not sources.language or not asked:
        expected = "a language model apart from `weights`, and samples that end in the machine's words"
        raise AdapterError(str(folder), expected=expected, found=f"{sources.language!r}, {len(asked)} samples")
    full: Bits = 16 if sources.language_bits == 16 else 32
    return BaseGap(low=_scores(folder, asked, bits), full=_scores(folder, asked, full))


def _scores(folder: Path, asked: Sequence[tuple[Request, str]], bits: Bits) -> tuple[float, ...]:
    adapter = ReferenceAdapter(load_model(folder, language_bits=bits))
    batches = [asked[begin : begin + _BATCH] for begin in range(0, len(asked), _BATCH)]
    return tuple(
        x for batch in batches for x in adapter.score([one for one, _ in batch], [words for _, words in batch])
    )


def _last_answer(draft: Draft, takes: set[str]) -> tuple[Request, str] | None:
    *before, last = draft.sample.turns
    words = " ".join(part.text for part in last.parts if isinstance(part, Text))
    if last.role != "machine" or not words or not {modality(part) for turn in before for part in turn.parts} <= takes:
        return None
    key, blobs = draft.sample.key, draft.blobs
    return Request(key=key, turns=tuple(before), task="bits", decoding=Decoding(), blobs=blobs), words
