"""Lower case as the Penn Treebank tokenizer of 2014 writes it: that of Java 17."""

import re

# Word breaking of Java's lower case, which alone decides where a capital sigma becomes a final one. It takes a word to
# end behind each character above U+FFFF but the first of the text.
_ABOVE = r"\U00010000-\U0010ffff"
_NOT_IN_WORDS = (  # kana and Chinese; what came after Unicode 13
    r"\u3005\u3041-\u3094\u309d\u309e\u30a1-\u30fe\u4e00-\u9fa5\uf900-\ufa2d"
    r"\u0558\u058b\u058c\u05c8\u05c9\u0870-\u0891\u0897-\u089f\u08b5\u08c8-\u08d2\u0b53\u0b54\u0c3c\u0c5c\u0c5d\u0cdc"
    r"\u0cdd\u0cf3\u0ece\u170d\u1715\u171f\u180f\u1ac1-\u1af0\u1b4c\u1c89\u1c8a\u1dfa\u208f\u209d-\u209f\u2c2f\u2c5f"
    r"\u2e5d\u9ffd-\u9fff\ua7c0\ua7c1\ua7cb-\ua7f4\uab6c\uab6d\U00010570-\U000105bc\U00010d50-\U00010d85"
    r"\U00016ea0-\U00016ed3\U0001df00-\U0001df2a"
)
_WORD = rf"[[\p{{L}}\p{{M}}\p{{N}}\p{{Cf}}]--[\xad{_NOT_IN_WORDS}{_ABOVE}]]"
_LETTER = rf"[[\p{{L}}\p{{Mc}}]--[{_NOT_IN_WORDS}]]"
_SIGNS, _FORMATS = r"[[\p{Mn}\p{Me}\p{Cf}]--\xad]*", r"[\p{Cf}--\xad]*"
_JOINT = rf"[[\p{{Pd}}\p{{Pc}}'.\xad\u2027]--[{_NOT_IN_WORDS}{_ABOVE}]]"
_INNER = rf"(?<={_LETTER}{_SIGNS}){_JOINT}(?={_FORMATS}{_LETTER})|(?<=\p{{N}}{_SIGNS})[.,'](?={_FORMATS}\p{{N}})"
_RUN = rf"(?:{_WORD}|{_INNER})*?"
_CASED = (
    r"[[\p{Lu}\p{Ll}\p{Lt}\u0295\u02b0-\u02b8\u02c0\u02c1\u02e0-\u02e4\u0345\u037a\u1d2c-\u1d61\u2160-\u217f]"
    rf"--[{_NOT_IN_WORDS}]]"
)
_FINAL_SIGMA = rf"(?V1)(?<=(?:^|(?![{_ABOVE}])){_CASED}{_RUN})Σ(?!{_RUN}{_CASED})"
_HALF = re.compile("[\ud800-\udfff]")

# Letters that got their lower case after the Unicode 13 of Java 17.
_WITH_LOWER_CASE = re.compile(
    "[^\u1c89\u2c2f\ua7c0\ua7cb\ua7cc\ua7ce\ua7d0\ua7d2\ua7d4\ua7d6\ua7d8\ua7da\ua7dc"
    "\U00010570-\U00010595\U00010d50-\U00010d65\U00016ea0-\U00016eb8]+"
)


def lower_case(text: str) -> str:
    """Lower case as Java 17 writes it; `text` may hold astral characters as two halves."""
    if text.isascii():
        return text.lower()
    if _HALF.search(text):
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        text = _HALF.sub("?", whole)
    if "Σ" in text:
        import regex  # type: ignore[import-untyped]

        text = regex.sub(_FINAL_SIGMA, "ς", text).replace("Σ", "σ")
    return _WITH_LOWER_CASE.sub(lambda match: match[0].lower(), text)
