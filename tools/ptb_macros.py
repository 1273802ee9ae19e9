"""The names in the patterns of `evals.metrics.ptb_rules`: classes of characters, and pieces of patterns."""

from typing import Final

from evals.metrics.ptb_rules import QUOTES, SIGNS, any_case
from tools.ptb_characters import combining, digits, letters, symbols


def classes() -> dict[str, frozenset[str]]:
    """Characters of the names in the patterns; ANY is none, so that its negation is any."""
    letter, digit, line_end = letters(), digits(), frozenset("\n\r\v\f\u2028\u2029")
    word = letter | combining() | {"\xad"}
    space = frozenset(" \t\xa0\u3000") | frozenset(map(chr, range(0x2000, 0x200B)))
    in_no_path = frozenset(' \t\n\r\f"()<>|')
    return {
        **{"LETTER": letter, "WORD": word, "WORDDIGIT": word | digit, "ALNUM": letter | digit, "DIGIT": digit},
        **{"SYMBOL": symbols(), "QUOTE": frozenset(QUOTES), "SIGN": frozenset(SIGNS), "ANY": frozenset()},
        **{"SPACE": space, "LINEEND": line_end, "BLANK": space | line_end | {"\x85"}},
        **{"NOTMAIL": in_no_path | {"{", "}", "\xa0"}, "NOTURL": in_no_path | {"{", "}"}, "NOTPATH": in_no_path},
    }


def _capital(words: str) -> str:
    """First letter as given, the others in any case."""
    return "|".join(f"{word[0]}(?i:{word[1:]})" for word in words.split())


_ABBREVIATIONS_AT_END = any_case(
    "al ala apr ariz assn aug bhd bldg blvd bros calif co colo conn cont'd corp cos ct dak dec ed\\.d esq est etc "
    "ext feb fla fri ga inc ind intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct "
    "okla penn ph\\.d plc rd rt sep sept seq sq sr sys tel tenn thu thurs tue tues univ va vt wed wis wisc wyo"
)
_CAPITAL_ABBREVIATIONS = _capital("Ark Az Del Ill La Mass Miss Ore Pa Tex Wash")
_ABBREVIATIONS_INSIDE = any_case(
    "adj adm adv alex asst assoc atty attys ave brig capt cf cie cmdr col comdr cpl dept det dr drs elec ens ft "
    "gen gov govs hon insp invt jos lieut lt maj messrs mlle mme mr mrs ms msgr mt natl pfc ph pres prof profs "
    "pvt rep reps rev sen sens sfc sgt spc st ste supt supts treas vs wm"
)
_ABBREVIATIONS_BEFORE_NUMBERS = any_case("art ca fig figs no nos op pp prop")
_OPENERS = _capital(
    "About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Now Once "
    "One Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You"
)
_FILE_TYPES = any_case(
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
    "ATEND": f"({_ABBREVIATIONS_AT_END}|{_CAPITAL_ABBREVIATIONS}|[Pp][Pp]?[Tt][ey][Ss]?)\\.",
    "INSIDE": f"({_ABBREVIATIONS_INSIDE}|[Mm][ft][Gg])\\.",
    "OPENERS": _OPENERS,
    "FILETYPES": _FILE_TYPES,
    "BEFORENUMBERS": _ABBREVIATIONS_BEFORE_NUMBERS,
    "EYES": f"[{_EYES}\\-]",
    "WIDE": f"[{_EYES}]",
    "GAP": "[\\- \xa0]",
}
