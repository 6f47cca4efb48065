"""Discussions: who speaks when, who reads whom, and how the end is decided; unrolled into a plan, round by round.

Invariant: agent i draws sample i whatever the protocol. So two discussions share the openings of their agents, and an
agent that opens alone gives the baseline's answer. Rounds that may end early stay in the plan: their agents pass on
what they said last once the others agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..agents.base import Agent
from ..agents.protocols import check_ties, protocol_named
from .node import Node
from .voting import voter_options


@dataclass(frozen=True)
class Round:
    """One round: for each speaker, in order, whom it reads. `together`: all speak at once and read the round before."""

    reads: Mapping[int, Sequence[int]]
    together: bool = True


def everyone(n: int) -> dict[int, list[int]]:
    """Each of n agents reads all others."""
    return {i: [j for j in range(n) if j != i] for i in range(n)}


def unroll(
    agents: Sequence[Agent],
    rounds: Sequence[Round],
    *,
    openings: Mapping[int, str] | None = None,
    names: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    level: float | None = None,
) -> tuple[list[Node], list[str]]:
    """The nodes of a discussion, and the name of each agent's last words.

    Args:
        agents: who takes part; agent i draws sample i.
        rounds: whom each speaker reads. A speaker that has not spoken yet opens; any other continues its conversation.
        openings: agents that have opened already, as node names.
        names: the speakers' names; by default debater1, debater2, ...
        options: options of every turn after the opening.
        level: rounds end early once a share of `level` of the agents holds one position; None: they never do.
    """
    names = names or default_names(len(agents))
    last: dict[int, str] = dict(openings or {})
    times: dict[int, int] = {}
    nodes: list[Node] = []
    for turns in rounds:
        before = dict(last)
        gate = tuple(before[i] for i in range(len(agents))) if level is not None and len(before) == len(agents) else ()
        for i, others in turns.reads.items():
            known = before if turns.together else last
            reads = tuple(known[j] for j in others if j in known)
            agent, unless = agents[i], gate[:0]
            who = names[i]
            if i in last:
                if not reads:
                    continue
                times[i] = times.get(i, 0) + 1
                who += ".discuss" + (f".{times[i]}" if times[i] > 1 else "")
                agent = agent.with_options(move="discuss", **(options or {}))
                reads, unless = (last[i], *reads), gate
            nodes.append(Node(who, agent, reads, sample=i, stride=len(agents), unless=unless, level=level or 1.0))
            last[i] = who
    return nodes, [last[i] for i in range(len(agents))]


def default_names(n: int) -> list[str]:
    """debater1, debater2, ..."""
    return [f"debater{i + 1}" for i in range(n)]


def conclude(
    agents: Sequence[Agent],
    ends: Sequence[str],
    protocol: str,
    ties: str = "first",
    level: float = 2 / 3,
    names: Sequence[str] = (),
) -> list[Node]:
    """The nodes that decide a discussion by a protocol: ballots where it needs them, then the voter or the judge.

    Args:
        ends: the node of each agent's last words.

    Raises:
        UnknownName: there is no such protocol, or no such tie rule.
        BadOption: the level is out of its range.
    """
    chosen = protocol_named(protocol)
    check_ties(ties, level)
    if chosen.count is None:
        return [Node(chosen.role, Agent(chosen.role), tuple(ends), stride=len(agents))]
    nodes: list[Node] = []
    names = names or default_names(len(agents))
    read = tuple(ends)
    if chosen.ballot:
        for i, agent in enumerate(agents):
            voting = agent.with_options(move="ballot", ballot=chosen.ballot)
            others = tuple(e for j, e in enumerate(ends) if j != i)
            nodes.append(Node(f"{names[i]}.ballot", voting, (ends[i], *others), sample=i, stride=len(agents)))
        read = tuple(n.name for n in nodes)
    options = voter_options(protocol, ties)
    if chosen.consensus == "level":
        options["level"] = level
    return [*nodes, Node("vote", Agent(chosen.role, options=options), read)]


def fresh_names(nodes: Sequence[Node], taken: set[str]) -> dict[str, str]:
    """New names for those nodes whose names are taken."""
    names: dict[str, str] = {}
    for node in nodes:
        name, k = node.name, 2
        while name in taken:
            name, k = f"{node.name}.{k}", k + 1
        taken.add(name)
        names[node.name] = name
    return names


def rename(nodes: Sequence[Node], names: Mapping[str, str]) -> list[Node]:
    """The nodes under their new names, reading the new names."""
    return [
        replace(
            n,
            name=names.get(n.name, n.name),
            reads=tuple(names.get(r, r) for r in n.reads),
            unless=tuple(names.get(u, u) for u in n.unless),
        )
        for n in nodes
    ]
