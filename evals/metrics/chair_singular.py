"""Singular forms as pattern.en makes them, odd ones included: glass -> glas, bus -> bu, our -> my.

Source: the tables of pattern 3.6, pattern/text/en/inflect.py (University of Antwerp, BSD), whose suffix rules come
from Bermi Ferrer's Inflector (MIT).
"""

import re
from typing import Final

_PREPOSITIONS: Final = frozenset(
    """about above across after among around at athwart before behind below beneath beside besides between betwixt
    beyond but by during except for from in into near of off on onto out over since till to under until unto upon
    with""".split()  # noqa: SIM905
)

# A word stays if one of these ends with it, so that "s", "ears" and "ice" stay as well.
_UNCHANGED: Final = frozenset(
    word[start:]
    for word in """
    bison bream breeches britches carp chassis christmas clippers cod contretemps corps debris diabetes djinn eland
    elk flounder gallows georgia graffiti headquarters herpes high-jinks homework innings jackanapes mackerel measles
    mews mumps news pincers pliers proceedings rabies salmon scissors series shears species swine swiss trout tuna
    whiting wildebeest
    advice bread butter cheese electricity equipment fruit furniture garbage gravel happiness information ketchup
    knowledge love luggage mathematics mayonnaise meat mustard news progress research rice sand software
    understanding water""".split()  # noqa: SIM905
    for start in range(len(word) + 1)
)

# Plurals of these keep their form: "cookies" stays "cookies".
_PLURALS_KEPT: Final = tuple(
    word + "s"
    for word in """alergie auntie beanie birdie bogie bombie collie cookie cutie doggie eyrie freebie goonie groupie
    hankie hippie hoagie hottie indie junkie laddie laramie lingerie meanie newbie nightie oldie ^pie pixie quickie
    reverie rookie softie sortie stoolie sweetie techie ^tie toughie valkyrie veggie weenie yuppie zombie""".split()  # noqa: SIM905
)

_IRREGULAR: Final = dict(
    pair.split(":")
    for pair in """atlantes:atlas atlases:atlas axes:axe beeves:beef brethren:brother children:child corpora:corpus
    corpuses:corpus ephemerides:ephemeris feet:foot ganglia:ganglion geese:goose genera:genus genii:genie
    graffiti:graffito helves:helve kine:cow leaves:leaf loaves:loaf men:man mongooses:mongoose monies:money
    moves:move mythoi:mythos numena:numen occipita:occiput octopodes:octopus opera:opus opuses:opus our:my oxen:ox
    penes:penis penises:penis people:person sexes:sex soliloquies:soliloquy teeth:tooth testes:testis trilbys:trilby
    turves:turf zoa:zoon""".split()  # noqa: SIM905
)
_IRREGULAR_ENDINGS: Final = tuple(_IRREGULAR)

# The first pattern found replaces the ending; a group that took no part counts as empty.
_ENDINGS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?i)(.)ae$", r"\1a"),
        (r"(?i)(.)itis$", r"\1itis"),
        (r"(?i)(.)eaux$", r"\1eau"),
        (r"(?i)(quiz)zes$", r"\1"),
        (r"(?i)(matr)ices$", r"\1ix"),
        (r"(?i)(ap|vert|ind)ices$", r"\1ex"),
        (r"(?i)^(ox)en", r"\1"),
        (r"(?i)(alias|status)es$", r"\1"),
        (r"(?i)([octop|vir])i$", r"\1us"),
        (r"(?i)(cris|ax|test)es$", r"\1is"),
        (r"(?i)(shoe)s$", r"\1"),
        (r"(?i)(o)es$", r"\1"),
        (r"(?i)(bus)es$", r"\1"),
        (r"(?i)([m|l])ice$", r"\1ouse"),
        (r"(?i)(x|ch|ss|sh)es$", r"\1"),
        (r"(?i)(m)ovies$", r"\1ovie"),
        (r"(?i)(.)ombies$", r"\1ombie"),
        (r"(?i)(s)eries$", r"\1eries"),
        (r"(?i)([^aeiouy]|qu)ies$", r"\1y"),
        (r"([aeo]l)ves$", r"\1f"),
        (r"([^d]ea)ves$", r"\1f"),
        (r"arves$", r"arf"),
        (r"erves$", r"erve"),
        (r"([nlw]i)ves$", r"\1fe"),
        (r"(?i)([lr])ves$", r"\1f"),
        (r"([aeo])ves$", r"\1ve"),
        (r"(?i)(sive)s$", r"\1"),
        (r"(?i)(tive)s$", r"\1"),
        (r"(?i)(hive)s$", r"\1"),
        (r"(?i)([^f])ves$", r"\1fe"),
        (r"(?i)(^analy)ses$", r"\1sis"),
        (r"(?i)((a)naly|(b)a|(d)iagno|(p)arenthe|(p)rogno|(s)ynop|(t)he)ses$", r"\1\2sis"),
        (r"(?i)(.)opses$", r"\1opsis"),
        (r"(?i)(.)yses$", r"\1ysis"),
        (r"(?i)(h|d|r|o|n|b|cl|p)oses$", r"\1ose"),
        (r"(?i)(fruct|gluc|galact|lact|ket|malt|rib|sacchar|cellul)ose$", r"\1ose"),
        (r"(?i)(.)oses$", r"\1osis"),
        (r"(?i)([ti])a$", r"\1um"),
        (r"(?i)(n)ews$", r"\1ews"),
        (r"(?i)s$", r""),
    )
)


def singular(word: str) -> str:
    """The singular form of one token."""
    parts = word.split("-")
    if len(parts) > 1 and parts[1] in _PREPOSITIONS:  # mothers-in-law -> mother-in-law
        return "-".join((singular(parts[0]), *parts[1:]))
    bare = word.rstrip("'")
    if bare != word:  # dogs' -> dog's
        return singular(bare) + "'s" * (len(word) - len(bare))
    lower = word.lower()
    if lower in _UNCHANGED:
        return word
    if lower.endswith(_PLURALS_KEPT):
        return lower
    if lower.endswith(_IRREGULAR_ENDINGS):
        ending = next(ending for ending in _IRREGULAR_ENDINGS if lower.endswith(ending))
        return re.sub(f"(?i){ending}$", _IRREGULAR[ending], word)
    for pattern, replacement in _ENDINGS:
        if pattern.search(word):
            return pattern.sub(replacement, word)
    return word
