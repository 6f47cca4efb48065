"""Each graph and intervention against a script whose decision was worked out by hand, and no oracle in any prompt."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import PlanError
from akrasia.graphs import GRAPHS, Plan, act, reason_act, reason_then_act
from akrasia.interventions import INTERVENTIONS, debate_of_roles, execute_stated, parse
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Decision, Draw, Oracle, Request, Response, Situation, Turn
from akrasia.tasks import bandit
from akrasia.tasks.tools import CALCULATOR

HEARD = "A reasoner has thought about this situation"
COMMENTED = "Another agent has commented"
OTHERS = "Other agents have answered"
COMMENT = "Comment on this"
SITUATION = Situation(
    task="t", step=0, horizon=1, instruction="Pick one of Red, Blue and Green.", actions=("Red", "Blue", "Green"),
    noun="button",
)  # fmt: skip
Script = Callable[[str, Draw], str]


def ask(plan: Plan | str, script: Script, situation: Situation = SITUATION) -> tuple[Decision, list[tuple[str, Draw]]]:
    """The decision of a plan, and what its agents were shown: (whole prompt, draw) per call, in order."""
    shown: list[tuple[str, Draw]] = []

    def model(request: Request, draw: Draw) -> str:
        prompt = "\n".join(f"[{m.role}] {m.content}" for m in request.messages)
        shown.append((prompt, draw))
        return script(prompt, draw)

    backend = Scripted(model)
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    variant = ak.Variant("v", parse(plan) if isinstance(plan, str) else plan)
    return asyncio.run(variant.decide(situation, models, 0, 0)), shown


def last(prompt: str) -> str:
    """The last user message."""
    return prompt.rpartition("[user]")[2]


def says(best: str = "", action: str = "", words: str = "Thinking.") -> str:
    return "\n".join([words, *([f"BEST={best}"] if best else []), *([f"ACTION={action}"] if action else [])])


def turn(decision: Decision, agent: str, lane: int = 0) -> Turn:
    return next(t for t in decision.turns if (t.agent, t.lane) == (agent, lane))


def test_act_states_nothing() -> None:
    decision, shown = ask(act(), lambda p, d: "ACTION=Blue")
    assert (decision.done, decision.status) == ("Blue", "ok")
    assert (decision.stated, decision.stated_status) == ((), "absent")
    assert len(shown) == 1 and "BEST=" not in shown[0][0]


def test_reason_act_may_know_one_thing_and_do_another() -> None:
    decision, shown = ask(reason_act(), lambda p, d: says("Red", "Green", "Red is untried."))
    assert (decision.stated, decision.done) == (("Red",), "Green")
    assert "Red is untried." in decision.rationale
    assert "BEST=X" in shown[0][0] and "ACTION=Y" in shown[0][0]


def test_reason_then_act_shows_the_rationale_to_the_actor_alone() -> None:
    decision, shown = ask(reason_then_act(), lambda p, d: "ACTION=Green" if HEARD in p else says("Red", "", "Secret."))
    assert (decision.stated, decision.done) == (("Red",), "Green")
    (first, _), (second, _) = shown
    assert "ACTION" not in first and "You do not act yet" in first
    assert "Secret." in second and "BEST=Red" in second


@pytest.mark.parametrize(
    ("answer", "status", "stated_status"),
    [
        ("I like Red.", "unparsable", "unparsable"),
        ("BEST=Red", "unparsable", "ok"),
        ("BEST=Mauve\nACTION=Mauve", "illegal", "illegal"),
        ("", "unparsable", "unparsable"),
    ],
)
def test_an_answer_that_cannot_be_read_is_an_outcome(answer: str, status: str, stated_status: str) -> None:
    decision, _ = ask(reason_act(), lambda p, d: answer)
    assert (decision.done, decision.status, decision.stated_status) == (None, status, stated_status)
    assert decision.turns[0].text == answer


@pytest.mark.parametrize("status", ["refused", "error", "truncated"])
def test_a_call_without_an_answer_is_an_outcome_of_both_levels(status: Any) -> None:
    backend = Scripted(lambda r, d: Response("", status))
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    for plan in (reason_act(), reason_then_act(), reason_act() | ak.critique(), act()):
        decision = asyncio.run(ak.Variant("v", plan).decide(SITUATION, models, 0, 0))
        assert (decision.done, decision.status) == (None, status)
        assert decision.stated_status == ("absent" if plan == act() else status)


def test_re_evaluate_grows_the_conversation_at_its_end() -> None:
    decision, shown = ask(
        reason_act() | ak.re_evaluate(2), lambda p, d: says("Red", ("Red", "Blue", "Green")[p.count("once more")])
    )
    assert [t.action for t in decision.turns] == ["Red", "Blue", "Green"]
    assert decision.done == "Green"
    prompts = [p for p, _ in shown]
    assert prompts[1].startswith(prompts[0] + "\n[assistant] Thinking.\nBEST=Red\nACTION=Red\n[user] ")
    assert prompts[2].startswith(prompts[1] + "\n[assistant] Thinking.\nBEST=Red\nACTION=Blue\n[user] ")
    assert {d.sample for _, d in shown} == {0}


def test_a_second_look_that_cannot_be_read_does_not_fall_back_on_the_first() -> None:
    decision, _ = ask(reason_act() | ak.re_evaluate(), lambda p, d: "Hm." if "once more" in p else says("Red", "Red"))
    assert (decision.done, decision.status) == (None, "unparsable")
    assert (decision.stated, decision.stated_status) == ((), "unparsable")


def test_re_evaluating_reason_then_act_reconsiders_before_the_one_action() -> None:
    def script(prompt: str, draw: Draw) -> str:
        if HEARD in prompt:
            return says(action="Blue" if "Second thoughts" in prompt else "Red")
        return says("Blue", words="Second thoughts.") if "once more" in prompt else says("Red", words="First thoughts.")

    decision, shown = ask(reason_then_act() | ak.re_evaluate(), script)
    assert (decision.stated, decision.done) == (("Blue",), "Blue")
    assert [t.agent for t in decision.turns] == ["reason", "reason.again", "act"]
    assert "First thoughts" not in shown[-1][0]


def test_critique_hands_the_critics_words_to_the_reviser_and_to_nobody_else() -> None:
    def script(prompt: str, draw: Draw) -> str:
        if COMMENT in last(prompt):
            return "You forgot the bonus of Blue.\nBEST=Green"
        return says("Blue", "Blue", "I see.") if COMMENTED in last(prompt) else says("Red", "Red", "Red it is.")

    decision, shown = ask(reason_act() | ak.critique(), script)
    assert (decision.stated, decision.done) == (("Blue",), "Blue")
    opening, critic, reviser = (p for p, _ in shown)
    assert "Red it is." in critic and SITUATION.instruction in critic
    assert reviser.startswith(opening + "\n[assistant] Thinking.".replace("Thinking.", "Red it is."))
    assert "You forgot the bonus of Blue." in last(reviser)
    commented = turn(decision, "critic")
    assert (commented.stated, commented.action, commented.status) == (("Green",), None, "absent")


def test_critique_of_reason_then_act_reaches_the_actor_through_the_revision() -> None:
    def script(prompt: str, draw: Draw) -> str:
        if HEARD in prompt:
            return says(action="Green")
        if COMMENT in last(prompt):
            return "Look at Green.\nBEST=Green"
        return says("Green", words="Revised.") if COMMENTED in last(prompt) else says("Red", words="Draft.")

    decision, shown = ask(reason_then_act() | ak.critique(), script)
    assert (decision.stated, decision.done) == (("Green",), "Green")
    assert [t.role for t in decision.turns] == ["reasoner", "critic", "reasoner", "actor"]
    assert "Revised." in shown[-1][0] and "Look at Green." not in shown[-1][0]


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        (["Red", "Blue", "Blue"], "Blue"),
        (["Red", "Blue", "Green"], "Red"),
        (["Green", "Blue", "Blue", "Green"], "Green"),
        (["Blue", "Green", "Green", "Blue"], "Blue"),
        (["-", "Blue", "Red", "Red"], "Red"),
        (["-", "Green", "Blue"], "Green"),
        (["-", "-", "Blue"], "Blue"),
        (["Red"], "Red"),
    ],
)
def test_self_consistency_takes_the_plurality_and_ties_go_to_the_earliest(votes: list[str], winner: str) -> None:
    decision, shown = ask(
        reason_act() | ak.self_consistency(len(votes)), lambda p, d: says("Red", votes[d.sample].strip("-"))
    )
    assert (decision.done, decision.status) == (winner, "ok")
    assert sorted(d.sample for _, d in shown) == list(range(len(votes)))
    assert len({p for p, _ in shown}) == 1
    assert decision.turns[-1].text == "votes: " + ", ".join(votes)


def test_a_vote_counts_what_is_recommended_apart_from_what_is_done() -> None:
    answers = [says("Red", "Green"), says("Red", "Blue"), says("Blue", "Green")]
    decision, _ = ask(reason_act() | ak.self_consistency(3), lambda p, d: answers[d.sample])
    assert (decision.stated, decision.done) == (("Red",), "Green")


def test_an_unreadable_action_abstains_whatever_it_recommends() -> None:
    answers = [says("Red"), says("Red"), says("Blue", "Blue")]
    decision, _ = ask(reason_act() | ak.self_consistency(3), lambda p, d: answers[d.sample])
    assert (decision.stated, decision.done) == (("Red",), "Blue")
    nobody, _ = ask(reason_act() | ak.self_consistency(2), lambda p, d: answers[0])
    assert (nobody.done, nobody.status, nobody.stated) == (None, "unparsable", ("Red",))


def test_the_rationale_that_stands_after_a_vote_is_of_one_who_took_the_winning_action() -> None:
    answers = [says("Blue", "Red", "Zero."), says("Blue", "Blue", "One."), says("Blue", "Blue", "Two.")]
    decision, _ = ask(reason_act() | ak.self_consistency(3), lambda p, d: answers[d.sample])
    assert decision.done == "Blue" and "One." in decision.rationale


def test_votes_of_votes_count_each_groups_own_lanes() -> None:
    """Lanes 0-2 vote Red, lanes 3-5 vote Blue and Blue: the outer tie goes to the first group."""
    votes = ["Red", "Red", "Blue", "Blue", "Green", "Blue"]
    plan = reason_act() | ak.self_consistency(3) | ak.self_consistency(2)
    decision, shown = ask(plan, lambda p, d: says("Red", votes[d.sample]))
    assert [t.action for t in decision.turns if t.agent == "vote"] == ["Red", "Blue"]
    assert decision.done == "Red" and len(shown) == 6


def test_each_lane_criticises_its_own_answer() -> None:
    def script(prompt: str, draw: Draw) -> str:
        if COMMENT in last(prompt):
            return f"Comment {draw.sample}.\nBEST=Red"
        return says("Red", "Red", f"Answer {draw.sample}.")

    _, shown = ask(reason_act() | ak.critique() | ak.self_consistency(3), script)
    for prompt, draw in shown:
        others = [k for k in range(3) if k != draw.sample]
        assert not any(f"Answer {k}." in prompt or f"Comment {k}." in prompt for k in others)
        if COMMENTED in prompt:
            assert f"Answer {draw.sample}." in prompt and f"Comment {draw.sample}." in last(prompt)


def debater(prompt: str, draw: Draw) -> str:
    """Names itself by role and round; the reasoner holds Red, the actor and the critic Blue."""
    again = OTHERS in last(prompt)
    if COMMENT in last(prompt):
        return f"critic in round {prompt.count('again') // 2}.\nBEST=Blue"
    if draw.sample == 0:
        return says("Red", "Red", "reasoner again." if again else "reasoner opens.")
    return says(action="Blue", words="actor again." if again else "actor opens.")


def test_debate_who_reads_whom() -> None:
    decision, shown = ask(reason_act() | debate_of_roles(), debater)
    assert [t.agent for t in decision.turns] == [
        "reason_act", "debate.actor", "debate.critic", "debate.reasoner", "debate.actor.2", "debate.critic.2",
        "debate.vote",
    ]  # fmt: skip
    assert [t.reads for t in decision.turns] == [
        (), (), ("reason_act", "debate.actor"), ("reason_act", "debate.actor", "debate.critic"),
        ("debate.actor", "reason_act", "debate.critic"), ("debate.reasoner", "debate.actor.2"),
        ("debate.reasoner", "debate.actor.2", "debate.critic.2"),
    ]  # fmt: skip
    prompts = {last(p): (p, d.sample) for p, d in shown}
    discussing = {sample: last(p) for p, sample in prompts.values() if OTHERS in last(p)}
    assert set(discussing) == {0, 1}
    assert "actor opens." in discussing[0] and "critic in round 0." in discussing[0]
    assert "reasoner opens." in discussing[1] and "critic in round 0." in discussing[1]
    assert "reasoner opens." not in discussing[0] and "actor opens." not in discussing[1]
    second = next(p for p, _ in shown if COMMENT in last(p) and "again." in p)
    assert "reasoner again." in second and "actor again." in second and "opens." not in second


def test_the_critic_votes_for_what_it_holds_best() -> None:
    """Reasoner Red, actor Blue, critic Blue: the critic's own position decides, not the one it comments on."""
    for base in (reason_act(), reason_then_act()):
        decision, _ = ask(base | debate_of_roles(), debater)
        assert (decision.done, decision.turns[-1].text) == ("Blue", "votes: Red, Blue, Blue")


