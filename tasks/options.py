"""Checks of a task's numeric options: refused at construction, by name, with the range that would do."""

from __future__ import annotations

from ..errors import BadOption

__all__ = ["real", "whole"]


MOST = 10**9
LARGEST = 1e12


def whole(option: str, value: object, least: int) -> None:
    """Refuse anything but an integer of at least `least`.

    Raises:
        BadOption: naming the option.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        too_many = isinstance(value, int) and value > MOST
        remedy = f"Use an integer of at most {MOST}." if too_many else f"Use an integer of at least {least}."
        raise BadOption(f"{option} is {_short(value)}", remedy=remedy)


def real(option: str, value: object, least: float, most: float = float("inf")) -> None:
    """Refuse anything but a finite number from `least` to `most`.

    Raises:
        BadOption: naming the option.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= min(most, LARGEST):  # type: ignore[operator]
        upto = "" if most == float("inf") else f" and at most {most:g}"
        raise BadOption(f"{option} is {_short(value)}", remedy=f"Use a number of at least {least:g}{upto}.")


def _short(value: object) -> str:
    """A value as it stands in a message: not longer than a line."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
