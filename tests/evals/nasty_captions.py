"""Strings that are hard to tokenise: fragments of every kind, glued in pairs and more, and texts with random edits."""

import random
import unicodedata
from collections.abc import Callable, Sequence

_WORDS = (
    "a I an the dog Dogs DOG running A's people's café naïve Straße İstanbul ΣΟΦΟΣ ΌΣΟΣ Ωmega ñandú 北京 東京都 한국어 "
    "русский עברית العربية हिन\u094dदी ภาษาไทย e\u0301tude x\u0308 soft\xadhyphen \xad ǅ ﬁne ſtop K colour gray "
    "cannot Cannot gonna GOTTA lemme gimme wanna more'n whaddya dunno mIxEd iPhone X x q5 5q v1.2 dog.cat a!b "
    "why?not T 3D MP3 H2O x86 _ __ a_b gİmme lı'l ſt. oKla. figſ. httpſ://a.b cannot's gonnabe X‘Y é.é. a\u0301b"
)
_APOSTROPHES = (
    "somethin' cont'd. Cont'd somethin’ "
    "don't can't won't ain't isn't cann't n't N'T Don'T shouldn't've he'd've y'all y'all'd it's it'd it'll they'll "
    "they're I'm I'd I've she's dogs' boss's '90s '99 '9 90's 1990s' 'em 'n' 'n rock'n'roll 'til 'till 'cause "
    "'bout 'tis 'twas 'twere 'tisn't o'clock O'Clock o'er ne'er e'er ev'ry ma'am c'mon C'mon d'ye d'you d'accord "
    "l'eau L'Eau j'ai qu'on n'est c'est s'il t'as m'a O'Reilly D'Arcy L'Oréal Hawai'i qur'an nor'easter li'l ol' "
    "Ol' jack-o'-lantern o'o O'o 'a 'ab 'A 'S 'll 're 've 'd 'm fo'c'sle mother-in-law's x'Y X'Y Xy'Z ha'Z HA'Zq "
    "she'Ll I'ma 'tain't who'd'a y'a Y'ALL"
)
_ABBREVIATIONS = (
    "Ed.D. "
    "Mr. Mrs. Ms. Dr. dr. DR. Prof. St. Ste. Jr. Sr. Ph.D. Ph.D Ph.Ds PhD. M.D. B.A. B.Sc. U.S. u.s. U.S.A. U.S "
    "U.K. p.m. P.M. a.m. e.g. i.e. E.g. a.k.a. etc. Etc. et al. vs. Vs. v. cf. inc. Inc. INC. Co. Corp. Ltd. Plc. "
    "Bros. Jan. jan. Feb. Sept. Dec. Mon. Tues. Thurs. Fri. Calif. Ill. ill. Miss. miss. Wash. Mass. Ariz. Tex. "
    "tex. No. no. Nos. nos. Fig. fig. figs. p. pp. Pp. art. Op. ca. Ca. Ca prop. Prop. approx. vol. Vol. Gen. Col. "
    "Lt. Capt. Sgt. Gov. Sen. Rep. Rev. Hon. Mt. Ft. Ave. Blvd. Rd. Dept. Alex. Wm. Jos. sq. ext. tel. est. mfg. "
    "Mfg. MFG. Pte. pty. Assn. Natl. Univ. Messrs. Mme. A. z. Q.E.D. A.B é.a. N.Y.C. D.C. J.R.R. R.I.P. x.y.z "
    "W.H.O. U.N.-led U.S.-based Messrs. a.The Jan.-x Jan.x Ph.D.-x z. The c. Mr. A. It M.Ph. no.5a Prop.5"
)
_NUMBERS = (
    "0 1 5 10 42 100 1,000 1,000,000 1,00 1. .5 0.5 -5 +5 +-5 -.5 5.5.5 1.5,5:5 3:45 3:45pm 5pm 10th 1st 2nd 5kg "
    "5km/h 5' 5\" 5'10\" 1/2 3/4 1/2-inch 1 1/2 10 3/4 1-1/2 11/22/33 12/25/2014 12-25-2014 2014-07-01 1/2/14 9/11 "
    "24/7 ½ ¼ ¾ ⅓ ⅔ ⅛ 1½ 5⁄8 1 5⁄8 ² m² 10³ x⁵ ٣ ٣٫٥ ٣٬٠٠٠ ۵/۶ 1990-91 1990–91 5-5 5--5 5x5 5e-5 1e10 0x1F "
    "555-1234 (555) 123-4567 (555)123-4567 555 123 4567 555.123.4567 +1 555 123 4567 +44 20 7946 0958 ++49 30 "
    "123456 1-800-555-1234 020 7946 0958 12 34 55 5555 №5 No.5 #5 # 5 $5 $ 5.50 US$5 us$5 C$ A$10 HK$ £5 €5 5€ ¢5 "
    "5¢ ¥5 ₤5 ₹5 ¤1 5% 5 % %5 5° 5°C ±5 5× −5 1st. 5. 5, 5: 5; 1:1"
)
_WEB = (
    "http://a.b http://www.example.com/x?y=z&w=1#f https://example.org/a_(b) HTTP://A.B/ ftp://a.b http://a "
    "http:// http://é.x www.example.com www.example.co.uk/path/x www.example.com/ www.x.com/a,b example.com "
    "example.com/path/x.html EXAMPLE.COM/a/b foo.net/bar foo.edu foo.io/bar a.b.c.org/d/e a@b.c "
    "foo.bar@example.com <foo@bar.org> mailto:me@x.org a@b @ @@ @user @_u @5 @user's #tag #Tag_1 #5tag #été # ## "
    "### #a#b photo.jpg IMG_5.JPG 5.mp3 a-b.txt file.tar.gz x.c x.h. x.py, v.2.doc? .txt a.docx C:\\x\\y /usr/bin "
    "~/x ./y ../z a\\b \\ \\\\ \\* \\/ a\\/b C++ c++ C# F# f#5 .NET Node.js AT&T R&D A&B&C a&b A+B AT&amp;T P&L "
    "Q&A"
)
_MARKUP = (
    "&md; &lr; &cdq; <_> "
    "<a> </a> <br/> <br /> <a href=\"x y\"> <a href='x' b> <a b c> <a b=c> <5> <3 </3 <> <!-- x y --> <!x> <?xml "
    'v="1"?> <unk> <a:b-c.d> <é> <a &lt; &gt; &amp; &quot; &apos; &nbsp; &mdash; &ndash; &LT; &hellip; &copy; '
    "&eacute; &Uuml; caf&eacute; &#39; &#x27; it&apos;s &apos;em &lt;b&gt; &lt;x@y.z&gt; & && &c. &; < > << >> <= "
    ">= => -> <- <-> = == != += | || ^ ~ ` ´ ¨ ¦ § © ® ™ ° ¶ • … ‥ ·"
)
_PUNCTUATION = (
    "..... ...... ....... \\*\\*\\*\\* "
    ". .. ... .... . . . . . . . …  … ! ? !! !? ?!?! !!! ?. !. .! , ,, ; : :: - -- --- ---- ----- ------ – — ― ‐ ‑ "
    "‒ − ֊ _ __ ___ / // \\ * ** *** ( ) (( )) [ ] { } () [] {} (a) [sic] (s) (c) (C) (r) (tm) (1) a) 1) -LRB- "
    "-rrb- -RSB- ' '' ''' \" \"\" ` `` ``` ‘ ’ “ ” „ ‚ ‛ ‟ « » ‹ › ‘‘ ’’ “‘ ’” \x91 \x92 \x93 \x94 \x85 \x96 \x97 "
    "\x80 'x' \"x\" ‘x’ “x” «x» 'x y' ''x'' ``x'' `x' + * # @ $ % ^ & ~"
)
_EMOTICONS = (
    ":) :-) :( :-( ;) ;-) :D :-D :P :p :o :O :-O :| :-| :/ :\\ :] :[ :{ :} :* :'( :') :3 <3 =) =( =D =P =] 8) 8-) "
    "B) XD xD :@ >:( >:) <:) (: (-: ^_^ -_- o_o O_O T_T >_< =_= ~_~ x_x (^_^) (-_-) (x.x) (^^) (--) ^^; orz :)) "
    ":-)) :)x :D5 :s ;D :b :$ :# :^) :o) :-* :*) d: D:"
)
_COMPOUNDS = (
    "state-of-the-art 24-hour x-ray T-shirt T-shirts and/or he/she/it a/b/c/d w/o w/ n/a km/h 1/a a-b/c-d a/b-c5 "
    "1,000-foot 5.5-a a.b-c U.S.-led jack-in-the-box -a a- -a- --a a--b a-- snake_case _a a_ a__b a-_b a_-b a‐b "
    "a‑b a֊b a\xad-b a-\xadb f-O'a d'a-b l'X-d'y é-é é/é non-U.S. ex-Mr. pre-A.D. b-c.d. so-called mid-1990s 5-a "
    "5-5 5-5-5 p-5.5 3-D A-1 A-1's can't-miss don't-know one-off's"
)
_ODD = (
    "😀 👍🏽 🇩🇪 👨\u200d👩\u200d👧 𝒜𝓑 𐐀 𠀀 \ud7ff \ue000 \uffff \ufffe � ￼ ™ ℃ № ℓ Ⅳ ⅷ ① ⓐ ㈱ ﷺ ﬃ ﹪ ％ ＄ ＃ "
    "（ ） Ａ ５ ． 、 。 「 "
    "」 ・ ー \u093c \u094d \u103a"
)
_SPACES = (
    "\x09|\xa0|\u2000|\u2003|\u200a|\u2009|\u202f|\u205f|\u3000|\u1680|\u200b|\ufeff|\x01|\x1c|\x1f|\x7f|\u200d|️|"
    "\u2060|\x0e"
)