def test_a_debate_without_majority_goes_to_the_reasoner() -> None:
    decision, _ = ask(reason_act() | debate_of_roles(2), lambda p, d: debater(p, d).replace("BEST=Blue", "BEST=Green"))
    assert decision.turns[-1].text == "votes: Red, Blue, Green"
    assert decision.done == "Red"


def test_a_debate_whose_actor_falls_silent_still_counts_the_others() -> None:
    decision, _ = ask(
        reason_then_act() | debate_of_roles(), lambda p, d: debater(p, d).replace("ACTION=Blue", "no idea")
    )
    assert decision.turns[-1].text == "votes: Red, -, Blue"
    assert (decision.done, decision.status) == ("Red", "ok")


@pytest.mark.parametrize("base", [reason_act(), reason_then_act()])
def test_execute_stated_closes_the_gap(base: Plan) -> None:
    decision, shown = ask(base | execute_stated(), lambda p, d: says("Red", "Green"))
    assert (decision.stated, decision.done, decision.status) == (("Red",), "Red", "ok")
    assert len(shown) == 1 == (base | execute_stated()).calls


def test_execute_stated_after_a_second_look_executes_the_second() -> None:
    script: Script = lambda p, d: says("Blue" if "once more" in p else "Red", "Green")  # noqa: E731
    for base in (reason_act(), reason_then_act()):
        for plan in (base | ak.re_evaluate() | execute_stated(), base | execute_stated() | ak.re_evaluate()):
            if base == reason_act() and plan.changes[0] == execute_stated():
                continue
            assert ask(plan, script)[0].done == "Blue"


