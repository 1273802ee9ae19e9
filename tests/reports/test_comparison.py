"""Comparisons: sentence, direction, items that moved."""

import json

import msgspec
from report_factories import PROTOCOL, coin_flips, make_run

from reports import compare, encode_comparison


def test_items_that_moved_most_come_first(tmp_path):
    baseline = make_run(tmp_path / "a", [0.0, 0.3, 1.0, 1.0, 0.5], texts={"item-00002": "a cat"})
    candidate = make_run(tmp_path / "b", [1.0, 0.6, 1.0, None, 0.0], texts={"item-00003": "{broken"})
    found = compare(baseline, candidate, n_changes=1)
    assert (found.n_better, found.n_worse) == (2, 2)
    assert [(c.id, c.baseline, c.candidate) for c in found.better] == [("item-00000", 0.0, 100.0)]
    assert [(c.id, c.baseline, c.candidate) for c in found.worse] == [("item-00003", 100.0, 0.0)]
    assert found.worse[0].candidate_text == "{broken"
    assert any("1 parse_failure after" in note for note in found.notes)


def test_lower_is_better_turns_better_and_worse_around(tmp_path):
    protocol = msgspec.structs.replace(PROTOCOL, scorer="chair_i")
    settings = {"protocol": protocol, "unit": "fraction", "metric": "chair_i", "higher_is_better": False}
    baseline = make_run(tmp_path / "a", [0.9] * 50 + [0.8] * 50, **settings)
    candidate = make_run(tmp_path / "b", [0.1] * 100, **settings)
    found = compare(baseline, candidate)
    assert found.difference.value < 0
    assert not found.is_worse
    assert found.sentence.startswith("alpha (b) is better than alpha (a) on vqav2: −0.7500 chair_i")
    assert (found.n_better, found.n_worse) == (100, 0)


def test_equal_models_are_not_distinguishable(tmp_path):
    values = coin_flips(300, 0.5, seed=3)
    found = compare(make_run(tmp_path / "a", values), make_run(tmp_path / "b", values, model="beta"))
    assert not found.is_distinguishable
    assert "beta is not distinguishable from alpha" in found.sentence


def test_says_that_corpus_metrics_are_unpaired_and_exposures_differ(tmp_path):
    baseline = make_run(tmp_path / "a", [0.5, 0.5], value=2.0, interval=(1.0, 3.0), unit="raw")
    candidate = make_run(tmp_path / "b", [0.5, 0.6], value=2.5, interval=(1.5, 3.5), unit="raw", exposure="fine_tuned")
    notes = " ".join(compare(baseline, candidate).notes)
    assert "no mean over items" in notes
    assert "zero-shot against fine-tuned" in notes


def test_json_is_complete_and_stable(tmp_path):
    found = compare(make_run(tmp_path / "a", [0.0, 1.0, 1.0]), make_run(tmp_path / "b", [1.0, 1.0, 1.0]))
    content = json.loads(encode_comparison(found))
    assert content["schema"] == "anymodal.comparison/1"
    assert content["difference"]["value"] == found.difference.value
    assert content["better"] == [
        {
            "id": "item-00000",
            "baseline": 0.0,
            "candidate": 100.0,
            "baseline_text": "alpha says item-00000",
            "candidate_text": "alpha says item-00000",
        }
    ]
    assert encode_comparison(found) == encode_comparison(found)
