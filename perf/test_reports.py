"""How long decisions take: `pytest perf/test_reports.py --benchmark-only`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "reports"))

from report_factories import coin_flips, make_run

from reports import GatePolicy, PageContent, decide_gate, difference, make_leaderboard, open_store, render_page

N_MODELS, N_ITEMS = 10, 5000


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [
        make_run(root / f"model-{i}", coin_flips(N_ITEMS, 0.5 + i / 50, seed=i), model=f"model-{i}", interval=(40, 60))
        for i in range(N_MODELS)
    ]


def test_paired_difference_of_5000_items(benchmark, runs):
    benchmark(difference, runs[0], runs[1])


def test_gate_of_5000_items(benchmark, runs):
    benchmark(decide_gate, runs[:1], runs[1:2], GatePolicy())


def test_leaderboard_of_10_models(benchmark, runs):
    benchmark.pedantic(make_leaderboard, args=(runs,), rounds=3)


def test_store_of_10_runs(benchmark, runs):
    benchmark(open_store, runs[0].path.parent)


def test_page_of_one_board(benchmark, runs):
    content = PageContent(title="Leaderboard", boards=make_leaderboard(runs))
    benchmark.pedantic(render_page, args=(content,), rounds=3)
