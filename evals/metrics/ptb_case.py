"""Lower case as the Penn Treebank tokenizer of 2014 writes it: that of Java 17."""

import re

# Word breaking of Java's lower case, which alone decides where a capital sigma becomes a final one.
_WORD = r"[[\p{L}\p{M}\p{N}\p{Cf}]--[\xad\u3005\u3041-\u3094\u309d\u309e\u30a1-\u30fe\u4e00-\u9fa5\uf900-\ufa2d]]"
_LETTER = r"[[\p{L}\p{M}\p{Cf}]--\xad]"
_INNER = (
    rf"(?:(?<={_LETTER})[\p{{Pd}}\p{{Pc}}'.\xad\u2027](?=[[\p{{L}}\p{{Cf}}]--\xad])|(?<=\p{{Nd}})[.,'](?=\p{{Nd}}))"
)
_RUN = rf"(?:{_WORD}|{_INNER})*?"
_CASED = r"[\p{Lu}\p{Ll}\p{Lt}\u0295\u02b0-\u02b8\u02c0\u02c1\u02e0-\u02e4\u0345\u037a\u1d2c-\u1d61\u2160-\u217f]"
_FINAL_SIGMA = rf"(?V1)(?<={_CASED}{_RUN})Σ(?!{_RUN}{_CASED})"
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
