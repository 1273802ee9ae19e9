"""ImageBind-huge: six modalities, one embedding of 1,024 numbers.

Written anew from a description of shapes and steps; module names follow the released state dict, so that the file of
weights loads strictly. Source: Girdhar et al. 2023, arXiv:2305.05665. The released weights are CC BY-NC-SA 4.0.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

ImageBindModality = Literal["vision", "text", "audio", "depth", "thermal", "imu"]
N_WORDS: Final = 77


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Sizes of one modality's tower.

    Args:
        width: Of its tokens.
        n_blocks: Transformer blocks.
        n_heads: Attention heads.
        n_patches: Tokens beside the class token (words for text).
        scale: Factor on the embedding: of unit length for None; learnable for text.
        has_bias_key: Whether attention appends a learned key and value.
    """

    width: int
    n_blocks: int
    n_heads: int
    n_patches: int
    scale: float | None = None
    has_bias_key: bool = True


HUGE: Final[Mapping[ImageBindModality, TowerConfig]] = {
    "vision": TowerConfig(width=1280, n_blocks=32, n_heads=16, n_patches=256, has_bias_key=False),
    "text": TowerConfig(width=1024, n_blocks=24, n_heads=16, n_patches=N_WORDS, scale=1 / 0.07, has_bias_key=False),
    "audio": TowerConfig(width=768, n_blocks=12, n_heads=12, n_patches=228, scale=20.0),
    "depth": TowerConfig(width=384, n_blocks=12, n_heads=8, n_patches=196, scale=5.0),
    "thermal": TowerConfig(width=768, n_blocks=12, n_heads=12, n_patches=196, scale=10.0),
    "imu": TowerConfig(width=512, n_blocks=6, n_heads=8, n_patches=250, scale=5.0),
}


class ImageBind(nn.Module):
    """All towers of ImageBind; state-dict keys and shapes are those of `imagebind_huge.pth`.

    Args:
        towers: Sizes by modality; those of the released model by default.
        d_out: Width of the joint embedding.
        vocab_size: Of the text tower.
    """

    def __init__(
        self, towers: Mapping[ImageBindModality, TowerConfig] = HUGE, *, d_out: int = 1024, vocab_size: int = 49_408
    ) -> None:
        super().__init__()
        self.modality_preprocessors = nn.ModuleDict()
        self.modality_trunks = nn.ModuleDict()
        self.modality_heads = nn.ModuleDict()
        self.modality_postprocessors = nn.ModuleDict()
        for modality, config in towers.items():
            self.modality_preprocessors[modality] = _stem(modality, config, vocab_size)
            self.modality_trunks[modality] = Trunk(config, is_vision=modality == "vision")
            self.modality_heads[modality] = _head(modality, config.width, d_out)
            scaling = () if config.scale is None else (LogitScale(config.scale, is_learnable=modality == "text"),)
            self.modality_postprocessors[modality] = nn.Sequential(nn.Identity(), *scaling)

    def tokens(self, inputs: Tensor, modality: ImageBindModality) -> Tensor:
        """States of all tokens after the trunk, [b, 1 + n, width]; text has no class token: [b, 77, width].

        Args:
            inputs: vision [b, 3, 224, 224] or two frames [b, 3, 2, 224, 224]; text [b, 77] ids; audio [b, 1, 128, 204];
                depth and thermal [b, 1, 224, 224]; imu [b, 6, 2000].
            modality: Which tower.
        """
        stem = self.modality_preprocessors[modality]
        mask = stem.mask if modality == "text" else None
        states: Tensor = self.modality_trunks[modality](stem(inputs), mask)
        return states

    def embed(self, inputs: Tensor, modality: ImageBindModality) -> Tensor:
        """Joint embeddings [b, 1024]: of length one for vision, scaled for the others as in the original."""
        states = self.tokens(inputs, modality)
        if modality == "text":
            states = states[torch.arange(len(states)), inputs.argmax(dim=-1)]
        direction = functional.normalize(self.modality_heads[modality](states), dim=-1)
        embedding: Tensor = self.modality_postprocessors[modality](direction)
        return embedding

    def embed_clips(self, inputs: Tensor, modality: ImageBindModality) -> Tensor:
        """Mean of the embeddings of several clips or crops, [b, s, ...] -> [b, 1024], not normalised again."""
        embeddings = self.embed(inputs.flatten(0, 1), modality)
        return embeddings.reshape(*inputs.shape[:2], -1).mean(dim=1)

    def embed_patches(self, inputs: Tensor, modality: ImageBindModality) -> Tensor:
        """Each patch through the head and to length one, [b, n, 1024]; the class token and the scale are left out.

        NExT-GPT's patch-level features. The head was trained on the class token alone.
        """
        states = self.tokens(inputs, modality)[:, 1:]
        norm, *_, linear = self.modality_heads[modality].children()
        return functional.normalize(linear(norm(states)), dim=-1)


