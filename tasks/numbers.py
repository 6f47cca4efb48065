"""Numbers as answers: one string per value, so that "7", "007" and "7.0" are the same answer.

Invariant: `canonical_number` is exact (nothing is rounded through a float) and idempotent. Two texts have the same
canonical form if and only if they are the same number.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

_NUMBER = re.compile(
    r"[-+]?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]{1,2})?", re.IGNORECASE
)
_FRACTION = re.compile(r"[-+]?[0-9]{1,40}/0*[1-9][0-9]{0,39}")
_MAX_LENGTH = 300  # characters; a longer text is not read as a number


def canonical_number(text: str) -> str | None:
    """A number as one string per value: "7" for "007", "7.0", "+7" and "7e0"; "1234" for "1,234"; "0.5" for "1/2".

    A fraction that no decimals end is written in lowest terms: "1/3" for "2/6".

    None where `text` is not a number: "nan", "3,5" (a list, or a decimal comma), "1_000".
    """
    stripped = text.strip().replace("\N{MINUS SIGN}", "-")
    if _FRACTION.fullmatch(stripped):
        return _of_fraction(Fraction(stripped))
    if len(stripped) > _MAX_LENGTH or not _NUMBER.fullmatch(stripped):
        return None
    digits = format(Decimal(stripped.replace(",", "")), "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    sign = "-" if digits.startswith("-") else ""
    digits = digits.lstrip("+-").lstrip("0")
    if not digits:
        return "0"
    if len(digits) > _MAX_LENGTH:
        return None
    return sign + ("0" + digits if digits.startswith(".") else digits)


def _of_fraction(value: Fraction) -> str:
    rest, places = value.denominator, 0
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest, places = rest // (10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2), places + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"
