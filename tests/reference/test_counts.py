"""Parameter counts of every preset against published and derived figures; nothing is downloaded or allocated."""

import json

import pytest
from typer.testing import CliRunner

from anymodal.app import app
from model_adapter.errors import AdapterError
from model_adapter.reference import PRESETS, find_preset
from model_adapter.reference.audit import count_parts
from model_adapter.reference.memory import estimate_memory

EXPECTED = {
    "nextgpt-7b": {
        "language": 6_738_415_616,
        "lora": 33_554_432,
        "rows": 311_296,
        "inputs/image/encoder": 1_200_781_057,
        "inputs/media/projection": 27_938_128 + 2,
        "outputs/image/projection": 31_958_784,
        "outputs/audio/projection": 31_788_544,
        "outputs/video/projection": 32_090_112,
        "outputs/image/decoder": 1_370_216_895,
        "outputs/video/decoder": 1_835_275_563,
        "outputs/audio/decoder": 975_082_866,
    },
    "nextgpt-7b-v1": {"inputs/media/projection": 4_198_400, "rows": 2 * 32_038 * 4_096},
    "anymal-7b": {"inputs/imu/encoder": 850_892},
    "anymal-13b": {"language": 13_015_864_320},
    "anymal-70b": {"language": 68_976_648_192},
    "minigpt-v2-7b": {
        "lora": 33_554_432,
        "inputs/image/encoder": 987_033_600,
        "inputs/image/projection": 23_072_768,
    },
}
"""From `reference` sheets: papers, released files, or sums over published shapes."""


@pytest.mark.parametrize("name", EXPECTED)
def test_counts_equal_the_published_ones(name: str) -> None:
    counted = {one.part: one.n_parameters for one in count_parts(find_preset(name))}
    assert {part: counted[part] for part in EXPECTED[name]} == EXPECTED[name]


def test_an_encoder_or_projection_that_media_share_counts_once() -> None:
    parts = [one.part for one in count_parts(find_preset("nextgpt-7b"))]
    assert [part for part in parts if part.startswith("inputs/")] == ["inputs/image/encoder", "inputs/media/projection"]


def test_a_stand_in_for_a_network_that_is_not_to_be_had_is_marked_as_chosen() -> None:
    marks = {one.part: one.mark for one in count_parts(find_preset("anymal-7b"))}
    assert (marks["inputs/video/encoder"], marks["inputs/image/encoder"]) == ("chosen", "published")


def test_adapters_projections_and_new_rows_train_and_nothing_else() -> None:
    trained = {one.part for one in count_parts(find_preset("nextgpt-7b")) if one.trains}
    assert trained == {"lora", "rows", *(f"outputs/{medium}/projection" for medium in ("image", "audio", "video"))} | {
        "inputs/media/projection"
    }


def test_seventy_billion_in_four_bit_train_on_one_card_of_80_gb() -> None:
    """AnyMAL (arXiv:2309.16058, section 3.1): batch 4 on one card; in 16 bit the weights alone are beyond it."""
    preset = find_preset("anymal-70b")
    parts = [one for one in count_parts(preset) if one.part in ("language", "inputs/image/projection")]
    fits, fails = (
        estimate_memory(parts, preset.language, bits=bits, batch_size=4, n_tokens=512, trains=True).total
        for bits in (4, 16)
    )
    assert fits < 80e9 < fails
    assert fits > 68_976_648_192 / 2  # half a byte a weight, at the very least


def test_unknown_presets_are_refused_with_the_known_ones() -> None:
    with pytest.raises(AdapterError, match="nextgpt-7b, nextgpt-7b-v1"):
        find_preset("gpt")


def test_info_prints_counts_marks_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    def shown(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["model", "info", *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    printed = shown("minigpt-v2-7b", "--memory", "--bits", "4")
    assert all(word in printed for word in ("23,072,768", "published", "training", "generation"))
    assert json.loads(shown("tiny-minigpt", "--json"))["parts"][0]["part"] == "language"
    assert all(name in shown() for name in PRESETS)
