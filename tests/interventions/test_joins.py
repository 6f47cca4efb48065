"""Every prompt reads as a prompt would: texts are joined with spaces and marks, and no placeholder is left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.agents.phrases import filler_for, joined, word_pieces
from akrasia.errors import PlanError
from akrasia.graphs import Plan
from akrasia.interventions import INTERVENTIONS, parse
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.models.base import Style
from akrasia.records import Draw, Message, Request
from akrasia.tasks import bandit
from akrasia.tasks.tools import CALCULATOR

STYLES: tuple[Style, ...] = ("chat", "completion", "tuned")
GLUED = re.compile(
    r"[a-z][A-Z]"  # a word that ends where the next sentence begins
    r"|[.!?][A-Za-z]"  # a sentence that ends without a space
    r"|[,;:](?=[A-Za-z])"
    r"|\.\.(?!\.)|\{\w+\}|  +\S"
)
SCHEMA = '{"action": "X"}'  # the one thing in braces that is meant
TASK = bandit(arms=3, head_start=2, horizon=3, labels=["Red", "Blue", "Green"])
SITUATION = TASK.situation(TASK.start(1))
BASES = ("act", "reason_act", "reason_then_act", "society(rounds=1)", "reason_act_critic")


@cache
def plans() -> tuple[Plan, ...]:
    """Every intervention on every base, and the placebo, the informed baseline and the other controls of each, once."""
    return tuple({plan.name: plan for plan in _plans()}.values())


def _plans() -> Iterator[Plan]:
    for base in map(parse, BASES):
        yield base
        for name in INTERVENTIONS:
            try:
                changed = base | INTERVENTIONS.make(name)
            except PlanError:
                continue
            yield changed
            if not name.startswith(("placebo", "informed")):
                try:
                    yield from (plan for _, plan in ak.interventions.controls_for(changed, base))
                except PlanError:
                    continue


def asked(plan: Plan, style: Style, answer: Callable[[Request], str]) -> list[tuple[Message, ...]]:
    """The messages of every request of one decision."""
    made: list[tuple[Message, ...]] = []

    def model(request: Request, draw: Draw) -> str:
        made.append(request.messages)
        return answer(request)

    backend = Scripted(model, style=style)
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    oracle = TASK.oracle(TASK.start(1))
    asyncio.run(ak.Variant("v", plan).decide(SITUATION, models, 0, 2, oracle, (CALCULATOR,)))
    return made


def glued(messages: tuple[Message, ...]) -> list[str]:
    """Where a message joins two texts without a space or a mark; the turns of a text that is continued are one."""
    texts = [m.content for m in messages if m.role == "user"]
    found = []
    for text in texts:
        bare = text.replace(SCHEMA, "J" * len(SCHEMA))
        found += [text[max(0, m.start() - 30) : m.end() + 30] for m in GLUED.finditer(bare)]
    return found


ANSWERS: dict[Style, Callable[[Request], str]] = {
    "chat": lambda request: "Red was best so far.\nBEST=Red\nACTION=Red\nCONFIDENCE=80",
    # a server that strips the space at the beginning of what continues the prompt
    "completion": lambda request: "Red" if request.sampling.choices else "9.9, which belongs to Red. So Red is best.",
    "tuned": lambda request: "Red" if request.sampling.choices else "Red was best. So the best arm now is Red.",
}


@pytest.mark.parametrize("style", STYLES)
def test_no_prompt_joins_two_texts_without_a_space_or_a_mark(style: Style) -> None:
    seen = 0
    for plan in plans():
        try:
            plan.check_styles(plan.name, lambda slot: style != "chat")
        except PlanError:
            continue
        for messages in asked(plan, style, ANSWERS[style]):
            seen += 1
            assert glued(messages) == [], plan.name
    assert seen > 100


def test_the_check_sees_a_join_that_lacks_its_space() -> None:
    for text in (
        "the highest score isThis part",
        "nothing to reply.End with",
        "so far:Step",
        "best {noun}",
        "end.. of",
    ):
        assert glued((Message("user", text),))


def test_a_filler_stands_alone_where_a_thought_would_be_continued() -> None:
    """The thought of a completion model begins in the prompt; a filler that replaces it begins nowhere else."""
    *_, act = asked(parse("reason_then_act | filler_tokens"), "completion", ANSWERS["completion"])
    assert "Thought: This part of the message" in act[0].content and "score isThis" not in act[0].content
    assert "highest score is This" not in act[0].content


@given(st.text())
def test_a_filler_has_the_length_of_its_text_and_ends_as_a_sentence_does(text: str) -> None:
    filler = filler_for(text)
    assert bool(filler) == bool(word_pieces(text))
    assert not filler or (filler.endswith(".") and filler[0].isupper() and ".." not in filler)
    assert abs(word_pieces(filler) - word_pieces(text)) <= 2


@given(st.text(), st.text())
def test_a_join_adds_one_space_at_most_and_loses_nothing(before: str, after: str) -> None:
    text = joined(before, after)
    assert text in (before + after, f"{before} {after}")
    if before and after and before[-1].isalnum() and after[0].isalnum():
        assert text == f"{before} {after}"
