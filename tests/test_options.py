"""An option's value is returned as it is, or refused with its name and the range that would do."""

import math
from typing import Any

import pytest

from akrasia.errors import BadOption, UnknownName
from akrasia.options import flag, one_of, real, whole


def test_values_in_their_range_are_returned_as_they_are() -> None:
    assert (whole("n", 0), whole("n", 10**9, 1), whole("seed", 2**40, most=2**63)) == (0, 10**9, 2**40)
    assert (real("x", -3), real("x", 0.5, 0, 1), real("x", 1, above=0.5, most=1)) == (-3, 0.5, 1)
    assert flag("f", False) is False
    assert one_of("fruit", "pear", {"apple": 1, "pear": 2}) == "pear"


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1])
def test_what_is_no_whole_number_of_the_range_is_refused(value: Any) -> None:
    with pytest.raises(BadOption, match="rounds is .*Use a whole number of at least 0"):
        whole("rounds", value)


@pytest.mark.parametrize("value", [True, "0.5", None, -0.1, 1.1, math.nan, math.inf, -math.inf])
def test_what_is_no_number_of_the_range_is_refused(value: Any) -> None:
    with pytest.raises(BadOption, match="share is .*Use a number from 0 to 1"):
        real("share", value, 0, 1)


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        (lambda: whole("rollouts", 0, 1, 100), "rollouts is 0. Use a whole number from 1 to 100."),
        (lambda: whole("n", 2 * 10**9), "Use a whole number from 0 to 1000000000."),
        (lambda: real("level", 0.5, most=1, above=0.5), "level is 0.5. Use a number above 0.5 and at most 1."),
        (lambda: real("x", math.nan), "x is nan. Use a number."),
        (lambda: real("x", 1e13, 0), "Use a number from 0 to 1e+12."),
        (lambda: whole("n", "x", remedy="Leave it out."), "n is 'x'. Leave it out."),
        (lambda: whole("n", "x" * 99), f"n is '{'x' * 36}..."),
        (lambda: flag("blind", 1), "blind is 1. Use true or false."),
    ],
)
def test_a_refusal_names_option_value_and_range(refused: Any, text: str) -> None:
    with pytest.raises(BadOption) as error:
        refused()
    assert text in str(error.value)


def test_an_unknown_name_is_refused_with_its_nearest_whatever_its_type() -> None:
    with pytest.raises(UnknownName, match="no fruit named 'peer'. Did you mean 'pear'"):
        one_of("fruit", "peer", ["apple", "pear"])
    with pytest.raises(UnknownName, match="no fruit named"):
        one_of("fruit", ["pear"], ["apple", "pear"])
