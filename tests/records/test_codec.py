"""The values that cross rooms keep what they hold, and every random number is a function of its name."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption, UnknownName
from akrasia.models import key_of
from akrasia.records import (
    Decision,
    Draw,
    Example,
    Message,
    Oracle,
    Quantity,
    Record,
    Request,
    Response,
    Sampling,
    Situation,
    Transition,
    Turn,
    Usage,
    decode,
    digest,
    encode,
)
from akrasia.registry import Registry
from akrasia.rng import named_rng, seed_of

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBER = st.floats(-1e6, 1e6, allow_nan=False)
COUNT = st.integers(0, 10**6)
LABELS = st.lists(TEXT, max_size=3).map(tuple)
SHARES = st.none() | st.dictionaries(TEXT, st.floats(0, 1), max_size=3)
STATUS = st.sampled_from(["ok", "unparsable", "illegal", "refused", "truncated", "error", "absent"])
USAGE = st.builds(Usage, COUNT, COUNT, COUNT, COUNT)
MESSAGE = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT)
SAMPLING = st.builds(Sampling, st.floats(0, 2), st.floats(0, 1), COUNT, LABELS, LABELS)
REQUEST = st.builds(
    Request, TEXT, st.lists(MESSAGE, max_size=3).map(tuple), SAMPLING, st.sampled_from(["chat", "completion"])
)
DRAW = st.builds(Draw, COUNT, COUNT, COUNT)
RESPONSE = st.builds(
    Response, TEXT, STATUS, TEXT, USAGE, SHARES, st.none() | st.floats(0, 1), st.none() | st.floats(0, 1e6),
    st.floats(0, 99), LABELS, st.dictionaries(TEXT, TEXT, max_size=2), TEXT,
)  # fmt: skip
TURN = st.builds(
    Turn, TEXT, TEXT, COUNT, COUNT, TEXT, TEXT, LABELS, STATUS, st.none() | TEXT, STATUS, TEXT, USAGE,
    st.none() | NUMBER, SHARES, st.none() | st.floats(0, 1), LABELS,
    st.none() | st.floats(0, 1), LABELS, st.booleans(), st.lists(MESSAGE, max_size=2).map(tuple),
)  # fmt: skip
DECISION = st.builds(
    Decision, TEXT, LABELS, STATUS, st.none() | TEXT, STATUS, SHARES, st.none() | st.floats(0, 1),
    st.lists(TURN, max_size=2).map(tuple),
)  # fmt: skip
ORACLE = st.builds(
    Oracle, LABELS, LABELS, st.dictionaries(TEXT, st.none() | NUMBER, max_size=3),
    st.dictionaries(TEXT, NUMBER, max_size=3), NUMBER, LABELS, TEXT,
)  # fmt: skip
RECORD = st.builds(
    Record, TEXT, TEXT, TEXT, st.sampled_from(["fork", "rollout"]), COUNT, COUNT, TEXT, LABELS, ORACLE, DECISION,
    st.none() | NUMBER, NUMBER, COUNT, USAGE, st.none() | NUMBER, st.dictionaries(TEXT, TEXT, max_size=2),
)  # fmt: skip
QUANTITY = st.builds(Quantity, TEXT, st.lists(st.none() | NUMBER, max_size=3).map(tuple))
SITUATION = st.builds(
    Situation, TEXT, COUNT, COUNT, TEXT, LABELS, TEXT, TEXT,
    st.lists(st.builds(Transition, COUNT, TEXT, NUMBER), max_size=3).map(tuple), TEXT,
    st.lists(QUANTITY, max_size=2).map(tuple), LABELS, TEXT,
)  # fmt: skip
NAME = st.integers() | TEXT


@settings(max_examples=150)
@given(st.one_of(RECORD, REQUEST, RESPONSE, DRAW, SITUATION, DECISION, ORACLE))
def test_a_value_survives_its_json(value: Any) -> None:
    again = decode(type(value), encode(value))
    assert again == value
    assert encode(again) == encode(value)


@given(SITUATION, TEXT)
def test_a_solved_example_survives_inside_a_situation(situation: Situation, action: str) -> None:
    shown = replace(situation, examples=(Example(situation, action),))
    assert decode(Situation, encode(shown)) == shown


@given(st.dictionaries(TEXT, NUMBER, max_size=5))
def test_json_does_not_depend_on_the_order_in_which_a_mapping_was_filled(values: dict[str, float]) -> None:
    backwards = dict(reversed(list(values.items())))
    assert digest(values) == digest(backwards)


def test_json_of_another_type_is_refused_with_the_place() -> None:
    with pytest.raises(BadOption, match="Draw") as refused:
        decode(Draw, b'{"episode": "soon", "step": 1}')
    assert "episode" in str(refused.value)
    with pytest.raises(BadOption):
        decode(Draw, b"{")


@given(REQUEST, DRAW, REQUEST, DRAW)
def test_an_answer_is_named_by_request_and_draw_alone(a: Request, d: Draw, b: Request, e: Draw) -> None:
    assert key_of(a, d) == key_of(decode(Request, encode(a)), decode(Draw, encode(d)))
    assert (key_of(a, d) == key_of(b, e)) == (encode((a, d)) == encode((b, e)))


@given(st.text(st.sampled_from("a\ud83d\ude00ß"), max_size=6))
def test_an_answer_with_half_a_character_can_be_kept(text: str) -> None:
    said = Response(text, error=text, finish_reason=text, attempts=(text, "a"), reported={text: text, "a": text})
    assert decode(Response, encode(said)) == said
    assert said.text.count("a") == text.count("a") and said.text.count("ß") == text.count("ß")


@pytest.mark.parametrize(
    "impossible",
    [
        {"usage": Usage(2**70, 1)}, {"usage": Usage(1, -1)}, {"usage": Usage(0, 0, 2**64)},
        {"usage": Usage(0, 0, 0, -5)}, {"usage": Usage(None, 1)}, {"usage": Usage(1.5, 1)},  # type: ignore[arg-type]
        {"cost": math.inf}, {"cost": -0.5}, {"latency": math.nan}, {"latency": math.inf}, {"latency": -1.0},
    ],
)  # fmt: skip
def test_impossible_numbers_of_an_answer_are_refused_and_say_what_to_give(impossible: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=r"of an answer is .*Let it give"):
        Response("x", **impossible)


def test_a_cost_that_is_no_number_is_not_known_and_what_is_reported_is_text() -> None:
    said = Response("x", cost=math.nan, reported={"tries": 3})  # type: ignore[dict-item]
    assert (said.cost, said.reported) == (None, {"tries": "3"})
    assert decode(Response, encode(said)) == said
    counted = Response("x", usage=Usage(np.int64(3), 1))  # type: ignore[arg-type]
    assert decode(Response, encode(counted)).usage == Usage(3, 1)


def test_usage_adds_up_field_by_field() -> None:
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)


@given(st.lists(NAME, min_size=1, max_size=4), st.lists(NAME, min_size=1, max_size=4))
def test_streams_of_different_names_differ_and_of_one_name_agree(a: list[Any], b: list[Any]) -> None:
    assert (seed_of(*a) == seed_of(*b)) == (a == b)
    assert np.array_equal(named_rng(*a).random(3), named_rng(*a).random(3))


@given(st.text("\x1fa:strin", max_size=12), st.text("\x1fa:strin", max_size=12))
def test_a_name_cannot_imitate_two_names(a: str, b: str) -> None:
    assert seed_of(a, b) != seed_of(f"{a}\x1fstr:{b}")
    assert seed_of(a, b) != seed_of(f"{a}\x1f\x1fstr:{b}")


def test_one_and_the_word_one_are_different_names() -> None:
    assert seed_of(1) != seed_of("1")
    assert 0 <= seed_of("x", bits=8) < 256


def test_many_streams_together_look_uniform_and_unrelated() -> None:
    first = np.array([named_rng("s", k).random(2) for k in range(4000)])
    assert abs(first.mean() - 0.5) < 0.02
    assert abs(first.var() - 1 / 12) < 0.005
    assert abs(np.corrcoef(first[:-1, 0], first[1:, 0])[0, 1]) < 0.06
    assert abs(np.corrcoef(first.T)[0, 1]) < 0.06


def test_registry_names_the_nearest_and_refuses_a_second_owner() -> None:
    table: Registry[float] = Registry("root", "akrasia.no_such_group")
    table.register("sqrt", math.sqrt)
    table.register("sqrt", math.sqrt)
    with pytest.raises(BadOption, match="registered already"):
        table.register("sqrt", math.cbrt if hasattr(math, "cbrt") else math.exp)
    with pytest.raises(UnknownName, match="Did you mean 'sqrt'"):
        table.make("sqr", 4.0)
    assert table.make("sqrt", 4.0) == 2.0
    assert list(table) == ["sqrt"]
    assert "cube" not in table


def test_registry_names_the_nearest_option() -> None:
    def power(base: int = 2, exponent: int = 2) -> int:
        return int(base**exponent)

    table: Registry[int] = Registry("number", "akrasia.no_such_group")
    table.register("power", power)
    assert table.make("power", exponent=3) == 8
    with pytest.raises(UnknownName, match="Did you mean 'exponent'"):
        table.make("power", exponnt=3)
    with pytest.raises(BadOption, match="power"):
        table.make("power", 1, 2, 3)
