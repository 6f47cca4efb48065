"""Number literals: what a number is, written with digits or words, and its one canonical form.

Thousands are parted by comma, blank, apostrophe or underscore in groups of three, or the Indian way. A comma that
cannot part thousands is a decimal comma. A point before exactly three digits that end in two zeros, or that stand
before euros, could be either, and is `UnclearNumber`.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction

from .number_words import number_word

LARGEST = 300  # digits
_SIGN = re.compile(
    r"[ \t]*(?:([-+—])[ \t]*|\b(minus|negative|moins|menos)\b[ \t]+)?(?:(?:US|A|C)?[$€£¥₹]|(?:USD|EUR|CHF|GBP)\b)?"
    r"[ \t]*([-—])?",
    re.IGNORECASE,
)
_LITERAL = re.compile(
    r"(?P<groups>[1-9]\d{0,2}(?:(?P<part>[,' _])\d{3})(?:(?P=part)\d{3})*)(?!\d)(?P<point>\.\d+|(?<=[' _]\d{3}),\d+)?"
    r"|(?P<indian>[1-9]\d?(?:,\d{2})+,\d{3})(?!\d)(?P<indian_point>\.\d+)?"
    r"|(?P<euro>[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,})(?!\d)"
    r"|(?P<comma>\d+,\d+)(?!\d)|(?P<plain>\d+(?:\.\d+)?|\.\d+)"
)
_BEHIND = re.compile(r"(?:[.,'_:]\d|\d)")
_EXPONENT = re.compile(r"[eE]([-+]?\d{1,4})(?![\w.])")
_TIMES_TEN = re.compile(
    r"[ \t]*[x×*·][ \t]*10[ \t]*(?:(?:\^|\*\*)[ \t]*\(?([-+]?\d{1,4})\)?|([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,4}))(?![\d.])"
)
_POWER = re.compile(r"[ \t]*(?:\^|\*\*)[ \t]*\(?([-+]?\d{1,4})\)?(?![\d.])|([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,4})")
_FRACTION = re.compile(r"[ \t]*/[ \t]*(\d{1,30})(?![\d./,]|\s*(?:points?|pts|marks|stars)\b)")
_MIXED = re.compile(r"(?:[ \t]+(?:and[ \t]+)?)(\d{1,30})/(\d{1,30})(?![\d./,])|[ \t]+and a half\b")
_SCALE = re.compile(
    r"[ \t]*(?:(thousand|tausend|mille|mil(?! mill[oõ]|\.)|mila|тыс(?:яч[аи]?)?)|"
    r"(millions?|mio|mn|mln|millionen|mill[oó]n(?:es)?|milh(?:ão|ões)|milion[ei]|млн|миллион(?:а|ов)?)|"
    r"(billions?|bn|milliarden?|mrd|mld|milliards?|miliard[io]|mil mill(?:ones|ón|ões)|bilh(?:ão|ões)|млрд|"
    r"миллиард(?:а|ов)?)|(trillions?|billionen|billones)|(lakhs?)|(crores?)|"
    r"(dozen|dutzend|douzaines?|docenas?|dozzin[ae]|dúzias?|дюжин[аы]?))\b\.?|([kK])(?![\w])|[ \t]?(万|萬)|"
    r"[ \t]?(亿|億)",
    re.IGNORECASE,
)
_FRACTION_SIGN = re.compile(r"[ \t](?=[¼-¾⅐-⅞])")
_SCALES = (10**3, 10**6, 10**9, 10**12, 10**5, 10**7, 12, 10**3, 10**4, 10**8)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_TERM = re.compile(r"\s*([-+*/×÷·x^()]|\*\*|\d+(?:\.\d+)?)")


class UnclearNumber(Exception):
    """What stands here is a number that could be read in two ways, or is out of all bounds."""


def number_at(text: str, place: int) -> tuple[Fraction, int] | None:
    """(the number that begins at a place, where it ends), with its sign and scale; None where none begins.

    Raises:
        UnclearNumber: it could be read in two ways.
    """
    sign = _SIGN.match(text, place)
    begin = sign.end() if sign else place
    negative = sign is not None and any(
        s in ("-", "—") or (s or "")[:1].casefold() in ("m", "n") for s in sign.groups() if s
    )
    if sign is not None and sign[1] and sign[3]:
        raise UnclearNumber
    found = _unsigned(text, begin)
    if found is None:
        return None
    value, end = found
    scale = _SCALE.match(text, end)
    if scale is not None and scale[0].strip():
        value, end = value * _SCALES[(scale.lastindex or 1) - 1], scale.end()
    return (-value if negative else value), end


def _unsigned(text: str, place: int) -> tuple[Fraction, int] | None:
    char = text[place : place + 1]
    if char and unicodedata.decomposition(char).startswith("<fraction>"):
        return _vulgar(char), place + 1
    literal = _LITERAL.match(text, place)
    if literal is None:
        return number_word(text, place)
    return _with_parts(text, _value(literal, text), literal.end(), whole="." not in literal[0])


def _value(literal: re.Match[str], text: str) -> Fraction:
    if _BEHIND.match(text, literal.end()) or len(literal[0]) > LARGEST:
        raise UnclearNumber
    if "." in literal[0] and text.startswith("...", literal.end()):
        raise UnclearNumber  # digits that go on: 0.333...
    if literal["groups"]:
        return Fraction(re.sub(r"[,' _]", "", literal["groups"]) + (literal["point"] or "").replace(",", "."))
    if literal["indian"]:
        return Fraction(literal["indian"].replace(",", "") + (literal["indian_point"] or ""))
    if literal["euro"]:
        return Fraction(literal["euro"].replace(".", "").replace(",", "."))
    if literal["comma"]:
        if re.search(r",0{3,}$", literal["comma"]):
            raise UnclearNumber
        return Fraction(literal["comma"].replace(",", "."))
    _refuse_unclear_point(literal["plain"], text[literal.end() : literal.end() + 8])
    return Fraction(literal["plain"])


def _refuse_unclear_point(written: str, behind: str) -> None:
    whole, _, decimals = written.partition(".")
    thousands = len(decimals) == 3 and 1 <= len(whole) <= 3 and whole[0] != "0"
    if thousands and (decimals.endswith("0") or re.match(r"\s*(?:€|euros?\b|eur\b)", behind, re.IGNORECASE)):
        raise UnclearNumber


def _with_parts(text: str, value: Fraction, end: int, whole: bool) -> tuple[Fraction, int]:
    """The value with its exponent, power, fraction or mixed part."""
    if whole and (blank := _FRACTION_SIGN.match(text, end)) is not None:
        end = blank.end()
    char = text[end : end + 1]
    if whole and char and unicodedata.decomposition(char).startswith("<fraction>"):
        return value + _vulgar(char), end + 1
    if exponent := _EXPONENT.match(text, end):
        return value * _power(Fraction(10), int(exponent[1])), exponent.end()
    if ten := _TIMES_TEN.match(text, end):
        power = int(ten[1] or ten[2].translate(_SUPERSCRIPTS))
        return value * _power(Fraction(10), power), ten.end()
    if power_of := _POWER.match(text, end):
        return _power(value, int(power_of[1] or power_of[2].translate(_SUPERSCRIPTS))), power_of.end()
    if whole and (mixed := _MIXED.match(text, end)):
        part = Fraction(1, 2) if mixed[1] is None else _ratio(int(mixed[1]), int(mixed[2]))
        if part >= 1:
            raise UnclearNumber
        return value + part, mixed.end()
    if fraction := _FRACTION.match(text, end):
        return value * _ratio(1, int(fraction[1])), fraction.end()
    return value, end


def _vulgar(char: str) -> Fraction:
    top, _, bottom = unicodedata.normalize("NFKC", char).partition("\N{FRACTION SLASH}")
    return Fraction(int(top), int(bottom or 1)) if top.isdigit() else Fraction(0)


def _ratio(top: int, bottom: int) -> Fraction:
    if bottom == 0:
        raise UnclearNumber
    return Fraction(top, bottom)


def _power(base: Fraction, power: int) -> Fraction:
    size = max(len(str(base.numerator)), len(str(base.denominator)))
    if size * abs(power) > LARGEST or (base == 0 and power < 0):
        raise UnclearNumber
    return base**power


def canonical_fraction(value: Fraction) -> str | None:
    """A number as `akrasia.tasks.numbers.canonical_number` writes it: decimal digits, or a fraction in lowest terms."""
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        written = f"{value.numerator}/{value.denominator}"
    else:
        places = max(twos, fives)
        digits = value.numerator * 10**places // value.denominator
        written = format(Decimal(digits).scaleb(-places), "f") if places < 28 else ""
        if len(str(digits)) > 27 and places:
            sign, number = "-" if digits < 0 else "", str(abs(digits)).rjust(places + 1, "0")
            written = f"{sign}{number[:-places]}.{number[-places:]}"
        elif not places:
            written = str(digits)
        written = written.rstrip("0").rstrip(".") if "." in written else written
    return written if 0 < len(written) <= LARGEST else None


def arithmetic_value(expression: str) -> Fraction | None:
    """The value of an expression of numbers, operators and brackets; None where it is none."""
    if len(expression) > 200:
        return None
    terms: list[str] = []
    place = 0
    while place < len(expression.rstrip()):
        term = _TERM.match(expression, place)
        if term is None:
            return None
        terms.append(term[1])
        place = term.end()
    try:
        value, used = _sum(terms, 0, 0)
    except (IndexError, ValueError, ZeroDivisionError, UnclearNumber):
        return None
    return value if used == len(terms) else None


def _sum(terms: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    value, place = _product(terms, place, depth)
    while place < len(terms) and terms[place] in "+-":
        other, after = _product(terms, place + 1, depth)
        value = value + other if terms[place] == "+" else value - other
        place = after
    return value, place


def _product(terms: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    value, place = _factor(terms, place, depth)
    while place < len(terms) and terms[place] in ("*", "×", "·", "x", "/", "÷"):
        other, after = _factor(terms, place + 1, depth)
        value = value / other if terms[place] in "/÷" else value * other
        place = after
    return value, place


def _factor(terms: list[str], place: int, depth: int) -> tuple[Fraction, int]:
    if depth > 40:
        raise ValueError
    if terms[place] in "+-":
        value, after = _factor(terms, place + 1, depth + 1)
        return (-value if terms[place] == "-" else value), after
    if terms[place] == "(":
        value, place = _sum(terms, place + 1, depth + 1)
        if terms[place] != ")":
            raise ValueError
        place += 1
    else:
        value, place = Fraction(terms[place]), place + 1
    if place < len(terms) and terms[place] in ("^", "**"):
        power, place = _factor(terms, place + 1, depth + 1)
        if power.denominator != 1:
            raise ValueError
        value = _power(value, int(power))
    return value, place
