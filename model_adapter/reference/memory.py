"""Rough bytes that a preset needs, to tell what fits on a card before anything is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass

from model_adapter.reference.audit import PartCount
from model_adapter.reference.presets import Bits, LanguageConfig


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes by purpose.

    Args:
        weights: All networks.
        optimizer: Adam's two moments, gradients and 32-bit copies of what trains.
        activations: Kept for the backward pass (one hidden state a layer, recomputed inside), or the key-value cache.
        logits: Scores over the vocabulary and their gradient, in 32 bit.
    """

    weights: int
    optimizer: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """Everything together."""
        return self.weights + self.optimizer + self.activations + self.logits


def estimate_memory(
    parts: Sequence[PartCount], language: LanguageConfig, *, bits: Bits, batch_size: int, n_tokens: int, trains: bool
) -> MemoryEstimate:
    """An estimate for one card that holds everything.

    Args:
        parts: From `count_parts`.
        language: For hidden sizes.
        bits: Of the frozen language model's weights; the other networks are held in 16 bit. Below 16 bit, half a bit a
            weight is added for the scales of its blocks.
        batch_size: Sequences at once.
        n_tokens: Length of each.
        trains: Training with recomputed activations; False is generation with a key-value cache.
    """
    n_language = sum(part.n_parameters for part in parts if part.part == "language")
    n_trained = sum(part.n_parameters for part in parts if part.trains) if trains else 0
    n_others = sum(part.n_parameters for part in parts) - n_language
    bits_per_weight = bits + (0.5 if bits < 16 else 0.0)
    tokens = batch_size * n_tokens
    if trains:
        # One layer at a time is recomputed: 34 x hidden bytes a token (Korthikanti et al. 2022, arXiv:2205.05198).
        activations = (2 * language.n_layers + 34) * tokens * language.hidden_size
    else:
        d_head = language.hidden_size // language.n_heads
        activations = 2 * 2 * tokens * language.n_layers * language.n_key_value_heads * d_head
    return MemoryEstimate(
        weights=int(n_language * bits_per_weight / 8) + 2 * n_others,
        optimizer=16 * n_trained,
        activations=activations,
        logits=(8 * tokens if trains else 4 * batch_size) * language.vocab_size,
    )
