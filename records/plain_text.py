"""Texts in one form: `plain_signs` for what is read, `normal_form` for what is compared.

`plain_signs` changes signs and no words: full-width, mathematical and circled letters become plain ones, digits of
other scripts become ASCII digits, zero-width and control characters go, every space is a blank, dashes and quotation
marks are the simple ones. Superscripts and vulgar fractions stay, since they change the value of a number.

`normal_form` is what votes, early stops, say-do and the grading of texts compare: Unicode NFC, plain signs, one case,
single blanks, and no markup, quotation marks or full stop around it. Both are idempotent.
"""

from __future__ import annotations

import re
import unicodedata

_QUOTES = dict.fromkeys("“”„‟«»‹›「」『』《》〈〉", '"') | dict.fromkeys("‘’‚‛′ʼ＇", "'")
_SIGNS = {
    "。": ".",
    "、": ", ",
    "【": "[",
    "】": "]",
    "\u2212": "-",
    "…": "...",
    "\ufffd": "\ufffd",
    "⁄": "/",
    "،": ",",
    "؛": ";",
    "؟": "?",
}
_COMPATIBLE = ("<wide>", "<narrow>", "<font>", "<circle>", "<small>")


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


def plain_signs(text: str) -> str:
    """The text with one form for signs that look alike, in NFC, with one end of lines."""
    if not _ODD.search(text):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text).translate(_TABLE)


_QUOTED = " \t\n\"'*_"
_MARKUP = re.compile(r"(?<!\w)(?:\*{2,}|_{2,})|(?:\*{2,}|_{2,})(?!\w)")


def normal_form(text: str) -> str:
    """A text as it is compared: "Paris", "paris" and "**Paris**." are one."""
    bare = _MARKUP.sub("", plain_signs(text).casefold().replace("`", ""))
    return " ".join(unicodedata.normalize("NFC", bare).split()).lstrip(_QUOTED).rstrip(_QUOTED + ".")
