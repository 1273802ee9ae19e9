"""The published systems, and their tiny twins, as settings of one implementation.

What the papers leave open is chosen here and listed in `docs/models.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from model_adapter.errors import AdapterError

EncoderName = Literal[
    "imagebind", "clip-vit-l-336", "openclip-vit-g", "dinov2-g", "eva-vit-g-448", "laion-clap", "imu2clip", "videomae-l"
]
ProjectionKind = Literal["linear", "pooled", "strips", "resampler", "qformer", "grouping"]
TemplateName = Literal["vicuna-v0", "vicuna-v1", "llama-2-chat", "minigpt-v2"]
DecoderName = Literal["stable-diffusion-v1-5", "zeroscope-v2-576w", "audioldm-l-full"]
MediumName = Literal["image", "audio", "video", "imu"]
OutputName = Literal["image", "audio", "video"]
Bits = Literal[4, 8, 16, 32]
ATTENTION: Final = ("q_proj", "k_proj", "v_proj", "o_proj")
ALL_LINEAR: Final = (*ATTENTION, "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """A frozen encoder.

    Args:
        name: Which network.
        output: Tokens of the patch grid, or one pooled vector.
        is_tiny: The same code with few and narrow layers, for tests.
    """

    name: EncoderName
    output: Literal["tokens", "pooled"] = "tokens"
    is_tiny: bool = False


@dataclass(frozen=True, kw_only=True)
class ProjectionConfig:
    """An input projection.

    Args:
        kind: Which module.
        n_tokens: Soft tokens that come out, where the kind does not fix them.
        n_layers: Layers of a resampler or Q-Former.
        width: Inner width of grouping and Q-Former.
        n_concepts: Concept tokens of each grouping stage.
        depths: Self-attention blocks before each grouping stage.
    """

    kind: ProjectionKind
    n_tokens: int = 32
    n_layers: int = 2
    width: int = 512
    n_concepts: tuple[int, ...] = (64, 8)
    depths: tuple[int, ...] = (2, 2)

    def __post_init__(self) -> None:
        if min(self.n_tokens, self.n_layers, self.width, *self.n_concepts) < 1:
            raise AdapterError("projection", expected="sizes of at least 1", found=repr(self))
        if len(self.n_concepts) != len(self.depths):
            found = f"{len(self.n_concepts)} and {len(self.depths)}"
            raise AdapterError("grouping projection", expected="as many depths as stages", found=found)


@dataclass(frozen=True, kw_only=True)
class InputConfig:
    """How a medium reaches the language model; inputs with the same `shared` name use one projection."""

    encoder: EncoderConfig
    projection: ProjectionConfig
    shared: str | None = None


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """How the language model makes a medium.

    Args:
        n_signals: Signal tokens in a run.
        n_queries: Positions of the conditioning.
        d_out: Width of the conditioning.
        decoder: The frozen diffusion pipeline.
        is_unit: Whether conditioning vectors have length one.
        width: Inner width of the projection.
        is_tiny: A diffusion pipeline with few and narrow layers, for tests.
    """

    n_signals: int
    n_queries: int
    d_out: int
    decoder: DecoderName
    is_unit: bool = False
    width: int = 512
    is_tiny: bool = False


@dataclass(frozen=True, kw_only=True)
class LoraConfig:
    """Low-rank adapters of the language model."""

    rank: int
    alpha: int
    targets: tuple[str, ...]
    dropout: float = 0.05


@dataclass(frozen=True, kw_only=True)
class LanguageConfig:
    """A causal language model of the Llama family.

    Args:
        name: Folder or hub name of its weights.
        template: How turns become text.
        lora: Adapters that train.
    """

    name: str
    template: TemplateName
    lora: LoraConfig
    vocab_size: int = 32_000
    hidden_size: int = 4_096
    intermediate_size: int = 11_008
    n_layers: int = 32
    n_heads: int = 32
    n_key_value_heads: int = 32


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A whole system.

    Args:
        name: As on the command line.
        source: Paper, and which of its versions.
        language: The language model.
        inputs: Media that it takes.
        outputs: Media that it makes.
        trains_rows: Which embedding rows train beside the adapters: none, the new ones, or all.
    """

    name: str
    source: str
    language: LanguageConfig
    inputs: Mapping[MediumName, InputConfig]
    outputs: Mapping[OutputName, OutputConfig] = field(default_factory=dict)
    trains_rows: Literal["none", "new", "all"] = "none"


