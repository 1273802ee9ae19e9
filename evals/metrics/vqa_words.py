"""The text clean-up of the official VQA scorer, quirks included.

Source: GT-Vision-Lab/VQA, PythonEvaluationTools/vqaEvaluation/vqaEval.py (the rules, written anew).
"""

import re
from typing import Final

_MARKS: Final = ';/[]"{}()=+\\_-><@`,?!'
_ANY_MARK: Final = re.compile(f"[{re.escape(_MARKS)}]")
_COMMA_IN_NUMBER: Final = re.compile(r"[0-9],[0-9]")
# The original's look-behind has no effect, so every period goes that no digit follows.
_PERIOD: Final = re.compile(r"\.(?![0-9])")
_PERIODS_REMOVED: Final = 32  # the original passes re.UNICODE, which is 32, where the count belongs

_ARTICLES: Final = frozenset({"a", "an", "the"})
_NUMBERS: Final = "none:0 zero:0 one:1 two:2 three:3 four:4 five:5 six:6 seven:7 eight:8 nine:9 ten:10"
_CONTRACTIONS: Final = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's isn't
    it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock oughtn't shan't should've shouldn't
    somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's
    they'd they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's
    where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've
"""
_MANY_APOSTROPHES: Final = """
    couldn't've hadn't've he'd've it'd've mightn't've 'ow's'at she'd've shouldn't've somebody'd've someone'd've
    something'd've there'd've they'd've we'd've who'd've wouldn't've y'all'll y'all'd've you'd've
"""


def _word_table() -> dict[str, str]:
    """Number words, words without their apostrophe, and words that lack one of several apostrophes."""
    table = {word.replace("'", ""): word for word in _CONTRACTIONS.split()}
    for word in _MANY_APOSTROPHES.split():
        table |= {word[:at] + word[at + 1 :]: word for at, letter in enumerate(word) if letter == "'"}
    table["somebody'd"] = "somebodyd"  # as the original has it
    return table | dict(pair.split(":") for pair in _NUMBERS.split())


_WORDS: Final = _word_table()


def without_breaks(text: str) -> str:
    """Line breaks and tabs become blanks; white space at both ends goes."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def without_punctuation(text: str) -> str:
    """Delete a mark that touches a blank, or any mark in a text with a comma between digits; blank out the others."""
    stripped = text
    if _ANY_MARK.search(text):
        is_number = _COMMA_IN_NUMBER.search(text) is not None
        for mark in _MARKS:
            if mark in text:
                is_deleted = is_number or f"{mark} " in text or f" {mark}" in text
                stripped = stripped.replace(mark, "" if is_deleted else " ")
    return _PERIOD.sub("", stripped, count=_PERIODS_REMOVED) if "." in stripped else stripped


def plain_words(text: str) -> str:
    """Lower case, digits for number words, no articles, apostrophes put back into contractions, single blanks."""
    return " ".join(_WORDS.get(word, word) for word in text.lower().split() if word not in _ARTICLES)


def normalised(text: str) -> str:
    """All steps in the official order."""
    return plain_words(without_punctuation(without_breaks(text)))
