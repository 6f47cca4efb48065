"""A topology has one node per agent, no loops, and is the same graph whenever the same text names it."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption, PlanError, UnknownName
from akrasia.graphs.topologies import TOPOLOGIES, topology

RANDOM = ("erdos_renyi(p=0.4, seed=3)", "watts_strogatz(k=4, p=0.3, seed=3)", "barabasi_albert(m=2, seed=3)")


def edges(given: object, agents: int) -> set[tuple[int, int]]:
    return set(topology(given, agents).edges)


@settings(deadline=None)
@given(st.sampled_from(["complete", "ring", "star", "path", "grid", "erdos_renyi"]), st.integers(1, 12))
def test_every_named_topology_fits_its_agents(name: str, agents: int) -> None:
    graph = topology(name, agents)
    assert list(graph) == list(range(agents))
    assert not any(u == v for u, v in graph.edges)
    assert set(graph.edges) == {(v, u) for u, v in graph.edges}
    if agents > 1 and name != "erdos_renyi":
        assert nx.is_strongly_connected(graph)


def test_what_the_names_mean() -> None:
    assert len(edges("complete", 5)) == 20
    assert edges("ring", 4) == {(u, (u + d) % 4) for u in range(4) for d in (1, -1)}
    assert edges("star", 3) == {(0, 1), (1, 0), (0, 2), (2, 0)}
    assert edges("path", 3) == {(0, 1), (1, 0), (1, 2), (2, 1)}
    assert len(edges("grid", 6)) == 2 * 7
    assert edges("grid", 7) == edges("path", 7)
    assert edges("erdos_renyi(p=0)", 5) == set() and edges("erdos_renyi(p=1)", 5) == edges("complete", 5)
    assert set(TOPOLOGIES) == {"complete", "ring", "star", "path", "grid", *(r.split("(")[0] for r in RANDOM)}


@pytest.mark.parametrize("text", RANDOM)
def test_a_random_topology_is_drawn_from_its_own_seed(text: str) -> None:
    assert edges(text, 12) == edges(text, 12)
    assert any(edges(text.replace("seed=3", f"seed={s}"), 12) != edges(text, 12) for s in range(4, 10))


def test_an_own_graph_or_edges_are_taken_in_their_order() -> None:
    assert edges([[0, 1], (2, 1)], 3) == {(0, 1), (2, 1)}
    assert edges(nx.DiGraph([("a", "b"), ("c", "a")]), 3) == {(0, 1), (2, 0)}
    assert edges(nx.Graph([("a", "b")]), 2) == {(0, 1), (1, 0)}


@pytest.mark.parametrize("given", [nx.path_graph(3), nx.DiGraph(), nx.path_graph(5)])
def test_a_size_that_does_not_match_the_agents_is_refused(given: nx.Graph) -> None:
    with pytest.raises(PlanError, match="size does not match the agents"):
        topology(given, 4)


@pytest.mark.parametrize("given", [[[0, 3]], [[-1, 0]], [[1, 1]], nx.Graph([(0, 0), (1, 2)])])
def test_edges_to_nobody_and_to_oneself_are_refused(given: object) -> None:
    with pytest.raises(PlanError) as refused:
        topology(given, 3)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "given",
    [
        "erdos_renyi(p=1.1)", "erdos_renyi(p=-0.1)", "erdos_renyi(p='x')", "erdos_renyi(seed=1.5)", "erdos_renyi(0.4)",
        "erdos_renyi(**{'p': 1})", "watts_strogatz(k=9)", "watts_strogatz(k='2')", "barabasi_albert(m=3)",
        "barabasi_albert(m=True)", "ring.x", "ring(", "", "__import__('os')", "erdos_renyi(p=open('x'))", 7, None,
        [[0]], [["0", "1"]], [[True, 0]],
    ],
)  # fmt: skip
def test_what_is_no_topology_is_refused(given: object) -> None:
    with pytest.raises(BadOption) as refused:
        topology(given, 3)
    assert refused.value.remedy


@pytest.mark.parametrize("agents", [0, -1, True, 2.0])
def test_there_is_at_least_one_agent(agents: int) -> None:
    with pytest.raises(BadOption, match="number of agents"):
        topology("ring", agents)


def test_an_unknown_name_is_told_its_nearest() -> None:
    with pytest.raises(UnknownName, match="'ring'"):
        topology("rign", 3)
    with pytest.raises(UnknownName, match="'seed'"):
        topology("erdos_renyi(sed=1)", 3)
