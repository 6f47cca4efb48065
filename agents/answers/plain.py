"""A text as it is read: one form for what looks alike, and one normal form for what is compared.

`plain` changes signs and no words: full-width, mathematical and circled letters become plain ones, digits of other
scripts become ASCII digits, zero-width and control characters go, every space is a blank, dashes and quotation marks
are the simple ones. Superscripts and vulgar fractions stay, since they change the value of a number. `normal_form` is
what votes, early stops, say-do and grading compare: it drops case, markup and a final full stop as well.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["look_alike", "lower", "plain", "undressed"]

_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеорсухіѕјΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTXYaeopcyxisjABEZHIKMNOPTYXo",
)
_QUOTES = dict.fromkeys("“”„‟«»‹›「」『』《》〈〉", '"') | dict.fromkeys("‘’‚‛′ʼ＇", "'")
_SIGNS = {"。": ".", "、": ",", "【": "[", "】": "]", "\u2212": "-", "…": "...", "\ufffd": "\ufffd", "⁄": "/"}
_COMPATIBLE = ("<wide>", "<narrow>", "<font>", "<circle>", "<small>")
_WRAP = re.compile(
    r"\\(?:boxed|fbox|text(?:bf|it|rm|tt|sf|sc)?|math(?:bf|rm|it|sf|tt|bb)?|emph|underline|operatorname|mbox|bm|left"
    r"|right|displaystyle)(?![A-Za-z])"
)
_ESCAPED = re.compile(r"\\([^\w\s])")
_TAG = re.compile(
    r"</?(?:b|i|u|em|strong|code|span|p|br|mark|answer|final|final_answer|action|best|choice|output|response|result|"
    r"li|ul|div|center|tt|kbd|font|label|value|item)(?:\s[^<>\n]{0,80})?/?>",
    re.IGNORECASE,
)
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~|<(del|s|strike)>[^<\n]{0,200}</\1>", re.IGNORECASE)


class _Table(dict[int, str | None]):
    """What becomes of a character, worked out where it is first met."""

    def __missing__(self, code: int) -> str | None:
        self[code] = made = _simple(chr(code))
        return made


def _simple(char: str) -> str | None:
    if char in "\n\t" or " " <= char <= "~":
        return char
    if char in _QUOTES or char in _SIGNS:
        return _QUOTES.get(char) or _SIGNS[char]
    kind = unicodedata.category(char)
    if kind in ("Zl", "Zp") or char in "\x0b\x0c\x85":
        return "\n"
    if kind in ("Cf", "Cc", "Me") or "\ufe00" <= char <= "\ufe0f":
        return None
    if kind == "Zs":
        return " "
    if kind == "Pd" and char not in "—―":
        return "-"
    if kind == "Nd":
        return str(unicodedata.digit(char))
    if unicodedata.decomposition(char).startswith(_COMPATIBLE):
        return "".join(_simple(c) or "" for c in unicodedata.normalize("NFKC", char))
    return char


_TABLE = _Table()
_ODD = re.compile(r"[^\n\t -~]")


def plain(text: str) -> str:
    """The text with one form for signs that look alike; NFC, "\\n" for every end of a line."""
    if not _ODD.search(text):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text).translate(_TABLE)


def lower(text: str) -> str:
    """Lower case, character by character, so that places stay what they are."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def look_alike(text: str) -> str:
    """Latin letters for the Cyrillic and Greek ones that look the same."""
    return text if text.isascii() else text.translate(_ALIKE)


def undressed(text: str) -> str:
    """Without LaTeX wrappers, escapes, simple tags and what is struck out; brackets and quotation marks stay."""
    if "~~" in text or "<" in text:
        text = _TAG.sub(" ", _STRUCK.sub(" ", text))
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", _WRAP.sub("", text).replace("\\ ", " "))
    return text