def test_execute_stated_without_a_recommendation_does_nothing() -> None:
    decision, _ = ask(reason_act() | execute_stated(), lambda p, d: says("", "Green"))
    assert (decision.done, decision.status) == (None, "unparsable")
    tied, _ = ask(reason_act() | execute_stated(), lambda p, d: "<values>Green=2, Blue=2, Red=1</values>\nACTION=Red")
    assert (tied.stated, tied.done) == (("Blue", "Green"), "Blue")


@pytest.mark.parametrize("graph", [reason_act, reason_then_act, act])
@pytest.mark.parametrize("rounds", [1, 3])
def test_the_placebo_has_the_shape_of_what_it_controls_for(graph: Callable[[], Plan], rounds: int) -> None:
    """Same calls, same number of messages, nearly the same number of words: only the content differs."""

    def answered(prompt: str, draw: Draw) -> str:
        return says("Red", "Red", "I looked.")

    looked = ask(graph() | ak.re_evaluate(rounds), answered)[1]
    dosed = ask(graph() | ak.placebo(f"re_evaluate(rounds={rounds})"), answered)[1]
    assert len(looked) == len(dosed)
    for (one, _), (other, _) in zip(looked, dosed, strict=True):
        assert one.count("[user]") == other.count("[user]")
        assert len(other.split()) == pytest.approx(len(one.split()), rel=0.10)
    added = [len(last(p).split()) for p, _ in (looked[-1], dosed[-1])]
    if graph is not reason_then_act:
        assert added[1] == pytest.approx(added[0], rel=0.10)
        assert "step" not in last(dosed[-1][0]).lower() and "change your answer" not in last(dosed[-1][0])


