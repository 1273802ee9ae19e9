"""How many parameters each part of a preset has, counted on the meta device, beside what its paper says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import nn

from model_adapter.reference.decoder_parts import decoder_parts
from model_adapter.reference.encoders import encoder_spec, make_encoder
from model_adapter.reference.presets import LanguageConfig, LoraConfig, Preset
from model_adapter.reference.projections import make_projection, make_signal_projection
from model_adapter.reference.templates import added_tokens

Mark = Literal["published", "derived", "chosen"]


@dataclass(frozen=True, kw_only=True)
class PartCount:
    """Parameters of one part.

    Args:
        part: Its place in the model, such as "inputs/image/encoder".
        what: The network.
        n_parameters: All of its parameters.
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


_PAPER: Final[Mapping[tuple[str, str], tuple[Mark, str]]] = {
    ("nextgpt-7b", "language"): ("published", "7B"),
    ("nextgpt-7b", "lora"): ("derived", "33M"),
    ("nextgpt-7b", "inputs/media/projection"): ("derived", "28M"),
    ("nextgpt-7b", "inputs/image/encoder"): ("published", "1.2B"),
    ("nextgpt-7b", "outputs/image/projection"): ("derived", "31M"),
    ("nextgpt-7b", "outputs/audio/projection"): ("derived", "31M"),
    ("nextgpt-7b", "outputs/video/projection"): ("derived", "32M"),
    ("nextgpt-7b", "outputs/image/decoder"): ("published", "1.3B"),
    ("nextgpt-7b", "outputs/video/decoder"): ("published", "1.8B"),
    ("nextgpt-7b", "outputs/audio/decoder"): ("published", "975M"),
    ("nextgpt-7b-v1", "language"): ("published", "7B"),
    ("nextgpt-7b-v1", "lora"): ("published", "33M"),
    ("nextgpt-7b-v1", "inputs/media/projection"): ("published", "4M"),
    ("anymal-7b", "language"): ("published", "7B"),
    ("anymal-13b", "language"): ("published", "13B"),
    ("anymal-70b", "language"): ("published", "70B"),
    ("minigpt-v2-7b", "language"): ("published", "7B"),
    ("minigpt-v2-7b", "inputs/image/projection"): ("published", ""),
}
"""Marks and rounded figures, by preset and part; a part that is not named has the mark of `_usual_mark`."""


def count_parts(preset: Preset) -> list[PartCount]:
    """Every part of the preset with its number of parameters; nothing is allocated.

    Encoders and projections that several media share are counted once.
    """
    with torch.device("meta"):
        return [*_language(preset), *_inputs(preset), *_outputs(preset)]


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


def count_adapters(network: nn.Module, lora: LoraConfig) -> int:
    """Parameters of low-rank adapters: rank x (inputs + outputs) for each linear layer that gets one."""
    adapted = [one for name, one in network.named_modules() if name.rpartition(".")[2] in lora.targets]
    return sum(lora.rank * sum(one.get_parameter("weight").shape) for one in adapted)


def _language(preset: Preset) -> Iterator[PartCount]:
    config = preset.language
    network = meta_language(config)
    yield _part(preset, "language", config.name, count(network), trains=False)
    if config.lora is not None:
        what = f"LoRA r{config.lora.rank} on {', '.join(config.lora.targets)}"
        yield _part(preset, "lora", what, count_adapters(network, config.lora), trains=True)
    n_rows = len(added_tokens(preset)) + (config.vocab_size if preset.trains_rows == "all" else 0)
    if n_rows:
        what = f"{n_rows} rows of the input and of the output embedding"
        yield _part(preset, "rows", what, 2 * n_rows * config.hidden_size, trains=preset.trains_rows != "none")


def _inputs(preset: Preset) -> Iterator[PartCount]:
    seen: set[str] = set()
    for medium, given in preset.inputs.items():
        if given.encoder.name not in seen:
            seen.add(given.encoder.name)
            encoder = make_encoder(given.encoder)
            yield _part(preset, f"inputs/{medium}/encoder", given.encoder.name, count(encoder), trains=False)
        place = given.shared or medium
        if place not in seen:
            seen.add(place)
            width = encoder_spec(given.encoder).width
            projection = make_projection(given.projection, d_in=width, d_llm=preset.language.hidden_size)
            yield _part(preset, f"inputs/{place}/projection", given.projection.kind, count(projection), trains=True)


def _outputs(preset: Preset) -> Iterator[PartCount]:
    for medium, made in preset.outputs.items():
        projection = make_signal_projection(made, d_llm=preset.language.hidden_size)
        what = f"{made.n_signals} signals to {made.n_queries} x {made.d_out}"
        yield _part(preset, f"outputs/{medium}/projection", what, count(projection), trains=True)
        parts = decoder_parts(made.decoder, is_tiny=made.is_tiny)
        what = f"{made.decoder}: {' + '.join(parts)}"
        yield _part(preset, f"outputs/{medium}/decoder", what, sum(map(count, parts.values())), trains=False)


def _part(preset: Preset, part: str, what: str, n_parameters: int, *, trains: bool) -> PartCount:
    mark, paper = _PAPER.get((preset.name, part), (_usual_mark(part, what), ""))
    return PartCount(part=part, what=what, n_parameters=n_parameters, trains=trains, mark=mark, paper=paper)


def _usual_mark(part: str, what: str) -> Mark:
    """Projections and AnyMAL's video encoder are left open or not to be had; the other networks are named by papers."""
    if part.endswith("projection") or what == "videomae-l":
        return "chosen"
    return "derived" if part == "rows" else "published"
