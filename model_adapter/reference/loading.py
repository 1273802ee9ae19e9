"""Models from folders: `reference.json` says where each part lies, and the libraries' own loaders read them.

{"schema": "anymodal.reference/1", "preset": "minigpt-v2-7b", "tokenizer": "llama-2-7b-chat",
 "language": "llama-2-7b-chat", "encoders": {"eva-vit-g-448": "eva_vit_g.pth"}, "weights": "checkpoint_stage3.pth"}
"""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import torch

from model_adapter.errors import AdapterError
from model_adapter.reference.adapter import ReferenceAdapter, random_adapter
from model_adapter.reference.checkpoints import eva_names, load_strictly, own_names, read_tensors
from model_adapter.reference.decoders import load_decoder
from model_adapter.reference.encoders import Encoder, make_encoder
from model_adapter.reference.model import ReferenceModel, trainable
from model_adapter.reference.presets import Bits, EncoderConfig, EncoderName, OutputName, find_preset
from model_adapter.reference.tiny import byte_tokenizer
from shards.errors import told_as
from shards.files import disk, make_folder, part_name, write_atomic

SCHEMA: Final = "anymodal.reference/1"
_FILE: Final = "reference.json"
_SIZES: Final = ("hidden_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")

_FROM_FILES: Final = ("imagebind", "eva-vit-g-448", "imu2clip")
"""Encoders whose weights are one file; those of the others are transformers folders."""


