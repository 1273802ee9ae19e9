"""Policies: defaults by unit, files and flags, and refusals that name every fault."""

import pytest
from report_factories import make_run

from reports import GatePolicy, load_policy
from shards.errors import UsageError


@pytest.mark.parametrize(
    ("unit", "value", "allowed"), [("percent", 60.0, 1.0), ("fraction", 0.6, 0.01), ("raw", 40.0, 0.4)]
)
def test_default_drop_by_unit(tmp_path, unit, value, allowed):
    result = make_run(tmp_path / "a", [0.5], unit=unit, value=value).result
    assert GatePolicy().allowed_drop("vqav2", result) == pytest.approx(allowed)
    assert GatePolicy(max_drop=3.0).allowed_drop("vqav2", result) == 3.0
    policy = GatePolicy(max_drop=3.0, max_drop_by_benchmark={"vqav2": 0.0})
    assert policy.allowed_drop("vqav2", result) == 0.0


def test_file_then_flag(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text('max_drop = 2\nlevel = 0.9\n[max_drop_by_benchmark]\n"world/vqav2" = 0.5\n')
    assert load_policy(path) == GatePolicy(max_drop=2, level=0.9, max_drop_by_benchmark={"world/vqav2": 0.5})
    assert load_policy(path, max_drop=0.25).max_drop == 0.25
    assert load_policy(None) == GatePolicy()


def test_all_faults_at_once(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text('max_dorp = 1\nmax_drop = "one"\nlevel = 95\nmin_items = true\n[max_drop_by_benchmark]\nx = -1\n')
    with pytest.raises(UsageError) as caught:
        load_policy(path)
    for words in ("unknown key 'max_dorp'", "max_drop = 'one'", "level = 95", "min_items = True", "{'x': -1}"):
        assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"level = ", b"\xff\xfe"])
def test_file_that_is_no_toml(tmp_path, content):
    path = tmp_path / "gate.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"gate\.toml: expected a gate policy in TOML"):
        load_policy(path)
    with pytest.raises(UsageError, match="a gate policy in TOML"):
        load_policy(tmp_path / "missing.toml")


@pytest.mark.parametrize("drop", [-0.1, float("nan"), float("inf"), True])
def test_a_drop_is_a_finite_number_from_zero(drop):
    with pytest.raises(UsageError, match="max_drop"):
        GatePolicy(max_drop=drop)
