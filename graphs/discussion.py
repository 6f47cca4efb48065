"""Discussions: who speaks when, who reads whom, and how the end is decided; unrolled into a plan, round by round.

Invariant: agent i draws sample i whatever the protocol, so two discussions share the openings of their agents, and an
agent's first words are the baseline's where it opens alone. Rounds that may end early stay in the plan: their agents
pass on what they said last once the others agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..agents.base import Agent
from ..agents.tally import check_rule
from ..errors import UnknownName
from .plan import Node

__all__ = ["BALLOT_OF", "PROTOCOLS", "Round", "conclude", "everyone", "unroll"]

# The ballot each protocol needs beside the agents' positions.
BALLOT_OF: dict[str, str] = {
    "approval": "approval",
    "cumulative": "points",
    "borda": "ranking",
    "irv": "ranking",
    "condorcet": "ranking",
}
PROTOCOLS = ("plurality", "majority", "confidence_weighted", *BALLOT_OF, "unanimity", "supermajority", "judge")


@dataclass(frozen=True)
class Round:
    """One round: per speaker, in order, whom it reads. `together`: all speak at once and read what stood before."""

    hears: Mapping[int, Sequence[int]]
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
        rounds: whom each speaker reads. A speaker that has not spoken yet opens; any other takes up its conversation.
        openings: agents that have opened already, as node names.
        names: how speakers are called; by default debater1, debater2, ...
        options: options of every turn after the opening.
        level: rounds end early once a share of `level` of the agents holds one position; None: they never do.
    """
    called = list(names) or [f"debater{i + 1}" for i in range(len(agents))]
    last: dict[int, str] = dict(openings or {})
    times: dict[int, int] = {}
    nodes: list[Node] = []
    for turns in rounds:
        before = dict(last)
        gate = tuple(before[i] for i in range(len(agents))) if level is not None and len(before) == len(agents) else ()
        for i, heard in turns.hears.items():
            known = before if turns.together else last
            reads = tuple(known[j] for j in heard if j in known)
            agent, unless = agents[i], gate[:0]
            who = called[i]
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


def conclude(
    agents: Sequence[Agent],
    ends: Sequence[str],
    protocol: str,
    ties: str = "first",
    level: float = 2 / 3,
    otherwise: str = "",
    names: Sequence[str] = (),
) -> list[Node]:
    """The nodes that decide a discussion by a protocol: ballots where it needs them, then the count or the judge.

    Raises:
        UnknownName: there is no such protocol, or no such tie rule.
        BadOption: the level is out of its range.
    """  # fmt: skip
    if protocol not in PROTOCOLS:
        raise UnknownName.among("decision protocol", str(protocol), PROTOCOLS)
    check_rule("plurality", ties, level)
    if protocol == "judge":
        return [Node("judge", Agent("judge"), tuple(ends), stride=len(agents))]
    nodes: list[Node] = []
    called = list(names) or [f"debater{i + 1}" for i in range(len(agents))]
    read = tuple(ends)
    if protocol in BALLOT_OF:
        for i, agent in enumerate(agents):
            voting = agent.with_options(move="ballot", ballot=BALLOT_OF[protocol])
            others = tuple(e for j, e in enumerate(ends) if j != i)
            nodes.append(Node(f"{called[i]}.ballot", voting, (ends[i], *others), sample=i, stride=len(agents)))
        read = tuple(n.name for n in nodes)
    rule: dict[str, Any] = {} if protocol == "plurality" and ties == "first" else {"rule": protocol, "ties": ties}
    if protocol == "supermajority":
        rule["level"] = level
    if otherwise:
        rule["otherwise"] = otherwise
    return [*nodes, Node("vote", Agent("voter", options=rule), read)]


def renamed(nodes: Sequence[Node], taken: set[str]) -> dict[str, str]:
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