class Sources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Where a model's parts lie: paths (seen from the folder) or names of repositories on the hub.

    Args:
        schema: Of this file.
        preset: Which system.
        tokenizer: Of the language model.
        language: The language model without adapters; "" if `weights` holds it.
        language_bits: Bits a weight of it: 4 and 8 need bitsandbytes.
        encoders: Encoders whose weights do not stand in `weights`.
        weights: What was trained, and all that is named nowhere else.
        decoders: Diffusion pipelines; a medium without one is not made.
        from_words: Ask them with the answer's words instead of signals; see `ReferenceAdapter`.
    """

    preset: str
    schema: Literal["anymodal.reference/1"] = SCHEMA
    tokenizer: str = "tokenizer"
    language: str = ""
    language_bits: Bits = 32
    encoders: dict[EncoderName, str] = {}
    weights: str = "model.safetensors"
    decoders: dict[OutputName, str] = {}
    from_words: bool = False


def open_adapter(name: str, *, seed: int = 0) -> ReferenceAdapter:
    """What `--model reference:NAME` means: a model's folder, or a tiny preset with random weights.

    Raises:
        AdapterError: If the folder holds no whole model, or the preset is unknown or needs weights.
    """
    if Path(name).is_dir():
        return load_adapter(Path(name))
    preset = find_preset(name)
    if not name.startswith("tiny-"):
        remedy = f"write {_FILE} as docs/models.md shows"
        raise AdapterError(f"preset {name}", expected="a folder with its weights", found="only a name", remedy=remedy)
    return random_adapter(preset, byte_tokenizer(), seed=seed)


def load_adapter(folder: Path) -> ReferenceAdapter:
    """The model of a folder and its diffusion pipelines, ready to answer.

    Raises:
        AdapterError: If a part is absent, unreadable or of another size.
    """
    sources = read_sources(folder)
    decoders = {output: load_decoder(output, _where(folder, path)) for output, path in sources.decoders.items()}
    return ReferenceAdapter(load_model(folder), decoders, from_words=sources.from_words)


def load_model(folder: Path, *, language_bits: Bits | None = None) -> ReferenceModel:
    """The networks of a folder without the diffusion pipelines.

    Args:
        folder: Holds `reference.json`.
        language_bits: Instead of those that it says.

    Raises:
        AdapterError: If a part is absent, unreadable or of another size, or names of weights are unknown or missing.
    """
    from transformers import AutoTokenizer

    sources = read_sources(folder)
    preset = find_preset(sources.preset)
    tokenizer = pretrained(AutoTokenizer, _where(folder, sources.tokenizer))
    language = None
    if sources.language:
        where = _where(folder, sources.language)
        language = load_language(where, bits=language_bits or sources.language_bits)
        if language.config.hidden_size != preset.language.hidden_size:
            expected = f"a language model of width {preset.language.hidden_size}"
            raise AdapterError(where, expected=expected, found=f"width {language.config.hidden_size}")
    wanted = {given.encoder.name: given.encoder for given in preset.inputs.values()}
    if unused := set(sources.encoders) - set(wanted):
        raise AdapterError(str(folder / _FILE), expected=f"encoders of {preset.name}", found=", ".join(sorted(unused)))
    encoders = {name: load_encoder(wanted[name], _where(folder, path)) for name, path in sources.encoders.items()}
    model = ReferenceModel(preset, tokenizer, language=language, encoders=encoders)
    weights = Path(_where(folder, sources.weights))
    load_strictly(model, own_names(read_tensors(weights)), place=str(weights), wanted=_own_part(model, sources))
    return model.eval()


def load_language(path: str, *, bits: Bits = 32) -> Any:
    """A causal language model through transformers, frozen weights perhaps in few bits.

    Raises:
        AdapterError: If there is none at `path`, or bitsandbytes is missing for 4 and 8 bit.
    """
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import is_bitsandbytes_available

    if bits >= 16:
        dtype = torch.bfloat16 if bits == 16 else torch.float32
        return pretrained(AutoModelForCausalLM, path, dtype=dtype, use_safetensors=True)
    if not is_bitsandbytes_available():
        remedy = "pip install bitsandbytes, or take 16 bits"
        raise AdapterError(path, expected=f"bitsandbytes for {bits} bit", found="not installed", remedy=remedy)
    few = BitsAndBytesConfig(load_in_8bit=bits == 8, load_in_4bit=bits == 4)
    return pretrained(AutoModelForCausalLM, path, quantization_config=few, use_safetensors=True)


def load_encoder(config: EncoderConfig, path: str) -> Encoder:
    """An encoder with released weights: ImageBind's and LAVIS' files, transformers folders or hub names for the others.

    Raises:
        AdapterError: If names or shapes are not those of the encoder.
    """
    with torch.device("meta"):
        encoder = make_encoder(config)
    if config.name in _FROM_FILES:
        tensors = read_tensors(Path(path))
        if config.name == "eva-vit-g-448":
            sizes: Any = encoder.network.config
            n_patches = (sizes.image_size // sizes.patch_size) ** 2
            tensors = eva_names(tensors, n_blocks=sizes.num_hidden_layers, n_patches=n_patches)
        tensors = {name: one.float() for name, one in tensors.items()}
        load_strictly(encoder.network, tensors, place=path, assigns=True)
    else:
        encoder.network = _vision_or_sound(encoder, path)
    encoder.network.requires_grad_(False).eval()
    return encoder


def save_model(model: ReferenceModel, folder: Path, sources: Sources | None = None) -> None:
    """Write a folder that `load_model` reads; the file of weights appears under its name when it is whole.

    Args:
        model: What to keep.
        folder: Made if it is missing.
        sources: Where frozen parts can be found again; they are not written. None writes everything.
    """
    from safetensors.torch import save_file

    known = sources or Sources(preset=model.preset.name)
    make_folder(folder)
    kept = _own_part(model, known)
    path = folder / known.weights
    save_file({name: one.contiguous() for name, one in model.state_dict().items() if name in kept}, part_name(path))
    disk.rename(part_name(path), path)
    if known.tokenizer == "tokenizer":
        model.tokenizer.save_pretrained(folder / "tokenizer")
    write_atomic(folder / _FILE, msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")


def read_sources(folder: Path) -> Sources:
    """What the folder's `reference.json` says.

    Raises:
        AdapterError: If it is absent or breaks the format.
    """
    path = folder / _FILE
    told = f"where a model's parts lie ({SCHEMA})"
    with told_as((OSError, msgspec.MsgspecError), AdapterError, str(path), expected=told):
        return msgspec.json.decode(path.read_bytes(), type=Sources)


def _own_part(model: ReferenceModel, sources: Sources) -> set[str]:
    """Names of the weights that no other source holds."""
    frozen = [f"encoders.{name}." for name in sources.encoders] + (["language."] if sources.language else [])
    trained = set(trainable(model))
    return {name for name in model.state_dict() if name in trained or not name.startswith(tuple(frozen))}


def _where(folder: Path, path: str) -> str:
    """A path seen from the folder if something lies there; else as it is: another path, or a hub name."""
    return str(folder / path) if (folder / path).exists() else path


def _vision_or_sound(encoder: Encoder, path: str) -> Any:
    ours: Any = encoder.network.config
    config = pretrained(type(ours), path)
    if encoder.spec.name == "videomae-l":
        config.num_frames = ours.num_frames  # positions follow a formula, so that fewer frames need no new weights
    names = (*_SIZES, "projection_dim") if encoder.spec.name == "laion-clap" else _SIZES
    wrong = [
        f"{name} {getattr(config, name)} instead of {getattr(ours, name)}"
        for name in names
        if hasattr(ours, name) and getattr(config, name) != getattr(ours, name)
    ]
    if wrong:
        raise AdapterError(path, expected=f"{encoder.spec.name} ({encoder.spec.source})", found="; ".join(wrong))
    network, told = pretrained(type(encoder.network), path, config=config, output_loading_info=True)
    if missing := sorted(told["missing_keys"]):
        found = "missing " + ", ".join(missing[:8])
        raise AdapterError(path, expected=f"all weights of {encoder.spec.name}", found=found)
    return network


def pretrained(kind: Any, path: str, **given: Any) -> Any:
    """What transformers' own loader makes of a path; nothing is fetched.

    Raises:
        AdapterError: If it makes nothing of it.
    """
    try:
        return kind.from_pretrained(path, local_files_only=True, **given)
    except (OSError, ValueError, RuntimeError) as error:
        found = str(error).split("\n")[0][:200]
        remedy = "" if Path(path).exists() else f"name a local folder, or get it first: hf download {path}"
        raise AdapterError(path, expected=f"what {kind.__name__} can load", found=found, remedy=remedy) from error
