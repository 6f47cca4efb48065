"""Debate: published debates as graphs, and debates that a plan's own reasoner opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import networkx as nx

from ..agents.base import Agent
from ..agents.protocols import protocol_named
from ..errors import BadOption, PlanError
from ..options import MOST_AGENTS, MOST_ROUNDS, flag, real, whole
from .discussion import Round, conclude, everyone, fresh_names, rename, unroll
from .node import Node
from .plan import Plan
from .reason_act import graph
from .topologies import topology as named_topology

PERSONAS = (
    "You are a careful statistician: you trust counts and averages and distrust small samples.",
    "You are an explorer: you keep asking what has not been tried yet.",
    "You are a sceptic: you look for the mistake in every argument, your own included.",
)
OPPOSE = (
    "Other agents have answered as follows.\n\n{others}\n\nYou are on the other side: you disagree with them. Say what "
    "speaks against their answer, and then give the answer that you hold best."
)


def _discussion(
    agents: Sequence[Agent],
    rounds: Sequence[Round],
    protocol: str = "plurality",
    *,
    ties: str = "first",
    level: float = 2 / 3,
    stop: bool = False,
    options: dict[str, Any] | None = None,
) -> Plan:
    """Agents speak in rounds, and a protocol decides."""
    nodes, ends = unroll(agents, rounds, options=options, level=_consensus(protocol, level, stop))
    closing = conclude(agents, ends, protocol, ties, level)
    return Plan("", (*nodes, *closing), closing[-1].name, closing[-1].name)


def _central(agents: Sequence[Agent], rounds: Sequence[Round]) -> Plan:
    """Agents speak in rounds, and the last words of the first one decide."""
    nodes, ends = unroll(agents, rounds)
    kept = {ends[0], *nx.ancestors(_graph(nodes), ends[0])}
    return Plan("", tuple(n for n in nodes if n.name in kept), ends[0], ends[0])


def _consensus(protocol: str, level: float, stop: bool) -> float | None:
    """The share of agents whose agreement ends the rounds; None: they never end early."""
    agreement = protocol_named(protocol).agreement(level)
    return 1.0 if flag("stop", stop) and agreement is None else agreement


def _graph(nodes: Sequence[Node]) -> nx.DiGraph[str]:
    return nx.DiGraph([(r, n.name) for n in nodes for r in n.follows])


def _debaters(agents: int, slots: Sequence[str], confidence: bool, **options: Any) -> list[Agent]:
    whole("the number of agents", agents, 2, MOST_AGENTS)
    if isinstance(slots, str) or not all(isinstance(s, str) for s in slots):
        raise BadOption(f"the model slots are {slots!r}", remedy="Give a list of names.")
    if slots and len(slots) != agents:
        raise BadOption(f"{len(slots)} model slots for {agents} agents", remedy="Name one slot per agent, or none.")
    shared = {k: v for k, v in options.items() if v is not None} | ({"confidence": True} if confidence else {})
    return [Agent("debater", slots[i] if slots else "", shared) for i in range(agents)]


def _shown(signed: bool, confidence: bool) -> dict[str, Any]:
    shown = {"signed": flag("signed", signed), "show_confidence": flag("confidence", confidence)}
    return {name: True for name, on in shown.items() if on}


def _readers(agents: int, topology: Any) -> dict[int, list[int]]:
    wired = named_topology(topology, agents)
    return {i: sorted(wired.predecessors(i)) for i in range(agents)}


@graph
def society(
    agents: int = 3,
    rounds: int = 2,
    topology: Any = "complete",
    protocol: str = "plurality",
    ties: str = "first",
    level: float = 2 / 3,
    stop: bool = False,
    signed: bool = False,
    confidence: bool = False,
    slots: Sequence[str] = (),
) -> Plan:
    """Society of minds: agents answer alone, then read their neighbours for some rounds (Du et al. 2023, 2305.14325).

    Args:
        rounds: rounds of discussion after the opening.
        topology: who reads whom: a name such as "ring", "erdos_renyi(p=0.4, seed=1)", or a list of edges [from, to].
        protocol: the decision protocol; ties and level belong to it.
        stop: whether rounds end early once all agree.
        signed, confidence: whether names, and how sure the others are, is shown.
        slots: a model slot per agent.
    """
    confidence = confidence or protocol_named(protocol).confidence
    debaters = _debaters(agents, slots, confidence)
    reads = _readers(agents, topology)
    script = [Round({i: [] for i in range(agents)}), *[Round(reads)] * whole("rounds", rounds, 1, MOST_ROUNDS)]
    return _discussion(
        debaters, script, protocol, ties=ties, level=level, stop=stop, options=_shown(signed, confidence)
    )


@graph
def multi_persona(
    agents: int = 3,
    rounds: int = 2,
    agreement: float = 0.9,
    personas: Sequence[str] = PERSONAS,
    protocol: str = "plurality",
    stop: bool = False,
) -> Plan:
    """Multi-persona debate with a stated level of agreement (Smit et al. 2024, 2311.17371)."""
    real("the agreement", agreement, 0, 1)
    if isinstance(personas, str) or not personas or not all(isinstance(p, str) for p in personas):
        raise BadOption(f"the personas are {personas!r}", remedy="Give at least one text.")
    alike = _debaters(agents, (), False, agreement=agreement)
    debaters = [a.with_options(persona=personas[i % len(personas)]) for i, a in enumerate(alike)]
    script = [
        Round({i: [] for i in range(agents)}),
        *[Round(everyone(agents))] * whole("rounds", rounds, 1, MOST_ROUNDS),
    ]
    return _discussion(debaters, script, protocol, stop=stop)


@graph
def liang(rounds: int = 2) -> Plan:
    """Affirmative and negative argue until a judge decides (Liang et al. 2023, 2305.19118)."""
    sides = [Agent("debater"), Agent("debater", options={"wording": OPPOSE, "think": OPPOSING})]
    script = [Round({0: [], 1: [0]}, together=False)]
    nodes, ends = unroll(sides, script)
    judge: tuple[str, ...] = ()
    for k in range(1, whole("rounds", rounds, 1, MOST_ROUNDS) + 1):
        last = k == rounds
        name = "judge" if k == 1 else f"judge.{k}"
        agent = Agent("judge", options={} if last else {"defer": True})
        nodes.append(Node(name, agent, (*judge, *ends), stride=2, unless=judge))
        judge = (name,)
        if not last:
            more, after = unroll(sides, [Round({0: [1], 1: [0]}, together=False)], openings=dict(enumerate(ends)))
            names = fresh_names(more, {n.name for n in nodes})
            more = [replace(n, unless=judge) for n in rename(more, names)]
            nodes += more
            ends = [names.get(e, e) for e in after]
    return Plan("", tuple(nodes), judge[0], judge[0])


OPPOSING = "You take the other side: say what speaks against their answer, and then give the {noun} that you hold best."


@graph
def mallm_memory(agents: int = 3, rounds: int = 2, protocol: str = "plurality", stop: bool = False) -> Plan:
    """Shared memory: agents speak in turn, and each reads all that was said (MALLM's memory paradigm)."""
    script = [Round(everyone(agents), together=False)] * whole("rounds", rounds, 1, MOST_ROUNDS)
    return _discussion(_debaters(agents, (), False), script, protocol, stop=stop)


@graph
def mallm_relay(agents: int = 3, rounds: int = 2, protocol: str = "plurality", stop: bool = False) -> Plan:
    """Relay: agents speak in turn, and each reads only who spoke just before (MALLM's relay paradigm)."""
    debaters = _debaters(agents, (), False)
    script = [Round({i: [(i - 1) % agents] for i in range(agents)}, together=False)] * whole(
        "rounds", rounds, 1, MOST_ROUNDS
    )
    return _discussion(debaters, script, protocol, stop=stop)


@graph
def mallm_report(agents: int = 3, rounds: int = 2) -> Plan:
    """Report: a central agent drafts, the others read the draft alone, it reads them all (MALLM's report paradigm)."""
    debaters = _debaters(agents, (), False)
    others = list(range(1, agents))
    one = [Round({i: [0] for i in others}), Round({0: others})]
    script = [Round({0: []}), *one * whole("rounds", rounds, 1, MOST_ROUNDS)]
    return _central(debaters, script)


@graph
def mallm_debate(agents: int = 3, rounds: int = 2) -> Plan:
    """Debate behind a draft: one drafts, the others argue over it, it concludes (MALLM's debate paradigm)."""
    debaters = _debaters(agents, (), False)
    others = list(range(1, agents))
    argue = Round({i: [0, *(j for j in others if j != i)] for i in others}, together=False)
    script = [Round({0: []}), *[argue] * whole("rounds", rounds, 1, MOST_ROUNDS), Round({0: others})]
    return _central(debaters, script)


@graph
def mallm_refinement(agents: int = 3, rounds: int = 2, protocol: str = "unanimity") -> Plan:
    """Collective refinement: all draft alone, then all refine having read all, until they agree (MALLM's paradigm)."""
    script = [
        Round({i: [] for i in range(agents)}),
        *[Round(everyone(agents))] * whole("rounds", rounds, 1, MOST_ROUNDS),
    ]
    return _discussion(_debaters(agents, (), False), script, protocol)


def debate_over(
    plan: Plan,
    agents: int,
    rounds: int,
    topology: Any,
    protocol: str,
    ties: str,
    stop: bool,
    signed: bool,
    confidence: bool,
) -> Plan:
    """Let copies of `plan`'s reasoner open and read one another; what they conclude takes the reasoner's place.

    Raises:
        PlanError: the plan has no reasoner whose answer could open.
        BadOption, UnknownName: a number, a topology or a protocol is none.
    """
    opening = _opening(plan)
    whole("the number of agents", agents, 2, MOST_AGENTS)
    confidence = confidence or protocol_named(protocol).confidence
    agent = opening.agent.with_options(confidence=True) if confidence else opening.agent
    reads = _readers(agents, topology)
    level = _consensus(protocol, 2 / 3, stop)
    first = opening.name
    speaker = first.partition(".")[0]
    speakers = [speaker, *(f"{speaker}{i + 1}" for i in range(1, agents))]
    copies = [replace(opening, name=speakers[i], sample=opening.sample + i) for i in range(1, agents)]
    named = {0: first, **{i + 1: c.name for i, c in enumerate(copies)}}
    turns, ends = unroll(
        [agent] * agents,
        [Round(reads)] * whole("rounds", rounds, 1, MOST_ROUNDS),
        openings=named,
        names=speakers,
        options=_shown(signed, confidence),
        level=level,
    )
    added = [*copies, *turns, *conclude([agent] * agents, ends, protocol, ties, names=speakers)]
    taken = {n.name for n in plan.nodes}
    names = fresh_names(added, taken)
    added = rename(added, names)
    end = added[-1].name
    at = plan.nodes.index(opening)
    wide = [replace(n, stride=n.stride * agents) for n in plan.nodes]
    wide[at] = replace(wide[at], agent=agent)
    before, after = wide[: at + 1], wide[at + 1 :]
    after = [replace(n, reads=tuple(end if r == first else r for r in n.reads)) for n in after]
    added = [replace(n, stride=agents * opening.stride, agent=_confident(n, agent)) for n in added]
    return replace(
        plan,
        nodes=(*before, *added, *after),
        decision=end if plan.decision == first else plan.decision,
        focus=end,
    )


def _confident(node: Node, agent: Agent) -> Agent:
    """The copies of an opening share its agent."""
    return agent if node.agent.role == agent.role and node.agent.move == "open" else node.agent


def _opening(plan: Plan) -> Node:
    opening = plan.node(plan.focus)
    if opening.agent.role not in ("reasoner", "debater", "external"):
        raise PlanError(
            "a debate needs a reasoner to open", f"{plan.focus!r} is a {opening.agent.role}", "Start from reason_act()."
        )
    if opening.lanes != 1:
        raise PlanError("a debate cannot open from several lanes", remedy="Apply the debate first, then widen it.")
    return opening


ROLES = 3


def role_debate_over(plan: Plan, rounds: int) -> Plan:
    """Let reasoner, actor and critic debate after `plan`'s reasoner has opened; a plurality decides.

    Round 0: the plan's own reasoner (its answer is the baseline's, draw by draw), an actor that saw only the situation,
    and a critic that reads both. In each further round each reads the other two. Ties go to the reasoner.

    Raises:
        PlanError: the plan has no reasoner whose answer could open.
        BadOption: `rounds` is below 1.
    """
    whole("rounds", rounds, 1, MOST_ROUNDS)
    opening = _opening(plan)
    needed = _needed(plan, opening.name)
    kept = tuple(replace(n, stride=n.stride * ROLES) for n in plan.nodes if n.name in needed)
    if any(n.agent.role == "executor" for n in plan.nodes if n.name not in needed):
        raise PlanError("the debate would drop what executes the recommendation", remedy="Apply the debate first.")
    nodes = list(kept)
    taken = {n.name for n in nodes}

    def place(name: str, agent: Agent, reads: tuple[str, ...], sample: int) -> str:
        unique = next(c for i in range(1, 10_000) if (c := name if i == 1 else f"{name}.{i}") not in taken)
        taken.add(unique)
        nodes.append(Node(unique, agent, reads, sample=sample, stride=ROLES))
        return unique

    reasoner = opening.name
    actor = place("debate.actor", Agent("actor"), (), 1)
    critic = place("debate.critic", Agent("critic"), (reasoner, actor), 2)
    for _ in range(rounds):
        again = opening.agent.with_options(move="discuss")
        reasoner_next = place("debate.reasoner", again, (reasoner, actor, critic), 0)
        actor = place("debate.actor", Agent("actor", options={"move": "discuss"}), (actor, reasoner, critic), 1)
        reasoner = reasoner_next
        critic = place("debate.critic", Agent("critic"), (reasoner, actor), 2)
    vote = place("debate.vote", Agent("voter"), (reasoner, actor, critic), 0)
    return replace(plan, nodes=tuple(nodes), decision=vote, focus=vote)


def _needed(plan: Plan, name: str) -> set[str]:
    return {name, *nx.ancestors(plan.graph, name)}
