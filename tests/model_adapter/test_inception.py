"""Inception-v3 and the published resizings: each against its formula, its table of weights, and torch-fidelity."""

import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from model_adapter.embedders import open_embedder
from model_adapter.embedders.inception import InceptionV3
from model_adapter.embedders.resizing import RESIZINGS, Resizing
from model_adapter.errors import AdapterError

RNG = np.random.default_rng(0)
SIZES = [(1, 7), (16, 16), (40, 33), (299, 299), (350, 700)]


def weights(n_in: int, n_out: int, mode: Resizing) -> np.ndarray:
    """One axis of a resizing as a matrix [n_out, n_in], number by number as the originals' sources have it."""
    matrix, scale = np.zeros((n_out, n_in)), n_in / n_out
    for row in range(n_out):
        if mode == "pil-bicubic":  # Pillow, Resample.c: the kernel grows with the scale, a = -0.5
            growth = max(scale, 1.0)
            centre = (row + 0.5) * scale
            first, last = max(0, int(centre - 2 * growth + 0.5)), min(n_in, int(centre + 2 * growth + 0.5))
            for column in range(first, last):
                x = abs((column - centre + 0.5) / growth)
                inner, outer = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
                matrix[row, column] = inner if x < 1 else outer if x < 2 else 0.0
            matrix[row] /= matrix[row].sum()
            continue
        # TensorFlow 1, resize_bilinear_op.cc, align_corners false; PyTorch adds half pixels and clips at 0.
        step = np.float32(scale)  # places are in single precision in both
        place = row * step if mode == "tf1-bilinear" else max((row + np.float32(0.5)) * step - np.float32(0.5), 0)
        low = int(place)
        share = float(place) - low
        matrix[row, low] += 1 - share
        matrix[row, min(low + 1, n_in - 1)] += share
    return matrix


