"""How many parameters each part of a preset has, counted on the meta device, beside what its paper says."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import torch
from torch import nn

from model_adapter.reference.decoder_parts import decoder_parts
from model_adapter.reference.encoders import encoder_spec, make_encoder
from model_adapter.reference.encoders.imagebind import ImageBind
from model_adapter.reference.presets import LanguageConfig, LoraConfig, Preset
from model_adapter.reference.projections import make_projection, make_signal_projection
from model_adapter.reference.templates import added_tokens

Mark = Literal["published", "derived", "chosen"]


@dataclass(frozen=True)
class ModuleCount:
    """Parameters of a module, or of each of several neighbours that are equal in all but their number.

    Args:
        name: Seen from the module around it, such as "layers.0-31".
        kind: Its class, and the shape of its first tensor if no module is inside it; for a tensor the shape.
        n_parameters: Of one copy: what is inside adds up to it.
        n_copies: How many there are.
        inside: Modules and tensors of one copy, as deep as was asked for.
    """

    name: str
    kind: str
    n_parameters: int
    n_copies: int = 1
    inside: tuple["ModuleCount", ...] = ()


@dataclass(frozen=True, kw_only=True)
class PartCount:
    """Parameters of one part.

    Args:
        part: Its place in the model, such as "inputs/image/encoder".
        what: The network.
        n_parameters: All of its parameters.
        inside: Its modules, as deep as was asked for.
        trains: Whether they train by default.
        mark: `published`: sizes stand in a paper or a released file; `derived`: they follow from a published count;
            `chosen`: the sources leave them open.
        paper: The paper's own figure; "" if it gives none.
    """

    part: str
    what: str
    n_parameters: int
    trains: bool
    mark: Mark
    paper: str = ""
    inside: tuple[ModuleCount, ...] = ()


_Content = nn.Module | tuple[ModuleCount, ...]
_Known = Mapping[str, tuple[Mark, str]]
_NEXTGPT: Final[_Known] = {
    "language": ("published", "7B"),
    "lora": ("derived", "33M"),
    "inputs/media/projection": ("derived", "28M"),
    "inputs/image/encoder": ("published", "1.2B"),
    "outputs/image/projection": ("derived", "31M"),
    "outputs/audio/projection": ("derived", "31M"),
    "outputs/video/projection": ("derived", "32M"),
    "outputs/image/decoder": ("published", "1.3B"),
    "outputs/video/decoder": ("published", "1.8B"),
    "outputs/audio/decoder": ("published", "975M"),
}
_PAPER: Final[Mapping[str, _Known]] = {
    "nextgpt-7b": _NEXTGPT,
    "nextgpt-7b-v1": {**_NEXTGPT, "inputs/media/projection": ("published", "4M"), "rows": ("published", "")},
    "anymal-7b": {"language": ("published", "7B")},
    "anymal-13b": {"language": ("published", "13B")},
    "anymal-70b": {"language": ("published", "70B")},
    "minigpt-v2-7b": {"language": ("published", "7B"), "inputs/image/projection": ("published", "")},
}
"""Marks and rounded figures, by preset and part; a part that is not named has the mark of `_usual_mark`."""


def count_parts(preset: Preset, *, depth: int = 0) -> list[PartCount]:
    """Every part of the preset with its number of parameters; nothing is allocated.

    Encoders and projections that several media share are counted once.

    Args:
        preset: Which system.
        depth: How many levels of modules are told inside each part.
    """
    with torch.device("meta"):
        return [_counted(preset, *one, depth=depth) for one in _parts(preset)]


def meta_language(config: LanguageConfig) -> Any:
    """The language model's network, freshly initialised on the current default device."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = LlamaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.n_layers,
        num_attention_heads=config.n_heads,
        num_key_value_heads=config.n_key_value_heads,
    )
    return LlamaForCausalLM(sizes)


def count(module: nn.Module) -> int:
    """Number of parameters; a parameter that is used twice counts once."""
    return sum(one.numel() for one in module.parameters())


def module_tree(module: nn.Module, depth: int) -> tuple[ModuleCount, ...]:
    """What is inside a module, `depth` levels deep; its tensors are told if there are modules beside them.

    A module with nine tenths of the parameters around it does not count as a level: it only wraps.
    """
    children = [(name, child, count(child)) for name, child in _children(module)]
    if depth == 0 or not children:
        return ()
    n_most = 0.9 * count(module)
    entries = [ModuleCount(name, _shape(one), one.numel()) for name, one in module.named_parameters(recurse=False)]
    for name, child, n in children:
        if n:
            entries.append(ModuleCount(name, _kind(child), n, inside=module_tree(child, depth - (n < n_most))))
    runs = itertools.groupby(entries, key=lambda one: replace(one, name=_numberless(one.name)))
    return tuple(_joined([*equal]) for _, equal in runs)


