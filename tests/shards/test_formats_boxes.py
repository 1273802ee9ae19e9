"""Box grammars: closed examples, what is no box, and the way back from text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.formats.boxes import BoxGrammar, boxes_to_pixels, parse_box, parse_boxes, write_box


@pytest.mark.parametrize(
    ("grammar", "text", "expected"),
    [
        ("grid100", "it is {<1><20><030><100>}, {<0><0><1><1>}", (1, 20, 30, 100)),
        ("grid100", "{ <1> <un<unk>k><2>", None),
        ("grid100", "{<1><2><3<unk>><4>}", (1, 2, 3, 4)),
        ("grid100", "{<1><2><3><1000>}", None),
        ("grid100", "{<-1><2><3><4>}", None),
        ("grid100", "{<1>\n<2><3><4>}", None),  # only blanks are removed
        ("grid100", "[1, 2, 3, 4]", None),
        ("unit", "box [0.1, .25, 0.5, 1.] and [0, 0, 1, 1]", (0.1, 0.25, 0.5, 1.0)),
        ("unit", "[0.1,0.2,0.3]", None),
        ("grid1000", "<ref>cup</ref>(12,34),(560, 999)", (12, 34, 560, 999)),
        ("grid1000", "(1, 2, 3, 4)", (1, 2, 3, 4)),
        ("pixel", "[-3 4.5 +1e 2]", None),
        ("pixel", "[-3 4.5 +10 2]", (-3, 4.5, 10, 2)),
        ("pixel", "", None),
    ],
)
def test_first_box_of_an_answer(grammar: BoxGrammar, text: str, expected: tuple[float, ...] | None) -> None:
    assert parse_box(text, grammar) == expected


def test_arrays_and_pixels() -> None:
    boxes = parse_boxes(["{<10><20><40><60>}", "none", None], "grid100")
    assert boxes.shape == (3, 4)
    assert np.isnan(boxes[1:]).all()
    pixels = boxes_to_pixels(boxes, np.array([[640.0, 480.0]] * 3), "grid100")
    assert pixels[0].tolist() == pytest.approx([64.0, 96.0, 256.0, 288.0])
    for grammar, box in (
        ("unit", [0.1, 0.2, 0.4, 0.6]),
        ("grid1000", [100, 200, 400, 600]),
        ("pixel", [64, 96, 256, 288]),
    ):
        scaled = boxes_to_pixels(np.array([box], dtype=np.float64), np.array([[640.0, 480.0]]), grammar)  # type: ignore[arg-type]
        assert scaled[0].tolist() == pytest.approx([64.0, 96.0, 256.0, 288.0])
    assert parse_boxes([], "unit").shape == (0, 4)


def test_written_boxes() -> None:
    box, size = (64.0, 96.0, 257.9, 480.0), {"width_px": 640.0, "height_px": 480.0}
    assert write_box(box, **size, grammar="grid100") == "{<10><20><40><100>}"  # 40.3 is cut
    assert write_box(box, **size, grammar="grid1000") == "[100, 200, 402, 1000]"
    assert write_box(box, **size, grammar="unit") == "[0.100, 0.200, 0.403, 1.000]"
    assert write_box(box, **size, grammar="pixel") == "[64.00, 96.00, 257.90, 480.00]"


@given(
    st.lists(st.floats(min_value=0, max_value=1), min_size=4, max_size=4),
    st.sampled_from([("grid100", 0.01), ("grid1000", 0.001), ("unit", 0.0005), ("pixel", 0.00001)]),
)
def test_reading_back_what_was_written(shares: list[float], grammar_and_step: tuple[BoxGrammar, float]) -> None:
    grammar, step = grammar_and_step
    box = [share * size for share, size in zip(shares, (640, 480, 640, 480), strict=True)]
    read = parse_boxes([write_box(box, width_px=640, height_px=480, grammar=grammar)], grammar)
    back = boxes_to_pixels(read, np.array([[640.0, 480.0]]), grammar)[0]
    assert np.abs(back - box).max() <= step * 640 + 1e-9


def test_long_texts_take_linear_time() -> None:
    for text in ("[" * 10**6, "[1" * 500_000, "[" + "1" * 10**6, "[1," + " " * 10**6, "{<1" * 300_000):
        assert parse_box(text, "pixel") is None
        assert parse_box(text, "grid100") is None
