"""A thought is parted from its answer by one rule, where the response is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.records import Response, decode, encode, normal_form, split_thoughts

PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<reasoning>",
        "</reasoning>",
        "\u25c1think\u25b7",
        "\u25c1/think\u25b7",
        "[THINK]",
        "[/THINK]",
        "a",
        " ",
        "\n",
        "`<think>`",
        "<|channel|>analysis<|message|>",
        "<|channel|>final<|message|>",
        "<|end|>",
        "ACTION=Red",
    ]
)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>so</think>ACTION=Red", "so", "ACTION=Red"),
        ("<thinking>\nso\n</thinking>\n\nACTION=Red", "so", "ACTION=Red"),
        ("<reasoning>so</reasoning>\nACTION=Red", "so", "ACTION=Red"),
        ("so</think>\nACTION=Red", "so", "ACTION=Red"),
        ("\u25c1think\u25b7so\u25c1/think\u25b7ACTION=Red", "so", "ACTION=Red"),
        ("[THINK]so[/THINK]ACTION=Red", "so", "ACTION=Red"),
        (
            "<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>final<|message|>ACTION=Red<|return|>",
            "so",
            "ACTION=Red",
        ),
        ("analysisSo it is.assistantfinalACTION=Red", "So it is.", "ACTION=Red"),
        ("I write no `<think>` here. ACTION=Red", "", "I write no `<think>` here. ACTION=Red"),
    ],
)
def test_thought_and_answer_are_parted(text: str, reasoning: str, answer: str) -> None:
    response = Response(text)
    assert (response.reasoning, response.text, response.status) == (reasoning, answer, "ok")
    assert decode(Response, encode(response)) == response


@pytest.mark.parametrize(
    "text",
    [
        "<think>ACTION=Red",
        "\u25c1think\u25b7ACTION=Red\n",
        "<|channel|>analysis<|message|>ACTION=Red",
        "analysisThe ACTION=Red",
        "Well.\n<reasoning>ACTION=Red",
    ],
)
def test_an_answer_that_ends_inside_its_thought_is_truncated(text: str) -> None:
    response = Response(text)
    assert response.status == "truncated" and "ACTION=Red" not in response.text and "ACTION=Red" in response.reasoning


@given(st.lists(PIECES, max_size=12).map("".join))
def test_an_answer_that_was_split_is_split_no_further(text: str) -> None:
    response = Response(text)
    assert decode(Response, encode(response)) == response
    assert split_thoughts("plain").text == "plain"


@given(st.text(max_size=40))
def test_a_normal_form_is_its_own(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


def test_what_looks_alike_is_one_text() -> None:
    assert len({normal_form(t) for t in ("Paris", "paris", "**Paris**.", " \u201cParis\u201d ", "PARIS\u200b")}) == 1
    assert normal_form("O\u2019Brien") == normal_form("O'Brien")
    assert normal_form("cafe\u0301") == normal_form("caf\u00e9") != normal_form("cafe")
    assert normal_form(".5") != normal_form("5")