@pytest.mark.parametrize("mode", RESIZINGS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_resizings_follow_their_formulas(mode: Resizing, size: tuple[int, int]) -> None:
    pixels = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
    down, across = (weights(length, 299, mode) for length in size)
    expected = np.einsum("ij,jkc,lk->ilc", down, pixels.astype(np.float64), across, optimize=True)
    if mode == "pil-bicubic":  # clean-fid@353c13e, resize.py; the filter itself goes beyond the range at edges
        expected = expected.clip(0, 255)
    np.testing.assert_allclose(RESIZINGS[mode](pixels, 299) / 255, expected / 255, atol=1e-5)


SHAPES = {  # mseitzer/pytorch-fid@1232cd6, inception.py, and torchvision's blocks
    "Conv2d_1a_3x3.conv.weight": [32, 3, 3, 3],
    "Conv2d_4a_3x3.bn.running_var": [192],
    "Mixed_5b.branch5x5_2.conv.weight": [64, 48, 5, 5],
    "Mixed_5d.branch_pool.conv.weight": [64, 288, 1, 1],
    "Mixed_6a.branch3x3.conv.weight": [384, 288, 3, 3],
    "Mixed_6b.branch7x7_2.conv.weight": [128, 128, 1, 7],
    "Mixed_6d.branch7x7dbl_5.conv.weight": [192, 160, 1, 7],
    "Mixed_6e.branch1x1.conv.weight": [192, 768, 1, 1],
    "Mixed_7a.branch7x7x3_4.conv.weight": [192, 192, 3, 3],
    "Mixed_7b.branch3x3_2a.conv.weight": [384, 384, 1, 3],
    "Mixed_7c.branch3x3dbl_3b.conv.weight": [384, 384, 3, 1],
    "Mixed_7c.branch_pool.bn.weight": [192],
    "fc.weight": [1008, 2048],
}


def test_weights_have_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        network = InceptionV3()
    state = network.state_dict()
    assert {name: list(state[name].shape) for name in SHAPES} == SHAPES
    # torchvision's 27,161,264 parameters less its auxiliary head (3,326,696), with 1,008 classes for 1,000
    assert sum(one.numel() for one in network.parameters()) == 27_161_264 - 3_326_696 + 8 * 2049
    assert sum(name.endswith("conv.weight") for name in state) == 94


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that keep the signal alive through all layers, so that every branch counts."""
    torch.manual_seed(0)
    network = InceptionV3()
    for name, tensor in network.state_dict().items():
        if name.endswith(("bn.running_mean", "bn.bias")):
            tensor.normal_(0, 0.2)
        elif name.endswith(("bn.running_var", "bn.weight")):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("conv.weight"):
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
    path = tmp_path_factory.mktemp("inception") / "pt_inception.pth"
    torch.save(network.state_dict(), path)
    return path


def picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_features_and_logits_belong_together(random_weights: Path) -> None:
    content = picture(40, 30)
    features = open_embedder("inception", random_weights).embed("image", content)
    logits = open_embedder("inception-logits", random_weights).embed("image", content)
    classifier = torch.load(random_weights)["fc.weight"].numpy()
    np.testing.assert_allclose(logits, features @ classifier.T, rtol=1e-4, atol=1e-5)
    others = [
        open_embedder(f"inception-{name}", random_weights).embed("image", content) for name in ("clean", "pytorch")
    ]
    assert all(np.abs(other - features).max() > 1e-3 for other in others)


def test_another_file_of_weights_is_refused_after_the_first_use(random_weights: Path, tmp_path: Path) -> None:
    open_embedder("inception", random_weights)
    state = torch.load(random_weights)
    torch.save(state | {"fc.bias": state["fc.bias"] + 1}, tmp_path / "other.pth")
    with pytest.raises(AdapterError, match=r"expected sha256 .* as at first use.*remove inception from"):
        open_embedder("inception", tmp_path / "other.pth")
    (tmp_path / "broken.pth").write_bytes(random_weights.read_bytes()[:5000])
    with pytest.raises(AdapterError, match="a file of tensors"):
        open_embedder("inception-clean", tmp_path / "broken.pth")


PEER = """
import json, sys, torch
library = torch.library.Library("torchvision", "DEF")  # the CPU wheel of torchvision lacks its operators
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import numpy as np, PIL.Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
network = FeatureExtractorInceptionV3("peer", ["2048", "logits_unbiased"], feature_extractor_weights_path=sys.argv[1])
pictures = [torch.from_numpy(np.array(PIL.Image.open(path))).permute(2, 0, 1)[None] for path in sys.argv[2:]]
print(json.dumps([[one[0].tolist() for one in network(picture)] for picture in pictures]))
"""


@pytest.mark.nightly
@pytest.mark.install
def test_torch_fidelity_makes_the_same_of_the_same_weights(random_weights: Path, tmp_path: Path) -> None:
    peers = os.environ.get("ANYMODAL_PEERS") or str(tmp_path / "peers")
    if not Path(peers).is_dir():
        wanted = ["torch-fidelity==0.4.0", "torchvision==0.28.0"]
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", peers, *wanted]
        subprocess.run(command, check=True)
    paths = []
    for number, size in enumerate(((40, 30), (299, 299), (500, 320))):
        paths.append(tmp_path / f"{number}.png")
        paths[-1].write_bytes(picture(*size))
    command = [sys.executable, "-c", PEER, str(random_weights), *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": peers}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    for path, theirs in zip(paths, json.loads(done.stdout), strict=True):
        for name, expected in zip(("inception", "inception-logits"), theirs, strict=True):
            ours = open_embedder(name, random_weights).embed("image", path.read_bytes())[0]
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.nightly
@pytest.mark.install
def test_clean_fid_resizes_alike(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(tmp_path),
        "clean-fid==0.1.35",
    ]
    subprocess.run(command, check=True)
    theirs = runpy.run_path(str(tmp_path / "cleanfid" / "resize.py"))["build_resizer"]
    for size in SIZES:
        pixels = RNG.integers(0, 256, (*size, 3), dtype=np.uint8)
        assert np.abs(RESIZINGS["pil-bicubic"](pixels, 299) - theirs("clean")(pixels)).max() < 1e-4
        assert np.abs(RESIZINGS["torch-bilinear"](pixels, 299) - theirs("legacy_pytorch")(pixels)).max() < 1e-3
