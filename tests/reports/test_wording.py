"""How numbers read."""

import pytest

from evals.results import Interval
from reports import wording


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (61.204, "percent", "61.20"),
        (0.6, "fraction", "0.6000"),
        (-1.23456, "raw", "−1.235"),
        (-0.0001, "percent", "0.00"),
        (None, "raw", "–"),
    ],
)
def test_number(value, unit, text):
    assert wording.number(value, unit) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "+0.50"), (-0.5, "−0.50"), (0.001, "0.00"), (-0.001, "0.00")])
def test_signed(value, text):
    assert wording.signed(value, "percent") == text


def test_intervals_shares_and_p_values():
    assert wording.span(Interval(-1.0, 2.5, 0.95, "x"), "percent") == "[−1.00, 2.50]"
    assert wording.span(None, "percent") == "–"
    assert wording.signed_span(-1.0, 2.5, "raw") == "[−1.000, +2.500]"
    assert [wording.percent(share) for share in (0.95, 0.999, 0.0192, 1.0)] == ["95%", "99.9%", "1.92%", "100%"]
    assert [wording.p_value(p) for p in (0.00099, 0.001, 0.25)] == ["< 0.001", "0.001", "0.250"]


def test_reasons_come_most_frequent_first():
    reasons = {"refusal": 2, "missing": 1200, "judge_failure": 0, "adapter_error": 2}
    assert wording.unscored_words(reasons) == "1,200 missing, 2 adapter_error, 2 refusal"
