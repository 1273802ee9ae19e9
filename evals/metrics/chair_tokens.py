"""Sentences and words as CHAIR's reference script sees them: lower case, punkt sentences, Penn Treebank words.

Source: the rules of nltk 3.2.5, tokenize/punkt.py with its English model, tokenize/treebank.py and the additions of
tokenize/__init__.py (Apache-2.0), written anew for text in lower case. Of punkt's model only the abbreviations are
kept: its statistics decide a break only behind a single letter or a number, never behind a word.
"""

import re
from collections.abc import Iterable, Set
from itertools import pairwise, zip_longest
from typing import Final

_ABBREVIATIONS: Final = frozenset(
    """a.a a.c a.d a.g a.h a.m a.m.e a.s a.t adm ala ariz aug ave b.f b.v bros c c.i.t c.o.m.b c.v calif chg cie co col
    colo conn corp cos ct d d.c d.h d.w dec dr e e.f e.h e.l e.m f f.g f.j feb fla fri ft g g.d g.f g.k ga gen h h.c
    h.f h.m i.m.s ill inc j.b j.c j.j j.k j.p j.r jan jr k kan ky l l.a l.f l.p lt ltd m m.b.a m.d.c m.j maj messrs mg
    mich minn mr mrs ms n n.c n.d n.h n.j n.m n.v n.y nev nov oct ok okla ore p p.a.m p.m pa ph.d prof r r.a r.h r.i
    r.j r.k r.t rep reps s s.a s.a.y s.c s.g s.p.a s.s sen sep sept sr st sw t t.j tenn tues u.k u.n u.s u.s.a u.s.s.r
    v va vs vt w w.c w.r w.va w.w wash wed wis yr""".split()  # noqa: SIM905
)

_NO_WORD: Final = r"""[?!)";}\]*:@'({\[]"""
_DOTS: Final = r"(?:-{2,}|\.{2,}|(?:\.\s){2,}\.)"
_RUN: Final = re.compile(r"(\S+)(\s*)")
_ANY_END: Final = re.compile(rf"[.?!](?={_NO_WORD}|\s+\S)")
_INNER_END: Final = re.compile(rf"[.?!](?={_NO_WORD})")
_PUNKT_TOKEN: Final = re.compile(
    rf"""({_DOTS}|(?=[^("`{{\[:;&#*@)}}\]\-,])\S+?(?=\s|$|{_NO_WORD}|{_DOTS}|,(?=$|\s|{_NO_WORD}|{_DOTS}))|\S)"""
)
_CLOSING: Final = re.compile(r"""["')\]}]+?(?:\s+|(?=--)|$)""", re.MULTILINE)
_LETTER: Final = re.compile(r"[^\W\d]\.$")
_PUNCTUATION: Final = frozenset(";:,.!?")
_NUMBER: Final = re.compile(r"-?[.,]?\d[\d,.-]*\.?$")

_Step = tuple[frozenset[str], re.Pattern[str], str]
"""A sentence without any of these characters is left alone; pattern; replacement."""


def _steps(*rows: tuple[str, str, str]) -> tuple[_Step, ...]:
    return tuple((frozenset(characters), re.compile(pattern), replacement) for characters, pattern, replacement in rows)


