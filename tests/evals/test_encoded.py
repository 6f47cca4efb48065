"""What is encoded stands beside an arm only if it was read off on that arm's own prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.evals.encoded import same_prompt
from akrasia.models import Scripted
from akrasia.records import Draw, Request, Response

TASK = ak.tasks.bandit(arms=3, horizon=2, head_start=2, rule="ucb")


def model(style: Any) -> Scripted:
    """A model whose token probabilities are visible where it is asked for a label alone."""

    def answer(request: Request, draw: Draw) -> Response | str:
        choices = request.sampling.choices
        if choices:
            probs = {c: 1 / len(choices) for c in choices}
            return Response(f"ACTION={choices[0]}", probs=probs, mass=0.5)
        return "Because.\nBEST=Blue\nACTION=Blue"

    return Scripted(answer, style=style)


def beside(tmp_path: Path, variants: list[str], style: Any = "chat", **settings: Any) -> dict[str, str]:
    """The arm whose encoded answers stand beside each arm."""
    out = tmp_path / "run"
    card = ak.run(task=TASK, model=model(style), variants=variants, episodes=2, out=out, **settings).score()
    for arm in card.arms:
        assert ("level" in arm.breakdowns) == bool(arm.encoded_from)
    return {a.variant: a.encoded_from for a in card.arms}


ACT = "act | constrain_action"
THEN = "reason_then_act"


@pytest.mark.parametrize(
    ("variants", "shown"),
    [
        ([THEN, "act | no_history | constrain_action"], {}),
        ([f"{THEN} | constrain_action", ACT], {f"{THEN} | constrain_action": ACT}),
        ([f"{THEN} | no_history | constrain_action", ACT], {}),
        ([f"{THEN} | summarise_history | constrain_action", ACT], {}),
        ([f"{THEN} | checklist | constrain_action", ACT], {}),
        ([f"{THEN} | constrain_action | critique", ACT], {}),
        ([f"{THEN} | constrain_action | hide_rationale", ACT], {}),
    ],
)
def test_an_arm_is_shown_only_what_was_read_off_on_its_own_prompt(
    tmp_path: Path, variants: list[str], shown: dict[str, str]
) -> None:
    assert beside(tmp_path, variants) == {v: shown.get(v, "") for v in variants}


def test_a_model_that_continues_texts_reasons_on_another_prompt_than_it_acts_on(tmp_path: Path) -> None:
    assert set(beside(tmp_path, [THEN, "act"], "completion").values()) == {""}


def test_in_a_rollout_nothing_stands_beside_another_arm(tmp_path: Path) -> None:
    assert set(beside(tmp_path, [f"{THEN} | constrain_action", ACT], design="rollout").values()) == {""}


def test_the_report_says_why_it_shows_nothing(tmp_path: Path) -> None:
    variants = [f"{THEN} | no_history | constrain_action", ACT]
    result = ak.run(task=TASK, model=model("chat"), variants=variants, episodes=2, out=tmp_path / "run")
    assert "no variant shows token probabilities on the same prompt" in result.report().read_text()


def test_a_prompt_is_the_same_up_to_how_the_answer_is_asked_for() -> None:
    assert same_prompt("What is shown.\n\nACTION=X", "What is shown.\n\nThink.\n\nBEST=X")
    assert same_prompt("a\nb\nStep=2 Action=", "a\nb\nThought:")
    assert not same_prompt("What is shown.\n\nACTION=X", "You are careful.\n\nWhat is shown.\n\nBEST=X")
    assert not same_prompt("ACTION=X", "What is shown.\n\nBEST=X")
