"""The catalogue: what every intervention, control and discussion does, against scripts worked out by hand."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import networkx as nx
import pytest

import akrasia as ak
from akrasia.agents import Agent
from akrasia.agents.phrases import filler_for, word_pieces
from akrasia.errors import AkrasiaError, BadOption, PlanError, UnknownName
from akrasia.graphs import GRAPHS, Node, Plan, reason_act, reason_then_act
from akrasia.interventions import INTERVENTIONS, checklist, parse
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Decision, Draw, Oracle, Request, Response, Situation, Usage
from akrasia.tasks import bandit

TASK = bandit(arms=3, head_start=2, horizon=2, labels=["Red", "Blue", "Green"])
STATE = TASK.start(1)
SITUATION = TASK.situation(STATE)
ORACLE = TASK.oracle(STATE)
Script = Callable[[Request, Draw], str | Response]


def ask(
    plan: Plan | str, script: Script, situation: Situation = SITUATION, oracle: Oracle | None = None
) -> tuple[Decision, list[Request]]:
    """A decision of a plan at step 0 of episode 0, and every request it made, in order."""
    made: list[Request] = []

    def model(request: Request, draw: Draw) -> str | Response:
        made.append(request)
        return script(request, draw)

    backend = Scripted(model)
    models = ModelRoles(Gateway([backend]), {"default": backend.info.id})
    variant = ak.Variant("v", parse(plan) if isinstance(plan, str) else plan)
    return asyncio.run(variant.decide(situation, models, 0, 0, oracle)), made


def says(label: str, words: str = "Thinking.") -> str:
    return f"{words}\nBEST={label}\nACTION={label}"


def by_sample(*labels: str) -> Script:
    """Debater i holds labels[i] throughout."""
    return lambda request, draw: says(labels[draw.sample % len(labels)])


def last(request: Request) -> str:
    return request.messages[-1].content


def test_the_catalogue_says_what_each_changes_and_where_it_comes_from() -> None:
    made = [INTERVENTIONS.make(n) for n in INTERVENTIONS]
    assert len(made) >= 25
    for change in made:
        assert change.mechanism and change.changes and change.source
        assert (INTERVENTIONS.about(change.name) or "").endswith(".")
    assert [m.name for m in made if m.leaks] == ["multi_turn_aiw"]
    assert {m.mechanism for m in made} == {
        "another look",
        "more samples",
        "prompt",
        "context",
        "rationale tampering",
        "decoding",
        "environment",
        "control",
        "measurement",
        "tools",
    }


COMMUTE = [
    "checklist",
    "persona",
    "strict",
    "think_longer",
    "confidence",
    "show_bonus",
    "summarise_history",
    "permute_labels",
    "temperature(0.5)",
    "constrain_action",
    "constrained_readout",
    "blind_actor",
    "commit",
]


@pytest.mark.parametrize(("one", "other"), list(combinations(COMMUTE, 2)))
def test_what_commutes_on_paper_commutes_in_the_plan(one: str, other: str) -> None:
    orders = [f"reason_then_act | {one} | {other}", f"reason_then_act | {other} | {one}"]
    assert parse(orders[0]) == parse(orders[1])
    asked = [ask(order, by_sample("Red"))[1] for order in orders]
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "late", ["try_all", "explore_at_random(0.2)", "execute_stated", "checklist", "show_bonus", "swap_recommendation"]
)
@pytest.mark.parametrize("look", ["critique", "re_evaluate", "reflect"])
def test_changes_of_the_end_commute_with_changes_of_the_answer(look: str, late: str) -> None:
    assert parse(f"reason_then_act | {look} | {late}") == parse(f"reason_then_act | {late} | {look}")


PLACEBOS = [
    "re_evaluate(rounds=2)",
    "self_correct",
    "reflect",
    "critique(rounds=2)",
    "checklist",
    "persona | strict",
    "self_consistency(3)",
    "debate(rounds=2)",
    "debate(topology='ring', agents=4, protocol='borda')",
    "debate_of_roles",
    "best_of_n(3)",
    "critique | self_consistency(3)",
    "think_longer",
]


@pytest.mark.parametrize("of", PLACEBOS)
@pytest.mark.parametrize("base", [reason_act, reason_then_act])
def test_a_placebo_makes_as_many_calls_and_reads_as_many_tokens(of: str, base: Callable[[], Plan]) -> None:
    def counted(request: Request, draw: Draw) -> Response:
        label = SITUATION.actions[draw.sample % 3]
        text = says(label, "A mean of 0.52 after two presses is less than what the untried one may have.")
        return Response(text, usage=Usage(sum(word_pieces(m.content) for m in request.messages), word_pieces(text)))

    if of == "think_longer":
        with pytest.raises(PlanError, match="no placebo"):
            base() | ak.placebo(of)
        return
    treated = ask(parse(f"{base().name} | {of}"), counted)[0]
    dosed, shown = ask(base() | ak.placebo(of), counted)
    assert [bool(t.key) for t in dosed.turns] == [bool(t.key) for t in treated.turns]
    tokens = [sum(t.usage.prompt_tokens + t.usage.completion_tokens for t in d.turns) for d in (treated, dosed)]
    assert tokens[1] == pytest.approx(tokens[0], rel=0.05)
    assert shown


def test_a_filler_has_the_length_and_nothing_of_the_text() -> None:
    text = "BEST=Red because 0.52 > 0.31 (2 presses)."
    assert abs(word_pieces(filler_for(text)) - word_pieces(text)) <= 2
    assert filler_for("") == ""
    assert not {"Red", "0.52", "BEST"} & set(filler_for(text * 9).split())


def test_a_placebo_of_a_debate_hides_what_the_others_said() -> None:
    seen = ask(reason_act() | ak.placebo("debate(rounds=1)"), by_sample("Red", "Blue", "Green"))[1]
    for request in seen[3:]:
        own = request.messages[1].content
        assert all(f"BEST={a}" not in last(request) for a in SITUATION.actions) and "BEST=" in own


def test_controls_for_a_variant() -> None:
    variant = reason_act() | ak.critique(rounds=2)
    controls = ak.controls_for(variant)
    plans = dict(controls)
    assert plans["self_consistency"].calls == plans["retry"].calls == variant.calls == 5
    assert plans["placebo"].calls == 5 and plans["informed"].calls == 1
    assert (plans["random"].calls, plans["oracle"].leaks) == (0, True)
    shown = ask(plans["informed"], by_sample("Red"))[1]
    assert "check each step of the reasoning" in last(shown[0])
    for plan in plans.values():
        assert parse(str(plan)) == plan
    nothing = ak.controls_for(reason_act())
    assert nothing.left_out["placebo"] and "placebo" not in dict(nothing)


def test_adding_variants_changes_no_record_of_another(tmp_path: Any) -> None:
    few = ["reason_act", "reason_act | critique"]
    more = [*few, "reason_act | debate(rounds=2)", "society", "reason_act | retry(3)", "reason_act | permute_labels"]
    runs = [
        ak.run(task=TASK, model="simulated", variants=v, episodes=4, out=tmp_path / str(i)).records
        for i, v in enumerate((few, more))
    ]
    kept = runs[1].filter(runs[1]["variant"].is_in(few))
    assert kept.sort("variant", "episode", "step").equals(runs[0].sort("variant", "episode", "step"))


def test_society_reads_its_neighbours_and_votes() -> None:
    """Blue, Red, Red, Red on a ring of four: each reads the two beside it, and Red wins by three to one."""
    decision, made = ask("society(agents=4, rounds=1, topology='ring')", by_sample("Blue", "Red", "Red", "Red"))
    assert decision.done == "Red"
    reads = {t.agent: t.reads for t in decision.turns}
    assert reads["debater2.discuss"] == ("debater2", "debater1", "debater3")
    assert reads["debater1.discuss"] == ("debater1", "debater2", "debater4")
    assert len(made) == 8 and "agent 1" in last(made[-1]) and "debater" not in last(made[-1])


def test_names_and_confidence_are_shown_only_where_asked_for() -> None:
    def sure(request: Request, draw: Draw) -> str:
        return says("Red") + "\nCONFIDENCE=80"

    signed, made = ask("society(agents=2, rounds=1, signed=True, confidence=True)", sure)
    assert "--- debater1, 80% sure ---" in last(made[-1]) and "CONFIDENCE=80" not in last(made[-1])
    assert signed.turns[0].confidence == pytest.approx(0.8)
    hidden = ask("society(agents=2, rounds=1)", sure)[1]
    assert "80" not in last(hidden[-1]).split("Consider")[0]


def test_rounds_end_early_once_all_agree() -> None:
    decision, made = ask("society(rounds=3, stop=True)", by_sample("Red"))
    assert (decision.done, len(made)) == ("Red", 3)
    assert sum(t.skipped for t in decision.turns) == 9
    assert len(ask("society(rounds=3, stop=True)", by_sample("Red", "Blue", "Red"))[1]) == 12


def test_refinement_without_consensus_is_undecided() -> None:
    decision, _ = ask("mallm_refinement(rounds=1)", by_sample("Red", "Blue", "Red"))
    assert (decision.done, decision.status) == (None, "undecided")


def test_a_judge_may_let_the_debate_go_on() -> None:
    def script(request: Request, draw: Draw) -> str:
        if "You are the judge" not in last(request):
            return says("Red" if draw.sample == 0 else "Blue")
        return "Not yet.\nUNDECIDED" if "the line UNDECIDED" in last(request) else says("Blue")

    decision, made = ask("liang", script)
    assert (decision.done, len(made)) == ("Blue", 6)
    early, made = ask("liang", lambda r, d: says("Green" if "judge" in last(r) else "Red"))
    assert (early.done, len(made)) == ("Green", 3)


@pytest.mark.parametrize(
    ("graph", "calls", "reads"),
    [
        ("mallm_memory", 6, {"debater3": ("debater1", "debater2")}),
        ("mallm_relay", 6, {"debater3": ("debater2",), "debater1.discuss": ("debater1", "debater3")}),
        ("mallm_report", 7, {"debater2": ("debater1",), "debater1.discuss": ("debater1", "debater2", "debater3")}),
        ("mallm_debate", 6, {"debater3": ("debater1", "debater2")}),
        ("multi_persona", 9, {"debater1.discuss": ("debater1", "debater2", "debater3")}),
    ],
)
def test_who_reads_whom(graph: str, calls: int, reads: dict[str, tuple[str, ...]]) -> None:
    decision, made = ask(graph, by_sample("Red"))
    assert (decision.done, len(made)) == ("Red", calls)
    turns = {t.agent: t.reads for t in decision.turns}
    assert {name: turns[name] for name in reads} == reads


def test_a_debate_opens_with_the_baselines_own_answer() -> None:
    base = ask(reason_then_act(), by_sample("Red", "Blue", "Green"))[0]
    decision = ask(reason_then_act() | ak.debate(), by_sample("Red", "Blue", "Green"))[0]
    assert decision.turns[0].key == base.turns[0].key
    assert decision.turns[-1].agent == "act"


def test_ballots_decide_where_the_protocol_asks_for_them() -> None:
    """Rankings R>G>B, B>G>R, G>B>R: one first place each; Borda gives Green 1 + 1 + 2 = 4 of 9."""
    ballots = ("Red > Green > Blue", "Blue > Green > Red", "Green > Blue > Red")

    def script(request: Request, draw: Draw) -> str:
        if "RANKING" in last(request):
            return f"RANKING={ballots[draw.sample]}"
        return says(("Red", "Blue", "Green")[draw.sample])

    assert ask("society(protocol='plurality')", script)[0].done == "Red"
    assert ask("society(protocol='borda')", script)[0].done == "Green"


def test_retry_takes_the_last_draw_that_can_be_read() -> None:
    assert ask("reason_act | retry(3)", by_sample("Red", "Blue", "Green"))[0].done == "Green"
    silent: Script = lambda r, d: "Hm." if d.sample == 2 else says("Blue")  # noqa: E731
    assert ask("reason_act | retry(3)", silent)[0].done == "Blue"


def test_best_of_n_is_the_judges_choice() -> None:
    script: Script = lambda r, d: says("Green" if "judge" in last(r) else "Red")  # noqa: E731
    assert ask("reason_act | best_of_n(3)", script)[0].done == "Green"


def test_permuted_labels_come_back_as_the_tasks_own() -> None:
    plan = parse("reason_act | permute_labels")
    seen = plan.view(SITUATION, Draw(0, 0))
    true = dict(zip(seen.actions, seen.own, strict=True))
    assert sorted(true.values()) == sorted(SITUATION.actions)
    assert [true[t.action] for t in seen.history] == [t.action for t in SITUATION.history]
    for column in SITUATION.quantities:
        shown = seen.quantity(column.name)
        assert shown is not None
        told = dict(zip(seen.own, shown.values, strict=True))
        assert told == dict(zip(SITUATION.actions, column.values, strict=True))
    draws = {plan.view(SITUATION, Draw(0, step)).own for step in range(20)}
    assert len(draws) > 3
    decision, _ = ask(plan, by_sample("Red"))
    assert decision.done == true["Red"] and decision.shown_as[true["Red"]] == "Red"
    with pytest.raises(PlanError, match="names mean"):
        ak.run(task="tictactoe", model="simulated", variants=["reason_act", "reason_act | permute_labels"])


def test_what_is_shown_follows_the_context_interventions() -> None:
    plain = last(ask("reason_act", by_sample("Red"))[1][0])
    assert "Step=" in plain and "value under the rule" not in plain
    assert "value under the rule" in last(ask("reason_act | show_bonus", by_sample("Red"))[1][0])
    summed = last(ask("reason_act | summarise_history(keep=False)", by_sample("Red"))[1][0])
    assert "mean reward" in summed and "Step=0" not in summed
    assert "Step=0" not in last(ask("reason_act | no_history", by_sample("Red"))[1][0])
    blind = last(ask("reason_then_act | blind_actor", by_sample("Red"))[1][1])
    assert (
        "Step=0" not in blind
        and "Thinking." in blind
        and "Red, Blue, Green" not in blind.replace(", ".join(SITUATION.actions), "Red, Blue, Green").split("are:")[0]
    )


def test_tampering_reaches_the_actor_and_leaves_what_was_stated() -> None:
    def script(request: Request, draw: Draw) -> str:
        return says("Red", "The mean of Red is 0.75 after 12 presses, and more is not known.")

    for name in ("swap_recommendation", "truncate(share=0.4)", "corrupt(share=1)", "filler_tokens", "paraphrase"):
        decision, made = ask(f"reason_then_act | {name}", script)
        assert decision.stated == ("Red",), name
        heard = last(made[-1])
        assert ("BEST=Red" in heard) == (name in ("corrupt(share=1)", "paraphrase")), name
    swapped = ask("reason_then_act | swap_recommendation", script)[0]
    assert swapped.turns[1].planted in (("Blue",), ("Green",))
    corrupted = last(ask("reason_then_act | corrupt(share=1)", script)[1][-1])
    decision, made = ask("reason_then_act | hide_rationale", script)
    assert decision.stated == ("Red",) and last(made[-1]) == last(ask("act", script)[1][-1])
    first = ask("reason_then_act | truncate(sentences=1)", script)[0].turns[1]
    assert first.text.strip() == "The mean of Red is 0.75 after 12 presses, and more is not known."
    assert "0.75 after 12" not in corrupted and "The mean of Red is" in corrupted


def test_the_environment_acts_and_what_was_stated_stays() -> None:
    tried = {t.action for t in SITUATION.history}
    taken = next(iter(tried))
    decision, _ = ask("reason_act | try_all", by_sample(taken))
    assert decision.stated == (taken,) and decision.done not in tried
    assert ask("reason_act | explore_at_random(0)", by_sample(taken))[0].done == taken
    silent = ask("reason_act | explore_at_random(1)", lambda r, d: "Hm.")[0]
    assert silent.done in SITUATION.actions and silent.stated_status == "unparsable"


def test_only_wrong_answers_are_sent_back_where_the_oracle_leaks() -> None:
    right = ORACLE.optimal[0]
    wrong = next(a for a in SITUATION.actions if a not in ORACLE.optimal)
    plan = parse("reason_act | multi_turn_aiw")
    assert plan.leaks and ak.Variant("v", plan).tags["leaks"] == "oracle"
    assert len(ask(plan, by_sample(right), oracle=ORACLE)[1]) == 1
    assert len(ask(plan, by_sample(wrong), oracle=ORACLE)[1]) == 4
    script: Script = lambda r, d: says(right if "double-check" in last(r) else wrong)  # noqa: E731
    repaired, made = ask(plan, script, oracle=ORACLE)
    assert (repaired.done, len(made)) == (right, 2)


def test_floor_and_ceiling() -> None:
    assert ask("oracle_act", by_sample("Red"), oracle=ORACLE)[0].done in ORACLE.optimal
    assert ask("random_act", by_sample("Red"))[0].done in SITUATION.actions


def test_constrained_actions_bind_the_request() -> None:
    _, made = ask("act | constrain_action", lambda r, d: '{"action": "Blue"}')
    assert made[0].sampling.choices == SITUATION.actions and '"enum"' in made[0].sampling.schema
    assert ask("act | constrain_action", lambda r, d: '{"action": "Blue"}')[0].done == "Blue"
    assert ask("act | constrain_action", lambda r, d: "ACTION=Green")[0].done == "Green"


@pytest.mark.parametrize("order", ["constrained_readout | critique", "critique | constrained_readout"])
def test_a_readout_asks_for_the_decision_s_label_and_changes_nothing(order: str) -> None:
    def script(request: Request, draw: Draw) -> str:
        return '{"action": "Blue"}' if "name once more" in last(request) else says("Red")

    decision, made = ask(f"reason_act | {order}", script)
    plain, before = ask("reason_act | critique", script)
    assert (decision.done, decision.stated) == (plain.done, plain.stated) == ("Red", ("Red",))
    assert made[:-1] == before
    assert made[-1].sampling.choices == SITUATION.actions and '"enum"' in made[-1].sampling.schema
    assert [m.role for m in made[-1].messages][-3:] == ["user", "assistant", "user"]
    assert (decision.turns[-1].role, decision.turns[-1].action) == ("readout", "Blue")


def test_a_readout_reads_the_vote_and_not_every_voter() -> None:
    for order in ("constrained_readout | self_consistency(3)", "self_consistency(3) | constrained_readout"):
        _, made = ask(f"reason_act | {order}", by_sample("Red", "Blue", "Blue"))
        assert len(made) == 4
        assert "ACTION=Blue" in made[-1].messages[-2].content


def test_the_second_critic_draws_anew() -> None:
    _, made = ask("reason_act | critique(rounds=2)", by_sample("Red"))
    assert len(made) == 5  # the unchanged answer is commented on twice, not once


@pytest.mark.parametrize(
    ("expression", "error", "said"),
    [
        ("act | debate", PlanError, "needs a reasoner"),
        ("reason_act | swap_recommendation", PlanError, "reads a rationale"),
        ("reason_act | constrain_action", PlanError, "needs an actor"),
        ("reason_then_act | debate_of_roles | hide_rationale", PlanError, "cannot be hidden"),
        ("random_act | constrained_readout", PlanError, "nobody speaks"),
        ("reason_act | constrained_readout | constrained_readout", PlanError, "already"),
        ("reason_act | self_consistency(0)", BadOption, "number of samples"),
        ("reason_act | self_consistency(3, protocol='borda')", UnknownName, "decision protocol"),
        ("society(agents=1)", BadOption, "from 2 to 100"),
        ("society(rounds=0)", BadOption, "rounds is 0"),
        ("society(topology='rings')", UnknownName, "ring"),
        ("society(protocol='bordas')", UnknownName, "borda"),
        ("society(agents=3, topology=[[0, 5]])", AkrasiaError, "5"),
        ("society(slots=['a'])", BadOption, "1 model slots for 3"),
        ("multi_persona(agreement=2)", BadOption, "agreement"),
        ("multi_persona(personas='a sceptic')", BadOption, "personas"),
        ("society(ties='frist')", UnknownName, "first"),
        ("society(protocol='supermajority', level=0.2)", BadOption, "above 0.5"),
        ("society(protocol=3)", UnknownName, "plurality"),
        ("society(stop='yes')", BadOption, "true or false"),
        ("society(signed='no')", BadOption, "true or false"),
        ("society(slots='abc')", BadOption, "list of names"),
        ("reason_act | debate(ties='frist')", UnknownName, "first"),
        ("reason_act | debate(confidence='no')", BadOption, "true or false"),
        ("reason_act | self_consistency(3, ties='frist')", UnknownName, "first"),
        ("reason_act | self_consistency(3, protocol=3)", UnknownName, "plurality"),
        ("reason_then_act | truncate(share=2)", BadOption, "from 0 to 1"),
        ("reason_then_act | truncate(sentences=0.5)", BadOption, "whole number"),
        ("reason_act | multi_turn_aiw(rounds=4)", BadOption, "up to 3"),
        ("reason_act | temperature(3)", BadOption, "from 0 to 2"),
        ("reason_act | placebo(of='nothing')", UnknownName, "nothing"),
        ("reason_act | informed(by='self_consistency')", PlanError, "hint"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_call(expression: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        parse(expression)


def test_a_graph_of_ones_own_is_an_option_like_any_other() -> None:
    """As text it is its edges, whatever kind of graph it was; the size is checked all the same."""
    path, twice = nx.path_graph(3), nx.MultiGraph([("a", "b"), ("b", "c"), ("b", "c")])
    edges = [[0, 1], [1, 0], [1, 2], [2, 1]]
    for own in (path, twice, edges, tuple(map(tuple, edges))):
        plan = reason_act() | ak.debate(agents=3, topology=own)
        assert str(plan) == f"reason_act | debate(topology={edges})"
        assert parse(str(plan)) == plan and len({ak.debate(topology=own), ak.debate(topology=edges)}) == 1
        assert parse(str(GRAPHS.make("society", topology=own))) == GRAPHS.make("society", topology=path)
    with pytest.raises(PlanError, match="3 nodes for 4 agents"):
        reason_act() | ak.debate(agents=4, topology=path)


def test_interventions_with_lists_are_values() -> None:
    assert checklist(steps=["One?", "Two?"]) == checklist(steps=("One?", "Two?"))
    assert len({checklist(steps=["One?"]), checklist(steps=("One?",)), checklist()}) == 2


def test_controls_of_a_plan_that_is_no_registered_graph() -> None:
    own = Plan("mine", (Node("r", Agent("debater")),), decision="r", focus="r")
    with pytest.raises(PlanError, match="base=plan"):
        ak.controls_for(own | ak.critique())
    controls = dict(ak.controls_for(own | ak.critique(), base=own))
    assert controls["placebo"] == own | ak.placebo("critique") and controls["self_consistency"].calls == 3
    posing = replace(own, base="reason_act")
    with pytest.raises(PlanError, match="another plan's"):
        ak.controls_for(posing | ak.critique())


def test_a_summary_reaches_who_reads_it() -> None:
    def script(request: Request, draw: Draw) -> str:
        return "Red paid twice." if "Sum up" in last(request) else says("Blue", "Blue is new.")

    summed = Node("summary", Agent("summariser"))
    alone = Plan("s", (summed, Node("act", Agent("actor"), ("summary",))), decision="act", focus="act")
    assert "Red paid twice." in last(ask(alone, script)[1][-1])
    nodes = (
        summed,
        Node("reason", Agent("reasoner"), ("summary",)),
        Node("act", Agent("actor"), ("summary", "reason")),
    )
    first, reasons, acts = ask(Plan("s", nodes, decision="act", focus="reason"), script)[1]
    assert "Red paid twice." in last(reasons) and "Red paid twice." in last(acts) and "Blue is new." in last(acts)
    assert "summary" not in last(ask("reason_then_act | paraphrase", script)[1][-1])


def test_a_graph_of_ones_own_must_fit_the_agents() -> None:
    own: nx.DiGraph[int] = nx.DiGraph([(0, 1), (1, 2)])
    plan = GRAPHS.make("society", agents=3, topology=own)
    assert parse(str(plan)) == plan
    with pytest.raises(PlanError):
        GRAPHS.make("society", agents=4, topology=own)