def test_controls_are_marked_as_such() -> None:
    def tags(plan: Plan) -> dict[str, str]:
        return ak.Variant(plan.name, plan).tags

    assert tags(reason_act() | ak.placebo("critique")) == {"control": "placebo", "of": "reason_act | critique"}
    assert tags(reason_act() | execute_stated()) == {"control": "execute_stated"}
    assert tags(reason_act() | ak.critique()) == {}
    assert ak.Variant("v", reason_act() | ak.critique()).tags == {"plan": "reason_act | critique"}


def test_a_slot_assigns_a_model_to_a_role() -> None:
    critic = Scripted(lambda r, d: "Wrong.\nBEST=Blue", name="critic")
    main = Scripted(lambda r, d: says("Red", "Blue" if "Wrong." in r.messages[-1].content else "Red"), name="main")
    models = ModelRoles(Gateway([main, critic]), {"default": main.info.id, "critic": critic.info.id})
    decision = asyncio.run(ak.Variant("v", reason_act() | ak.critique()).decide(SITUATION, models, 0, 0))
    assert decision.done == "Blue"


def test_sampling_settings_of_a_plan_reach_the_request() -> None:
    seen: list[Request] = []

    def model(request: Request, draw: Draw) -> str:
        seen.append(request)
        return "ACTION=Red"

    backend = Scripted(model)
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    plan = replace(act(), sampling={"temperature": 0.25, "max_tokens": 7})
    asyncio.run(ak.Variant("v", plan).decide(SITUATION, models, 0, 0))
    assert (seen[0].sampling.temperature, seen[0].sampling.max_tokens) == (0.25, 7)
    assert plan != act()


