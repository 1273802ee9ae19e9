"""What loaders share: checks of media before a network sees them, and running a network on arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model_adapter.decoding import probed
from model_adapter.embedders.embedder import Array, Input, Prepare, Run
from shards.errors import MediaError
from shards.media import MediaKind, media_part
from shards.sample import Media


def checked(kind: MediaKind, prepare: Callable[[Media, bytes], Tensor | Array], *, has_windows: bool) -> Prepare:
    """`prepare` for media of one kind, which refuses what would be scored without meaning.

    What comes back raises MediaError for what `probed` refuses, and for inputs that are not finite.

    Args:
        kind: Of the media.
        prepare: A medium, described by its part, to the network's input.
        has_windows: Whether inputs have an axis of windows already.
    """

    def prepared(content: bytes) -> Array:
        part = media_part(probed(content, kind), member="medium", sha256="")
        array = np.asarray(prepare(part, content))
        if not np.isfinite(array).all():
            raise MediaError(kind, expected="finite samples", found="nan or infinity")
        return array if has_windows else array[None]

    return prepared


def runner(network: nn.Module, forward: Callable[[Any, Input, Tensor], Tensor]) -> Run:
    """The network in evaluation mode, on the accelerator if there is one, as a function of arrays."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    frozen = network.requires_grad_(False).eval().to(device)

    def run(kind: Input, windows: Array) -> Array:
        with torch.inference_mode():
            return np.asarray(forward(frozen, kind, torch.from_numpy(windows).to(device)).float().cpu().numpy())

    return run
