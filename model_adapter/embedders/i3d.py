"""I3D as the Frechet Video Distance uses it: RGB, Kinetics-400, the 400 outputs before the softmax.

Written anew; names and shapes of weights are those of piergiaj/pytorch-i3d and of `i3d_pretrained_400.pt`. No
checkpoint could be loaded here, so that it is `unverified`. Source: Carreira and Zisserman 2017, arXiv:1705.07750;
Unterthiner et al. 2018, arXiv:1812.01717; names in piergiaj/pytorch-i3d@b49fadf, pytorch_i3d.py.
"""

import io
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model_adapter.decoding import Pixels
from model_adapter.embedders.embedder import Array, Embedder
from model_adapter.embedders.resizing import torch_bilinear
from model_adapter.embedders.running import checked, runner
from model_adapter.embedders.weights import load_state
from model_adapter.errors import ShortMediumError
from shards.errors import MediaError, told_as
from shards.sample import Media

N_FRAMES: Final = 16
_SIDE_PX: Final = 224
_MIXED: Final = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
_POOLS: Final = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
"""Kernel and stride of the maximum before a layer."""


def same(films: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Zeros around, as TensorFlow's SAME puts them: the odd one behind; outputs are then sizes over strides, up."""
    padding: list[int] = []
    for size, length, step in zip(films.shape[2:], kernel, stride, strict=True):
        total = max(length - (size % step or step), 0)
        padding = [total // 2, total - total // 2, *padding]
    return functional.pad(films, padding)


def _pooled(films: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    return functional.max_pool3d(same(films, kernel, stride), kernel, stride)  # films are at least 0: zeros change none


class Unit(nn.Module):
    """Convolution with TensorFlow's padding, batch norm and ReLU."""

    def __init__(self, d_in: int, d_out: int, size: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (size, size, size), (stride, stride, stride)
        self.conv3d = nn.Conv3d(d_in, d_out, self.kernel, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(d_out, eps=0.001)

    def forward(self, films: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv3d(same(films, self.kernel, self.stride))))


class Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, d_in: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = Unit(d_in, widths[0])
        self.b1a, self.b1b = Unit(d_in, widths[1]), Unit(widths[1], widths[2], 3)
        self.b2a, self.b2b = Unit(d_in, widths[3]), Unit(widths[3], widths[4], 3)
        self.b3b = Unit(d_in, widths[5])

    def forward(self, films: Tensor) -> Tensor:
        pooled = _pooled(films, (3, 3, 3), (1, 1, 1))
        return torch.cat(
            [self.b0(films), self.b1b(self.b1a(films)), self.b2b(self.b2a(films)), self.b3b(pooled)], dim=1
        )


class I3d(nn.Module):
    """Films [b, 3, frames, 224, 224] in -1..1, ten frames or more, to class outputs [b, 400], their mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(3, 64, 7, 2)
        self.Conv3d_2b_1x1 = Unit(64, 64)
        self.Conv3d_2c_3x3 = Unit(64, 192, 3)
        for name, (d_in, widths) in _MIXED.items():
            self.add_module(name, Mixed(d_in, widths))
        self.logits = nn.ModuleDict({"conv3d": nn.Conv3d(1024, 400, 1)})

    def forward(self, films: Tensor) -> Tensor:
        for name, layer in self.named_children():
            if name in _POOLS:
                films = _pooled(films, *_POOLS[name])
            if name != "logits":
                films = layer(films)
        outputs: Tensor = self.logits["conv3d"](functional.avg_pool3d(films, (2, 7, 7), stride=1))
        return outputs.mean(dim=(2, 3, 4))


def i3d(path: Path) -> Embedder:
    """The network on sixteen consecutive frames, each resized straight to 224 x 224 by torch's bilinear filter."""
    network = I3d()
    load_state(network, path)
    prepare = checked("video", _prepared, has_windows=False)
    return Embedder(prepare={"video": prepare}, run=runner(network, lambda network, kind, given: network(given)))


def _prepared(part: Media, content: bytes) -> Array:
    shown = _middle_frames(content)
    films = np.stack([torch_bilinear(frame, _SIDE_PX) for frame in shown])  # [frames, side, side, 3]
    return np.ascontiguousarray((films / 127.5 - 1).transpose(3, 0, 1, 2), dtype=np.float32)


def _middle_frames(content: bytes) -> list[Pixels]:
    """`N_FRAMES` consecutive frames around the middle; which ones StyleGAN-V and VideoGPT draw at random.

    Both leave out films with fewer frames, so that these are refused here.
    """
    import av

    with told_as((av.FFmpegError, ValueError), MediaError, "video", expected="a readable film"):
        with av.open(io.BytesIO(content), mode="r") as container:
            n_all = sum(packet.size > 0 for packet in container.demux(video=0))
        if n_all < N_FRAMES:
            raise ShortMediumError("video", expected=f"at least {N_FRAMES} frames for FVD", found=str(n_all))
        start = (n_all - N_FRAMES) // 2
        with av.open(io.BytesIO(content), mode="r") as container:
            decoded = islice(container.decode(video=0), start, start + N_FRAMES)
            frames = [np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8) for frame in decoded]
    if len(frames) < N_FRAMES:
        raise MediaError("video", expected=f"{n_all} frames", found=f"{start + len(frames)} that can be decoded")
    return frames
