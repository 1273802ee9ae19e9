"""Embedders whose networks are transformers' own classes, and ImageBind."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from model_adapter.decoding import decode_audio, open_image
from model_adapter.embedders.embedder import Array, Embedder, Input, Prepare
from model_adapter.embedders.running import checked, runner
from model_adapter.embedders.weights import load_state
from model_adapter.errors import AdapterError
from model_adapter.reference.encoders import inputs, pixels
from model_adapter.reference.encoders.imagebind import HUGE, ImageBind, ImageBindModality, TowerConfig
from shards.sample import Media

N_FRAMES: Final = 8
"""Of a film that CLIP sees: the middles of as many equal parts."""

_N_CLAP_WORDS: Final = 77
_MODALITIES: Final[Mapping[Input, ImageBindModality]] = {"image": "vision", "video": "vision", "audio": "audio"}


def clip(folder: Path, *, patch_px: int) -> Embedder:
    """CLIP's projected embeddings of pictures, of a film's frames, and of texts."""
    network = _pretrained("CLIPModel", folder, {"image_size": 224, "patch_size": patch_px})
    vision, words = network.config.vision_config, network.config.text_config
    prepare = inputs.pictures(vision.image_size, n_frames=N_FRAMES, is_imagenet=False)

    return Embedder(
        prepare={
            "image": checked("image", prepare["image"], has_windows=False),
            "video": checked("video", prepare["video"], has_windows=True),
            "text": _words(_pretrained("CLIPTokenizer", folder), words.max_position_embeddings),
        },
        run=runner(network, partial(_joint, called="get_image_features", argument="pixel_values")),
        by_window=frozenset({"video"}),
    )


def clap(folder: Path) -> Embedder:
    """CLAP's projected embeddings of sounds (their first ten seconds) and of texts."""
    network = _pretrained("ClapModel", folder)

    if network.config.audio_config.enable_fusion:
        raise AdapterError(str(folder), expected="a checkpoint without fusion", found="one with it")
    extractor = _library("ClapFeatureExtractor")(frequency_min=50, truncation="rand_trunc", padding="repeatpad")

    def sound(part: Media, content: bytes) -> Array:
        samples = decode_audio(content).resampled(48_000)[: 10 * 48_000]
        return np.asarray(extractor(samples, sampling_rate=48_000)["input_features"][0], dtype=np.float32)

    return Embedder(
        prepare={
            "audio": checked("audio", sound, has_windows=False),
            "text": _words(_pretrained("RobertaTokenizer", folder), _N_CLAP_WORDS),
        },
        run=runner(network, partial(_joint, called="get_audio_features", argument="input_features")),
    )


def dinov2(folder: Path) -> Embedder:
    """DINOv2's class token after the last norm."""

    def prepare(part: Media, content: bytes) -> Array:
        image = pixels.squash(open_image(content), 224)
        return pixels.normalise([image], pixels.IMAGENET_MEAN, pixels.IMAGENET_STD)

    def forward(network: Any, kind: Input, given: Tensor) -> Tensor:
        return _pooled(network(pixel_values=given))

    network = _pretrained("Dinov2Model", folder)
    return Embedder(prepare={"image": checked("image", prepare, has_windows=True)}, run=runner(network, forward))


def videomae(folder: Path) -> Embedder:
    """The mean of VideoMAE's last states over all patches."""
    network = _pretrained("VideoMAEModel", folder, {"image_size": 224, "num_frames": 16})
    prepare = inputs.film(network.config.image_size, n_frames=network.config.num_frames)

    def forward(network: Any, kind: Input, given: Tensor) -> Tensor:
        states: Tensor = network(pixel_values=given).last_hidden_state
        return states.mean(dim=1)

    return Embedder(
        prepare={"video": checked("video", prepare["video"], has_windows=False)}, run=runner(network, forward)
    )


def imagebind(
    path: Path,
    *,
    towers: Mapping[ImageBindModality, TowerConfig] = HUGE,
    d_out: int = 1024,
    vocab_size: int = 49_408,
) -> Embedder:
    """ImageBind's joint embeddings; those of a film's or a sound's clips are averaged."""
    network = ImageBind(towers, d_out=d_out, vocab_size=vocab_size)
    load_state(network, path)
    prepare = inputs.imagebind()

    def forward(network: Any, kind: Input, given: Tensor) -> Tensor:
        embedding: Tensor = network.embed(given, _MODALITIES[kind])
        return embedding

    return Embedder(
        prepare={
            "image": checked("image", prepare["image"], has_windows=False),
            "video": checked("video", prepare["video"], has_windows=True),
            "audio": checked("audio", prepare["audio"], has_windows=True),
        },
        run=runner(network, forward),
    )


def _words(tokenizer: Any, n_words: int) -> Prepare:
    """Ids and mask of a text, filled up or cut to a length, [1, 2, n_words]."""

    def prepared(content: bytes) -> Array:
        found = tokenizer(content.decode(), padding="max_length", max_length=n_words, truncation=True)
        return np.array([[found["input_ids"], found["attention_mask"]]], dtype=np.int64)

    return prepared


def _joint(network: Any, kind: Input, given: Tensor, *, called: str, argument: str) -> Tensor:
    """The projected embedding of a text, or of the medium that a method of the network takes."""
    if kind == "text":
        return _pooled(network.get_text_features(input_ids=given[:, 0], attention_mask=given[:, 1]))
    return _pooled(getattr(network, called)(**{argument: given}))


def _pooled(output: Any) -> Tensor:
    pooled: Tensor = output.pooler_output
    return pooled


def _pretrained(class_name: str, folder: Path, known: Mapping[str, int] = {}) -> Any:
    """transformers' class out of a local folder in its layout, if its pictures have the sizes that its name stands for.

    Raises:
        AdapterError: If the folder is no such model.
    """
    expected = f"a folder for {class_name}"
    try:
        if class_name.endswith("Tokenizer"):
            return _library(class_name).from_pretrained(folder, local_files_only=True)
        options = {"dtype": torch.float32, "output_loading_info": True}
        network, info = _library(class_name).from_pretrained(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise AdapterError(str(folder), expected=expected, found=f"{error!s:.300}") from error
    if info["missing_keys"]:  # the library would go on with random numbers
        found = f"a folder without {len(info['missing_keys'])} of its weights, such as {min(info['missing_keys'])}"
        raise AdapterError(str(folder), expected=expected, found=found)
    config = getattr(network.config, "vision_config", network.config)
    if (sizes := {name: getattr(config, name) for name in known}) != known:
        raise AdapterError(str(folder), expected=f"{expected} with {known}", found=f"one with {sizes}")
    return network


def _library(name: str) -> Any:
    import transformers

    transformers.utils.logging.disable_progress_bar()
    return getattr(transformers, name)
