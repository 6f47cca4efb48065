"""What may be taken off an answer without changing it: LaTeX wrappers, tags, what is struck out, look-alike letters."""

from __future__ import annotations

import re

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
_EAST = "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
EAST_ASIAN = re.compile(rf"[{_EAST}]")
_SEAM = re.compile(
    rf"(?<=[{_EAST}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9)\]}}\"'])(?=[{_EAST}])|(?<=[.,;:])(?=[{_EAST}])"
    r"|(?=按钮|按鈕|ボタン|选项|選項)|(?<=我选择|我推荐|答案是)|(?<=选择|选项|按下)(?!择|项|按)"
)
_POINTER = re.compile(r"^[\s*_`]*[\u27a1\u2192\u25b6\u2705\u2714\u2611\u2b50\U0001f449\U0001f3af\U0001f3c6]+\s*")
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~|<(del|s|strike)>[^<\n]{0,200}</\1>", re.IGNORECASE)


def lower(text: str) -> str:
    """Lower case, character by character, so that places stay what they are."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def look_alike(text: str) -> str:
    """Latin letters for the Cyrillic and Greek ones that look the same."""
    return text if text.isascii() else text.translate(_ALIKE)


def parted(text: str) -> str:
    """With a blank between East Asian signs and Latin ones, which are written without one: "Red 按钮" for "Red按钮"."""
    return text if text.isascii() else _SEAM.sub(" ", text)


def undressed(text: str) -> str:
    """Without LaTeX wrappers, escapes, simple tags, pointing signs and what is struck out; brackets and quotes stay."""
    text = text if text.isascii() else _POINTER.sub("", text)
    if "~~" in text or "<" in text:
        text = _TAG.sub(" ", _STRUCK.sub(" ", text))
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", _WRAP.sub("", text).replace("\\ ", " "))
    return text