_SPACED = (
    "1 1/2",
    "(555) 123-4567",
    "555 123 4567",
    "+44 20 7946 0958",
    ". . .",
    "<a b c>",
    '<a href="x y">',
    "<!-- x y -->",
)
_LISTS = (_WORDS, _APOSTROPHES, _ABBREVIATIONS, _NUMBERS, _WEB, _MARKUP, _PUNCTUATION, _EMOTICONS, _COMPOUNDS, _ODD)
_KINDS = (*(tuple(text.split(" ")) for text in _LISTS), tuple(_SPACES.split("|")), (*_SPACED, "et al.", "no. 5"))
_JOINTS = ("", "", "", " ", " ", "  ", "-", "/", ".", "'", ",")
_VARIANTS: tuple[Callable[[str], str], ...] = (
    *(str,) * 8,
    str.upper,
    str.lower,
    str.capitalize,
    str.swapcase,
    lambda text: text.replace("'", "’"),
    lambda text: text.replace("'", "`"),
    lambda text: text.replace("'", "‘"),
    lambda text: text.replace("-", "‐"),
    lambda text: text.replace(" ", "\u00a0"),
)
_ALPHABET = "aAbeinosStTxyz0159 .,:;!?'\"`-_/\\()[]{}<>&#@$%*+=^~|’‘“”–—…½é\u0301ß\u00ad\u00a0٣Σ"


