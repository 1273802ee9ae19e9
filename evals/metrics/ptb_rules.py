"""The rules of the Penn Treebank tokenizer of 2014, written down from what it does to probing texts.

Each rule names what it matches, what must follow unread, and how its token is written. The longest match counts, what
follows included; ties go to the earlier rule, so the order matters. Tokens that the caption scorers drop as punctuation
(quotes, dashes, dots) are not told apart further.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from evals.metrics.ptb_case import lower_case


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of token.

    Attributes:
        pattern: What the token holds, in the syntax of `tools/ptb_automaton.py` and the names of `tools/ptb_macros.py`.
        ahead: What must follow; it counts for the length of the match but stays unread.
        unread: How many characters that are, or what finds them at the end of the match.
        write: Match without the unread rest -> token; None for no token.
    """

    pattern: str
    ahead: str = ""
    unread: int | re.Pattern[str] = 0
    write: Callable[[str], str | None] = lower_case

    def kept(self, match: str) -> str:
        """The part of a match that is read."""
        if isinstance(self.unread, int):
            return match[: len(match) - self.unread]
        found = self.unread.search(match)
        return match[: found.start()] if found else match


_BRACKETS: Final = {"(": "-lrb-", ")": "-rrb-", "{": "-lcb-", "}": "-rcb-", "[": "-lsb-", "]": "-rsb-"}
QUOTES: Final = {
    **{"\x91": "`", "\u2018": "`", "\u201b": "`", "\u2039": "`", "\x92": "'", "\u2019": "'", "\u203a": "'"},
    **{"\x93": "``", "\u201c": "``", "\xab": "``", "\x94": "''", "\u201d": "''", "\xbb": "''"},
    **{quote: quote for quote in "`\u201a\u201e\u201f"},
}
SIGNS: Final = {
    **dict.fromkeys("$\x80\xa4\u20a0\u20ac", "$"),
    **{"\xa2": "cents", "\xa3": "#", "\xbc": "1/4", "\xbd": "1/2", "\xbe": "3/4", "\u2153": "1/3", "\u2154": "2/3"},
}
_ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "nbsp": None, "md": "--", "mdash": "--", "ndash": "--"}


def _word(text: str) -> str:
    return lower_case(text.replace("\xad", "")).replace("&amp;", "&") or "-"


def _suffix(text: str) -> str:
    """Contractions write one kind of apostrophe, but only for lower-case entities."""
    plain = re.sub("&apos;|[\x92\u2019]", "'", text)
    return lower_case(re.sub("[\x91\u2018\u201b]", "`", plain))


def _brackets(text: str) -> str:
    return lower_case(re.sub(r"[()]", lambda match: _BRACKETS[match[0]], text)).replace(" ", "\xa0")


def _tag(text: str) -> str:
    return lower_case(text).replace(" ", "\xa0")


def _dashes(text: str) -> str:
    return text if len(text) > 4 else "--"


def _quotes(text: str) -> str:
    return "".join(QUOTES[quote] for quote in text)


def _entity(text: str) -> str | None:
    if text in ("&quot;", "&apos;"):
        return "'"
    return _ENTITIES.get(text[1:-1].lower().replace("ſ", "s"), text.lower())


def _nothing(text: str) -> None:
    return None


def any_case(words: str) -> str:
    return f"(?i:{'|'.join(words.split())})"


_CONTRACTION = re.compile("(&apos;|['\x92\u2019])([msd]|ll|re|ve)$", re.I)
_CONTRACTIONS = re.compile("(&apos;|['\x92\u2019]).*$", re.I)
_NEGATION = re.compile("n(&apos;|.)t$", re.I)
_AFTER_FIRST = re.compile("(?s)(?<=^.).*")
_AFTER_DOT = re.compile(r"(?s)(?<=\.).*")


def _split(first: str, second: str) -> Rule:
    return Rule(any_case(first), any_case(second), unread=len(second.split()[0]))


