"""ImageBind against transformers' CLIP towers, plain formulas, and the released file's layout."""

import re
from dataclasses import replace

import pytest
import torch

from model_adapter.reference.encoders.imagebind import HUGE, ImageBind, ImageBindModality

SHAPES = {
    "modality_preprocessors.vision.cls_token": [1, 1, 1280],
    "modality_preprocessors.vision.rgbt_stem.proj.1.weight": [1280, 3, 2, 14, 14],
    "modality_preprocessors.vision.pos_embedding_helper.pos_embed": [1, 257, 1280],
    "modality_preprocessors.text.pos_embed": [1, 77, 1024],
    "modality_preprocessors.text.mask": [77, 77],
    "modality_preprocessors.text.token_embedding.weight": [49408, 1024],
    "modality_preprocessors.audio.rgbt_stem.proj.weight": [768, 1, 16, 16],
    "modality_preprocessors.audio.rgbt_stem.norm_layer.bias": [768],
    "modality_preprocessors.audio.pos_embedding_helper.pos_embed": [1, 229, 768],
    "modality_preprocessors.depth.depth_stem.proj.weight": [384, 1, 16, 16],
    "modality_preprocessors.depth.pos_embedding_helper.pos_embed": [1, 197, 384],
    "modality_preprocessors.thermal.rgbt_stem.proj.weight": [768, 1, 16, 16],
    "modality_preprocessors.imu.pos_embed": [1, 251, 512],
    "modality_preprocessors.imu.imu_stem.proj.weight": [512, 48],
    "modality_preprocessors.imu.imu_stem.norm_layer.weight": [512],
    "modality_trunks.vision.pre_transformer_layer.0.weight": [1280],
    "modality_trunks.vision.blocks.31.attn.in_proj_weight": [3840, 1280],
    "modality_trunks.text.blocks.23.mlp.fc1.weight": [4096, 1024],
    "modality_trunks.audio.blocks.11.attn.bias_k": [1, 1, 768],
    "modality_trunks.depth.blocks.11.attn.out_proj.bias": [384],
    "modality_trunks.imu.blocks.5.norm_2.bias": [512],
    "modality_heads.vision.0.bias": [1280],
    "modality_heads.vision.2.weight": [1024, 1280],
    "modality_heads.text.proj.1.weight": [1024, 1024],
    "modality_heads.imu.3.weight": [1024, 512],
    "modality_postprocessors.text.1.log_logit_scale": [],
    "modality_postprocessors.imu.1.log_logit_scale": [],
}
"""Some of the keys of imagebind_huge.pth, at least one of each kind."""
N_KEYS = {"vision": 392, "text": 295, "audio": 177, "depth": 177, "thermal": 177, "imu": 93}
N_PARAMETERS = {
    "vision": 632_829_440,
    "text": 354_032_640,
    "audio": 86_235_648,
    "depth": 21_871_872,
    "thermal": 86_211_072,
    "imu": 19_600_384,
}


@pytest.fixture(scope="module")
def tiny() -> ImageBind:
    torch.manual_seed(0)
    towers = {name: replace(tower, width=64, n_blocks=2, n_heads=4) for name, tower in HUGE.items()}
    model = ImageBind(towers, d_out=24, vocab_size=100)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # biases and norms too, so that each of them matters
    return model.eval()


def test_keys_and_shapes_are_those_of_the_released_file() -> None:
    with torch.device("meta"):
        state = ImageBind().state_dict()
    assert {key: list(state[key].shape) for key in SHAPES} == SHAPES
    counted = {name: sum(f".{name}." in key for key in state) for name in N_KEYS}
    assert counted == N_KEYS
    assert len(state) == sum(N_KEYS.values())
    assert not any(re.search(r"bias_[kv]$", key) for key in state if ".vision." in key or ".text." in key)


@pytest.mark.parametrize("name", N_PARAMETERS)
def test_each_tower_has_the_published_size(name: ImageBindModality) -> None:
    with torch.device("meta"):
        model = ImageBind({name: HUGE[name]})
    learned = {key: one for key, one in model.named_parameters() if "log_logit_scale" not in key}
    assert sum(one.numel() for one in learned.values()) == N_PARAMETERS[name]


