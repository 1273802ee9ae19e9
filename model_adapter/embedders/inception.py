"""Inception-v3 as FID and the Inception Score use it: TensorFlow's weights of 2015, their poolings and 1,008 classes.

Written anew; names and shapes of weights are those of pytorch-fid's and torch-fidelity's files. It differs from
torchvision's network where TensorFlow's graph does: average pools leave out the padding, and the last block pools by
maximum. Source: Heusel et al. 2017, arXiv:1706.08500; names in mseitzer/pytorch-fid@1232cd6, inception.py.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model_adapter.decoding import open_image
from model_adapter.embedders.embedder import Array, Embedder, Input
from model_adapter.embedders.resizing import RESIZINGS, Resizing
from model_adapter.embedders.running import checked, runner
from model_adapter.embedders.weights import load_state
from shards.sample import Media

SIDE_PX: Final = 299
Kernel = int | tuple[int, int]
Layer = tuple[int, Kernel, int, bool]
"""Channels out, kernel, stride, and whether the size is kept by padding."""

Pool = Literal["average", "max", "max-half"]


def _same(channels: int, kernel: Kernel = 1) -> Layer:
    return channels, kernel, 1, True


def _half(channels: int) -> Layer:
    return channels, 3, 2, False


class Convolution(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, d_in: int, layer: Layer) -> None:
        super().__init__()
        d_out, kernel, stride, keeps_size = layer
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if keeps_size else 0
        self.conv = nn.Conv2d(d_in, d_out, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(d_out, eps=0.001)

    def forward(self, images: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(images)))


class Block(nn.Module):
    """Branches side by side, then a pooled one; each branch is a chain, whose last step may fork in two.

    Args:
        d_in: Channels in.
        branches: Chains of layers by the name of their weights; a single layer has no number behind it.
        forks: Branches that end in a fork of kernels 1x3 and 3x1.
        pool: How the pooled branch pools.
        d_pool: Channels of the convolution after the pool; 0 for none.
    """

    def __init__(
        self,
        d_in: int,
        branches: Mapping[str, Sequence[Layer]],
        *,
        forks: Sequence[str] = (),
        pool: Pool = "average",
        d_pool: int = 0,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.chains: list[tuple[list[str], list[str]]] = []
        for branch, layers in branches.items():
            names = [branch] if len(layers) == 1 and branch not in forks else []
            names = names or [f"{branch}_{number}" for number in range(1, len(layers) + 1)]
            width = d_in
            for name, layer in zip(names, layers, strict=True):
                self.add_module(name, Convolution(width, layer))
                width = layer[0]
            ends = [f"{branch}_{len(layers) + 1}{letter}" for letter in "ab"] if branch in forks else []
            for name, kernel in zip(ends, ((1, 3), (3, 1)), strict=False):
                self.add_module(name, Convolution(width, _same(384, kernel)))
            self.chains.append((names, ends))
        self.branch_pool = Convolution(d_in, _same(d_pool)) if d_pool else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for names, ends in self.chains:
            states = images
            for name in names:
                states = self.get_submodule(name)(states)
            outputs.extend(self.get_submodule(name)(states) for name in ends)
            if not ends:
                outputs.append(states)
        return torch.cat([*outputs, self.branch_pool(self._pooled(images))], dim=1)

    def _pooled(self, images: Tensor) -> Tensor:
        if self.pool == "average":
            return functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
        return functional.max_pool2d(images, 3, stride=1, padding=1) if self.pool == "max" else _max_pool(images)


def _block_a(d_in: int, d_pool: int) -> Block:
    branches = {
        "branch1x1": [_same(64)],
        "branch5x5": [_same(48), _same(64, 5)],
        "branch3x3dbl": [_same(64), _same(96, 3), _same(96, 3)],
    }
    return Block(d_in, branches, d_pool=d_pool)


def _block_c(width: int) -> Block:
    across, down = (1, 7), (7, 1)
    branches = {
        "branch1x1": [_same(192)],
        "branch7x7": [_same(width), _same(width, across), _same(192, down)],
        "branch7x7dbl": [
            _same(width), _same(width, down), _same(width, across), _same(width, down), _same(192, across)
        ],
    }  # fmt: skip
    return Block(768, branches, d_pool=192)


def _block_e(d_in: int, pool: Pool) -> Block:
    branches = {"branch1x1": [_same(320)], "branch3x3": [_same(384)], "branch3x3dbl": [_same(448), _same(384, 3)]}
    return Block(d_in, branches, forks=("branch3x3", "branch3x3dbl"), pool=pool, d_pool=192)


class InceptionV3(nn.Module):
    """Pictures [b, 3, 299, 299] in -1..1 to pooled features [b, 2048]; `fc` holds the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, _half(32))
        self.Conv2d_2a_3x3 = Convolution(32, (32, 3, 1, False))
        self.Conv2d_2b_3x3 = Convolution(32, _same(64, 3))
        self.Conv2d_3b_1x1 = Convolution(64, _same(80))
        self.Conv2d_4a_3x3 = Convolution(80, (192, 3, 1, False))
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_a(192, 32), _block_a(256, 64), _block_a(288, 64)
        double = [_same(64), _same(96, 3), _half(96)]
        self.Mixed_6a = Block(288, {"branch3x3": [_half(384)], "branch3x3dbl": double}, pool="max-half")
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = map(_block_c, (128, 160, 160, 192))
        wide = [_same(192), _same(192, (1, 7)), _same(192, (7, 1)), _half(192)]
        branches = {"branch3x3": [_same(192), _half(320)], "branch7x7x3": wide}
        self.Mixed_7a = Block(768, branches, pool="max-half")
        self.Mixed_7b, self.Mixed_7c = _block_e(1280, "average"), _block_e(2048, "max")
        self.fc = nn.Linear(2048, 1008)

    def forward(self, images: Tensor) -> Tensor:
        for name, layer in self.named_children():
            if name != "fc":
                images = layer(images)
            if name in ("Conv2d_2b_3x3", "Conv2d_4a_3x3"):
                images = _max_pool(images)
        return images.mean(dim=(2, 3))


def _max_pool(images: Tensor) -> Tensor:
    return functional.max_pool2d(images, 3, stride=2)


def inception(path: Path, *, resizing: Resizing, output: Literal["features", "logits"]) -> Embedder:
    """The network with one of the published resizings.

    Logits are without bias, as torch-fidelity's Inception Score takes them.
    """
    network = InceptionV3()
    load_state(network, path)

    def forward(network: Any, kind: Input, given: Tensor) -> Tensor:
        features: Tensor = network(given)
        return features @ network.fc.weight.T if output == "logits" else features

    prepare = checked("image", partial(_prepared, resizing=resizing), has_windows=True)
    return Embedder(prepare={"image": prepare}, run=runner(network, forward))


def _prepared(part: Media, content: bytes, *, resizing: Resizing) -> Array:
    resized = RESIZINGS[resizing](np.asarray(open_image(content)), SIDE_PX)
    # pytorch-fid scales 0..1 to -1..1; TensorFlow's graph, and those who keep to it, subtract 128.
    scaled = resized / 127.5 - 1 if resizing == "torch-bilinear" else (resized - 128) / 128
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], dtype=np.float32)
