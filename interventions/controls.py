"""Controls: what an intervention must beat before its effect means anything, generated for any of them.

placebo    the same agents, calls and draws, with the content of all that was added replaced by a filler of its length
informed   the baseline, given every hint that the added agents get (equal information, Huang et al. 2024)
matched    self-consistency and retry at no fewer calls than the intervention takes
floor      a random legal action; ceilings: the stated recommendation executed, and the oracle's own action
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from inspect import signature
from math import ceil
from operator import or_
from typing import Any

import networkx as nx

from ..agents.base import Agent, asks_model
from ..agents.critic import CriticOptions
from ..agents.judge import JudgeOptions
from ..agents.phrases import filler_for
from ..errors import BadOption, PlanError, UnknownName
from ..graphs.decider import Change
from ..graphs.external import plan_of_graph
from ..graphs.node import Node
from ..graphs.plan import Plan
from ..graphs.reason_act import oracle_act, random_act
from .base import INTERVENTIONS, Intervention, intervention
from .expression import parse_changes, parse_graph
from .plan_edits import insert_after, thinking_nodes
from .prompting import add_hint
from .sampling import retry, self_consistency

__all__ = [
    "Controls",
    "control_kind",
    "controls_for",
    "execute_stated",
    "informed",
    "placebo",
    "placebo_note",
    "unrelated_rationales",
]


@intervention("control", "the content of what another intervention adds", "this framework; cf. Lanham et al. 2023")
def placebo(plan: Plan, of: str = "re_evaluate") -> Plan:
    """Placebo of interventions: the same agents, calls and draws, with fillers in the place of what they add.

    Where nothing is said that could be blanked (independent draws), the first draw decides instead of the count.

    Raises:
        PlanError: the interventions add nothing that has a placebo.
    """
    treated = _applied(plan, of)

    def no_placebo(why: str) -> PlanError:
        more = _most(treated) > _most(plan)
        instead = "retry with as many calls" if more else "the baseline: its calls are the same"
        return PlanError(f"{of!r} has no placebo", why, f"Compare with {instead}.")

    before = {n.name: n for n in plan.nodes}
    talks = any(n.name not in before and _is_shown(n) for n in treated.nodes)
    nodes, touched = [], False
    for node in treated.nodes:
        agent = node.agent
        old = before.get(node.name)
        if old is not None:
            fillers = _blanked_hints(agent, old.agent)
            if fillers is None and agent != old.agent:
                raise no_placebo("it changes how an agent is asked, not what is added")
        elif agent.role in _UNBLANKABLE:
            raise no_placebo("what it adds says nothing")
        elif asks_model(agent):
            fillers = {"blank": True} if _is_shown(node) or agent.move != "open" else None
        else:
            fillers = None if talks else {"rule": "first"}
        touched = touched or fillers is not None
        if not all(agent.takes(option) for option in fillers or ()):
            raise no_placebo("what it adds says nothing")
        nodes.append(node if fillers is None else replace(node, agent=agent.with_options(**fillers)))
    if not touched:
        raise no_placebo("it adds no agent, hint or draw whose words could be blanked")
    return replace(treated, nodes=tuple(nodes), changes=plan.changes)


_UNBLANKABLE = ("executor", "editor", "try_all", "epsilon_greedy", "random", "oracle", "summariser")


def _is_shown(node: Node) -> bool:
    """Whether an agent is shown the turns of others, or is told to do something with them."""
    return asks_model(node.agent) and (len(node.reads) > 1 or node.agent.role in ("critic", "judge"))


def _blanked_hints(new: Agent, old: Agent) -> dict[str, object] | None:
    """The options that turn an agent's new hints into fillers; None where something else changed, or nothing."""
    hints, before = new.options.get("hints", {}), old.options.get("hints", {})
    if {**new.options, "hints": before} != {**old.options, "hints": before} or hints == before:
        return None
    return {"hints": {name: text if name in before else filler_for(text) for name, text in hints.items()}}


@intervention("control", "the hints of the added agents, given to the baseline", "Huang et al. 2024 (2310.01798), 4")
def informed(plan: Plan, by: str = "critique") -> Plan:
    """Information-matched baseline: the reasoner gets the instructions of the added agents as a hint at the start.

    Raises:
        PlanError: the interventions give nobody a hint.
    """
    treated = _applied(plan, by)
    names = {n.name for n in plan.nodes}
    instructions = dict.fromkeys(t for n in treated.nodes if n.name not in names for t in _instructions(n.agent))
    if not instructions:
        raise PlanError(f"{by!r} gives no agent a hint", remedy="Its information is the baseline's already.")
    return add_hint(plan, thinking_nodes(plan), "informed", " ".join(instructions))


