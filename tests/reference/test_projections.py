"""Input and signal projections against plain numpy formulas, and where gradients reach."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from model_adapter.errors import AdapterError
from model_adapter.reference.grouping import Assignment, GroupingProjection
from model_adapter.reference.presets import ProjectionConfig
from model_adapter.reference.projections import SignalProjection, make_projection, strip_projection

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]


@pytest.mark.parametrize(
    ("config", "n_in", "n_out"),
    [
        (ProjectionConfig(kind="linear"), 20, 20),
        (ProjectionConfig(kind="pooled", n_tokens=7), 1, 7),
        (ProjectionConfig(kind="strips"), 64, 16),
        (ProjectionConfig(kind="grouping", width=64, n_concepts=(16, 8)), 20, 8),
        (ProjectionConfig(kind="resampler", n_tokens=32, n_layers=2), 20, 32),
        (ProjectionConfig(kind="resampler", n_tokens=64, n_layers=4), 50, 64),
        (ProjectionConfig(kind="resampler", n_tokens=256, n_layers=6), 20, 256),
        (ProjectionConfig(kind="qformer", n_tokens=5, width=64), 20, 5),
    ],
    ids=lambda one: one.kind if isinstance(one, ProjectionConfig) else str(one),
)
def test_shapes_and_gradients(config: ProjectionConfig, n_in: int, n_out: int) -> None:
    torch.manual_seed(0)
    projection = make_projection(config, d_in=64, d_llm=48)
    tokens = projection(torch.randn(3, n_in, 64))
    assert tokens.shape == (3, n_out, 48)
    tokens.square().sum().backward()
    # A gradient may be exactly 0 (the temperature of a choice that nothing hangs on), but it must be there.
    assert [name for name, one in projection.named_parameters() if one.grad is None] == []


def test_grouping_equals_its_formula() -> None:
    torch.manual_seed(1)
    projection = GroupingProjection(10, 6, n_concepts=(5, 3), depths=(1, 2), width=16, n_heads=2).eval()
    for parameter in projection.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    features = torch.randn(2, 9, 10)
    with torch.no_grad():
        found = projection(features).double().numpy()
    weights = {name: one.double().numpy() for name, one in projection.state_dict().items()}
    expected = np.stack([_grouping(row, weights) for row in features.double().numpy()])
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_grouping_takes_the_nearest_concept_in_evaluation_and_a_random_one_in_training() -> None:
    torch.manual_seed(2)
    assign = Assignment(16)
    concepts, features = torch.randn(1, 4, 16), torch.randn(1, 30, 16)
    assert torch.equal(assign.eval()(concepts, features), assign(concepts, features))
    assign.train()
    assert not torch.equal(assign(concepts, features), assign(concepts, features))
    assign(concepts, features).sum().backward()
    assert assign.queries.weight.grad is not None
    assert assign.queries.weight.grad.abs().sum() > 0  # straight through the hard choice
    assert assign.log_temperature.grad is not None
    assert assign.log_temperature.grad.abs() > 0


def test_a_feature_goes_to_a_concept_with_the_probability_of_its_similarity() -> None:
    """Gumbel noise turns the largest cosine into a draw from their softmax, all of a feature going to one concept."""
    torch.manual_seed(8)
    assign = Assignment(4).train()
    with torch.no_grad():
        for layer in (assign.queries, assign.keys, assign.values, assign.out):
            torch.nn.init.eye_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        feature = torch.tensor([[[1.0, 2.0, -2.0, 1.0]]])
        concepts = torch.cat((feature, -feature, feature[..., [1, 0, 3, 2]]), dim=1)  # cosines 1, -1, 0
        n = 20_000
        out = assign(concepts.expand(n, -1, -1), feature.expand(n, -1, -1))
    given = (out / feature).mean(dim=-1) * 2  # [n, 3]; one is added to the count of features
    torch.testing.assert_close(given, given.round(), atol=1e-4, rtol=0)
    torch.testing.assert_close(given.sum(dim=1), torch.ones(n), atol=1e-4, rtol=0)
    cosines = torch.nn.functional.cosine_similarity(concepts[0], feature[0], dim=-1)
    torch.testing.assert_close(given.mean(dim=0), cosines.softmax(dim=0), atol=4 * 0.5 / n**0.5, rtol=0)


def test_resampler_equals_its_formula() -> None:
    torch.manual_seed(3)
    projection = make_projection(ProjectionConfig(kind="resampler", n_tokens=4, n_layers=2), d_in=128, d_llm=6).eval()
    features = torch.randn(2, 11, 128)
    with torch.no_grad():
        found = projection(features).double().numpy()
    weights = {name: one.double().numpy() for name, one in projection.state_dict().items()}
    expected = np.stack([_resampler(row, weights, n_heads=2) for row in features.double().numpy()])
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_strips_join_four_neighbours_of_one_row() -> None:
    """MiniGPT-v2's reshape: patches 0..3 of the first row make the first token, not a 2 x 2 block."""
    strips = strip_projection(1, 4)
    torch.nn.init.eye_(strips.linear.weight)
    torch.nn.init.zeros_(strips.linear.bias)
    grid = torch.arange(64.0).reshape(1, 64, 1)  # 8 x 8 patches
    assert strips(grid)[0, :3].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_signal_projection_gives_conditioning_of_the_teacher_s_shape() -> None:
    torch.manual_seed(4)
    image = SignalProjection(32, 24, n_queries=77, width=16)
    sound = SignalProjection(32, 20, n_queries=1, width=16, is_unit=True).eval()
    made = image(torch.randn(2, 4, 32))
    assert made.shape == (2, 77, 24)
    made.square().sum().backward()
    assert [name for name, one in image.named_parameters() if one.grad is None] == []
    torch.testing.assert_close(sound(torch.randn(3, 8, 32)).norm(dim=-1), torch.ones(3, 1))
    queries = image.queries[0]
    assert not torch.allclose(queries[0], queries[1])  # the authors' code begins with all queries equal


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(AdapterError, match="at least 1"):
        ProjectionConfig(kind="resampler", n_tokens=0)
    with pytest.raises(AdapterError, match="as many depths as stages"):
        ProjectionConfig(kind="grouping", n_concepts=(8,), depths=(2, 2))


