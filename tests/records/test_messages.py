"""A response holds only what JSON can hold: what cannot be kept is repaired or refused when the value is made."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.errors import BadOption
from akrasia.records import Response, Usage, decode, encode


@given(st.text(st.sampled_from("a\ud83d\ude00ß"), max_size=6))
def test_an_answer_with_half_a_character_can_be_kept(text: str) -> None:
    said = Response(text, error=text, finish_reason=text, attempts=(text, "a"), reported={text: text, "a": text})
    assert decode(Response, encode(said)) == said
    assert said.text.count("a") == text.count("a") and said.text.count("ß") == text.count("ß")


@pytest.mark.parametrize(
    "impossible",
    [
        {"usage": Usage(2**70, 1)},
        {"usage": Usage(1, -1)},
        {"usage": Usage(0, 0, 2**64)},
        {"usage": Usage(0, 0, 0, -5)},
        {"usage": Usage(None, 1)},
        {"usage": Usage(1.5, 1)},  # type: ignore[arg-type]
        {"cost": math.inf},
        {"cost": -0.5},
        {"latency": math.nan},
        {"latency": math.inf},
        {"latency": -1.0},
    ],
)
def test_impossible_numbers_of_an_answer_are_refused_and_say_what_to_give(impossible: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=r"of an answer is .*Let it return"):
        Response("x", **impossible)


def test_a_cost_that_is_no_number_is_not_known_and_what_is_reported_is_text() -> None:
    said = Response("x", cost=math.nan, reported={"tries": 3})  # type: ignore[dict-item]
    assert (said.cost, said.reported) == (None, {"tries": "3"})
    assert decode(Response, encode(said)) == said
    counted = Response("x", usage=Usage(np.int64(3), 1))  # type: ignore[arg-type]
    assert decode(Response, encode(counted)).usage == Usage(3, 1)


def test_usage_adds_up_field_by_field() -> None:
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)