def adapter_tree(network: nn.Module, lora: LoraConfig) -> tuple[ModuleCount, ...]:
    """Low-rank adapters by the linear layers that get them: rank x (inputs + outputs) parameters each."""
    named = ((name.rpartition(".")[2], one) for name, one in network.named_modules())
    shapes = Counter((name, one.get_parameter("weight").shape) for name, one in named if name in lora.targets)
    return tuple(
        ModuleCount(name, f"{lora.rank} x ({shape[1]} + {shape[0]})", lora.rank * sum(shape), n)
        for (name, shape), n in shapes.items()
    )


def _children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules directly inside, those of lists one by one; ImageBind's by modality instead of by stage."""
    if isinstance(module, ImageBind):
        stages = dict(module.named_children())
        scales = stages.pop("modality_postprocessors")
        for modality, _ in stages["modality_trunks"].named_children():
            tower = {name.removeprefix("modality_")[:-1]: one.get_submodule(modality) for name, one in stages.items()}
            yield modality, nn.ModuleDict(tower)
        yield "scale of text", scales.get_submodule("text.1")
        return
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield from ((f"{name}.{number}", one) for number, one in child.named_children())
        else:
            yield name, child


def _joined(equal: list[ModuleCount]) -> ModuleCount:
    first, last = equal[0].name, equal[-1].name
    name = first if len(equal) == 1 else f"{first}-{last.removeprefix(_numberless(last))}"
    return replace(equal[0], name=name, n_copies=len(equal))


def _numberless(name: str) -> str:
    return re.sub(r"\d+$", "", name)


def _kind(module: nn.Module) -> str:
    """The class, and of a single layer the shape of its weight; nothing of what only holds others."""
    if type(module) in (nn.ModuleDict, nn.ModuleList, nn.Sequential):
        return ""
    return type(module).__name__ + ("" if [*module.children()] else f" {_shape(next(module.parameters()))}")


def _shape(tensor: torch.Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "1"


def _parts(preset: Preset) -> Iterator[tuple[str, str, _Content]]:
    """Place and name of each part, and the module or the tensors that it is made of."""
    config, seen = preset.language, set[str]()
    network = meta_language(config)
    yield "language", config.name, network
    yield "lora", f"LoRA r{config.lora.rank}", adapter_tree(network, config.lora)
    if preset.trains_rows != "none":
        n, width = len(added_tokens(preset)) + config.vocab_size * (preset.trains_rows == "all"), config.hidden_size
        yield "rows", f"{n} rows of both embeddings", (ModuleCount("embeddings", f"{n} x {width}", n * width, 2),)
    for medium, given in preset.inputs.items():
        spec, place = encoder_spec(given.encoder), given.shared or medium
        if spec.name not in seen:
            yield f"inputs/{medium}/encoder", spec.name, make_encoder(given.encoder).network
        if place not in seen:
            projection = make_projection(given.projection, d_in=spec.width, d_llm=config.hidden_size)
            yield f"inputs/{place}/projection", given.projection.kind, projection
        seen |= {spec.name, place}
    for medium, made in preset.outputs.items():
        what = f"{made.n_signals} signals to {made.n_queries} x {made.d_out}"
        yield f"outputs/{medium}/projection", what, make_signal_projection(made, d_llm=config.hidden_size)
        decoder = decoder_parts(made.decoder, is_tiny=made.is_tiny)
        yield f"outputs/{medium}/decoder", made.decoder, nn.ModuleDict(decoder)


def _counted(preset: Preset, part: str, what: str, content: _Content, *, depth: int) -> PartCount:
    if isinstance(content, nn.Module):
        n, inside = count(content), module_tree(content, depth)
    else:
        n, inside = sum(one.n_copies * one.n_parameters for one in content), content if depth else ()
    trains = part in ("lora", "rows") or part.endswith("projection")
    mark, paper = _PAPER.get(preset.name, {}).get(part, (_usual_mark(preset, part, what), ""))
    return PartCount(part=part, what=what, n_parameters=n, trains=trains, mark=mark, paper=paper, inside=inside)


def _usual_mark(preset: Preset, part: str, what: str) -> Mark:
    """Projections and AnyMAL's video encoder are left open or not to be had; the other networks are named by papers."""
    if part.endswith("projection") or what == "videomae-l" or preset.name.startswith("tiny-"):
        return "chosen"
    return "derived" if part == "rows" else "published"