def nasty_captions(count: int, seed: int, texts: Sequence[str] = ()) -> list[str]:
    """`count` strings, the same for the same seed; some are `texts` with random characters changed."""
    chooser = random.Random(seed)
    makers: list[Callable[[random.Random], str]] = [_glued, _glued, _glued, _sentence, _characters, _any_characters]
    if texts:
        makers.append(lambda own: _edited(own, own.choice(texts)))
    return [chooser.choice(makers)(chooser) for _ in range(count)]


def _fragment(chooser: random.Random) -> str:
    fragment = chooser.choice(chooser.choice(_KINDS))
    return chooser.choice(_VARIANTS)(fragment)


def _glued(chooser: random.Random) -> str:
    pieces = [_fragment(chooser)]
    for _ in range(chooser.choice((0, 1, 1, 2, 2, 3))):
        pieces += [chooser.choice(_JOINTS), _fragment(chooser)]
    return "".join(pieces)


def _sentence(chooser: random.Random) -> str:
    return " ".join(_fragment(chooser) for _ in range(chooser.randint(1, 12))) + chooser.choice(
        ("", ".", "!", " .", '."', "…")
    )


def _characters(chooser: random.Random) -> str:
    alphabet = chooser.sample(_ALPHABET, chooser.randint(2, len(_ALPHABET)))
    return "".join(chooser.choices(alphabet, k=chooser.randint(1, 16)))


def _any_characters(chooser: random.Random) -> str:
    return "".join(_any_character(chooser) for _ in range(chooser.randint(1, 12)))


def _any_character(chooser: random.Random) -> str:
    kind = chooser.random()
    if kind < 0.4:
        return chooser.choice(_ALPHABET)
    code = (
        chooser.randrange(0x110000)
        if kind < 0.5
        else chooser.randrange(0x10000)
        if kind < 0.7
        else chooser.randrange(0x3000)
    )
    character = chr(code)
    return "x" if unicodedata.category(character) == "Cs" or character in "\n\r\v\f\u2028\u2029" else character


def _edited(chooser: random.Random, text: str) -> str:
    for _ in range(chooser.randint(1, 5)):
        at, kind = chooser.randrange(len(text) + 1), chooser.random()
        new = "" if kind < 0.2 else _any_character(chooser) if kind < 0.8 else _fragment(chooser)
        text = text[:at] + new + text[at + (chooser.random() < 0.5) :]
    return text
