"""Files of weights in the layouts in which they are published, and strict loading: no key is lost in silence.

Layouts: our own (safetensors), ImageBind's and LAVIS' EVA files, MiniGPT-v2's checkpoints (peft's old names), and the
released first version of NExT-GPT (embeddings, adapters and projections under the names of its first code).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from model_adapter.errors import AdapterError

Tensors = dict[str, Tensor]
_Renaming = Sequence[tuple[str, str]]
_N_NAMED: Final = 8
"""Faults that a message names; the others are counted."""


def read_tensors(path: Path) -> Tensors:
    """Tensors by name out of a safetensors file or a pickle, of which nothing but tensors is run.

    Raises:
        AdapterError: If the file is absent, broken, or holds anything else.
    """
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise AdapterError(str(path), expected="a file of tensors", found=str(error).split("\n")[0][:200]) from error
    for key in ("model", "state_dict"):
        found = found[key] if isinstance(found, dict) and isinstance(found.get(key), dict) else found
    if not isinstance(found, dict) or not all(isinstance(one, Tensor) for one in found.values()):
        raise AdapterError(str(path), expected="tensors by name", found=type(found).__name__)
    return found


def load_strictly(
    module: nn.Module, tensors: Tensors, *, place: str, wanted: Iterable[str] | None = None, assigns: bool = False
) -> None:
    """Fill a network from tensors that must be all of it, and of nothing else.

    Args:
        module: The network; its dtype stays.
        tensors: By the network's own names.
        place: For the message: the file.
        wanted: Names that must be there; None means all.
        assigns: Take the tensors as they are instead of copying, for networks on the meta device.

    Raises:
        AdapterError: If names are unknown or missing or shapes differ; the first of them are named.
    """
    own = module.state_dict()
    faults = [f"missing {name}" for name in (own if wanted is None else wanted) if name not in tensors]
    for name, tensor in tensors.items():
        if name not in own:
            faults.append(f"unknown {name}")
        elif tensor.shape != own[name].shape:
            faults.append(f"{name} of shape {list(tensor.shape)} instead of {list(own[name].shape)}")
    if faults:
        more = f" and {len(faults) - _N_NAMED} more" if len(faults) > _N_NAMED else ""
        raise AdapterError(place, expected="this network's weights", found="; ".join(faults[:_N_NAMED]) + more)
    module.load_state_dict(tensors, strict=False, assign=assigns)


def own_names(tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors under the names of `ReferenceModel`, whichever of the layouts they came in."""
    place = "media" if any(name.startswith("gen_text_hidden_fcs") for name in tensors) else "image"
    renaming = (*_RELEASED, (r"^llama_proj\.", f"projections.{place}.linear."))
    return {_renamed(name, renaming): tensor for name, tensor in tensors.items()}


def eva_names(tensors: Mapping[str, Tensor], *, n_blocks: int, n_patches: int) -> Tensors:
    """LAVIS' `eva_vit_g.pth` under the names of transformers' Blip2VisionModel.

    Blocks after the first `n_blocks` are left out: BLIP-2 and MiniGPT-v2 use 39 of 40. So are a closing norm and a
    head, which they do not use either. Positions are resized bicubically to `n_patches`.
    """
    used: Tensors = {}
    for name, tensor in tensors.items():
        block = re.match(r"blocks\.(\d+)\.", name)
        if not (block and int(block[1]) >= n_blocks) and not re.match(r"(norm|fc_norm|head)\.", name):
            used[_renamed(name, _EVA)] = tensor
    for number in range(n_blocks):
        attention = f"encoder.layers.{number}.self_attn."
        biases = [used.pop(f"{attention}{kind}_bias", None) for kind in "qv"]
        if biases[0] is not None and biases[1] is not None:
            used[f"{attention}qkv.bias"] = torch.cat((biases[0], torch.zeros_like(biases[0]), biases[1]))
    positions = used.get("embeddings.position_embedding")
    if positions is not None:
        used["embeddings.position_embedding"] = _resized(positions, n_patches)
        width = positions.shape[-1]
        used.update({"post_layernorm.weight": torch.ones(width), "post_layernorm.bias": torch.zeros(width)})
    return used


def _resized(positions: Tensor, n_patches: int) -> Tensor:
    """Positions [1, 1 + n, width] of a square grid for another one; the class token's row is kept."""
    grid = positions[:, 1:].float()
    side, new = round(grid.shape[1] ** 0.5), round(n_patches**0.5)
    if side == new:
        return positions
    square = grid.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    square = nn.functional.interpolate(square, size=(new, new), mode="bicubic", align_corners=False)
    return torch.cat((positions[:, :1].float(), square.permute(0, 2, 3, 1).flatten(1, 2)), dim=1)


def _renamed(name: str, renaming: _Renaming) -> str:
    for pattern, replacement in renaming:
        name = re.sub(pattern, replacement, name)
    return name


_TABLE: Final = r"language.base_model.model.\1.modules_to_save.default.weight"
_RELEASED: Final[_Renaming] = (
    # Older peft had no name for the adapter.
    (r"^llama_model\.(.+\.lora_[AB])(?:\.default)?\.weight$", r"language.\1.default.weight"),
    (r"^llama_model\.base_model\.model\.(model\.embed_tokens|lm_head)\.weight$", _TABLE),
    (r"^gen_text_hidden_fcs\.0\.", "signals.image."),
    (r"^gen_text_hidden_fcs_(video|audio)\.0\.", r"signals.\1."),
    (r"^(signals\.\w+)\.fc\.", r"\1.enter."),
    (r"^(signals\.\w+)\.tfm\.", r"\1.transformer."),
    (r"^(signals\.\w+)\.model\.", r"\1.leave."),
    (r"^(signals\.\w+)\.query_embs$", r"\1.queries"),
)
"""Of MiniGPT-v2 and the first NExT-GPT; only their projections of inputs share a name for different places."""
_EVA: Final[_Renaming] = (
    (r"^cls_token$", "embeddings.class_embedding"),
    (r"^pos_embed$", "embeddings.position_embedding"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embedding."),
    (r"^blocks\.", "encoder.layers."),
    (r"\.norm([12])\.", r".layer_norm\1."),
    (r"\.attn\.proj\.", ".self_attn.projection."),
    (r"\.attn\.", ".self_attn."),
)
