"""Checks of a single option's value: whole numbers, numbers, true or false, one of several names.

Invariant: a check returns the value as it is, or raises an error that names the option, the value and the range that
would do. True and false are never numbers here, and no number may be infinite or not a number.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from .errors import BadOption, UnknownName

MOST_SEED = 2**63 - 1
MOST_ROUNDS, MOST_AGENTS, MOST_SAMPLES = 100, 100, 5_000  # of one decision: more is a mistake, and fills the memory
MOST_STEPS, MOST_OPTIONS = 10_000, 10_000  # of one episode; to choose from
MOST_WHOLE = 10**9  # a count beyond this is a mistake; where it is not, `most` says so
MOST_REAL = 1e12
LONGEST = 40  # characters of a value in a message


def whole(name: str, value: Any, least: int = 0, most: int = MOST_WHOLE, *, remedy: str = "") -> int:
    """The whole number `value`, if it lies from `least` to `most`.

    Args:
        name: the option as the subject of a sentence, such as "rounds" or "the number of agents".
        remedy: what to do, where the range alone does not say it.

    Raises:
        BadOption: the value is of another type or out of the range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        bounded = most != MOST_WHOLE or (isinstance(value, int) and value > most)
        span = f"from {least} to {most}" if bounded else f"of at least {least}"
        raise BadOption(f"{name} is {_short(value)}", remedy=remedy or f"Use a whole number {span}.")
    return value


def real(
    name: str, value: Any, least: float = -inf, most: float = MOST_REAL, *, above: float = -inf, remedy: str = ""
) -> float:
    """The finite number `value`, if it is at least `least`, at most `most` and greater than `above`.

    Args:
        name: the option as the subject of a sentence.
        remedy: what to do, where the range alone does not say it.

    Raises:
        BadOption: the value is of another type or out of the range.
    """
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None or not (least <= number <= most and above < number and -inf < number < inf):
        bounded = most != MOST_REAL or (number is not None and number > most)
        if above > -inf:
            span = f" above {above:g}" + (f" and at most {most:g}" if bounded else "")
        elif least > -inf:
            span = f" from {least:g} to {most:g}" if bounded else f" of at least {least:g}"
        else:
            span = f" of at most {most:g}" if bounded else ""
        raise BadOption(f"{name} is {_short(value)}", remedy=remedy or f"Use a number{span}.")
    return number


def flag(name: str, value: Any) -> bool:
    """The value, if it is true or false.

    Raises:
        BadOption: it is neither.
    """
    if not isinstance(value, bool):
        raise BadOption(f"{name} is {_short(value)}", remedy="Use true or false.")
    return value


def one_of(kind: str, value: Any, known: Iterable[str]) -> str:
    """The value, if it is one of the `known` names.

    Args:
        kind: what the names are called, as in "there is no KIND named 'x'".

    Raises:
        UnknownName: it is none of them; the message offers the nearest.
    """
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise UnknownName.among(kind, str(value), names)
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
