"""Parameter counts of every preset against published and derived figures; nothing is downloaded or allocated."""

import json
import re

import pytest
from typer.testing import CliRunner

from anymodal.app import app
from model_adapter.errors import AdapterError
from model_adapter.reference import PRESETS, find_preset
from model_adapter.reference.audit import ModuleCount, count_parts
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
    "anymal-7b": {"inputs/imu/encoder": 850_892, "lora": 32 * 64 * (4 * (4_096 + 4_096) + 3 * (4_096 + 11_008))},
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


@pytest.mark.parametrize("name", ["nextgpt-7b", "anymal-70b", "minigpt-v2-7b", "tiny-nextgpt", "tiny-anymal"])
def test_what_is_inside_adds_up(name: str) -> None:
    """At every level, for every part that is made of modules or adapters."""

    def check(whole: int, inside: tuple[ModuleCount, ...]) -> None:
        assert sum(one.n_copies * one.n_parameters for one in inside) == whole
        for one in inside:
            if one.inside:
                check(one.n_parameters, one.inside)

    for part in count_parts(find_preset(name), depth=4):
        check(part.n_parameters, part.inside)


def test_the_tree_shows_towers_and_folds_equal_blocks() -> None:
    """Sums of ImageBind's towers from its released shapes; a layer of LLaMA-7B: 4 d^2 + 3 d d_mlp + 2 d."""
    parts = {one.part: one.inside for one in count_parts(find_preset("nextgpt-7b"), depth=2)}
    towers = {one.name: one for one in parts["inputs/image/encoder"]}
    assert {name: one.n_parameters for name, one in towers.items()} == {
        "vision": 632_829_440,
        "text": 354_032_640,
        "audio": 86_235_648,
        "depth": 21_871_872,
        "thermal": 86_211_072,
        "imu": 19_600_384,
        "scale of text": 1,
    }
    stages = {one.name: one.n_parameters for one in towers["depth"].inside}
    assert stages == {"preprocessor": 175_104, "trunk": 21_302_784, "head": 393_984}
    layers = parts["language"][0].inside[1]
    assert (layers.name, layers.kind, layers.n_copies) == ("layers.0-31", "LlamaDecoderLayer", 32)
    assert layers.n_parameters == 4 * 4_096**2 + 3 * 4_096 * 11_008 + 2 * 4_096
    assert [(one.name, one.kind, one.n_copies, one.n_parameters) for one in parts["lora"]] == [
        (f"{name}_proj", "32 x (4096 + 4096)", 32, 32 * 8_192) for name in "qkvo"
    ]


def test_an_encoder_or_projection_that_media_share_counts_once() -> None:
    parts = [one.part for one in count_parts(find_preset("nextgpt-7b"))]
    assert [part for part in parts if part.startswith("inputs/")] == ["inputs/image/encoder", "inputs/media/projection"]


def test_a_stand_in_for_a_network_that_is_not_to_be_had_is_marked_as_chosen() -> None:
    marks = {one.part: one.mark for one in count_parts(find_preset("anymal-7b"))}
    assert (marks["inputs/video/encoder"], marks["inputs/image/encoder"]) == ("chosen", "published")
    assert {one.mark for one in count_parts(find_preset("tiny-nextgpt"))} == {"chosen"}


def test_the_papers_rounded_figures_stand_beside_the_counts() -> None:
    """Table 1 of NExT-GPT in both versions; "a part of 31M" may be cut off instead of rounded."""
    units = {"M": 1e6, "B": 1e9}
    for name, n_figures in (("nextgpt-7b", 10), ("nextgpt-7b-v1", 10), ("anymal-70b", 1)):
        told = [one for one in count_parts(find_preset(name)) if one.paper]
        assert len(told) == n_figures
        for one in told:
            assert one.n_parameters / units[one.paper[-1]] == pytest.approx(float(one.paper[:-1]), rel=0.055)


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
    assert all(word in printed for word in ("layers.0-38  Blip2EncoderLayer", "39 x 25,250,176", "BSD-3-Clause"))
    assert shown("minigpt-v2-7b", "--depth", "0").count("├─ ") == 0
    assert json.loads(shown("tiny-minigpt", "--json"))["parts"][0]["part"] == "language"
    assert all(name in shown() for name in PRESETS)


@pytest.mark.parametrize("name", ["nextgpt-7b", "nextgpt-7b-v1", "anymal-7b", "minigpt-v2-7b"])
def test_the_tree_fits_two_screens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50 lines and 100 columns, with no line broken."""
    monkeypatch.setenv("COLUMNS", "100")
    lines = CliRunner().invoke(app, ["model", "info", name]).output.splitlines()
    assert len(lines) <= 100
    assert max(map(len, lines)) <= 100
    tree = lines[4 : next(number for number, line in enumerate(lines) if "of which" in line) - 1]
    assert all(re.search(r" \d[\d,]* ", line) for line in tree)