def test_vision_equals_a_clip_vision_tower_with_the_same_weights(tiny: ImageBind) -> None:
    """A still is shown as two equal frames, so the two slices of the 3-D convolution add up to a 2-D one."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        patch_size=14,
        projection_dim=24,
        hidden_act="gelu",
        layer_norm_eps=1e-6,
    )
    clip = CLIPVisionModelWithProjection(config).eval()
    ours = tiny.state_dict()
    stem = "modality_preprocessors.vision."
    given = {
        "vision_model.embeddings.class_embedding": ours[stem + "cls_token"][0, 0],
        "vision_model.embeddings.patch_embedding.weight": ours[stem + "rgbt_stem.proj.1.weight"].sum(dim=2),
        "vision_model.embeddings.position_embedding.weight": ours[stem + "pos_embedding_helper.pos_embed"][0],
        "visual_projection.weight": ours["modality_heads.vision.2.weight"],
        **_norm("vision_model.pre_layrnorm", "modality_trunks.vision.pre_transformer_layer.0", ours),
        **_norm("vision_model.post_layernorm", "modality_heads.vision.0", ours),
        **_blocks("vision_model", "vision", ours),
    }
    missing, unexpected = clip.load_state_dict(given, strict=False)
    assert not unexpected
    assert all("position_ids" in key for key in missing)
    pixels = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = torch.nn.functional.normalize(clip(pixel_values=pixels).image_embeds, dim=-1)
        torch.testing.assert_close(tiny.embed(pixels, "vision"), expected, atol=1e-5, rtol=0)


def test_text_equals_a_clip_text_tower_with_the_same_weights(tiny: ImageBind) -> None:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=100,
        hidden_size=64,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=24,
        hidden_act="gelu",
        layer_norm_eps=1e-6,
        eos_token_id=99,
        bos_token_id=98,
        pad_token_id=0,
    )
    clip = CLIPTextModelWithProjection(config).eval()
    ours = tiny.state_dict()
    given = {
        "text_model.embeddings.token_embedding.weight": ours["modality_preprocessors.text.token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": ours["modality_preprocessors.text.pos_embed"][0],
        "text_projection.weight": ours["modality_heads.text.proj.1.weight"],
        **_norm("text_model.final_layer_norm", "modality_heads.text.proj.0", ours),
        **_blocks("text_model", "text", ours),
    }
    missing, unexpected = clip.load_state_dict(given, strict=False)
    assert not unexpected
    assert all("position_ids" in key for key in missing)
    ids = torch.zeros(2, 77, dtype=torch.long)
    ids[0, :4] = torch.tensor([98, 5, 6, 99])
    ids[1, :7] = torch.tensor([98, 1, 2, 3, 4, 5, 99])
    with torch.no_grad():
        expected = torch.nn.functional.normalize(clip(input_ids=ids).text_embeds, dim=-1)
        scale = ours["modality_postprocessors.text.1.log_logit_scale"].exp().clamp(max=100)
        torch.testing.assert_close(tiny.embed(ids, "text"), scale * expected, atol=1e-5, rtol=1e-5)


def test_audio_equals_its_formula_step_by_step(tiny: ImageBind) -> None:
    """Overlapping patches, a norm, class token, positions; attention with one learned key and value more."""
    weights = tiny.state_dict()
    sound = torch.randn(2, 1, 128, 204)
    stem = "modality_preprocessors.audio."
    patches = torch.nn.functional.conv2d(sound, weights[stem + "rgbt_stem.proj.weight"], stride=10)
    assert patches.shape[2:] == (12, 19)
    tokens = _normed(patches.flatten(2).transpose(1, 2), stem + "rgbt_stem.norm_layer", weights, eps=1e-5)
    tokens = torch.cat((weights[stem + "cls_token"].expand(2, -1, -1), tokens), 1)
    tokens = tokens + weights[stem + "pos_embedding_helper.pos_embed"]
    for number in range(2):
        block = f"modality_trunks.audio.blocks.{number}."
        tokens = tokens + _attention(_normed(tokens, block + "norm_1", weights), block + "attn.", weights, n_heads=4)
        hidden = _normed(tokens, block + "norm_2", weights) @ weights[block + "mlp.fc1.weight"].T
        hidden = torch.nn.functional.gelu(hidden + weights[block + "mlp.fc1.bias"])
        tokens = tokens + hidden @ weights[block + "mlp.fc2.weight"].T + weights[block + "mlp.fc2.bias"]
    pooled = _normed(tokens[:, 0], "modality_heads.audio.0", weights) @ weights["modality_heads.audio.2.weight"].T
    with torch.no_grad():
        expected = 20 * pooled / pooled.norm(dim=-1, keepdim=True)
        torch.testing.assert_close(tiny.embed(sound, "audio"), expected, atol=2e-4, rtol=1e-4)


def test_motion_windows_are_eight_readings_axis_by_axis(tiny: ImageBind) -> None:
    readings = torch.randn(1, 6, 2000)
    weights = tiny.state_dict()
    stem = "modality_preprocessors.imu."
    window = torch.cat([readings[0, axis, 8 * 17 : 8 * 18] for axis in range(6)])
    expected = _normed(weights[stem + "imu_stem.proj.weight"] @ window, stem + "imu_stem.norm_layer", weights, eps=1e-5)
    expected = expected + weights[stem + "pos_embed"][0, 18]
    with torch.no_grad():
        torch.testing.assert_close(tiny.modality_preprocessors["imu"](readings)[0, 18], expected, atol=1e-5, rtol=1e-5)


def test_clips_are_averaged_after_scaling_and_not_normalised_again(tiny: ImageBind) -> None:
    clips = torch.randn(2, 3, 1, 128, 204)
    with torch.no_grad():
        each = torch.stack([tiny.embed(clips[:, number], "audio") for number in range(3)])
        found = tiny.embed_clips(clips, "audio")
    torch.testing.assert_close(found, each.mean(dim=0), atol=1e-4, rtol=1e-4)
    assert (found.norm(dim=-1) < 20).all()


def test_patch_features_have_length_one_and_leave_out_the_class_token(tiny: ImageBind) -> None:
    pixels = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        patches = tiny.embed_patches(pixels, "vision")
        states = tiny.tokens(pixels, "vision")[0, 1 + 100]
    weights = tiny.state_dict()
    raw = weights["modality_heads.vision.2.weight"] @ _normed(states, "modality_heads.vision.0", weights)
    assert patches.shape == (1, 256, 24)
    torch.testing.assert_close(patches[0, 100], raw / raw.norm(), atol=1e-5, rtol=1e-5)


def _norm(theirs: str, ours: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{theirs}.{kind}": state[f"{ours}.{kind}"] for kind in ("weight", "bias")}


def _blocks(theirs: str, modality: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    for number in range(2):
        source, target = f"modality_trunks.{modality}.blocks.{number}", f"{theirs}.encoder.layers.{number}"
        for kind in ("weight", "bias"):
            joint = state[f"{source}.attn.in_proj_{kind}"].chunk(3)
            for name, part in zip("qkv", joint, strict=True):
                found[f"{target}.self_attn.{name}_proj.{kind}"] = part
        for mine, other in (
            ("attn.out_proj", "self_attn.out_proj"),
            ("norm_1", "layer_norm1"),
            ("norm_2", "layer_norm2"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ):
            found.update(_norm(f"{target}.{other}", f"{source}.{mine}", state))
    return found


def _normed(values: torch.Tensor, name: str, state: dict[str, torch.Tensor], eps: float = 1e-6) -> torch.Tensor:
    centred = values - values.mean(dim=-1, keepdim=True)
    spread = (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt()
    return centred / spread * state[f"{name}.weight"] + state[f"{name}.bias"]


def _attention(tokens: torch.Tensor, name: str, state: dict[str, torch.Tensor], *, n_heads: int) -> torch.Tensor:
    joint = tokens @ state[name + "in_proj_weight"].T + state[name + "in_proj_bias"]
    queries, keys, values = joint.chunk(3, dim=-1)
    keys = torch.cat((keys, state[name + "bias_k"].expand(len(tokens), -1, -1)), 1)
    values = torch.cat((values, state[name + "bias_v"].expand(len(tokens), -1, -1)), 1)
    heads = []
    for query, key, value in zip(*(one.chunk(n_heads, dim=-1) for one in (queries, keys, values)), strict=True):
        heads.append((query @ key.transpose(1, 2) / query.shape[-1] ** 0.5).softmax(dim=-1) @ value)
    return torch.cat(heads, -1) @ state[name + "out_proj.weight"].T + state[name + "out_proj.bias"]