CANARY, VALUE = "canary-7f3a", 73519.25


@dataclass(frozen=True)
class Canary:
    """A bandit whose oracle holds what no prompt may hold."""

    inner: Any = field(default_factory=lambda: bandit(arms=3, head_start=2, horizon=2, view="both"))
    name = "canary"

    @property
    def options(self) -> dict[str, Any]:
        return {}

    def start(self, seed: int) -> Any:
        return self.inner.start(seed)

    def situation(self, state: Any) -> Situation:
        seen: Situation = self.inner.situation(state)
        return seen

    def oracle(self, state: Any) -> Oracle:
        true: Oracle = self.inner.oracle(state)
        return replace(
            true, rule=CANARY, values=dict.fromkeys(true.values, VALUE), regret=dict.fromkeys(true.regret, VALUE),
            forfeit=VALUE, optimal=(CANARY,), greedy=(CANARY,), untried=(CANARY,),
        )  # fmt: skip

    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        after: tuple[Any, float, bool] = self.inner.step(state, action)
        return after

    def forfeit(self, state: Any) -> tuple[Any, bool]:
        after: tuple[Any, bool] = self.inner.forfeit(state)
        return after


def everything() -> list[Plan]:
    """Every graph, and every intervention on two of them."""
    plans = [GRAPHS.make(graph) for graph in GRAPHS if graph != "external"]
    for name in INTERVENTIONS:
        for base in (reason_act(), reason_then_act()):
            try:
                plans.append(base | INTERVENTIONS.make(name))
            except PlanError:
                continue
    plans.append(parse("reason_then_act | critique(rounds=2) | re_evaluate | self_consistency(2)"))
    return [plan for plan in plans if not plan.leaks]


def prompts_of(plan: Plan, style: Any) -> list[str]:
    """Every request of a decision about the canary's situation, whose oracle is at hand."""
    prompts: list[str] = []

    def model(request: Request, draw: Draw) -> str:
        prompts.append(repr(request))
        return says("Red", "Red", f"{len(request.messages[0].content)} read.")

    backend = Scripted(model, style=style)
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    task = Canary()
    state = task.start(0)
    asyncio.run(plan.decide(task.situation(state), models, 0, 0, task.oracle(state), (CALCULATOR,)))
    return prompts


def leaked(prompts: list[str]) -> list[str]:
    return [p for p in prompts if CANARY in p or "73519" in p or "73,519" in p]


@pytest.mark.parametrize("style", ["chat", "completion"])
def test_no_prompt_holds_anything_of_the_oracle(style: Any) -> None:
    asked = 0
    for plan in everything():
        try:
            plan.check_styles(plan.name, lambda slot: style == "completion")
        except PlanError:
            continue
        prompts = prompts_of(plan, style)
        asked += len(prompts)
        assert leaked(prompts) == [], plan.name
    assert asked > 100
    told = parse(
        "reason_act | multi_turn_aiw"
    )  # the one intervention that is told, and that only which answer is wrong
    assert len(prompts_of(told, "chat")) == 4 and leaked(prompts_of(told, "chat")) == []


@pytest.mark.parametrize("design", ["fork", "rollout"])
def test_no_prompt_of_a_run_holds_anything_of_the_oracle(design: str, tmp_path: Any) -> None:
    prompts: list[str] = []

    def model(request: Request, draw: Draw) -> str:
        prompts.append(repr(request))
        return says("Red", "Red")

    variants = ["reason_act", "reason_then_act | critique", "society", "reason_act | multi_turn_aiw"]
    ak.run(task=Canary(), model=Scripted(model), variants=variants, episodes=1, design=design, out=tmp_path / "run")
    assert len(prompts) > 10 and leaked(prompts) == []


def test_what_the_files_name_is_what_the_room_offers() -> None:
    """An intervention is one file: its name is public where its file says so, and it is registered under that name."""
    assert {*INTERVENTIONS.names()} <= {*ak.interventions.__all__}
    assert all(hasattr(ak.interventions, name) for name in ak.interventions.__all__)
    assert not {"annotations", "replace", "Plan", "named_rng"} & {*ak.interventions.__all__}
