"""Input projections: features of an encoder [b, n, d_in] to soft tokens of a language model [b, m, d_llm]."""

from torch import Tensor, nn

from model_adapter.reference.grouping import GroupingProjection
from model_adapter.reference.presets import ProjectionConfig


class LinearProjection(nn.Module):
    """Each feature to one token: [b, n, d_in] -> [b, n, d_llm]."""

    def __init__(self, d_in: int, d_llm: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_in, d_llm)

    def forward(self, features: Tensor) -> Tensor:
        tokens: Tensor = self.linear(features)
        return tokens


class PooledProjection(nn.Module):
    """One pooled vector to m tokens: [b, 1, d_in] -> [b, m, d_llm].

    AnyMAL turns a pooled vector into 32 tokens by "one linear layer"; chosen here is the one layer d_in -> m x d_llm.
    """

    def __init__(self, d_in: int, d_llm: int, *, n_tokens: int) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.linear = nn.Linear(d_in, n_tokens * d_llm)

    def forward(self, features: Tensor) -> Tensor:
        tokens: Tensor = self.linear(features).unflatten(-1, (self.n_tokens, -1)).flatten(1, 2)
        return tokens


class StripProjection(nn.Module):
    """Four neighbours of a row side by side, then linear: [b, n, d_in] -> [b, n/4, d_llm], as in MiniGPT-v2.

    Neighbours are consecutive in raster order, so that strips are 1 x 4 patches, not 2 x 2.
    """

    def __init__(self, d_in: int, d_llm: int, *, n_joined: int = 4) -> None:
        super().__init__()
        self.n_joined = n_joined
        self.linear = nn.Linear(n_joined * d_in, d_llm)

    def forward(self, features: Tensor) -> Tensor:
        joined = features.reshape(len(features), -1, self.n_joined * features.shape[-1])  # [b, n/4, 4 x d_in]
        tokens: Tensor = self.linear(joined)
        return tokens


class ResamplerProjection(nn.Module):
    """Perceiver Resampler after Flamingo, then linear: [b, n, d_in] -> [b, m, d_llm], whatever n."""

    def __init__(self, d_in: int, d_llm: int, *, n_tokens: int, n_layers: int, d_head: int = 64) -> None:
        from transformers.models.idefics.configuration_idefics import IdeficsConfig, IdeficsVisionConfig
        from transformers.models.idefics.perceiver import IdeficsPerceiverResampler

        super().__init__()
        config = IdeficsConfig(vision_config=IdeficsVisionConfig(embed_dim=d_in))
        n_heads = max(1, d_in // d_head)
        self.resampler = IdeficsPerceiverResampler(config, d_in, n_layers, n_heads, min(d_head, d_in), n_tokens)
        self.linear = nn.Linear(d_in, d_llm)

    def forward(self, features: Tensor) -> Tensor:
        tokens: Tensor = self.linear(self.resampler(features))
        return tokens


class QFormerProjection(nn.Module):
    """Learned queries of a Q-Former look at the features, then linear: [b, n, d_in] -> [b, m, d_llm]."""

    def __init__(self, d_in: int, d_llm: int, *, n_tokens: int, n_layers: int, width: int = 768) -> None:
        import torch
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


def make_projection(config: ProjectionConfig, *, d_in: int, d_llm: int) -> nn.Module:
    """The projection that the settings name, freshly initialised.

    Args:
        config: Kind and sizes.
        d_in: Width of the encoder's features.
        d_llm: Width of the language model.
    """
    match config.kind:
        case "linear":
            return LinearProjection(d_in, d_llm)
        case "pooled":
            return PooledProjection(d_in, d_llm, n_tokens=config.n_tokens)
        case "strips":
            return StripProjection(d_in, d_llm)
        case "resampler":
            return ResamplerProjection(d_in, d_llm, n_tokens=config.n_tokens, n_layers=config.n_layers)
        case "qformer":
            return QFormerProjection(
                d_in, d_llm, n_tokens=config.n_tokens, n_layers=config.n_layers, width=config.width
            )
        case "grouping":
            return GroupingProjection(
                d_in,
                d_llm,
                n_concepts=config.n_concepts,
                depths=config.depths,
                width=config.width,
                mixing_width=config.width // 2,
            )
