"""The assembled model: encoders, projections, language model, signal projections."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from model_adapter.errors import AdapterError
from model_adapter.reference.audit import meta_language
from model_adapter.reference.encoders import Encoder, make_encoder
from model_adapter.reference.presets import EncoderName, LoraConfig, MediumName, OutputName, Preset
from model_adapter.reference.projections import make_projection, make_signal_projection
from model_adapter.reference.templates import Segment, Slot, added_tokens, signal_tokens
from shards.sample import Media


class ReferenceModel(nn.Module):
    """A preset's networks without the diffusion pipelines, which are loaded apart.

    Args:
        preset: Which system.
        tokenizer: Of the language model, a transformers tokenizer; the preset's tokens are added if they are missing.
        language: The language model; None makes one with random weights.
        encoders: By name, as far as they are loaded already; the others get random weights.
    """

    def __init__(
        self,
        preset: Preset,
        tokenizer: Any,
        *,
        language: nn.Module | None = None,
        encoders: Mapping[EncoderName, Encoder] | None = None,
    ) -> None:
        super().__init__()
        self.preset, self.tokenizer = preset, tokenizer
        if not set(added_tokens(preset)) <= set(tokenizer.get_vocab()):
            tokenizer.add_special_tokens({"additional_special_tokens": list(added_tokens(preset))})
        grown = _grown(language or meta_language(preset.language), len(tokenizer))
        new_rows = tokenizer.convert_tokens_to_ids(list(added_tokens(preset)))
        self.language: Any = _with_lora(grown, preset.language.lora, preset.trains_rows, new_rows)
        self.encoders: Any = nn.ModuleDict()
        self.projections = nn.ModuleDict()
        self.signals = nn.ModuleDict()
        self._add_inputs(encoders or {})
        for output, made in preset.outputs.items():
            self.signals[output] = make_signal_projection(made, d_llm=preset.language.hidden_size)
        self.n_encoder_calls = 0

    @property
    def device(self) -> torch.device:
        """Where the language model lies."""
        return next(self.get_submodule("language").parameters()).device

    def decoder(self, **given: Any) -> Any:
        """The language model without its head; transformers' arguments and outputs."""
        return self._causal().model(**given)

    def logits(self, states: Tensor) -> Tensor:
        """Scores over the vocabulary for the last layer's states."""
        scores: Tensor = self._causal().lm_head(states)
        return scores

    def token_ids(self, text: str) -> list[int]:
        """Ids of a text, without the tokens that open or close a sequence."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def embed_ids(self, ids: Sequence[int]) -> Tensor:
        """Input embeddings of tokens, [n, d_llm]."""
        rows: Tensor = self._causal().get_input_embeddings()(torch.tensor(ids, dtype=torch.long, device=self.device))
        return rows

    def signal_ids(self, output: OutputName) -> list[int]:
        """Ids of the run that asks for this medium, contiguous and in order."""
        ids: list[int] = self.tokenizer.convert_tokens_to_ids(list(signal_tokens(self.preset, output)))
        return ids

    def encoder(self, medium: MediumName) -> Encoder:
        """The encoder of a medium.

        Raises:
            AdapterError: If the preset does not take this medium.
        """
        if medium not in self.preset.inputs:
            takes = f"one of {', '.join(self.preset.inputs)}"
            raise AdapterError(f"preset {self.preset.name}", expected=takes, found=medium)
        encoder: Encoder = self.encoders[self.preset.inputs[medium].encoder.name]
        return encoder

    def soft_tokens(self, medium: MediumName, media: Sequence[tuple[Media, bytes]]) -> Tensor:
        """Encode and project media of one kind: [n, m, d_llm].

        Raises:
            AdapterError: If the preset does not take this medium.
        """
        encoder, given = self.encoder(medium), self.preset.inputs[medium]
        self.n_encoder_calls += len(media)
        features = encoder(encoder.prepare(media, medium).to(self.device), medium)
        projection = self.projections[given.shared or medium]
        tokens: Tensor = projection(features.to(next(projection.parameters()).dtype))
        return tokens.to(next(self.language.parameters()).dtype)

    def embed(self, segments: Sequence[Segment], soft: Mapping[str, Tensor], *, is_start: bool) -> Tensor:
        """Text and slots as one row of embeddings, [n, d_llm].

        Args:
            segments: From `dialogue_segments`.
            soft: Soft tokens by the sha256 of the medium.
            is_start: Whether to begin with the token that opens a sequence.
        """
        ids = [self.tokenizer.bos_token_id] if is_start and self.tokenizer.bos_token_id is not None else []
        rows = (
            soft[one.part.sha256] if isinstance(one, Slot) else self.embed_ids(self.token_ids(one)) for one in segments
        )
        return torch.cat((self.embed_ids(ids), *rows))

    def _causal(self) -> Any:
        """The causal language model, adapters inside."""
        return self.language.get_base_model()

    def _add_inputs(self, loaded: Mapping[EncoderName, Encoder]) -> None:
        for medium, given in self.preset.inputs.items():
            name, place = given.encoder.name, given.shared or medium
            if name not in self.encoders:
                self.encoders[name] = loaded.get(name) or make_encoder(given.encoder)
            if place not in self.projections:
                widths = {"d_in": self.encoders[name].spec.width, "d_llm": self.preset.language.hidden_size}
                self.projections[place] = make_projection(given.projection, **widths)


def trainable(model: ReferenceModel) -> list[str]:
    """Names of the parameters that train: projections, signal projections, adapters, new embedding rows."""
    return [name for name, one in model.named_parameters() if one.requires_grad]


def _grown(language: Any, n_tokens: int) -> Any:
    """Frozen, with room for the added tokens; new rows begin as the mean of the old ones."""
    n_before = language.get_input_embeddings().num_embeddings
    if n_tokens > n_before:
        language.resize_token_embeddings(n_tokens, mean_resizing=False)
        with torch.no_grad():
            for table in (language.get_input_embeddings(), language.get_output_embeddings()):
                table.weight[n_before:] = table.weight[:n_before].mean(dim=0)
    return language.requires_grad_(False)


def _with_lora(language: Any, lora: LoraConfig, trains_rows: str, new_rows: list[int]) -> Any:
    """Low-rank adapters, and of the embeddings only the added rows (all rows where the preset says so)."""
    import peft

    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        trainable_token_indices=dict.fromkeys(_TABLES, new_rows) if trains_rows == "new" and new_rows else None,
        modules_to_save=list(_TABLES) if trains_rows == "all" else None,
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(language, config)


_TABLES: Final = ("embed_tokens", "lm_head")
