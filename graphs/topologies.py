"""Communication topologies: who reads whom, over agents 0 to n - 1; an edge (u, v) means v reads u.

Invariant: a topology has exactly as many nodes as there are agents, no agent reads itself, and a random one is drawn
from its own seed: the same text names the same graph.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from math import isqrt
from typing import Any

import networkx as nx

from ..errors import BadOption, PlanError, UnknownName
from ..options import MOST_AGENTS, MOST_SEED, real, whole
from ..registry import bind


def _grid(n: int) -> Any:
    """Rows times columns as near to a square as n divides; a prime number of agents stands in one row."""
    rows = next(r for r in range(isqrt(n), 0, -1) if n % r == 0)
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(rows, n // rows), ordering="sorted")


def _erdos_renyi(n: int, p: float = 0.5, seed: int = 0) -> Any:
    return nx.gnp_random_graph(n, _probability(p), seed=_seed(seed))


def _watts_strogatz(n: int, k: int = 2, p: float = 0.1, seed: int = 0) -> Any:
    return nx.watts_strogatz_graph(n, whole("the number k of neighbours", k), _probability(p), seed=_seed(seed))


def _barabasi_albert(n: int, m: int = 1, seed: int = 0) -> Any:
    return nx.barabasi_albert_graph(n, whole("the number m of new edges", m), seed=_seed(seed))


def _probability(p: float) -> float:
    return real("the probability of an edge", p, 0, 1)


def _seed(seed: int) -> int:
    return whole("the seed", seed, most=MOST_SEED)


def _ring(n: int) -> Any:
    return nx.cycle_graph(n)


TOPOLOGIES: dict[str, Callable[..., Any]] = {
    "complete": lambda n: nx.complete_graph(n),
    "ring": _ring,
    "star": lambda n: nx.star_graph(n - 1),
    "path": lambda n: nx.path_graph(n),
    "grid": _grid,
    "erdos_renyi": _erdos_renyi,
    "watts_strogatz": _watts_strogatz,
    "barabasi_albert": _barabasi_albert,
}


def topology(wiring: Any, agents: int) -> nx.DiGraph[int]:
    """The graph of who reads whom.

    Args:
        wiring: a name ("ring"), a name with options ("erdos_renyi(p=0.4, seed=3)"), a list of edges [from, to], or a
            networkx graph, whose nodes are taken in their order.

    Raises:
        UnknownName, BadOption: there is no such topology, or an option is out of its range.
        PlanError: the size does not match the agents, or an agent reads itself.
    """
    whole("the number of agents", agents, 1, MOST_AGENTS)
    if isinstance(wiring, nx.Graph):
        if len(wiring) != agents:
            raise PlanError(
                "a topology whose size does not match the agents",
                f"it has {len(wiring)} nodes for {agents} agents",
                "Give it one node per agent.",
            )
        graph = nx.DiGraph(nx.convert_node_labels_to_integers(wiring))
    elif isinstance(wiring, str):
        graph = nx.DiGraph(_named(wiring, agents))
    elif isinstance(wiring, list | tuple):
        graph = _edges(wiring, agents)
    else:
        raise BadOption(f"{wiring!r} is no topology", remedy="Give a name, a list of edges, or a networkx graph.")
    graph.remove_edges_from([(u, v) for u, v in graph.edges if u == v and isinstance(wiring, str)])
    loops = [u for u, v in graph.edges if u == v]
    if loops:
        raise PlanError(f"agent {loops[0]} of the topology reads itself", remedy="Remove the loop.")
    return graph


def _named(text: str, agents: int) -> Any:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
        if not isinstance(call.func, ast.Name) or call.args:
            raise ValueError("write a name with options, such as erdos_renyi(p=0.4, seed=3)")
        if any(k.arg is None for k in call.keywords):
            raise ValueError("a mapping of options has no names to read")
        options = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise BadOption(f"{text!r} is no topology", str(error), "Write ring or erdos_renyi(p=0.4).") from None
    name = call.func.id
    if name not in TOPOLOGIES:
        raise UnknownName.among("topology", name, TOPOLOGIES)
    try:
        return bind("topology", name, TOPOLOGIES[name], (agents,), options)
    except nx.NetworkXException as error:
        raise BadOption(
            f"the topology {text!r} cannot be made for {agents} agents", str(error), "Change its options."
        ) from None


def _edges(pairs: Any, agents: int) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(agents))
    for edge in pairs:
        ends = list(edge) if isinstance(edge, list | tuple) else []
        if len(ends) != 2 or not all(isinstance(e, int) and not isinstance(e, bool) for e in ends):
            raise BadOption(f"{edge!r} is no edge", remedy="Write [from, to] with the numbers of two agents.")
        if not all(0 <= e < agents for e in ends):
            raise PlanError(
                f"the edge {ends} names an agent that is not there",
                f"there are {agents}",
                f"Use numbers from 0 to {agents - 1}.",
            )
        graph.add_edge(*ends)
    return graph