def _grouping(features: Array, weights: Weights) -> Array:
    x = _linear(features, "enter", weights)
    concepts: Array | None = None
    for stage, depth in enumerate((1, 2)):
        name = f"stages.{stage}."
        own = weights[name + "concepts"][0]
        if concepts is not None:
            own = own + _mlp(_normed(concepts, name + "norm_before", weights).T, name + "mix_before", weights).T
        joined = np.concatenate((x, own))
        for number in range(depth):
            block = f"{name}attention.{number}."
            given = _normed(joined, block + "norm_attention", weights)
            queries, keys, values = np.split(given @ weights[block + "queries_keys_values.weight"].T, 3, axis=1)
            joined = joined + _linear(_attend(queries, keys, values, 2), block + "out", weights)
            joined = joined + _mlp(_normed(joined, block + "norm_mlp", weights), block + "mlp", weights)
        x, concepts = joined[: len(x)], joined[len(x) :]
        x = _group(x, concepts, name + "group.", weights)
    return _linear(_normed(x, "norm", weights), "leave", weights)


def _group(features: Array, concepts: Array, name: str, weights: Weights) -> Array:
    features = _normed(features, name + "norm_features", weights)
    mixed = _mlp(_normed(concepts, name + "norm_concepts", weights).T, name + "mix_concepts", weights).T
    concepts = _normed(mixed, name + "norm_mixed", weights)
    look = name + "look."
    seen = _attend(
        *(
            _linear(one, look + part, weights)
            for one, part in ((concepts, "queries"), (features, "keys"), (features, "values"))
        ),
        2,
    )
    concepts = _normed(concepts + _linear(seen, look + "out", weights), look + "norm_attention", weights)
    concepts = _normed(concepts + _mlp(concepts, look + "mlp", weights), look + "norm_mlp", weights)
    assign = name + "assign."
    queries, keys = _linear(concepts, assign + "queries", weights), _linear(features, assign + "keys", weights)
    cosine = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        keys / np.linalg.norm(keys, axis=1, keepdims=True)
    ).T
    winner = cosine.argmax(axis=0)
    values = _linear(features, assign + "values", weights)
    means = np.stack([values[winner == k].sum(axis=0) / ((winner == k).sum() + 1) for k in range(len(concepts))])
    concepts = concepts + _linear(means, assign + "out", weights)
    return concepts + _mlp(_normed(concepts, name + "norm_channels", weights), name + "channels", weights)


def _resampler(features: Array, weights: Weights, *, n_heads: int) -> Array:
    latents = weights["resampler.latents"]
    for number in range(2):
        block = f"resampler.blocks.{number}."
        context = _normed(features, block + "0.context_layer_norm", weights)
        given = _normed(latents, block + "0.latents_layer_norm", weights)
        seen = np.concatenate((context, given))
        queries = given @ weights[block + "0.q_proj.weight"].T
        keys, values = (seen @ weights[f"{block}0.{part}_proj.weight"].T for part in "kv")
        latents = latents + _attend(queries, keys, values, n_heads) @ weights[block + "0.output_proj.weight"].T
        hidden = np.maximum(_normed(latents, block + "1.ln", weights) @ weights[block + "1.fc.weight"].T, 0.0)
        latents = latents + hidden @ weights[block + "1.c_proj.weight"].T
    return _linear(_normed(latents, "resampler.layer_norm", weights), "linear", weights)


def _linear(values: Array, name: str, weights: Weights) -> Array:
    return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _mlp(values: Array, name: str, weights: Weights) -> Array:
    from math import erf

    hidden = _linear(values, f"{name}.0", weights)
    gelu = hidden * 0.5 * (1 + np.vectorize(erf)(hidden / np.sqrt(2)))
    return _linear(gelu, f"{name}.2", weights)


def _normed(values: Array, name: str, weights: Weights) -> Array:
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _attend(queries: Array, keys: Array, values: Array, n_heads: int) -> Array:
    heads = []
    for query, key, value in zip(*(np.split(one, n_heads, axis=1) for one in (queries, keys, values)), strict=True):
        scores = query @ key.T / np.sqrt(query.shape[1])
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(shares / shares.sum(axis=1, keepdims=True) @ value)
    return np.concatenate(heads, axis=1)
