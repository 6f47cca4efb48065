"""What may be taken off an answer without changing it: LaTeX wrappers, tags, what is struck out, look-alike letters."""

from __future__ import annotations

import re

__all__ = ["look_alike", "lower", "undressed"]

_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеорсухіѕјΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTXYaeopcyxisjABEZHIKMNOPTYXo",
)
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
