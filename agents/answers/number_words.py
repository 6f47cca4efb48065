"""Numbers in words and in other scripts: English in full, the small numbers of six languages, and Chinese numerals."""

from __future__ import annotations

import re
from fractions import Fraction

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_UNITS = {w: i for i, w in enumerate(_SMALL)}
_VALUES = _UNITS | {w: 10 * (i + 2) for i, w in enumerate(_TENS)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_OTHERS = {
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
    "achtzehn neunzehn zwanzig": range(21),
    "zéro deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize": (
        0, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
    "dix-sept dix-huit dix-neuf vingt trente quarante cinquante soixante": (17, 18, 19, 20, 30, 40, 50, 60),
    "cero dos tres cuatro cinco seis siete ocho nueve diez doce trece catorce quince dieciséis diecisiete dieciocho "
    "diecinueve veinte": (0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20),
    "due tre quattro cinque sette otto nove dieci undici dodici": (2, 3, 4, 5, 7, 8, 9, 10, 11, 12),
    "dois três quatro sete oito dez doze": (2, 3, 4, 7, 8, 10, 12),
    "ноль один два три четыре пять шесть семь восемь девять десять": range(11),
}  # fmt: skip
_FOREIGN = {word: n for words, values in _OTHERS.items() for word, n in zip(words.split(), values, strict=True)}
_GERMAN_TENS = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
_FOREIGN |= {
    f"{unit}und{ten}": n + 10 * (i + 2)
    for i, ten in enumerate(_GERMAN_TENS)
    for n, unit in enumerate("ein zwei drei vier fünf sechs sieben acht neun".split(), 1)
} | {ten: 10 * (i + 2) for i, ten in enumerate(_GERMAN_TENS)}
_FRACTIONS = {"half": 2, "halves": 2, "thirds": 3, "quarter": 4, "quarters": 4, "fourths": 4, "fifths": 5, "sixths": 6,
              "sevenths": 7, "eighths": 8, "ninths": 9, "tenths": 10}  # fmt: skip
_HAN = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_SCALES = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_HAN_SHORT = re.compile(r"[百千万萬亿億][一二两三四五六七八九]$")
_HAN_RUN = re.compile(r"[零〇一二两三四五六七八九十百千万萬亿億]{1,24}")
_WORDS = re.compile(r"[a-zà-ÿа-яœß]+(?:-[a-zà-ÿß]+)*", re.IGNORECASE)
_GAP = re.compile(r"[ \t]+|[ \t]*-[ \t]*")


def number_word(text: str, place: int) -> tuple[Fraction, int] | None:
    """(the value, where it ends) of a number in words at a place, as far as the words go; None where there is none."""
    han = _HAN_RUN.match(text, place)
    if han is not None:
        value = _han(han[0])
        return None if value is None else (Fraction(value), han.end())
    first = _WORDS.match(text, place)
    if first is None:
        return None
    word = first[0].casefold()
    if word in _FOREIGN and word not in _VALUES:
        return Fraction(_FOREIGN[word]), first.end()
    return _english(text, place)


def _han(run: str) -> int | None:
    if _HAN_SHORT.search(run):
        return None  # 三百五: 350 in Chinese, 305 in Japanese
    total = section = digit = 0
    if len(run) > 1 and all(c in _HAN for c in run):
        return int("".join(str(_HAN[c]) for c in run))
    for char in run:
        if char in _HAN:
            digit = _HAN[char]
        elif char in _HAN_UNITS:
            section += (digit or 1) * _HAN_UNITS[char]
            digit = 0
        else:
            total = (total + section + digit) * _HAN_SCALES[char] if section + digit else total * _HAN_SCALES[char]
            section = digit = 0
    return total + section + digit


def _english(text: str, place: int) -> tuple[Fraction, int] | None:
    total = current = 0
    end, last, seen = place, "", False
    words = _split(text, place)
    for i, (word, stop) in enumerate(words):
        kind = _kind(word)
        if kind == "and" and seen and i + 1 < len(words):
            after = words[i + 1][0]
            if last in ("hundred", "scale") and _kind(after) in ("unit", "teen", "ten"):
                continue
            return _and_half(text, words[i + 1 :], total + current, end)
        if kind == "a" and not seen and i + 1 < len(words) and words[i + 1][0] in ("hundred", "dozen", *_SCALES):
            current, last = 1, "unit"
            continue
        if not _follows(kind, last):
            break
        if kind in ("unit", "teen", "ten"):
            current += _VALUES[word]
        elif kind == "hundred":
            current *= 100
        elif kind == "dozen":
            current = 12 * (current or 1)
        else:
            total, current = total + current * _SCALES[word], 0
        end, last, seen = stop, kind, True
    if not seen:
        return None
    behind = next(((w, stop) for w, stop in words if stop > end), None)
    if behind is not None and behind[0] in _FRACTIONS and (total + current == 1) != behind[0].endswith("s"):
        return Fraction(total + current, _FRACTIONS[behind[0]]), behind[1]
    value, end = _decimals(text, Fraction(total + current), end)
    return value, end


def _kind(word: str) -> str:
    if word in _UNITS:
        return "unit" if _UNITS[word] < 10 else "teen"
    if word in _VALUES:
        return "ten"
    return "scale" if word in _SCALES else word if word in ("and", "a", "hundred", "dozen") else ""


def _follows(kind: str, last: str) -> bool:
    before = {
        "unit": ("", "ten", "hundred", "scale"),
        "teen": ("", "hundred", "scale"),
        "ten": ("", "hundred", "scale"),
        "hundred": ("unit", "teen", "ten"),
        "dozen": ("", "unit"),
        "scale": ("unit", "teen", "ten", "hundred"),
    }
    return last in before.get(kind, (None,))


def _split(text: str, place: int) -> list[tuple[str, int]]:
    """(word, where it ends) of up to 16 words that only blanks and hyphens part."""
    words = []
    single = re.compile(r"[a-z]+", re.IGNORECASE)
    for _ in range(16):
        word = single.match(text, place)
        if word is None:
            break
        words.append((word[0].casefold(), word.end()))
        gap = _GAP.match(text, word.end())
        if gap is None:
            break
        place = gap.end()
    return words


def _and_half(text: str, words: list[tuple[str, int]], value: int, end: int) -> tuple[Fraction, int]:
    if [w for w, _ in words[:2]] == ["a", "half"]:
        return Fraction(value) + Fraction(1, 2), words[1][1]
    return Fraction(value), end


def _decimals(text: str, value: Fraction, end: int) -> tuple[Fraction, int]:
    point = re.compile(r"\s+point((?:\s+[a-z]+)+)", re.IGNORECASE).match(text, end)
    if point is None:
        return value, end
    digits = ""
    stop = end
    for word in re.finditer(r"[a-z]+", point[1], re.IGNORECASE):
        if _UNITS.get(word[0].casefold(), 10) > 9:
            break
        digits += str(_UNITS[word[0].casefold()])
        stop = point.start(1) + word.end()
    return (value + Fraction(int(digits), 10 ** len(digits)), stop) if digits else (value, end)
