"""The grouping projection of NExT-GPT: patch features are sorted into a few concept tokens, in stages.

Source: Wu et al. 2024, arXiv:2309.05519v3, section 3 and appendix C.1, which leave widths, depths and stages open; the
sizes here reproduce the 28 M parameters of its Table 1 (`docs/models.md` lists what was chosen).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class SelfAttention(nn.Module):
    """Pre-norm Transformer block, [b, n, width] -> [b, n, width]; queries, keys and values without bias."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = mlp(width, 4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        queries, keys, values = self.queries_keys_values(self.norm_attention(tokens)).chunk(3, dim=-1)
        tokens = tokens + self.out(attend(queries, keys, values, self.n_heads))
        after: Tensor = tokens + self.mlp(self.norm_mlp(tokens))
        return after


class CrossAttention(nn.Module):
    """Concepts look at features; post-norm: [b, m, width], [b, n, width] -> [b, m, width]."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm_attention = nn.LayerNorm(width)
        self.mlp = mlp(width, 4 * width, width)
        self.norm_mlp = nn.LayerNorm(width)

    def forward(self, concepts: Tensor, features: Tensor) -> Tensor:
        seen = attend(self.queries(concepts), self.keys(features), self.values(features), self.n_heads)
        concepts = self.norm_attention(concepts + self.out(seen))
        after: Tensor = self.norm_mlp(concepts + self.mlp(concepts))
        return after


class Assignment(nn.Module):
    """Give every feature to one concept and average what each concept got.

    Similarity is the cosine between concepts and features, divided by a learnable temperature. In training Gumbel noise
    makes the choice random and the gradient passes straight through; in evaluation the nearest concept is taken.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def forward(self, concepts: Tensor, features: Tensor) -> Tensor:
        queries, keys = (functional.normalize(one, dim=-1) for one in (self.queries(concepts), self.keys(features)))
        similarity = queries @ keys.transpose(1, 2)  # [b, m, n]
        temperature: Any = self.log_temperature.exp()  # torch asks for a number and takes a tensor, gradient and all
        nearest = torch.zeros_like(similarity).scatter(1, similarity.argmax(dim=1, keepdim=True), 1.0)
        given = functional.gumbel_softmax(similarity, temperature, hard=True, dim=1) if self.training else nearest
        # One is added to the count, as in the authors' code: a concept without features stays at zero.
        means = given @ self.values(features) / (given.sum(dim=2, keepdim=True) + 1.0)
        out: Tensor = self.out(means)
        return out


class GroupingBlock(nn.Module):
    """Features [b, n, width] and concepts [b, m, width] to new features [b, m, width]."""

    def __init__(self, width: int, n_concepts: int, *, n_heads: int) -> None:
        super().__init__()
        self.norm_features = nn.LayerNorm(width)
        self.norm_concepts = nn.LayerNorm(width)
        self.mix_concepts = mlp(n_concepts, width // 2, n_concepts)
        self.norm_mixed = nn.LayerNorm(width)
        self.look = CrossAttention(width, n_heads)
        self.assign = Assignment(width)
        self.norm_channels = nn.LayerNorm(width)
        self.channels = mlp(width, 4 * width, width)

    def forward(self, features: Tensor, concepts: Tensor) -> Tensor:
        features = self.norm_features(features)
        concepts = self.norm_concepts(concepts)
        mixed = self.mix_concepts(concepts.transpose(1, 2)).transpose(1, 2)
        concepts = self.look(self.norm_mixed(mixed), features)
        concepts = concepts + self.assign(concepts, features)
        after: Tensor = concepts + self.channels(self.norm_channels(concepts))
        return after


class Stage(nn.Module):
    """Self-attention over features and concepts together, then grouping.

    Features [b, n, width] and the concepts of the stage before [b, k, width] (None before the first stage) to new
    features [b, m, width] and this stage's concepts [b, m, width].
    """

    def __init__(self, width: int, n_concepts: int, *, n_before: int | None, depth: int, n_heads: int) -> None:
        super().__init__()
        self.concepts = nn.Parameter(torch.zeros(1, n_concepts, width))
        if n_before is None:
            nn.init.trunc_normal_(self.concepts, std=0.02)
        else:
            self.norm_before = nn.LayerNorm(width)
            self.mix_before = mlp(n_before, width // 2, n_concepts)
        self.attention = nn.Sequential(*(SelfAttention(width, n_heads) for _ in range(depth)))
        self.group = GroupingBlock(width, n_concepts, n_heads=n_heads)

    def forward(self, features: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        concepts = self.concepts.expand(len(features), -1, -1)
        if before is not None:
            concepts = concepts + self.mix_before(self.norm_before(before).transpose(1, 2)).transpose(1, 2)
        joined = self.attention(torch.cat((features, concepts), dim=1))  # [b, n + m, width]
        features, concepts = joined[:, : features.shape[1]], joined[:, features.shape[1] :]
        return self.group(features, concepts), concepts


class GroupingProjection(nn.Module):
    """Features [b, n, d_in] to concept tokens [b, m, d_out], m being the last stage's number of concepts.

    Args:
        d_in: Width of the features.
        d_out: Width of the language model.
        n_concepts: Concept tokens of each stage.
        depths: Self-attention blocks before each stage's grouping.
        width: Inner width; half of it in the layers that mix concepts.
        n_heads: Attention heads.
    """

    def __init__(
        self, d_in: int, d_out: int, *, n_concepts: Sequence[int], depths: Sequence[int], width: int, n_heads: int = 8
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(d_in, width)
        stages = zip(n_concepts, (None, *n_concepts[:-1]), depths, strict=True)
        self.stages = nn.ModuleList(
            Stage(width, n, n_before=before, depth=d, n_heads=n_heads) for n, before, d in stages
        )
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, d_out)

    def forward(self, features: Tensor) -> Tensor:
        features, concepts = self.enter(features), None
        for stage in self.stages:
            features, concepts = stage(features, concepts)
        tokens: Tensor = self.leave(self.norm(features))
        return tokens  # [b, m, d_out]


def mlp(d_in: int, d_hidden: int, d_out: int) -> nn.Sequential:
    """Two linear layers with GELU between them."""
    return nn.Sequential(nn.Linear(d_in, d_hidden), nn.GELU(), nn.Linear(d_hidden, d_out))


def attend(queries: Tensor, keys: Tensor, values: Tensor, n_heads: int) -> Tensor:
    """Scaled dot-product attention over heads: [b, m, width], [b, n, width] twice -> [b, m, width]."""
    given = (queries, keys, values)
    heads = [one.reshape(*one.shape[:2], n_heads, -1).transpose(1, 2) for one in given]  # [b, heads, tokens, d_head]
    return functional.scaled_dot_product_attention(heads[0], heads[1], heads[2]).transpose(1, 2).flatten(2)
