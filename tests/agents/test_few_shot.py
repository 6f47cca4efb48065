"""Prompts that a model continues: no variant is measured there that would change nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import PlanError
from akrasia.interventions import INTERVENTIONS, parse
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Decision, Draw, Request

TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)
STRONGEST = {"explore_at_random": "explore_at_random(1.0)"}  # at the default it may do nothing in a few steps
REFUSED = {
    "allow_abstention",
    "commit",
    "confidence",
    "constrained_readout",
    "cue",
    "neutral_cue",
    "paraphrase",
    "paraphrase_prompt",
    "resample",
    "think_longer",
    "unrelated_rationales",
    "use_tools",
}  # such a prompt has no place for what they ask


def script(request: Request, draw: Draw) -> str:
    """Recommends the action with the lowest score, so that it is often wrong; acts by the first label."""
    scores = request.messages[-1].content.rpartition("Scores: ")[2].partition("\n")[0]
    worst = scores.split(", ")[-1].partition(" ")[0]
    return request.sampling.choices[0] if request.sampling.choices else f" 2.0. So the best button now is {worst}."


def play(variant: str) -> tuple[list[Any], list[Decision]]:
    """The requests and the decisions of a variant in two episodes, with the oracle at hand."""
    made: list[Any] = []

    def model(request: Request, draw: Draw) -> str:
        made.append((repr(request), draw))
        return script(request, draw)

    plan = parse(variant)
    plan.check_styles(variant, lambda slot: True)
    backend = Scripted(model, style="completion")
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    decisions = []
    for episode in range(2):
        state = TASK.start(episode)
        for _ in range(3):
            situation = TASK.situation(state)
            decide = plan.decide(situation, models, episode, situation.step, TASK.oracle(state))
            decisions.append(asyncio.run(decide))
            state = TASK.step(state, situation.actions[episode])[0]
    return sorted(made, key=repr), decisions


def test_in_completion_style_no_intervention_is_measured_that_changes_nothing() -> None:
    """Whatever is not refused asks something else than the baseline, or does something else."""
    plain, plain_decisions = play("reason_then_act")
    done = [d.done for d in plain_decisions]
    unchanged, refused = set(), set()
    for name in INTERVENTIONS:
        try:
            requests, decisions = play(f"reason_then_act | {STRONGEST.get(name, name)}")
        except PlanError as error:
            assert error.remedy
            refused.add(name)
            continue
        if requests == plain and [d.done for d in decisions] == done:
            unchanged.add(name)
    assert refused == REFUSED
    assert unchanged == {"constrain_action"}  # an actor is bound to its labels anyway


def test_in_completion_style_an_actor_alone_cannot_look_again(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="has no words there"):
        ak.run(
            task=TASK,
            model=Scripted(script, style="completion"),
            variants=["act", "act | re_evaluate"],
            episodes=1,
            out=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("variant", "option"),
    [
        ("reason_act | critique(blind=True)", "blind"),
        ("reason_act | confidence", "confidence"),
        ("reason_then_act | commit", "commit"),
        ("reason_act | think_longer", "budget"),
        ("liang", "think"),
        ("multi_persona", "agreement"),
        ("society(signed=True)", "signed"),
        ("society(protocol='confidence_weighted')", "confidence"),
    ],
)
def test_what_only_a_chat_prompt_has_a_place_for_is_refused(variant: str, option: str) -> None:
    with pytest.raises(PlanError, match=f"'{option}' of"):
        parse(variant).check_styles(variant, lambda slot: True)
    parse(variant).check_styles(variant, lambda slot: False)


def test_without_a_history_a_prompt_shows_nothing_computed_from_it() -> None:
    requests, _ = play("reason_then_act | no_history")
    assert requests and not any("Scores:" in text or "Reward=" in text for text, _ in requests)
