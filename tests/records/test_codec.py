"""The values that cross rooms survive their JSON, and equal values have equal bytes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption
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
    Response,
    TEXT,
    STATUS,
    TEXT,
    USAGE,
    SHARES,
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.floats(0, 99),
    LABELS,
    st.dictionaries(TEXT, TEXT, max_size=2),
    TEXT,
)
TURN = st.builds(
    Turn,
    TEXT,
    TEXT,
    COUNT,
    COUNT,
    TEXT,
    TEXT,
    LABELS,
    STATUS,
    st.none() | TEXT,
    STATUS,
    TEXT,
    USAGE,
    st.none() | NUMBER,
    SHARES,
    st.none() | st.floats(0, 1),
    LABELS,
    st.none() | st.floats(0, 1),
    LABELS,
    st.booleans(),
    st.lists(MESSAGE, max_size=2).map(tuple),
    TEXT,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=2),
)
DECISION = st.builds(
    Decision,
    TEXT,
    LABELS,
    STATUS,
    st.none() | TEXT,
    STATUS,
    SHARES,
    st.none() | st.floats(0, 1),
    st.lists(TURN, max_size=2).map(tuple),
)
ORACLE = st.builds(
    Oracle,
    LABELS,
    LABELS,
    st.dictionaries(TEXT, st.none() | NUMBER, max_size=3),
    st.dictionaries(TEXT, NUMBER, max_size=3),
    NUMBER,
    LABELS,
    TEXT,
)
RECORD = st.builds(
    Record,
    TEXT,
    TEXT,
    TEXT,
    st.sampled_from(["fork", "rollout"]),
    COUNT,
    COUNT,
    TEXT,
    LABELS,
    ORACLE,
    DECISION,
    st.none() | NUMBER,
    NUMBER,
    COUNT,
    USAGE,
    st.none() | NUMBER,
    st.dictionaries(TEXT, TEXT, max_size=2),
)
QUANTITY = st.builds(Quantity, TEXT, st.lists(st.none() | NUMBER, max_size=3).map(tuple))
SITUATION = st.builds(
    Situation,
    TEXT,
    COUNT,
    COUNT,
    TEXT,
    LABELS,
    TEXT,
    TEXT,
    st.lists(st.builds(Transition, COUNT, TEXT, NUMBER), max_size=3).map(tuple),
    TEXT,
    st.lists(QUANTITY, max_size=2).map(tuple),
    LABELS,
    TEXT,
)


@settings(max_examples=80)
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