@intervention(
    "control", "what the others say, for rationales about something else", "Cost of Consensus 2026 (2605.00914)"
)
def unrelated_rationales(plan: Plan, of: str = "debate") -> Plan:
    """Unrelated rationales, the noise control of a debate: the others' words, as long, about something else.

    Agents, calls and draws are the debate's, and each still sees its own answer.

    Raises:
        PlanError: nobody in it reads what others say.
    """
    treated, before = _applied(plan, of), {n.name for n in plan.nodes}
    names = {n.name for n in treated.nodes if n.name not in before and n.agent.move in ("discuss", "revise")}
    if not names:
        raise PlanError(f"in {of!r} nobody reads what others say", remedy="Use it on a debate, or on critique.")
    noisy = (replace(n, agent=n.agent.with_options(unrelated=True)) if n.name in names else n for n in treated.nodes)
    return replace(treated, nodes=tuple(noisy), changes=plan.changes)


PLACEBO_OF = {"neutral_cue": "cue"}
"""Placebos that are interventions of their own, because what they stand for changes what is shown."""


_EDITED = "it changes words that are there. Compare with paraphrase, which changes the wording and not the meaning."
_NO_PLACEBO = {
    **dict.fromkeys(("corrupt", "swap_recommendation", "truncate"), _EDITED),
    "filler_tokens": "it is the placebo of a rationale itself: as long, and without content",
    "paraphrase": "it is the placebo of what changes a rationale: other words, the same meaning",
    "use_tools": "what a tool answers cannot be blanked. Compare with retry at as many calls.",
}
"""Why interventions have none whose reason their plan does not tell."""


def control_kind(change: Change) -> str:
    """What kind of control an intervention of the mechanism "control" is: its own name, or "placebo"."""
    name = change.spec.partition("(")[0]
    return "placebo" if name in PLACEBO_OF else name


def stands_for(change: Change) -> str:
    """The interventions that a placebo or an informed baseline stands for, as their spec; "" for any other."""
    name, sign, rest = change.spec.partition("(")
    if name in PLACEBO_OF:
        return f"{PLACEBO_OF[name]}{sign}{rest}"
    option = {"placebo": "of", "informed": "by"}.get(change.spec.partition("(")[0])
    if option is None or not isinstance(change, Intervention):
        return ""
    default = signature(INTERVENTIONS.factory(change.name)).parameters[option].default
    return " | ".join(c.spec for c in parse_changes(dict(change.options).get(option, default)))


_AS_HINTS = {
    "again": "When you have an answer, look at the situation and at your answer once more, and check each step of your "
    "reasoning against what you were shown.",
    "self_correct": "When you have an answer, read it again, look for a mistake in it, and correct it if you find one.",
    "reflect": "Before your answer is final, write down what in your reasoning could be mistaken.",
}


def _instructions(agent: Agent) -> list[str]:
    """What an added agent is told to do."""
    if agent.role == "critic":
        return [agent.options_as(CriticOptions).comment]
    if agent.role == "judge":
        return [agent.options_as(JudgeOptions).decide]
    if agent.move in _AS_HINTS:
        return [_AS_HINTS[agent.move]]
    return []


def _applied(plan: Plan, changes: str) -> Plan:
    return reduce(lambda p, c: p | c, parse_changes(changes), plan)


_RECOMMENDING = ("reasoner", "external")


@intervention("control", "the recommendation is executed as it stands", "ceiling: P(done = stated) = 1")
def execute_stated(plan: Plan) -> Plan:
    """Ceiling: an executor does what the rationale recommends; the actor's call, if any, is dropped."""
    focus = plan.node(plan.focus)
    behind = nx.ancestors(plan.graph, focus.name)
    if focus.agent.role not in ("voter", *_RECOMMENDING) or not any(
        n.agent.role in _RECOMMENDING for n in plan.nodes if n.name == focus.name or n.name in behind
    ):
        raise PlanError(
            "execute_stated needs a rationale to execute",
            f"{focus.name!r} is a {focus.agent.role}",
            "Start from reason_act() or reason_then_act().",
        )
    decision = plan.node(plan.decision)
    if decision.name != focus.name and decision.reads == (focus.name,) and asks_model(decision.agent):
        kept = tuple(n for n in plan.nodes if n.name != decision.name)
        executor = Node("execute", Agent("executor"), (focus.name,), focus.lanes)
        return replace(plan, nodes=(*kept, executor), decision=executor.name)
    executor = Node(plan.fresh("execute"), Agent("executor"), (decision.name,))
    # The focus stays with the rationale: what is applied later changes what is executed, never the executing.
    return replace(insert_after(plan, decision.name, executor), focus=plan.focus)


