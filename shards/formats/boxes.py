"""How models write boxes. The caller says which grammar an answer follows; it is never guessed from the answer."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

BoxGrammar = Literal["grid100", "unit", "grid1000", "pixel"]
"""Corners x1, y1, x2, y2 (left, top, right, bottom).

grid100   `{<x1><y1><x2><y2>}`, integers of one to three digits in hundredths of the image's size (MiniGPT-v2)
unit      `[x1, y1, x2, y2]`, shares of the image's size (0 to 1)
grid1000  `[x1, y1, x2, y2]` in thousandths of the image's size; also `(x1,y1),(x2,y2)`
pixel     `[x1, y1, x2, y2]` in pixels

The last three take round or square brackets, signs and decimals, and commas or blanks between the numbers.
"""

_STEPS: Final[dict[BoxGrammar, float]] = {"grid100": 100.0, "unit": 1.0, "grid1000": 1000.0}

GRID100: Final = re.compile(r"\{<(\d{1,3})><(\d{1,3})><(\d{1,3})><(\d{1,3})>\}")
_NUMBER: Final = r"([-+]?+(?:\d++(?:\.\d*+)?+|\.\d++))"
_GAP: Final = r"(?:\s*+,\s*+|\s++)"
_PAIR_GAP: Final = rf"(?:\s*+\)\s*+,?+\s*+\(\s*+|{_GAP})"
_NUMBERS: Final = re.compile(
    rf"[\[(]\s*+{_NUMBER}{_GAP}{_NUMBER}{_PAIR_GAP}{_NUMBER}{_GAP}{_NUMBER}\s*+[\])]", re.ASCII
)


def cleaned_grid100(text: str) -> str:
    """The answer as MiniGPT-v2's evaluation reads it: without `<unk>`, without blanks, stripped."""
    return text.replace("<unk>", "").replace(" ", "").strip()


def parse_box(text: str, grammar: BoxGrammar) -> tuple[float, ...] | None:
    """The first box in the text, four numbers in the grammar's own units, or None if there is none.

    Nothing is clamped, and corners are not sorted. In grid100 `<unk>` and blanks are removed first.
    """
    found = GRID100.search(cleaned_grid100(text)) if grammar == "grid100" else _NUMBERS.search(text)
    return None if found is None else tuple(map(float, found.groups()))


def parse_boxes(texts: Iterable[str | None], grammar: BoxGrammar) -> FloatArray:
    """The first box of each text in the grammar's own units, [n, 4]; a row of nan where there is none."""
    return stacked(None if text is None else parse_box(text, grammar) for text in texts)


def stacked(boxes: Iterable[Sequence[float] | None]) -> FloatArray:
    """Boxes as an array, [n, 4]; a row of nan for None."""
    absent = (np.nan,) * 4
    return np.array([absent if box is None else box for box in boxes], dtype=np.float64).reshape(-1, 4)


def boxes_to_pixels(boxes: FloatArray, sizes_px: FloatArray, grammar: BoxGrammar) -> FloatArray:
    """Scale boxes [n, 4] from the grammar's units to pixels of images with the given width and height [n, 2]."""
    if grammar == "pixel":
        return boxes
    return boxes / _STEPS[grammar] * np.tile(sizes_px, 2)


def write_box(box_xyxy_px: Sequence[float], *, width_px: float, height_px: float, grammar: BoxGrammar) -> str:
    """A box as text; grid100 and grid1000 truncate as MiniGPT-v2's training targets do, unit keeps three
    decimals and pixel two."""
    if grammar == "pixel":
        return f"[{', '.join(f'{value:.2f}' for value in box_xyxy_px)}]"
    sizes_px = (width_px, height_px, width_px, height_px)
    shares = [value / size for value, size in zip(box_xyxy_px, sizes_px, strict=True)]
    if grammar == "unit":
        return f"[{', '.join(f'{share:.3f}' for share in shares)}]"
    cells = [int(share * _STEPS[grammar]) for share in shares]
    if grammar == "grid100":
        return "{" + "".join(f"<{cell}>" for cell in cells) + "}"
    return f"[{', '.join(map(str, cells))}]"
