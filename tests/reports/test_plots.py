"""Plots: inline SVG that is stable, escaped, coloured by the page, and places points where the numbers say."""

import re
from xml.etree import ElementTree

import msgspec
import pytest
from report_factories import PROTOCOL, coin_flips, make_run

from reports import GatePolicy, decide_gate, make_leaderboard
from reports.plots import difference_plot, forest_plot

HOSTILE = '<b>$x_1$ & "co"'


def board_of(tmp_path, **settings):
    values = {"alpha": 0.8, "beta": 0.5, HOSTILE: 0.3}
    runs = [
        make_run(tmp_path / str(i), coin_flips(100, share, seed=4), model=name, interval=(20.0, 90.0), **settings)
        for i, (name, share) in enumerate(values.items())
    ]
    return make_leaderboard(runs)[0]


def test_forest_plot_is_clean_inline_svg(tmp_path):
    svg = forest_plot(board_of(tmp_path))
    root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
    assert root.tag.endswith("svg")
    texts = ["".join(text.itertext()) for text in root.iter() if text.tag.endswith("text")]
    assert {"alpha", "beta", HOSTILE} <= set(texts)
    assert "style=" not in svg
    assert "<style" not in svg
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert "dc:date" not in svg


def test_same_board_same_bytes_and_ids_are_its_own(tmp_path):
    board = board_of(tmp_path)
    other = msgspec.structs.replace(PROTOCOL, benchmark="okvqa")
    svg, again, another = forest_plot(board), forest_plot(board), forest_plot(board_of(tmp_path / "o", protocol=other))
    assert svg == again
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (svg, another)]
    assert ids[0]
    assert not ids[0] & ids[1]
    references = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert references
    assert references <= ids[0]


def test_chance_line_stands_left_of_better_values(tmp_path):
    assert forest_plot(board_of(tmp_path / "a", chance=25.0)).count("stroke-dasharray") == 1
    assert "stroke-dasharray" not in forest_plot(board_of(tmp_path / "b", chance=None))


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_difference_plot_colours_each_verdict(tmp_path, higher_is_better):
    values = coin_flips(300, 0.8, seed=1)
    worse = [0.0 if i % 3 == 0 else value for i, value in enumerate(values)]
    sides = (values, worse) if higher_is_better else (worse, values)
    runs = [make_run(tmp_path / str(i), side, higher_is_better=higher_is_better) for i, side in enumerate(sides)]
    report = decide_gate(runs[:1], runs[1:], GatePolicy())
    assert report.outcome == "regressed"
    svg = difference_plot(report.verdicts)
    assert "#d9534f" in svg
    assert "#3d9a6c" not in svg
    assert "vqav2" in svg