_NEXTGPT: Final = "Wu et al. 2024, arXiv:2309.05519"
_ANYMAL: Final = "Moon et al. 2023, arXiv:2309.16058v1"
_MINIGPT: Final = "Chen et al. 2023, arXiv:2310.09478"
_VICUNA: Final = LanguageConfig(
    name="lmsys/vicuna-7b-v0",
    template="vicuna-v0",
    lora=LoraConfig(rank=32, alpha=32, targets=ATTENTION, dropout=0.1),
)
_LLAMA_2: Final = LanguageConfig(
    name="meta-llama/Llama-2-7b-chat-hf",
    template="llama-2-chat",
    lora=LoraConfig(rank=64, alpha=16, targets=ALL_LINEAR),
)
_OUTPUTS: Final[Mapping[OutputName, OutputConfig]] = {
    "image": OutputConfig(n_signals=4, n_queries=77, d_out=768, decoder="stable-diffusion-v1-5"),
    "audio": OutputConfig(n_signals=8, n_queries=1, d_out=512, decoder="audioldm-l-full", is_unit=True),
    "video": OutputConfig(n_signals=24, n_queries=77, d_out=1024, decoder="zeroscope-v2-576w"),
}


def _llama_2(size: str, *, hidden: int, inner: int, n_layers: int, n_heads: int, n_kv: int) -> LanguageConfig:
    return replace(
        _LLAMA_2,
        name=f"meta-llama/Llama-2-{size}-chat-hf",
        hidden_size=hidden,
        intermediate_size=inner,
        n_layers=n_layers,
        n_heads=n_heads,
        n_key_value_heads=n_kv,
    )


def _nextgpt(name: str, source: str, projection: ProjectionConfig) -> Preset:
    is_grouping = projection.kind == "grouping"
    encoder = EncoderConfig(name="imagebind", output="tokens" if is_grouping else "pooled")
    given = InputConfig(encoder=encoder, projection=projection, shared="media")
    return Preset(
        name=name,
        source=source,
        language=_VICUNA,
        inputs={"image": given, "audio": given, "video": given},
        outputs=_OUTPUTS,
        trains_rows="new" if is_grouping else "all",
    )


def _anymal(name: str, language: LanguageConfig = _LLAMA_2, *, source: str = _ANYMAL) -> Preset:
    def given(encoder: EncoderConfig, kind: ProjectionKind, n_tokens: int, n_layers: int = 2) -> InputConfig:
        projection = ProjectionConfig(kind=kind, n_tokens=n_tokens, n_layers=n_layers)
        return InputConfig(encoder=encoder, projection=projection)

    inputs: Mapping[MediumName, InputConfig] = {
        "image": given(EncoderConfig(name="openclip-vit-g"), "resampler", 64, 6),
        "video": given(EncoderConfig(name="videomae-l"), "resampler", 32, 4),
        "audio": given(EncoderConfig(name="laion-clap", output="pooled"), "pooled", 32),
        "imu": given(EncoderConfig(name="imu2clip", output="pooled"), "pooled", 32),
    }
    return Preset(name=name, source=source, language=language, inputs=inputs)


def _minigpt(name: str) -> Preset:
    given = InputConfig(encoder=EncoderConfig(name="eva-vit-g-448"), projection=ProjectionConfig(kind="strips"))
    lora = LoraConfig(rank=64, alpha=16, targets=("q_proj", "v_proj"))
    language = replace(_LLAMA_2, template="minigpt-v2", lora=lora)
    return Preset(name=name, source=_MINIGPT, language=language, inputs={"image": given})


def _tiny(preset: Preset) -> Preset:
    """The same system with few and narrow layers."""
    language = replace(
        preset.language,
        name="tiny",
        lora=replace(preset.language.lora, rank=4, alpha=4, dropout=0.0),
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        n_layers=2,
        n_heads=4,
        n_key_value_heads=4,
    )
    inputs = {medium: replace(one, encoder=replace(one.encoder, is_tiny=True)) for medium, one in preset.inputs.items()}
    outputs = {medium: replace(made, d_out=32, width=32, is_tiny=True) for medium, made in preset.outputs.items()}
    return replace(preset, language=language, inputs=inputs, outputs=outputs)


_TINY_GROUPING: Final = ProjectionConfig(kind="grouping", width=32, n_concepts=(16, 8), depths=(1, 1))
_ALL: Final = (
    _nextgpt("nextgpt-7b", f"{_NEXTGPT}v3", ProjectionConfig(kind="grouping")),
    _nextgpt("nextgpt-7b-v1", f"{_NEXTGPT}v1, whose weights are released", ProjectionConfig(kind="linear")),
    _anymal("anymal-7b"),
    _anymal("anymal-13b", _llama_2("13b", hidden=5_120, inner=13_824, n_layers=40, n_heads=40, n_kv=40)),
    _anymal("anymal-70b", _llama_2("70b", hidden=8_192, inner=28_672, n_layers=80, n_heads=64, n_kv=8)),
    _minigpt("minigpt-v2-7b"),
    _tiny(_nextgpt("tiny-nextgpt", f"{_NEXTGPT}v3, made small", _TINY_GROUPING)),
    _tiny(_anymal("tiny-anymal", source=f"{_ANYMAL}, made small")),
    _tiny(_minigpt("tiny-minigpt")),
)
PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in _ALL}


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        AdapterError: If there is none.
    """
    if name not in PRESETS:
        raise AdapterError("preset", expected=f"one of {', '.join(PRESETS)}", found=repr(name))
    return PRESETS[name]
