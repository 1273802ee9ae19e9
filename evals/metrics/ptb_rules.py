"""The rules of the Penn Treebank tokenizer of 2014, written down from what it does to probing texts.

Each rule names what it matches, what must follow unread, and how its token is written. The longest match counts, what
follows included; ties go to the earlier rule, so the order matters. Tokens that the caption scorers drop as punctuation
(quotes, dashes, dots) are not told apart further.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from evals.metrics.ptb_characters import combining, digits, letters, lower_case, symbols


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of token.

    Attributes:
        pattern: What the token holds, in the syntax of `ptb_automaton`.
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
_QUOTES: Final = {
    **{"\x91": "`", "\u2018": "`", "\u201b": "`", "\u2039": "`", "\x92": "'", "\u2019": "'", "\u203a": "'"},
    **{"\x93": "``", "\u201c": "``", "\xab": "``", "\x94": "''", "\u201d": "''", "\xbb": "''"},
    **{quote: quote for quote in "`\u201a\u201e\u201f"},
}
_SIGNS: Final = {
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
    return "".join(_QUOTES[quote] for quote in text)


def _entity(text: str) -> str | None:
    if text in ("&quot;", "&apos;"):
        return "'"
    return _ENTITIES.get(text[1:-1].lower().replace("ſ", "s"), text.lower())


def _nothing(text: str) -> None:
    return None


def classes() -> dict[str, frozenset[str]]:
    """Characters of the names in the patterns; ANY is none, so that its negation is any."""
    letter, digit, line_end = letters(), digits(), frozenset("\n\r\v\f\u2028\u2029")
    word = letter | combining() | {"\xad"}
    space = frozenset(" \t\xa0\u3000") | frozenset(map(chr, range(0x2000, 0x200B)))
    in_no_path = frozenset(' \t\n\r\f"()<>|')
    return {
        **{"LETTER": letter, "WORD": word, "WORDDIGIT": word | digit, "ALNUM": letter | digit, "DIGIT": digit},
        **{"SYMBOL": symbols(), "QUOTE": frozenset(_QUOTES), "SIGN": frozenset(_SIGNS), "ANY": frozenset()},
        **{"SPACE": space, "LINEEND": line_end, "BLANK": space | line_end | {"\x85"}},
        **{"NOTMAIL": in_no_path | {"{", "}", "\xa0"}, "NOTURL": in_no_path | {"{", "}"}, "NOTPATH": in_no_path},
    }


def _any_case(words: str) -> str:
    return f"(?i:{'|'.join(words.split())})"


def _capital(words: str) -> str:
    """First letter as given, the others in any case."""
    return "|".join(f"{word[0]}(?i:{word[1:]})" for word in words.split())


_ABBREVIATIONS_AT_END = _any_case(
    "al ala apr ariz assn aug bhd bldg blvd bros calif co colo conn cont'd corp cos ct dak dec ed\\.d esq est etc "
    "ext feb fla fri ga inc ind intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct "
    "okla penn ph\\.d plc rd rt sep sept seq sq sr sys tel tenn thu thurs tue tues univ va vt wed wis wisc wyo"
)
_CAPITAL_ABBREVIATIONS = _capital("Ark Az Del Ill La Mass Miss Ore Pa Tex Wash")
_ABBREVIATIONS_INSIDE = _any_case(
    "adj adm adv alex asst assoc atty attys ave brig capt cf cie cmdr col comdr cpl dept det dr drs elec ens ft "
    "gen gov govs hon insp invt jos lieut lt maj messrs mlle mme mr mrs ms msgr mt natl pfc ph pres prof profs "
    "pvt rep reps rev sen sens sfc sgt spc st ste supt supts treas vs wm"
)
_ABBREVIATIONS_BEFORE_NUMBERS = _any_case("art ca fig figs no nos op pp prop")
_OPENERS = _capital(
    "About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Now Once "
    "One Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You"
)
_FILE_TYPES = _any_case(
    "bat bmp c cgi cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl png ppt ps py sql "
    "tar txt wav x xml zip"
)
_EYES = "~<>x='^"

MACROS: Final = {
    "APOSTROPHE": "(['\x92\u2019]|(?i:&apos;))",
    "SUFFIX": "{APOSTROPHE}([mMsSdD]|(?i:ll|re|ve))",
    "ACCENTED": "&[aeiouAEIOU](?i:acute|grave|uml);",
    "ANYAPOSTROPHE": "(['`\x91\x92\u2018\u2019\u201b]|(?i:&apos;))",
    "L": "({WORD}|{ACCENTED})",
    "LD": "({WORDDIGIT}|{ACCENTED})",
    "DOTTED": "{L}{LD}*([.!?]{L}{LD}*)*",
    "ELIDED": "([dDoOlL]{ANYAPOSTROPHE}{ALNUM})?",
    "JOINED": "{ELIDED}{ALNUM}+([\\-_\u058a\u2010\u2011]{ELIDED}{ALNUM}+)*",
    "HYPHENED": "[A-Za-z0-9][A-Za-z0-9.,\xad]*(\\-([A-Za-z0-9\xad]+|[A-Za-z]\\.([A-Za-z]\\.)+))+",
    "SLASHED": "[A-Za-z0-9]+(\\-[A-Za-z]+){0,2}",
    "COMPANY": "[A-Z]+((\\+|&(?i:amp;)?)[A-Z]+)+",
    "NUMBER": "({DIGIT}+([.,:\xad\u066b\u066c]{DIGIT}+)*|([.,:\xad\u066b\u066c]{DIGIT}+)+)",
    "NAME": "[A-Za-z][A-Za-z0-9_:.\\-]*",
    "VALUE": "\"[^\"]*\"|'[^']*'",
    "TAG": "<{NAME} *( +{NAME}( *= *({VALUE}))?)* */? *>|</{NAME} *>|<[!?][A-Za-z\\-][^>\n\r]*>",
    "ATEND": f"({_ABBREVIATIONS_AT_END}|{_CAPITAL_ABBREVIATIONS}|[Pp][Pp]?t[ey][Ss]?)\\.",
    "INSIDE": f"({_ABBREVIATIONS_INSIDE}|[Mm][ft][Gg])\\.",
    "EYES": f"[{_EYES}\\-]",
    "WIDE": f"[{_EYES}]",
    "GAP": "[\\- \xa0]",
}


_CONTRACTION = re.compile("(&apos;|['\x92\u2019])([msd]|ll|re|ve)$", re.I)
_CONTRACTIONS = re.compile("(&apos;|['\x92\u2019]).*$", re.I)
_NEGATION = re.compile("n(&apos;|.)t$", re.I)
_AFTER_FIRST = re.compile("(?s)(?<=^.).*")
_AFTER_DOT = re.compile(r"(?s)(?<=\.).*")


def _split(first: str, second: str) -> Rule:
    return Rule(_any_case(first), _any_case(second), unread=len(second.split()[0]))


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
        + _any_case("c'mon e'er ev'ry li'l nat'l nor'easter")
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
    Rule("[A-Za-z]", f"\\.{{BLANK}}+(A|{_OPENERS}|M(?i:[rs])\\.|{{TAG}}){{BLANK}}", unread=_AFTER_FIRST),
    Rule(f"{_ABBREVIATIONS_BEFORE_NUMBERS}\\.", "{BLANK}?{DIGIT}", unread=_AFTER_DOT),
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
    Rule(f"{{LD}}+(\\.{{LD}}+)*\\.{_FILE_TYPES}", "{BLANK}|[?!.,]", unread=1),
    Rule("{QUOTE}{1,2}", write=_quotes),
    Rule('"|``', write=lambda _: "''"),
    Rule("{SIGN}", write=lambda text: _SIGNS[text]),
)
