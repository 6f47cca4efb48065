"""The worst case decides, with its interval, in every statement: what is missing is never taken for what is found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.agents import AGENTS, Agent
from akrasia.agents.base import ParsedAnswer, Prompt
from akrasia.agents.rendering import render_situation
from akrasia.evals.controls import Reference
from akrasia.evals.inference import Bounds, Contrast, Estimate
from akrasia.evals.pareto import pareto_points
from akrasia.evals.scoring import HEADLINE
from akrasia.evals.verdict import direction, judge_arm
from akrasia.graphs import GraphOutput, MessagesAdapter, Node, Plan
from akrasia.models import Scripted
from akrasia.records import Draw, Message, Request, Response, Sampling, Situation

TASK = {"name": "bandit", "arms": 4, "horizon": 4, "head_start": 2}
WHERE = ("bandit", "m", "v")


def contrast(
    value: float, metric: str = "gap", against: str = "base", ends: tuple[float, float] | None = None
) -> Contrast:
    """A difference that is shown; `ends`: the interval around its worst case, whose bounds lie on its own side of 0."""
    bounds = None
    if ends is not None:
        inside = (ends[0] / 2, ends[1] / 2) if ends[0] * ends[1] > 0 else (value - 0.1, value + 0.1)
        bounds = Bounds(
            Estimate(inside[0], ends[0], inside[0] + 0.1), Estimate(inside[1], inside[1] - 0.1, ends[1]), 0.3
        )
    found = Estimate(value, value - 0.05, value + 0.05, n=80, clusters=40)
    return Contrast(metric, "v", against, found, p=0.001, p_holm=0.001, bounds=bounds)


def test_the_interval_around_the_worst_case_decides_and_not_its_point() -> None:
    assert direction(contrast(-0.4)) == "down" and direction(contrast(0.4)) == "up"
    assert direction(contrast(-0.4, ends=(-0.8, -0.01))) == "down"
    assert direction(contrast(-0.4, ends=(-0.8, 0.04))) == "undone"  # the bound itself is -0.3
    assert direction(contrast(0.4, ends=(-0.04, 0.8))) == "undone"
    assert direction(contrast(0.4, ends=(0.01, 0.8))) == "up"


def test_an_anytime_valid_interval_keeps_its_width_around_the_worst_case() -> None:
    found = Estimate(-0.4, -0.7, -0.1, n=80, clusters=40)
    bounds = Bounds(Estimate(-0.6, -0.65, -0.55), Estimate(-0.2, -0.25, -0.15), 0.3)
    assert direction(Contrast("gap", "v", "base", found, bounds=bounds)) == "undone"


@pytest.mark.parametrize("value", [-0.4, 0.4])
def test_nothing_is_said_of_any_metric_or_control_that_what_is_missing_could_undo(value: float) -> None:
    ends = (-0.9, 0.9)
    sound = {
        "gap": contrast(-0.4),
        "doing": contrast(value, "doing", ends=ends),
        "knowing": contrast(value, "knowing", ends=ends),
    }
    pill = Reference("placebo", "pill", 2.0)
    verdict = judge_arm(WHERE, sound, [(pill, contrast(value, against="pill", ends=ends))], 2.0, (None, None), 4)
    assert verdict.outcome == "closes" and verdict.controls[0].outcome == "not shown"
    assert not re.search(r"(rises|falls|better than its placebo|worse than its placebo) by", verdict.sentence)
    assert verdict.sentence.count("could be undone by answers that could not be read (-0.90 to +0.90)") == 3
    undone = judge_arm(WHERE, {"gap": contrast(value, ends=ends)}, [], 2.0, (None, None), 4)
    assert undone.outcome == "not measured" and undone.sentence.startswith("no finding: ")


# Whole runs. The model answers by a hash of the situation, so that every arm can be broken at chosen steps.


def labels(text: str) -> list[str]:
    return text.split("buttons: ")[1].split(".")[0].split(", ")


def number(*parts: Any) -> int:
    return int(md5("|".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest(), 16) % 100


def answer(request: Request, draw: Draw) -> str:
    """Recommends one action and most often takes another; asked to take its time, it does what it recommends."""
    question = request.messages[0].content
    names, h = labels(question), number(question.partition("\nTake")[0].partition("\nAnswer")[0], draw.sample)
    done = h if "Take your time" in request.messages[-1].content or h % 5 == 0 else h + 1
    return f"BEST={names[h % 4]}\nACTION={names[done % 4]}"


def node_that(fails: int, how: str = "", patient: bool = False) -> Any:
    """A node that loses its answer at a share of the steps: it raises, or says `how`."""

    async def node(state: MessagesState) -> Any:
        question = str(state["messages"][0].content)
        said = await ak.ChatModel().ainvoke(f"{question}\nTake your time." if patient else f"{question}\nAnswer.")
        if number("lost", question) >= fails:
            return {"messages": [said]}
        if not how:
            raise RuntimeError("the store is down")
        return {"messages": [("ai", how)]}

    return node


def graph(node: Any, adapter: Any = None) -> ak.Variant:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph("mine", builder.compile(), adapter or MessagesAdapter())


def played(tmp_path: Path, *variants: Any, episodes: int = 16, model: Any = None) -> ak.Result:
    return ak.run(
        task=TASK, model=model or Scripted(answer), variants=["reason_act", *variants], episodes=episodes,
        out=tmp_path / "run", keep_going=True,
    )  # fmt: skip


def front(card: Any) -> list[str]:
    return [p.variant for p in pareto_points(card.arms)]


@pytest.mark.parametrize(("fails", "how"), [(10, ""), (40, "(cut by my parser)")])
def test_lost_answers_are_no_change_of_anything(tmp_path: Path, fails: int, how: str) -> None:
    result = played(tmp_path, graph(node_that(fails, how)), episodes=30)
    card = result.score(HEADLINE)
    (verdict,), arm = card.verdicts, card.arms[1]
    assert not arm.integrity
    assert not re.search(r"(rises|falls) by", verdict.sentence), verdict.sentence
    assert verdict.outcome in ("not measured", "no change shown")
    (comparison,) = result.compare("reason_act", "mine")
    assert {"higher", "lower"}.isdisjoint({line.outcome for line in comparison.lines}), comparison.sentence
    if verdict.outcome == "not measured":
        assert arm.undone and "mine" not in front(card)


def test_a_finding_that_the_worst_case_leaves_standing_is_kept(tmp_path: Path) -> None:
    card = played(tmp_path, graph(node_that(4, "(cut by my parser)", patient=True)), episodes=30).score(HEADLINE)
    arm = card.arms[1]
    assert arm.bounds and not arm.undone and not arm.integrity
    assert card.verdicts[0].outcome == "closes"
    assert [p.best for p in pareto_points(card.arms) if p.variant == "mine"] == [True]


def test_votes_without_a_winner_measure_nothing(tmp_path: Path) -> None:
    def split(request: Request, draw: Draw) -> str:
        names = labels(request.messages[0].content)
        return f"BEST={names[0]}\nACTION={names[draw.sample % 4]}"

    card = played(tmp_path, "reason_act | self_consistency(n=2, ties='none')", model=Scripted(split)).score(HEADLINE)
    assert [(f.check, f.share) for f in card.arms[1].integrity] == [("unread", 1.0)]
    assert "undecided" in card.verdicts[0].sentence and card.verdicts[0].outcome == "not measured"


class Picky(MessagesAdapter):
    """States what it finds, and nothing where recommendation and action differ."""

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        text = super().from_state(state, situation).text
        best, action = (line.partition("=")[2] for line in text.splitlines())
        return GraphOutput(text=text, stated=(best,) if best == action else ())


class Forgetful(MessagesAdapter):
    """Loses one recommendation in four."""

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        output = super().from_state(state, situation)
        lost = number("forgot", str(state["messages"][0].content)) < 25
        return GraphOutput(text=output.text, stated=()) if lost else output


class OnlyActs(MessagesAdapter):
    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        return GraphOutput(text=super().from_state(state, situation).text, stated=())


def test_an_arm_that_states_at_some_steps_only_is_not_measured(tmp_path: Path) -> None:
    card = played(tmp_path, graph(node_that(0), Picky())).score(HEADLINE)
    assert [f.check for f in card.arms[1].integrity] == ["rationale"] and "absent" in card.verdicts[0].sentence
    assert card.verdicts[0].outcome == "not measured" and "mine" not in front(card)


def test_recommendations_that_are_lost_here_and_there_are_missing_outcomes(tmp_path: Path) -> None:
    card = played(tmp_path, graph(node_that(0), Forgetful())).score(HEADLINE)
    arm = card.arms[1]
    assert not arm.integrity and arm.metrics["knowing"].n == arm.steps
    assert arm.bounds["knowing"].missing == pytest.approx(arm.outcomes.rationales["absent"] / arm.steps)


def test_an_arm_that_only_acts_is_asked_for_no_rationale_where_it_fails_either(tmp_path: Path) -> None:
    card = played(tmp_path, graph(node_that(10), OnlyActs())).score(HEADLINE)
    arm = card.arms[1]
    assert arm.outcomes.actions["error"] and not arm.integrity
    assert arm.metrics["knowing"].value is None and arm.metrics["doing"].value is not None


class Undecided:
    """A role that gives nothing where it makes no sense of an answer."""

    name = "own_undecided"

    def prompt(self, agent: Agent, situation: Situation, reads: Any, style: Any) -> Prompt:
        return Prompt((Message("user", f"{render_situation(situation)}\nEnd with BEST=X and ACTION=Y."),), Sampling())

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        best, action = (line.partition("=")[2] for line in text.splitlines())
        if best != action:
            return ParsedAnswer(rationale=text)
        return ParsedAnswer(text, ((best,), "ok"), (action, "ok"))


def test_a_deciding_role_that_gives_no_action_was_not_read(tmp_path: Path) -> None:
    AGENTS.register("own_undecided", Undecided)
    own = ak.Variant("own", Plan("p", (Node("n", Agent("own_undecided")),), decision="n", focus="n"))
    card = played(tmp_path, own).score(HEADLINE)
    assert card.arms[1].outcomes.actions.get("absent", 0) == 0
    assert "unread" in [f.check for f in card.arms[1].integrity]
    assert card.verdicts[0].outcome == "not measured" and "own" not in front(card)


class AlwaysFirst(Undecided):
    """A role that reads the first action in every answer."""

    name = "own_first"

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        first = situation.actions[0]
        return ParsedAnswer(text, ((first,), "ok"), (first, "ok"))


class Careful(Undecided):
    """A role that reads what the answer says."""

    name = "own_careful"

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        best, action = (line.partition("=")[2] for line in text.splitlines())
        return ParsedAnswer(text, ((best,), "ok"), (action, "ok"))


@pytest.mark.parametrize(("role", "sound"), [(AlwaysFirst, False), (Careful, True)])
def test_a_role_that_reads_what_the_answer_does_not_say_is_not_measured(tmp_path: Path, role: Any, sound: bool) -> None:
    AGENTS.register(role.name, role)
    own = ak.Variant("own", Plan("p", (Node("n", Agent(role.name)),), decision="n", focus="n"))
    card = played(tmp_path, own).score(HEADLINE)
    assert [f.cause for f in card.arms[1].integrity] == ([] if sound else [f"the {role.name} n was misread"])
    assert ("own" in front(card)) == sound


def test_a_control_that_lost_its_answers_proves_nothing(tmp_path: Path) -> None:
    def loses(request: Request, draw: Draw) -> str:
        question, again = request.messages[0].content, len(request.messages) > 1
        names, h = labels(question), number(question)
        placebo = again and "once more" not in request.messages[-1].content
        if placebo and number("lost", question) < 45:
            return f"BEST={names[h % 4]}\nACTION=the first one"
        right = h < (75 if again and not placebo else 50)
        return f"BEST={names[h % 4]}\nACTION={names[(h if right else h + 1) % 4]}"

    variants = ("reason_act | re_evaluate", "reason_act | placebo(of='re_evaluate')")
    card = played(tmp_path, *variants, episodes=30, model=Scripted(loses)).score(HEADLINE)
    verdict = next(v for v in card.verdicts if v.variant == "reason_act | re_evaluate")
    assert verdict.controls and verdict.controls[0].outcome not in ("better", "worse")
    assert "better than its placebo by" not in verdict.sentence


def gaps(value: Any, path: str = "") -> Iterator[str]:
    """Where a number called a gap stands in what is exported of an arm."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}/{key}"
            if key == "gap" and isinstance(inner, dict) and inner.get("value") is not None:
                yield here
            yield from gaps(inner, here)


def test_the_gap_of_an_arm_that_was_not_measured_stands_nowhere(tmp_path: Path) -> None:
    card = played(tmp_path, graph(node_that(60))).score()
    sound, broken = card.arms
    assert broken.integrity and not sound.integrity
    assert list(gaps(asdict(broken))) == []
    assert "/splits/all/gap" in list(gaps(asdict(sound)))


def test_a_two_way_table_holds_what_missing_outcomes_leave_open(tmp_path: Path) -> None:
    run = ak.run(
        task=TASK, model=["simulated:knowing=0.9", "simulated:knowing=0.5"], episodes=14, out=tmp_path / "run",
        variants=["reason_act", graph(node_that(8))],
    )  # fmt: skip
    (table,) = run.two_way()
    effect = table.effects["doing"]["variant"]
    assert effect.bounds is not None and effect.bounds.low.value is not None and effect.bounds.high.value is not None
    assert effect.bounds.low.value <= (effect.difference.value or 0.0) < effect.bounds.high.value
    assert direction(effect) in ("undone", "open")
