"""The `<values>` block: a number for each label, and which labels are at the top (Schmied et al. 2025, App. C.1.3)."""

from __future__ import annotations

import re

from .label_names import Names

LONGEST = 20_000
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:init[ey])?\b|∞)", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<![\d.,])([1-9]\d{0,2}(?:,\d{3}){2,}(?:\.\d+)?|[1-9]\d{0,2},\d{3}\.\d+)(?![\d,])")
_UNFINISHED = re.compile(r"[,.'_]?\d|\.\.|\s*(?:[-\u2013~/]|to|or)\s*[-+]?\.?\d")  # a range, thousands, a ratio
_ARITHMETIC = re.compile(r"(?:[\s\d.+\-*/^×√]|sqrt|ln|log)*", re.IGNORECASE)
_OPERATORS = tuple("+-*/^×")
_KEY_END = re.compile(r"[\"'`*_\])]{0,6}\s{0,8}(?:[=:≈~|]|->|→)\s{0,4}")
_HIDDEN = str.maketrans("(),", "\ue000\ue001\ue002")
_SHOWN = str.maketrans("\ue000\ue001\ue002", "(),")
_ASIDE = re.compile(r"\(([^()]*)\)")


def top_of_values(text: str, names: Names) -> tuple[str, ...]:
    """The labels at the top of the last `<values>` block of a plain text; () where it cannot be told."""
    block = _last_block(text)
    if block is None or not names.actions or len(block) > LONGEST:
        return ()
    block = _THOUSANDS.sub(lambda m: m[0].replace(",", ""), block)
    block = _unhidden(_with_decimal_points(_without_asides(_hidden(block, names), names)))
    entries = [(m, end.end()) for m in names.here.finditer(block) if (end := _KEY_END.match(block, m.end()))]
    values: dict[str, float] = {}
    unread: set[str | None] = set()
    for (key, begin), (after, _) in zip(entries, [*entries[1:], (None, 0)], strict=False):
        label = names.label_of(key)
        value = _value(block[begin : after.start() if after else None])
        if value is None or label is None:
            unread.add(label)
        else:
            values[label] = value
    if unread - values.keys():
        return ()  # the highest of those that could be read may not be the highest
    top = max(values.values(), default=0.0)
    return tuple(a for a in names.actions if values.get(a) == top)


def _last_block(text: str) -> str | None:
    low = text.lower() if len(text.lower()) == len(text) else text
    closes = [(low.rfind(f"</{name}>"), name) for name in ("values", "ucb_values")]
    end, name = max(closes)
    begin = low.rfind(f"<{name}>", 0, end) if end >= 0 else -1
    return text[begin + len(name) + 2 : end] if begin >= 0 else None


def _hidden(block: str, names: Names) -> str:
    """The block with the labels' own parentheses and commas as other signs: `press(red)` holds no aside."""
    return names.here.sub(lambda m: m[0].translate(_HIDDEN), block)


def _unhidden(block: str) -> str:
    return block.translate(_SHOWN)


def _without_asides(text: str, names: Names) -> str:
    """The text without what stands in parentheses, except names: `Red (n=3): 1.7` is `Red : 1.7`."""
    for _ in range(8):
        before = text
        text = _ASIDE.sub(lambda m: f" {m[1]} " if names.here.fullmatch(m[1].strip()) else "", text)
        if text == before:
            break
    return text


def _with_decimal_points(block: str) -> str:
    """Decimal commas as points, where the block has no decimal point: `Red = 1,20; Blue = 1,31`."""
    if re.search(r"\d\.\d|(?<!\d)[1-9]\d{0,2},\d{3}(?!\d)", block):
        return block
    return re.sub(r"(?<![\d,])(\d+),(\d+)(?![\d,])", r"\1.\2", block)


def _value(text: str) -> float | None:
    """The number that an entry ends with: 1.7 in `1.7`, in `0.5 + 1.2 = 1.7` and in `mean + bonus = 1.7`, else None."""
    entry = re.split(r"[\n;|]|,(?!\d)", text.replace("**", "").lstrip(" \t\n\"'`|"), maxsplit=1)[0]
    parts = re.split(r"[=≈]", entry)
    for part, last in zip(parts, [*[False] * (len(parts) - 1), True], strict=True):
        term = part.strip(" \t\"'`~")
        number = _NUMBER.match(term)
        if number is not None and last and _UNFINISHED.match(term, number.end()):
            return None
        unfinished = number is not None and term[number.end() :].strip().startswith(_OPERATORS)
        if number is not None and not unfinished and (last or not _ARITHMETIC.fullmatch(term)):
            return float(number[0].casefold().replace("∞", "inf").replace("infinite", "inf"))
        if last or (number is None and not any(o in term for o in _OPERATORS)):
            return None
    return None