class Trunk(nn.Module):
    """Pre-norm Transformer; the vision tower normalises its input once more."""

    def __init__(self, config: TowerConfig, *, is_vision: bool) -> None:
        super().__init__()
        layers = (nn.LayerNorm(config.width, eps=1e-6),) if is_vision else ()
        self.pre_transformer_layer = nn.Sequential(*layers)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_blocks))

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        tokens = self.pre_transformer_layer(tokens)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class Block(nn.Module):
    """Attention and MLP, each on normalised input and added."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.width
        self.attn = nn.MultiheadAttention(width, config.n_heads, add_bias_kv=config.has_bias_key, batch_first=True)
        self.norm_1 = nn.LayerNorm(width, eps=1e-6)
        first, second = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mlp = nn.Sequential(OrderedDict(fc1=first, gelu=nn.GELU(), fc2=second))
        self.norm_2 = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        given = self.norm_1(tokens)
        tokens = tokens + self.attn(given, given, given, attn_mask=mask, need_weights=False)[0]
        after: Tensor = tokens + self.mlp(self.norm_2(tokens))
        return after


class SelectClassToken(nn.Module):
    """[b, n, width] -> [b, width]."""

    def forward(self, states: Tensor) -> Tensor:
        return states[:, 0]


class LogitScale(nn.Module):
    """Multiply by exp of a stored logarithm, at most 100."""

    def __init__(self, scale: float, *, is_learnable: bool) -> None:
        super().__init__()
        value = torch.tensor(math.log(scale))
        self.log_logit_scale = nn.Parameter(value) if is_learnable else nn.Buffer(value)

    def forward(self, embedding: Tensor) -> Tensor:
        return self.log_logit_scale.exp().clamp(max=100.0) * embedding


class PatchStem(nn.Module):
    """A convolution that cuts patches, perhaps a norm: [b, c, ...] -> [b, n, width]."""

    def __init__(self, proj: nn.Module, norm_layer: nn.Module) -> None:
        super().__init__()
        self.proj, self.norm_layer = proj, norm_layer

    def forward(self, inputs: Tensor) -> Tensor:
        tokens: Tensor = self.norm_layer(self.proj(inputs).flatten(2).transpose(1, 2))
        return tokens


class TwoFrames(nn.Module):
    """A still becomes a film of two equal frames: [b, 3, h, w] -> [b, 3, 2, h, w]; films stay."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.unsqueeze(2).expand(-1, -1, 2, -1, -1) if inputs.ndim == 4 else inputs


class PatchPreprocessor(nn.Module):
    """Patches, class token, positions: what vision, audio, depth and thermal have in common."""

    def __init__(self, stem_name: str, stem: PatchStem, n_patches: int, width: int) -> None:
        super().__init__()
        self.stem_name = stem_name
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.add_module(stem_name, stem)
        positions = nn.Parameter(0.02 * torch.randn(1, 1 + n_patches, width))
        self.pos_embedding_helper = nn.ParameterDict({"pos_embed": positions})

    def forward(self, inputs: Tensor) -> Tensor:
        tokens = self.get_submodule(self.stem_name)(inputs)
        positions: Tensor = self.pos_embedding_helper["pos_embed"]
        return torch.cat((self.cls_token.expand(len(tokens), -1, -1), tokens), dim=1) + positions


class TextPreprocessor(nn.Module):
    """Words and positions; later words are hidden from earlier ones."""

    def __init__(self, config: TowerConfig, vocab_size: int) -> None:
        super().__init__()
        n_words = config.n_patches
        self.token_embedding = nn.Embedding(vocab_size, config.width)
        self.pos_embed = nn.Parameter(0.01 * torch.randn(1, n_words, config.width))
        self.mask = nn.Buffer(torch.full((n_words, n_words), -torch.inf).triu(1))

    def forward(self, ids: Tensor) -> Tensor:
        tokens: Tensor = self.token_embedding(ids) + self.pos_embed
        return tokens


class ImuPreprocessor(nn.Module):
    """Windows of 8 readings of all axes, axis by axis: [b, 6, 2000] -> [b, 1 + 250, width]."""

    n_readings: Final = 8

    def __init__(self, config: TowerConfig, n_axes: int = 6) -> None:
        super().__init__()
        width = config.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        proj = nn.Linear(n_axes * self.n_readings, width, bias=False)
        self.imu_stem = nn.Sequential(OrderedDict(proj=proj, norm_layer=nn.LayerNorm(width)))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + config.n_patches, width))

    def forward(self, inputs: Tensor) -> Tensor:
        windows = inputs.reshape(*inputs.shape[:2], -1, self.n_readings).transpose(1, 2)  # [b, 250, 6, 8]
        tokens = self.imu_stem(windows.flatten(2))
        return torch.cat((self.cls_token.expand(len(tokens), -1, -1), tokens), dim=1) + self.pos_embed


def _stem(modality: ImageBindModality, config: TowerConfig, vocab_size: int) -> nn.Module:
    width = config.width
    if modality == "text":
        return TextPreprocessor(config, vocab_size)
    if modality == "imu":
        return ImuPreprocessor(config)
    if modality == "vision":
        cut: nn.Module = nn.Conv3d(3, width, kernel_size=(2, 14, 14), stride=(2, 14, 14), bias=False)
        stem = PatchStem(nn.Sequential(TwoFrames(), cut), nn.Identity())
    else:
        step = 10 if modality == "audio" else 16
        stem = PatchStem(nn.Conv2d(1, width, kernel_size=16, stride=step, bias=False), nn.LayerNorm(width))
    name = "depth_stem" if modality == "depth" else "rgbt_stem"
    return PatchPreprocessor(name, stem, config.n_patches, width)


def _head(modality: ImageBindModality, width: int, d_out: int) -> nn.Module:
    norm, linear = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, d_out, bias=False)
    if modality == "text":
        return nn.Sequential(OrderedDict(proj=nn.Sequential(norm, linear)))
    dropout = (nn.Dropout(0.5),) if modality == "imu" else ()
    return nn.Sequential(norm, SelectClassToken(), *dropout, linear)
