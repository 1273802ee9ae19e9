"""Character classes of the Penn Treebank tokenizer of 2014, observed code point by code point.

They follow an old Unicode, so that Python's own classes would not do. Each table lists ranges above ASCII as pairs of
base-36 numbers: distance from the end of the range before (from 128 at first) and length less one.
"""

import string
from typing import Final

_LETTERS: Final = (
    "16 0 a 0 4 0 5 m 1 u 1 cp 4 b e 4 7 0 1 0 3l 4 1 1 2 3 8 0 1 2 1 0 1 j 1 2a 1 3u 8 4d 9 11 2 0 7 12 20 q 5 2 "
    "19 16 z 1 1 2q 1 0 f 1 7 1 a 2 2 0 g 0 1 t t 2g b 0 o w 9 1 4 0 5 l 4 0 9 0 3 0 n o 1z 0 1 a 2f 1h 3 0 i 0 7 9 "
    "f 6 1 6 5 7 2 1 2 l 1 6 1 0 3 3 3 0 g 0 d 1 1 2 e 1 j 5 4 1 2 l 1 6 1 1 1 1 1 1 v 3 1 0 j 2 g 8 1 2 1 l 1 6 1 "
    "1 1 4 3 0 i 0 f 1 z 7 2 1 2 l 1 6 1 1 1 4 3 0 u 1 1 2 f 0 h 0 1 5 3 2 1 3 3 1 1 0 1 1 3 1 3 2 3 b m 0 1g 7 1 2 "
    "1 m 1 9 1 4 3 0 q 1 6 1 z 7 1 2 1 m 1 9 1 4 3 0 w 0 1 1 f 1 i 7 1 2 1 14 2 0 g 0 h 1 o 5 5 h 3 n 1 8 1 0 2 6 "
    "1m 1b 1 1 c 6 1m 1 1 0 2 1 1 0 2 0 6 3 1 6 1 2 1 0 1 0 2 1 1 3 1 1 9 0 2 4 1 0 l 3 w 0 1r 7 1 z r 4 37 16 k 0 "
    "g 5 4 3 3 0 3 1 7 2 4 c c 0 h 11 1 0 5 0 2 16 1 98 1 3 2 6 1 0 1 3 2 14 1 3 2 w 1 3 2 6 1 0 1 3 2 e 1 1k 1 3 2 "
    "1u 11 f g 2c c h7 2 g 1 p 5 22 l c 1 3 e h e h e c 1 2 f 1f z 0 4 0 1v 2f 8 14 1 0 5 1x a s 1f t 2 4 b 17 l 6 "
    "1k m 9 1g 2a 0 2l 1a h 6 1j t d 1 a 17 q z 15 2 a z 2z 3 1 3 3 1 9 5b 1s 7p 2 5 2 11 2 5 2 7 1 0 1 0 1 0 1 u 2 "
    "1g 1 6 1 0 3 2 1 6 3 3 2 5 4 c 5 2 1 6 38 0 d 0 g c 2t 0 4 0 2 9 1 0 3 4 6 0 1 0 1 0 1 3 1 a 2 3 5 4 4 0 1g 1 "
    "22j 1a 1 1a 1 3o 6 3 3 1 c 11 1 0 5 0 2 1j 7 0 g m 9 6 1 6 1 6 1 6 1 6 1 6 1 6 1 6 28 0 d1 1 16 4 5 1 4 2d 6 2 "
    "1 2h 1 3 5 14 3 2l h q 1h f e8 52t 22 g5o 1f wc 1v 19 2 7g 3 f a 1 k 1a g o 8 1x 1d 8 2 2u 2 3 1 3 c a 25 9 1 "
    "2 1 3 1 m t 1f e 1d 1q 5 3 0 e r a m p s 7 1a s 0 1c 14 n 2 1 7 k m 3 0 5 1b 1 0 3 1 2 4 2 0 1 0 o 2 2 a 7 2 c "
    "5 2 5 2 5 9 6 1 6 41 y t 8mb c m 4 1c 6is a5 2 2x 12 6 c 4 5 0 1 9 1 c 1 4 1 0 1 1 1 1 1 2z x a2 i 1r 2 1h 14 "
    "b 38 4 1 3q 10 p 6 p b 2g 3 5 2 5 2 5 2 2 "
)
_COMBINING: Final = (
    "g2 3 c d 5 6 1 0 1 3k 5 0 2 1 a 1 34 0 3w 4 5u 5 1d 18 1 0 1 1 1 1 1 0 25 5 1c j h 0 2t e 2 6 f 1 g 0 1 0 u s "
    "2h a 1m 8 7g 3 1k 0 1 g 2 4 c 1 t 2 1k 0 1 6 2 1 2 2 9 0 a 1 t 2 1k 0 1 h 1d 2 1k 0 1 h 4y 0 1n 4 3 2 1 3 1f 2 "
    "1m o 6f 6 1 2 6g 0 2 6 c 7 2q 0 2 8 b 5 "
)
_DIGITS: Final = (
    "15s 9 3q 9 5i 9 bg 9 3a 9 3a 9 3a 9 3a 9 3a 9 3a 9 3a 9 3a 9 68 9 3a 9 1y 9 7q 9 1y 9 1fq 9 12 9 8c 9 3k 9 4m "
    "9 6 9 52 9 2e 9 3q 9 6 9 r7q 9 iu 9 12 9 5i 9 3a 9 ba 9 geu 9 "
)
_SYMBOLS: Final = (
    "x 0 3 4 2 0 1 3 2 0 1 2 6 0 n 0 v 0 hy 0 8 0 e9 0 1g 0 1 0 2 0 2 0 18 1 b 3 2 6 7 0 6 0 2 1 22 0 2 0 2u 0 17 d "
    "6g 2 a3 1 yh 0 f 0 3fx 0 2g 1 8 3 c 8 2 0 2 4 1j 4 b 4 l 0 2j 1 1 3 1 1 a 0 1 2 5 5 1 0 1 0 1 0 4 0 b 1 4 4 5 "
    "3 1 0 5 9 1d 227 sh 1 f 0 6g 0 14p1 e a 6 q 5 q a 3e 1 3 1 "
)


def _decode(table: str) -> frozenset[str]:
    numbers, characters, at = [int(number, 36) for number in table.split()], set[str](), 128
    for gap, more in zip(numbers[::2], numbers[1::2], strict=True):
        at += gap
        characters.update(map(chr, range(at, at + more + 1)))
        at += more + 1
    return frozenset(characters)


def letters() -> frozenset[str]:
    return _decode(_LETTERS) | frozenset(string.ascii_letters)


def combining() -> frozenset[str]:
    return _decode(_COMBINING)


def digits() -> frozenset[str]:
    return _decode(_DIGITS) | frozenset(string.digits)


def symbols() -> frozenset[str]:
    return _decode(_SYMBOLS) | frozenset("%\\^~|=/&<>+")