RULES: Final = (
    Rule("{SPACE}+", write=_nothing),
    Rule("\r\n|{LINEEND}", write=lambda _: "\n"),
    Rule("{TAG}", write=_tag),
    _split("'t", "is"),
    _split("'t", "was"),
    _split("can", "not"),
    _split("gon wan", "na"),
    _split("got", "ta"),
    _split("gim lem", "me"),
    Rule("{DOTTED}", write=_word),
    Rule("(<|(?i:&lt;))?((?i:mailto):)?[A-Za-z0-9][^{NOTMAIL}]*@([^{NOTMAIL}.]+\\.)*[^{NOTMAIL}.]+(>|(?i:&gt;))?"),
    Rule("(?i:https?)://[^{NOTURL}]+[^{NOTURL}.!?,\\-]"),
    Rule(
        # The second kind leaves out all from the comma to the underscore: digits, capitals and more.
        "((?i:www)\\.([^{NOTURL}.!?,]+\\.)+[A-Za-z]{2,4}|([^{NOTURL}`'!?,-_$]+\\.)+(?i:com|net|org|edu))"
        "(/[^{NOTPATH}]+[^{NOTURL}.!?,\\-])*"
    ),
    Rule("{ATEND}", "[^{ANY}][^{ANY}]", unread=2),
    Rule("(?i:pt[ey])\\.", "{SPACE}(?i:ltd|lim)", unread=4),
    Rule("{DOTTED}", "{SUFFIX}|{APOSTROPHE}(?i:ll|re|ve){SUFFIX}", unread=_CONTRACTIONS, write=_word),
    Rule("[A-Za-z\xad]*[A-MO-Za-mo-z]\xad*", "(?i:n){ANYAPOSTROPHE}(?i:t)", unread=_NEGATION, write=_word),
    Rule("{JOINED}", write=_word),
    Rule("{JOINED}", "{SUFFIX}", unread=_CONTRACTION, write=_word),
    Rule("[A-HJ-XZn]{ANYAPOSTROPHE}{LETTER}{LETTER}+|{LETTER}+[aeiouyAEIOUY]{ANYAPOSTROPHE}[aeiouA-Z]{LETTER}*"),
    Rule(
        "[dDjJlL]{APOSTROPHE}|(?i:ol|somethin){APOSTROPHE}|[oO]{ANYAPOSTROPHE}[oO]|(?i:c){APOSTROPHE}(?i:est)|(?i:cap){APOSTROPHE}(?i:n)"
    ),
    Rule(
        "{APOSTROPHE}((?i:em|till?|cause)|[nN]{APOSTROPHE}?|[2-9]0(?i:s))|"
        + any_case("c'mon e'er ev'ry li'l nat'l nor'easter")
    ),
    Rule("[yY]{APOSTROPHE}", "{LETTER}", unread=1),
    Rule("\\-(?i:[lr][rcs]b)\\-|(?i:anti|pro)\\-"),
    Rule("{HYPHENED}", write=_word),
    Rule("(?i:n){ANYAPOSTROPHE}(?i:t)", write=_suffix),
    Rule("{APOSTROPHE}[mMsSdD]", "[^A-Za-z]", unread=1, write=_suffix),
    Rule("{APOSTROPHE}[mMsSdD]", write=_suffix),
    Rule("'", "[A-Za-z][^ \t\xa0\n\r]", unread=2),
    Rule("{APOSTROPHE}(?i:ll|re|ve)", write=_suffix),
    Rule("{APOSTROPHE}(?i:ll|re|ve)", "[^A-Za-z]", unread=1, write=_suffix),
    Rule("{APOSTROPHE}[0-9][0-9]", "{BLANK}", unread=1),
    Rule("({JOINED}|{DOTTED}|{HYPHENED}|{COMPANY})\\.", "[,;:\u3001]", unread=1, write=_word),
    Rule("{NUMBER}|[+\\-]{NUMBER}", write=_word),
    Rule("({DIGIT}{1,4}{GAP})?{DIGIT}{1,4}(\\\\?/|\u2044){DIGIT}{1,4}", write=_tag),
    Rule("([A-Za-z]\\.)+|{ATEND}|{INSIDE}"),
    Rule("[A-Za-z]", "\\.{BLANK}+(A|{OPENERS}|M(?i:[rs])\\.|{TAG}){BLANK}", unread=_AFTER_FIRST),
    Rule("{BEFORENUMBERS}\\.", "{BLANK}?{DIGIT}", unread=_AFTER_DOT),
    Rule("\\.{3,5}|\\.([ \xa0]\\.){2,4}|[\x85\u2026]", write=lambda _: "..."),
    Rule("\\-+|[\x96\x97\u2013-\u2015]", write=_dashes),
    Rule("[!?]+|\\*+|#+|@+|_+|''|[⁺⁻₊₋]?([²³¹⁰⁴-⁹]+|[₀-₉]+)|{SYMBOL}|[',.:;]|(\\\\\\*){1,3}|<<|>>|\u2044"),
    Rule("@[A-Za-z_][A-Za-z_0-9]*|#{L}+"),
    Rule("{SLASHED}(\\\\?/{SLASHED}){1,2}"),
    Rule("{DIGIT}{1,2}[\\-/]{DIGIT}{1,2}[\\-/]{DIGIT}{2,4}"),
    Rule("[A-Z]+\\$|[Cc]\\+\\+|[CcFf]#"),
    Rule("{COMPANY}", write=_word),
    Rule(
        "(\\([0-9]{2,3}\\)[ \xa0]?|(\\+\\+?)?([0-9]{2,4}{GAP})?[0-9]{2,4}{GAP})[0-9]{3,4}{GAP}?[0-9]{3,5}",
        write=_brackets,
    ),
    Rule("((\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}"),
    Rule("[()\\{}\\[\\]]", write=lambda text: _BRACKETS[text]),
    Rule("&(?i:amp|lt|gt|quot|apos|nbsp|md|mdash|ndash|ht|tl|ur|lr|qc|ql|qr|odq|cdq);", write=_entity),
    Rule("&#[0-9]+;"),
    Rule("{EYES}_{EYES}|\\({EYES}[._]?{EYES}\\)|\\({WIDE}\\-({WIDE}|`)\\)", write=_brackets),
    Rule("[<>]?[:;=]['o\\-*]?[)(\\]\\[dDpPO@|\\{\\\\]", "[^A-Za-z0-9]", unread=1, write=_brackets),
    Rule("{LD}+(\\.{LD}+)*\\.{FILETYPES}", "{BLANK}|[?!.,]", unread=1),
    Rule("{QUOTE}{1,2}", write=_quotes),
    Rule('"|``', write=lambda _: "''"),
    Rule("{SIGN}", write=lambda text: SIGNS[text]),
)
