"""Projections into and out of a language model.

Into: features of an encoder [b, n, d_in] to soft tokens [b, m, d_llm]. Out of: states at signals to conditioning.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_adapter.reference.grouping import GroupingProjection
from model_adapter.reference.presets import OutputConfig, ProjectionConfig


def pooled_projection(d_in: int, d_llm: int, *, n_tokens: int) -> nn.Module:
    """One pooled vector to m tokens: [b, 1, d_in] -> [b, m, d_llm].

    AnyMAL turns a pooled vector into 32 tokens by "one linear layer"; chosen here is the one layer d_in -> m x d_llm.
    """
    linear = nn.Linear(d_in, n_tokens * d_llm)
    return nn.Sequential(OrderedDict(linear=linear, cut=nn.Unflatten(-1, (n_tokens, d_llm)), tokens=nn.Flatten(1, 2)))


def strip_projection(d_in: int, d_llm: int, *, n_joined: int = 4) -> nn.Module:
    """Neighbours of a row side by side, then linear: [b, n, d_in] -> [b, n/k, d_llm]; four as in MiniGPT-v2.

    Neighbours are consecutive in raster order, so that strips are 1 x 4 patches, not 2 x 2.
    """
    strips, joined = nn.Unflatten(1, (-1, n_joined)), nn.Flatten(2)  # [b, n/k, k, d_in], then [b, n/k, k x d_in]
    return nn.Sequential(OrderedDict(strips=strips, joined=joined, linear=nn.Linear(n_joined * d_in, d_llm)))


def resampler_projection(d_in: int, d_llm: int, *, n_tokens: int, n_layers: int) -> nn.Module:
    """Perceiver Resampler after Flamingo, then linear: [b, n, d_in] -> [b, m, d_llm], whatever n."""
    from transformers.models.idefics.configuration_idefics import IdeficsConfig, IdeficsVisionConfig
    from transformers.models.idefics.perceiver import IdeficsPerceiverResampler

    config = IdeficsConfig(vision_config=IdeficsVisionConfig(embed_dim=d_in))
    d_head = min(64, d_in)
    resampler = IdeficsPerceiverResampler(config, d_in, n_layers, d_in // d_head, d_head, n_tokens)
    return nn.Sequential(OrderedDict(resampler=resampler, linear=nn.Linear(d_in, d_llm)))


class QFormerProjection(nn.Module):
    """Learned queries of a Q-Former look at the features, then linear: [b, n, d_in] -> [b, m, d_llm]."""

    def __init__(self, d_in: int, d_llm: int, *, n_tokens: int, n_layers: int, width: int = 768) -> None:
        from transformers import Blip2QFormerConfig, Blip2QFormerModel

        super().__init__()
        config = Blip2QFormerConfig(
            hidden_size=width,
            num_hidden_layers=n_layers,
            num_attention_heads=max(1, width // 64),
            intermediate_size=4 * width,
            encoder_hidden_size=d_in,
            cross_attention_frequency=1,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        self.queries = nn.Parameter(torch.randn(1, n_tokens, width) * 0.02)
        self.former = Blip2QFormerModel(config)
        self.linear = nn.Linear(width, d_llm)

    def forward(self, features: Tensor) -> Tensor:
        asked = self.queries.expand(len(features), -1, -1)
        tokens: Tensor = self.linear(self.former(query_embeds=asked, encoder_hidden_states=features).last_hidden_state)
        return tokens


class SignalProjection(nn.Module):
    """States at a run of signal tokens [b, n_signals, d_llm] to conditioning [b, n_queries, d_out].

    A Transformer reads the states; learned queries ask for each position of the conditioning.

    Args:
        d_llm: Width of the language model.
        d_out: Width of the conditioning: of the diffusion model's text encoder.
        n_queries: Positions of the conditioning.
        width: Inner width.
        is_unit: Scale each vector to length one, as the text embeddings of CLAP are.

    Source: Wu et al. 2024, arXiv:2309.05519v3, section 3 and appendix C.2 (width 512, 4 heads, 4 + 4 layers).
    """

    def __init__(self, d_llm: int, d_out: int, *, n_queries: int, width: int = 512, is_unit: bool = False) -> None:
        super().__init__()
        n_heads, n_layers, dropout = 4, 4, 0.1  # as in the paper; the authors' code has no dropout
        self.is_unit = is_unit
        self.enter = nn.Linear(d_llm, width)
        self.queries = nn.Parameter(torch.randn(1, n_queries, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, n_heads, 4 * width, dropout, batch_first=True, norm_first=True)
        self.transformer = nn.Transformer(
            d_model=width,
            nhead=n_heads,
            num_decoder_layers=n_layers,
            dim_feedforward=4 * width,
            dropout=dropout,
            # Made here because nn.Transformer cannot switch off nested tensors, which pre-norm layers do not take.
            custom_encoder=nn.TransformerEncoder(layer, n_layers, nn.LayerNorm(width), enable_nested_tensor=False),
            norm_first=True,
            batch_first=True,
        )
        self.leave = nn.Linear(width, d_out)

    def forward(self, states: Tensor) -> Tensor:
        asked = self.queries.expand(len(states), -1, -1)
        conditioning: Tensor = self.leave(self.transformer(self.enter(states), asked))
        return functional.normalize(conditioning, dim=-1) if self.is_unit else conditioning


def make_projection(config: ProjectionConfig, *, d_in: int, d_llm: int) -> nn.Module:
    """The projection that the settings name, freshly initialised.

    Args:
        config: Kind and sizes.
        d_in: Width of the encoder's features.
        d_llm: Width of the language model.
    """
    counts, width = {"n_tokens": config.n_tokens, "n_layers": config.n_layers}, config.width
    match config.kind:
        case "linear":
            return strip_projection(d_in, d_llm, n_joined=1)
        case "pooled":
            return pooled_projection(d_in, d_llm, n_tokens=config.n_tokens)
        case "strips":
            return strip_projection(d_in, d_llm)
        case "resampler":
            return resampler_projection(d_in, d_llm, **counts)
        case "qformer":
            return QFormerProjection(d_in, d_llm, **counts, width=width)
        case "grouping":
            return GroupingProjection(d_in, d_llm, n_concepts=config.n_concepts, depths=config.depths, width=width)


def make_signal_projection(config: OutputConfig, *, d_llm: int) -> SignalProjection:
    """The output projection that the settings name, freshly initialised."""
    n_queries, width = config.n_queries, config.width
    return SignalProjection(d_llm, config.d_out, n_queries=n_queries, width=width, is_unit=config.is_unit)
