"""Tiny networks with random weights, saved as their library saves them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

TINY = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
LETTERS = [chr(code) for code in range(33, 127)]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights by embedder."""
    import torch
    import transformers

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("weights")
    vision = {**TINY, "image_size": 224, "patch_size": 32}
    words = {**TINY, "vocab_size": 300, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    audio = {
        "patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]
    }  # fmt: skip
    clap_words = {**TINY, "vocab_size": 300, "max_position_embeddings": 90, "pad_token_id": 1}
    models = {
        "clip-b32": transformers.CLIPModel(
            transformers.CLIPConfig(text_config=words, vision_config=vision, projection_dim=16)
        ),
        "clap": transformers.ClapModel(
            transformers.ClapConfig(text_config=clap_words, audio_config=audio, projection_dim=16)
        ),
        "dinov2": transformers.Dinov2Model(transformers.Dinov2Config(**TINY, image_size=70, patch_size=14)),
        "videomae": transformers.VideoMAEModel(transformers.VideoMAEConfig(**vision, num_frames=16)),
    }
    models["clip-b32"].visual_projection.weight.data.neg_()  # so that cosines are positive
    for name, model in models.items():
        model.save_pretrained(root / name)
    marks = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{one}</w>" for one in LETTERS)]
    transformers.CLIPTokenizer(vocab=numbered(marks), merges=[]).save_pretrained(root / "clip-b32")
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *LETTERS, "Ġ"]
    transformers.RobertaTokenizer(vocab=numbered(marks), merges=[]).save_pretrained(root / "clap")
    return root


def numbered(marks: Sequence[str]) -> dict[str, int]:
    return {mark: number for number, mark in enumerate(marks)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pins of the tests stay theirs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
