"""What every encoder has in common, and what each states about itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from model_adapter.errors import AdapterError
from model_adapter.reference.presets import EncoderName, MediumName
from shards.sample import Media


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """An encoder's outside.

    Args:
        name: Which network.
        n_tokens: Tokens that come out of a medium, by the media that it takes.
        width: Of each token.
        licence: Terms of the released weights.
        source: Paper, and the checkpoint that is meant.
    """

    name: EncoderName
    n_tokens: Mapping[MediumName, int]
    width: int
    licence: str
    source: str


Prepare = Callable[[Media, bytes], Tensor]
"""One medium, described by its part, to the network's input without a batch axis."""

Forward = Callable[[Any, Tensor, MediumName], Tensor]
"""Network, batch of inputs and medium to tokens [b, n_tokens, width]."""


class Encoder(nn.Module):
    """A frozen network from media to tokens; it stays in evaluation mode and takes no gradient.

    Args:
        spec: What it states about itself.
        network: Without gradient from now on.
        prepare: Preprocessing by medium.
        run: How the network is called.
    """

    def __init__(
        self, spec: EncoderSpec, network: nn.Module, *, prepare: Mapping[MediumName, Prepare], run: Forward
    ) -> None:
        super().__init__()
        self.spec = spec
        self.network = network.requires_grad_(False).eval()
        self._prepare = prepare
        self._run = run

    def train(self, mode: bool = True) -> "Encoder":
        """Stay in evaluation mode whatever the model around does."""
        return super().train(False)

    def prepare(self, media: Sequence[tuple[Media, bytes]], medium: MediumName) -> Tensor:
        """A batch of inputs on the CPU out of the bytes of media.

        Raises:
            AdapterError: If the encoder does not take this medium.
            MediaError: If the bytes cannot be decoded.
        """
        if medium not in self._prepare:
            raise AdapterError(f"encoder {self.spec.name}", expected=f"one of {', '.join(self._prepare)}", found=medium)
        return torch.stack([self._prepare[medium](part, content) for part, content in media])

    @torch.no_grad()
    def forward(self, inputs: Tensor, medium: MediumName) -> Tensor:
        return self._run(self.network, inputs.to(next(self.network.parameters()).dtype), medium)
