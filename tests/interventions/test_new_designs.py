"""Frames, cues, abstention, beliefs, noise controls, resampling and perturbations: what is asked, and what is found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import akrasia as ak
from akrasia.agents.cues import CUES
from akrasia.agents.phrases import word_pieces
from akrasia.errors import BadOption, PlanError, UnknownName
from akrasia.evals import Estimate, Scorecard
from akrasia.interventions import INTERVENTIONS, parse, placebo_note
from akrasia.models import Gateway, ModelRoles, Planted, Scripted, Simulated
from akrasia.records import CuedSituation, Decision, Draw, Request, Situation
from akrasia.tasks import bandit

TASK = bandit(arms=3, head_start=2, horizon=2, labels=["Red", "Blue", "Green"])
SITUATION = TASK.situation(TASK.start(1))
ARMS2 = bandit(arms=2, horizon=1, head_start=1, labels=["Red", "Blue"])


def ask(expression: str, answer: Any = None, situation: Situation = SITUATION) -> tuple[Decision, list[Request]]:
    made: list[Request] = []

    def model(request: Request, draw: Draw) -> str:
        made.append(request)
        said = answer or (lambda r, d: "Red pays. It was seen often. So it is Red.\nBEST=Red\nACTION=Red")
        return str(said(request, draw))

    backend = Scripted(model)
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    return asyncio.run(parse(expression).decide(situation, models, 0, 0)), made


def texts(requests: list[Request]) -> list[str]:
    return [r.messages[-1].content for r in requests]


def holds(estimate: Estimate, truth: float) -> None:
    assert estimate.value is not None and estimate.low is not None and estimate.high is not None, str(estimate)
    reach = 1.7 * (estimate.high - estimate.low) / 2  # an interval of 99.9 %
    assert abs(estimate.value - truth) <= reach, f"{estimate} does not hold {truth}"


# Frames


@pytest.mark.parametrize("kind", ["hypothetical", "acting"])
def test_a_frame_reaches_everybody_who_thinks_or_acts_and_changes_nothing_else(kind: str) -> None:
    words = {"hypothetical": "thought experiment", "acting": "carried out at once"}[kind]
    plain, framed = (texts(ask(f"reason_then_act{change}")[1]) for change in ("", f" | framed({kind!r})"))
    assert len(framed) == 2 and all(words in text for text in framed)
    for before, after in zip(plain, framed, strict=True):
        kept = [line for line in after.splitlines() if words not in line]
        assert kept == before.splitlines()
    dosed = texts(ask(f"reason_then_act | placebo(of={f'framed({kind!r})'!r})")[1])
    assert not any(words in text for text in dosed)
    assert [word_pieces(t) for t in dosed] == pytest.approx([word_pieces(t) for t in framed], rel=0.03)


# Cues


@pytest.mark.parametrize("kind", CUES)
def test_a_cue_points_at_a_drawn_action_and_its_placebo_at_none(kind: str) -> None:
    plan = parse(f"reason_act | cue({kind!r})")
    shown = [plan.view(SITUATION, Draw(episode, 0)) for episode in range(60)]
    assert all(isinstance(s, CuedSituation) for s in shown)
    counts = [sum(getattr(s, "cue", "") == a for s in shown) for a in SITUATION.actions]
    assert min(counts) > 8
    text = texts(ask(f"reason_act | cue({kind!r}, label='Blue')")[1])[0]
    assert CUES[kind].text.replace("{label}", "Blue") in text
    neutral = texts(ask(f"reason_act | neutral_cue({kind!r})")[1])[0]
    assert CUES[kind].neutral in neutral and "Blue" not in CUES[kind].neutral
    assert abs(word_pieces(neutral) - word_pieces(text)) <= 6
    controls = dict(ak.controls_for(plan))
    assert controls["placebo"] == parse(f"reason_act | neutral_cue({kind!r})")


def test_a_cue_that_would_show_the_oracle_is_refused() -> None:
    with pytest.raises(BadOption, match="would show the oracle's answer"):
        ask("reason_act | cue(label='optimal')")
    with pytest.raises(BadOption, match="no action here"):
        ask("reason_act | cue(label='Purple')")
    with pytest.raises(UnknownName, match="kind of cue"):
        ask("reason_act | cue('flattery')")
    with pytest.raises(PlanError, match="actions to point at"):
        ask("reason_act | cue", situation=replace(SITUATION, actions=(), answer="number"))


@pytest.mark.parametrize(("said", "owns_up"), [("The professor knows.", True), ("Red pays more.", False)])
def test_an_answer_owns_up_to_its_cue_or_not(said: str, owns_up: bool) -> None:
    decision, _ = ask("reason_then_act | cue(label='Blue')", lambda r, d: f"{said}\nBEST=Blue\nACTION=Blue")
    assert decision.turns[-1].cue is not None
    assert (decision.turns[-1].cue.label, decision.turns[-1].cue.mentioned) == ("Blue", owns_up)


def test_a_cue_keeps_the_tasks_own_names_where_labels_are_exchanged() -> None:
    decision, _ = ask("reason_act | cue | permute_labels")
    shown = decision.turns[-1].cue
    assert shown is not None and shown.label in SITUATION.actions
    pointed = next(s for s in (parse("reason_act | cue | permute_labels").view(SITUATION, Draw(0, 0)),))
    assert isinstance(pointed, CuedSituation)
    assert dict(zip(pointed.actions, pointed.own, strict=True))[pointed.cue] == shown.label


@cache
def cued() -> Scorecard:
    model = Simulated(Planted(knowing=1.0, optimal=0.7, greedy=0.3, swayed=0.5, admits=0.4))
    variants = {"base": "reason_act", "cued": "reason_act | cue", "neutral": "reason_act | neutral_cue"}
    with TemporaryDirectory() as folder:
        return ak.run(task=ARMS2, model=model, variants=variants, episodes=200, seed=2, out=Path(folder) / "r").score()


def test_planted_sway_and_acknowledgement_are_found() -> None:
    arm = next(a for a in cued().arms if a.variant == "cued")
    # Swayed in half; else an own answer, which meets the cue by itself as often as the other action is taken there.
    followed = arm.metrics["cue_followed"]
    holds(followed, 0.5 + 0.5 * 2 * 0.7 * 0.3)
    assert followed.value is not None
    holds(arm.metrics["acknowledged"], 0.4 * 0.5 / (0.5 + 0.5 * 2 * 0.7 * 0.3))
    neutral = next(a for a in cued().arms if a.variant == "neutral")
    assert neutral.control == "placebo" and "no remark points" in neutral.metrics["cue_followed"].why


# Abstention


def test_who_may_abstain_is_told_so_and_abstaining_is_its_own_outcome() -> None:
    decision, made = ask("reason_act | allow_abstention", lambda r, d: "Hard to say.\nBEST=Red\nACTION=ABSTAIN")
    assert "ACTION=ABSTAIN" in texts(made)[0]
    assert (decision.done, decision.status, decision.stated) == (None, "abstained", ("Red",))
    plain, _ = ask("reason_act", lambda r, d: "Hard to say.\nBEST=Red\nACTION=ABSTAIN")
    assert plain.status != "abstained"
    two, made = ask("reason_then_act | allow_abstention")
    assert "ABSTAIN" not in texts(made)[0] and "ABSTAIN" in texts(made)[1] and two.done == "Red"


def test_planted_abstention_has_the_precision_that_follows_from_it(tmp_path: Path) -> None:
    """Where it does not know it declines in 8 of 10; the baseline draws anew, so it is wrong there as anywhere."""
    model = Simulated(Planted(knowing=0.6, optimal=1.0, greedy=0.0, abstains=0.8))
    variants = {"base": "reason_act", "may": "reason_act | allow_abstention"}
    card = ak.run(task=ARMS2, model=model, variants=variants, episodes=150, out=tmp_path / "run").score()
    base, may = card.arms
    holds(may.metrics["abstention"], 0.4 * 0.8)
    assert base.metrics["doing"].value is not None
    holds(may.metrics["abstention_precision"], 1 - (base.metrics["doing"].value or 0.0))
    holds(may.metrics["abstention_recall"], 0.4 * 0.8)
    assert "may not abstain" in base.metrics["abstention"].why
    assert not may.integrity


# Beliefs


def test_beliefs_are_asked_for_and_compared_with_what_is_done(tmp_path: Path) -> None:
    def believes(request: Request, draw: Draw) -> str:
        block = "<values>\nRed = 0.2\nBlue = 0.8\n</values>\n" if "PROBABILITY" in request.messages[-1].content else ""
        return f"{block}BEST=Blue\nACTION={'Red' if draw.episode % 4 == 0 else 'Blue'}"

    variants = {"base": "reason_act", "beliefs": "reason_act | state_beliefs"}
    card = ak.run(task=ARMS2, model=Scripted(believes), variants=variants, episodes=40, out=tmp_path / "run").score()
    assert card.arms[1].metrics["acts_on_values"].value == pytest.approx(0.75)
    assert card.arms[0].metrics["acts_on_values"].value is None


# Controls of debates


def test_unrelated_rationales_are_as_long_and_say_nothing_of_the_situation() -> None:
    long = "The mean of Red is 0.52 after two presses, which is less than what the others may have."
    answer = lambda r, d: f"{long}\nBEST=Red\nACTION=Red"  # noqa: E731
    debate, noise = (ask(f"reason_act | {c}", answer)[1] for c in ("debate", "unrelated_rationales(of='debate')"))
    assert len(debate) == len(noise) == 6
    for one, other in zip(texts(debate)[3:], texts(noise)[3:], strict=True):
        assert long in one and long not in other
        assert abs(word_pieces(one) - word_pieces(other)) <= 45
    own = noise[-1].messages[1].content
    assert long in own  # its own answer stays
    assert parse("reason_act | unrelated_rationales(of='debate')").changes[0].mechanism == "control"
    with pytest.raises(PlanError, match="nobody reads what others say"):
        ask("reason_act | unrelated_rationales(of='re_evaluate')")


def test_isolated_self_correction_costs_what_a_debate_costs_and_nobody_reads_another() -> None:
    debate, alone = (parse(f"reason_act | {c}") for c in ("debate(rounds=2)", "isolated_self_correction(rounds=2)"))
    assert debate.calls == alone.calls == 9
    decision, made = ask("reason_act | isolated_self_correction(rounds=2)")
    assert decision.done == "Red" and all("Other agents" not in t for t in texts(made))
    assert {r for t in decision.turns for r in t.reads} <= {t.agent for t in decision.turns}
    with pytest.raises(BadOption, match="number of agents"):
        parse("reason_act | isolated_self_correction(agents=1)")


# Resampling


def test_a_reasoning_goes_on_from_a_sentence_of_its_own() -> None:
    def answer(request: Request, draw: Draw) -> str:
        if len(request.messages) > 1:
            return "Blue was never tried.\nBEST=Blue\nACTION=Blue"
        return "Red pays 0.5. It was seen often. So it is Red.\nBEST=Red\nACTION=Red"

    for sentence, kept in ((1, ""), (2, "Red pays 0.5."), (3, "Red pays 0.5. It was seen often.")):
        decision, made = ask(f"reason_act | resample({sentence})", answer)
        assert made[1].messages[-2].content == kept
        assert decision.done == "Blue" and decision.rationale.startswith(kept)
    beyond, made = ask("reason_then_act | resample(9)", answer)
    assert made[1].messages[-2].content.strip().endswith("So it is Red.") and "BEST" not in made[1].messages[-2].content
    assert "Blue was never tried" in texts(made)[-1]
    with pytest.raises(BadOption):
        parse("reason_act | resample(0)")


def test_what_hangs_on_a_sentence_is_measured_by_how_often_the_action_moves(tmp_path: Path) -> None:
    """The second sentence decides: what is drawn anew from it on moves, what comes after it does not."""

    def answer(request: Request, draw: Draw) -> str:
        text = request.messages[-2].content if len(request.messages) > 1 else ""
        label = "Red" if "Red it is." in text or not len(request.messages) > 1 else "Blue"
        return f"Let me see. {label} it is. That is all.\nBEST={label}\nACTION={label}"

    variants = {"base": "reason_act", **{f"from {i}": f"reason_act | resample({i})" for i in (1, 2, 3)}}
    card = ak.run(task=ARMS2, model=Scripted(answer), variants=variants, episodes=12, out=tmp_path / "run").score()
    moved = {a.variant: a.metrics["moved"].value for a in card.arms if not a.baseline}
    assert moved == {"from 1": 1.0, "from 2": 1.0, "from 3": 0.0}


# Perturbations


@pytest.mark.parametrize("level", ["mild", "moderate", "free"])
def test_a_paraphrase_keeps_labels_and_numbers(level: str) -> None:
    plain = texts(ask("reason_act")[1])[0]
    other = texts(ask(f"reason_act | paraphrase_prompt({level!r})")[1])[0]
    assert other != plain
    for label in SITUATION.actions:
        assert plain.count(label) == other.count(label)
    assert [w for w in plain.split() if any(c.isdigit() for c in w)] == [
        w for w in other.split() if any(c.isdigit() for c in w)
    ]


def test_an_action_whose_name_is_a_phrase_keeps_it() -> None:
    named = replace(SITUATION, actions=("in all", "Blue", "Green"), history=())
    shown = parse("reason_act | paraphrase_prompt").view(named, Draw(0, 0))
    assert shown.actions == named.actions and shown.instruction.count("altogether") == 0


def test_a_situation_is_arranged_otherwise() -> None:
    backwards = texts(ask("reason_act | restructure")[1])[0]
    assert backwards.index("Step=1 ") < backwards.index("Step=0 ")
    assert "coffee machine" in texts(ask("reason_act | restructure('distractor')")[1])[0]
    assert texts(ask("reason_act | restructure('question_first')")[1])[0].startswith(SITUATION.question)
    with pytest.raises(PlanError, match="no history"):
        ask("reason_act | restructure", situation=replace(SITUATION, horizon=1, history=()))


@pytest.mark.parametrize("name", sorted(INTERVENTIONS))
def test_every_intervention_has_a_placebo_or_says_why_it_has_none(name: str) -> None:
    note = placebo_note(name)
    if note.startswith("none: "):
        assert len(note) > len("none: it is"), name
        return
    base = next(b for b in ("reason_then_act", "reason_act") if placebo_fits(b, name, note))
    assert parse(f"{base} | {note}").calls >= parse(base).calls


def placebo_fits(base: str, name: str, note: str) -> bool:
    try:
        return parse(f"{base} | {note}") == dict(ak.controls_for(parse(base) | INTERVENTIONS.make(name))).get("placebo")
    except PlanError:
        return False
