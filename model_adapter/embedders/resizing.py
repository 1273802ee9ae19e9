"""Resizing as published protocols do it, each by its original formula; it changes distances, so it is part of them."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
FloatPixels = npt.NDArray[np.float32]
Resizing = Literal["tf1-bilinear", "pil-bicubic", "torch-bilinear"]


def tf1_bilinear(pixels: Pixels, side_px: int) -> FloatPixels:
    """TensorFlow 1's `resize_bilinear`: corners not aligned, no half pixels, no antialiasing.

    Output column i lies at input column i * width / side; [h, w, 3] -> [side, side, 3] in 0..255.
    """
    resized = pixels.astype(np.float32)
    for axis in (1, 0):
        size = resized.shape[axis]
        places = np.arange(side_px, dtype=np.float32) * np.float32(size / side_px)
        before = places.astype(np.intp)
        share = (places - before).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        low = np.take(resized, before, axis)
        resized = low + (np.take(resized, np.minimum(before + 1, size - 1), axis) - low) * share
    return resized


def pil_bicubic(pixels: Pixels, side_px: int) -> FloatPixels:
    """clean-fid's: Pillow's antialiased bicubic filter on each channel in floating point, cut to 0..255."""
    import PIL.Image

    planes = [PIL.Image.fromarray(plane.astype(np.float32)) for plane in pixels.transpose(2, 0, 1)]
    resized = [plane.resize((side_px, side_px), PIL.Image.Resampling.BICUBIC) for plane in planes]
    return np.stack([np.asarray(plane) for plane in resized], axis=2).clip(0, 255)


def torch_bilinear(pixels: Pixels, side_px: int) -> FloatPixels:
    """pytorch-fid's, and clean-fid's "legacy_pytorch": half-pixel centres, no antialiasing."""
    import torch

    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))
    resized = torch.nn.functional.interpolate(batch, size=(side_px, side_px), mode="bilinear", align_corners=False)
    return np.asarray(resized[0].permute(1, 2, 0).numpy(), dtype=np.float32)


RESIZINGS: Final[Mapping[Resizing, Callable[[Pixels, int], FloatPixels]]] = {
    "tf1-bilinear": tf1_bilinear,
    "pil-bicubic": pil_bicubic,
    "torch-bilinear": torch_bilinear,
}