@dataclass(frozen=True)
class Controls:
    """The controls of a variant: plans by what they control for, and why a kind is left out.

    Iterating gives (kind, plan) pairs.
    """

    plans: dict[str, Plan]
    left_out: dict[str, str]

    def __iter__(self) -> Iterator[tuple[str, Plan]]:
        return iter(self.plans.items())

    def __len__(self) -> int:
        return len(self.plans)


def controls_for(variant: Any, base: Any = None) -> Controls:
    """The controls of a plan, or of a variant, with its interventions.

    Kinds: "placebo", "self_consistency", "retry" (no fewer calls than the variant's most), "informed", "random",
    "execute_stated", "oracle".

    Args:
        variant: the plan, or the `Variant` that holds it.
        base: the plan before its interventions; needed only where that is neither a registered graph nor one from
            elsewhere.

    Raises:
        PlanError: the interventions do not make this variant of that base.
    """
    variant, base = _plan_of(variant), graph_of(_plan_of(variant)) if base is None else _plan_of(base)
    if reduce(or_, variant.changes, base) != variant:
        raise PlanError(
            f"{variant.name!r} is not {base.name!r} with its interventions",
            "its controls would be another plan's",
            "Give the plan before its interventions: controls_for(variant, base=plan).",
        )
    spec = " | ".join(c.spec for c in variant.changes)
    times = max(2, ceil(_most(variant) / max(_most(base), 1)))
    makers = {
        "placebo": lambda: _own_placebo(base, variant) or base | placebo(of=spec),
        "self_consistency": lambda: base | self_consistency(times),
        "retry": lambda: base | retry(times),
        "informed": lambda: base | informed(by=spec),
        "random": random_act,
        "execute_stated": lambda: base | execute_stated(),
        "oracle": oracle_act,
    }
    plans: dict[str, Plan] = {}
    left_out: dict[str, str] = {}
    for kind, make in makers.items():
        if kind in ("placebo", "informed") and not spec:
            left_out[kind] = "no intervention is applied"
            continue
        if kind in ("self_consistency", "retry") and _most(variant) <= _most(base):
            left_out[kind] = "the variant makes no more calls than its baseline"
            continue
        try:
            plan = make()
        except PlanError as error:
            left_out[kind] = str(error)
            continue
        if plan == variant:
            left_out[kind] = "it is the variant itself"
        else:
            plans[kind] = plan
    return Controls(plans, left_out)


def _plan_of(value: Any) -> Plan:
    plan = getattr(value, "plan", value)
    if not isinstance(plan, Plan):
        raise PlanError(f"{value!r} is no plan", remedy="Give a plan or a variant.")
    return plan


def _own_placebo(base: Plan, variant: Plan) -> Plan | None:
    """The placebo of a change that has one of its own; None where it has none."""
    if len(variant.changes) != 1 or not isinstance(change := variant.changes[0], Intervention):
        return None
    neutral = next((name for name, of in PLACEBO_OF.items() if of == change.name), None)
    kept = {name: value for name, value in change.options if name == "kind"}
    return None if neutral is None else base | INTERVENTIONS.make(neutral, **kept)


def placebo_note(name: str) -> str:
    """What an intervention of that name is compared with: its placebo, or "none: " and why it has none."""
    if name in _NO_PLACEBO:
        return f"none: {_NO_PLACEBO[name]}"
    change, why = INTERVENTIONS.make(name), ""
    if change.mechanism in ("control", "measurement"):
        return f"none: it is a {change.mechanism} itself"
    for base in ("reason_then_act", "reason_act", "act"):
        try:
            controls = controls_for(parse_graph(base) | change)
        except PlanError as error:
            why = why or str(error)
            continue
        if "placebo" in controls.plans:
            return controls.plans["placebo"].changes[-1].spec
        return f"none: {controls.left_out['placebo'].partition(': ')[2] or controls.left_out['placebo']}"
    return f"none: {why}"


def graph_of(variant: Plan) -> Plan:
    """The graph a plan started from, before its interventions: a registered one, or one from elsewhere."""
    if len(variant.graphs) == 1:
        return plan_of_graph(variant.graphs[0], variant.base)
    try:
        return parse_graph(variant.base)
    except (UnknownName, BadOption):
        raise PlanError(
            f"{variant.base!r} is no registered graph", remedy="Give the plan itself: controls_for(variant, base=plan)."
        ) from None


def _most(plan: Plan) -> int:
    """The most calls of a decision; of a plan with graphs from elsewhere, how many agents ask."""
    return plan.runs if plan.calls is None else plan.calls