_TREEBANK: Final = _steps(
    ("«“‘", "([«“‘])", r" \1 "),
    ('"', r'^"', "``"),
    ('"`', r"(``)", r" \1 "),
    ('"', r'([ (\[{<])"', r"\1 `` "),
    (".", r"""([^.])(\.)([\])}>"'»”’ ]*+)\s*+$""", r"\1 \2 \3 "),
    (":,", r"([:,])(\D)", r" \1 \2"),
    (":,", r"([:,])$", r" \1 "),
    (".", r"\.\.\.", " ... "),
    (";@#$%&", r"[;@#$%&]", r" \g<0> "),
    (".", r"""([^.])(\.)([\])}>"']*+)\s*+$""", r"\1 \2\3 "),
    ("?!", r"[?!]", r" \g<0> "),
    ("'", r"([^'])' ", r"\1 ' "),
    ("[](){}<>", r"[\]\[(){}<>]", r" \g<0> "),
    ("-", r"--", " -- "),
)
# The same for a sentence with a blank at either end.
_TREEBANK_PADDED: Final = _steps(
    ("»”’", "([»”’])", r" \1 "),
    ('"', r'"', " '' "),
    ("\"'", r"(\S)('')", r"\1 \2 "),
    ("'", r"([^' ])('[sS]|'[mM]|'[dD]|') ", r"\1 \2 "),
    ("'", r"([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", r"\1 \2 "),
    ("c", r"(?i)\b(can)(not)\b", r" \1 \2 "),
    ("'", r"(?i)\b(d)('ye)\b", r" \1 \2 "),
    ("g", r"(?i)\b(gim)(me)\b", r" \1 \2 "),
    ("g", r"(?i)\b(gon)(na)\b", r" \1 \2 "),
    ("g", r"(?i)\b(got)(ta)\b", r" \1 \2 "),
    ("l", r"(?i)\b(lem)(me)\b", r" \1 \2 "),
    ("'", r"(?i)\b(mor)('n)\b", r" \1 \2 "),
    ("w", r"(?i)\b(wan)(na)\s", r" \1 \2 "),
    ("'", r"(?i) ('t)(is)\b", r" \1 \2 "),
    ("'", r"(?i) ('t)(was)\b", r" \1 \2 "),
)


def words_of(text: str) -> list[str]:
    """The tokens of a text in lower case, sentence after sentence."""
    return [word for sentence in sentences_of(text) for word in words_of_sentence(sentence)]


def words_of_sentence(sentence: str) -> list[str]:
    """The Penn Treebank tokens of one sentence in lower case."""
    present = set(sentence)
    return _taken(_TREEBANK_PADDED, f" {_taken(_TREEBANK, sentence, present)} ", present).split()


def _taken(steps: Iterable[_Step], sentence: str, present: Set[str]) -> str:
    for characters, pattern, replacement in steps:
        if not characters.isdisjoint(present):
            sentence = pattern.sub(replacement, sentence)
    return sentence


def sentences_of(text: str) -> list[str]:
    """Split a text in lower case into sentences; closing quotes and brackets stay with the sentence they close."""
    if not _ANY_END.search(text):
        return [text.rstrip()] if text.strip() else []
    starts, ends = [0], []
    runs = list(_RUN.finditer(text))
    for run, after in zip_longest(runs, runs[1:]):
        word, next_word = run[1], after[1] if after else ""
        if next_word and word[-1] in ".?!":
            end, next_start, context = run.end(1), run.end(), word + " " + next_word
        else:
            inner = [found.end() for found in _INNER_END.finditer(word)]
            if not inner:
                continue
            end = next_start = run.start() + inner[-1]
            context = word[: inner[-1] + 1]
        if _holds_a_break(context):
            ends.append(end)
            starts.append(next_start)
    ends.append(len(text.rstrip()))
    return _with_closing_marks(text, list(zip(starts, ends, strict=True)))


def _with_closing_marks(text: str, spans: list[tuple[int, int]]) -> list[str]:
    sentences, moved = [], 0
    for position, (start, end) in enumerate(spans):
        start += moved
        moved = 0
        if position + 1 < len(spans):
            next_start, next_end = spans[position + 1]
            closing = _CLOSING.match(text[next_start:next_end])
            if closing is not None:
                sentences.append(text[start : next_start + len(closing.group().rstrip())])
                moved = closing.end()
                continue
        sentences.append(text[start:end])
    return [sentence for sentence in sentences if sentence]


def _holds_a_break(context: str) -> bool:
    """Whether a sentence ends before the last token of the context."""
    tokens = _PUNKT_TOKEN.findall(context)
    return any(_ends_sentence(token, after) for token, after in pairwise(tokens))


def _ends_sentence(token: str, after: str) -> bool:
    if token in (".", "?", "!"):
        return True
    if not token.endswith(".") or token.endswith(".."):
        return False
    word = token[:-1]
    if word in _ABBREVIATIONS or word.rpartition("-")[2] in _ABBREVIATIONS:
        return False
    if _LETTER.match(token) or _NUMBER.match(token):
        return after not in _PUNCTUATION and not after[0].islower()
    return True
