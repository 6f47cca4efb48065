"""Every random number is a function of its name."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from akrasia.rng import named_rng, seed_of

NAME = st.integers() | st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.lists(NAME, min_size=1, max_size=4), st.lists(NAME, min_size=1, max_size=4))
def test_generators_of_different_names_differ_and_of_one_name_agree(a: list[Any], b: list[Any]) -> None:
    assert (seed_of(*a) == seed_of(*b)) == (a == b)
    assert np.array_equal(named_rng(*a).random(3), named_rng(*a).random(3))


@given(st.text("\x1fa:strin", max_size=12), st.text("\x1fa:strin", max_size=12))
def test_a_name_cannot_imitate_two_names(a: str, b: str) -> None:
    assert seed_of(a, b) != seed_of(f"{a}\x1fstr:{b}")
    assert seed_of(a, b) != seed_of(f"{a}\x1f\x1fstr:{b}")


def test_one_and_the_word_one_are_different_names() -> None:
    assert seed_of(1) != seed_of("1")
    assert 0 <= seed_of("x", bits=8) < 256


def test_many_generators_together_look_uniform_and_unrelated() -> None:
    first = np.array([named_rng("s", k).random(2) for k in range(4000)])
    assert abs(first.mean() - 0.5) < 0.02
    assert abs(first.var() - 1 / 12) < 0.005
    assert abs(np.corrcoef(first[:-1, 0], first[1:, 0])[0, 1]) < 0.06
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.06
