"""The cells of a three-by-three board as models name them: "center", "top left", "(1, 1)", "row 1, column 1".

Rows and columns count from 0, as the cells do. What could be meant in two ways ("top", "a1") names no cell.
"""

from __future__ import annotations

import re

_ROWS = {"top": 0, "upper": 0, "first": 0, "middle": 1, "center": 1, "centre": 1, "mid": 1, "second": 1, "central": 1,
         "bottom": 2, "lower": 2, "third": 2, "last": 2}  # fmt: skip
_COLUMNS = {"left": 0, "first": 0, "middle": 1, "center": 1, "centre": 1, "mid": 1, "second": 1, "central": 1,
            "right": 2, "third": 2, "last": 2}  # fmt: skip
_ROW, _COLUMN = "|".join(_ROWS), "|".join(_COLUMNS)
_HEAD = r"(?:i (?:choose|mark|take|play|pick)\s+)?(?:the\s+)?(?:cell|square|position)?\s*"
_TAIL = r"\s*(?:cell|square|corner|position|edge|side|one|of the board)?"
_MIDDLE = re.compile(rf"{_HEAD}(?:very )?(?:center|centre|middle|mitte|centro){_TAIL}")
_BOTH = re.compile(rf"{_HEAD}({_ROW})(?:[- ]?row)?[-, ]*(?:the )?({_COLUMN})(?:[- ]?column)?{_TAIL}")
_TURNED = re.compile(rf"{_HEAD}(left|right)[- ]({_ROW}){_TAIL}")
_PAIR = re.compile(
    rf"{_HEAD}(?:row\s*[=:]?\s*)?[(\[]?\s*(?:row\s*[=:]?\s*)?([0-2])\s*(?:,|;|and|\s)\s*(?:and\s+)?(?:col(?:umn)?\s*[=:]?\s*)"
    rf"([0-2])\s*[)\]]?|[(\[]\s*([0-2])\s*,\s*([0-2])\s*[)\]]"
    r"|\[\s*([0-2])\s*\]\s*\[\s*([0-2])\s*\]"
)
_NUMBERED = re.compile(r"\s*[(\[]\s*(?:cell |position |index )?(?:([0-8])|([0-2])\s*,\s*([0-2]))\s*[)\]]")
_EAST_ASIAN = {
    "中央": 4,
    "中心": 4,
    "真ん中": 4,
    "正中": 4,
    "正中间": 4,
    "正中央": 4,
    "左上": 0,
    "右上": 2,
    "左下": 6,
    "右下": 8,
}


def cell_named(value: str) -> str | None:
    """The number of the cell that a value names by its place, and nothing else; None where it names none so."""
    if len(value) > 80:
        return None
    text = value.casefold().strip(" \t\n\"'`*_$.!#>")
    if text.startswith("{"):
        text = text.strip("{}").replace('"', "")
    if not text.isascii():
        return _east_asian(text)
    for pattern in (_MIDDLE, _BOTH, _TURNED, _PAIR):
        found = pattern.match(text)
        if found is None:
            continue
        cell = _cell(pattern, found)
        number = _NUMBERED.match(text, found.end())
        end = number.end() if number else found.end()
        if number and _numbered(number) != cell:
            return None
        if _ends(text[end:]):
            return str(cell)
    return "4" if text.strip("()[]") == "b2" else None


def _east_asian(text: str) -> str | None:
    for ending in ("の", "的", "角", "隅", "格", "格子", "マス", "位置"):
        text = text.removesuffix(ending)
    return str(_EAST_ASIAN[text]) if text in _EAST_ASIAN else None


def _numbered(found: re.Match[str]) -> int:
    return int(found[1]) if found[1] else 3 * int(found[2]) + int(found[3])


def _cell(pattern: re.Pattern[str], found: re.Match[str]) -> int:
    if pattern is _MIDDLE:
        return 4
    if pattern is _BOTH:
        return 3 * _ROWS[found[1]] + _COLUMNS[found[2]]
    if pattern is _TURNED:
        return 3 * _ROWS[found[2]] + _COLUMNS[found[1]]
    row, column = (g for g in found.groups() if g is not None)
    return 3 * int(row) + int(column)


def _ends(rest: str) -> bool:
    """Whether nothing but a reason without numbers stands behind a cell."""
    return not rest.strip(" .,!)]*`'\"$") or bool(
        re.fullmatch(r"\s*[,;(.-]?\s*(?:because|since|as|to|which|it|for)\b(?:(?!\bor\b|\bnot\b|\bif\b|\d).)*", rest)
    )
