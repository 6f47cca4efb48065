"""Concepts of families of sets, and of graphs given as edge lists.

A value is a tuple of sets, each a sorted tuple, or a sorted tuple of edges (a, b) with a < b. The vertices of a graph
are the ends of its edges: there is no isolated one.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from typing import Any

import networkx as nx
from numpy.random import Generator

from .concept import Concept, Constraint, TextFormat, draw_until, pick, strip_markup

Sets = tuple[tuple[int, ...], ...]
Edges = tuple[tuple[int, int], ...]


def _parse_sets(text: str) -> Sets | None:
    stripped = strip_markup(text)
    contents = re.findall(r"\{([^{}]*)\}", stripped)
    if re.sub(r"\{[^{}]*\}", "", stripped).strip(" ,;\n") or len(contents) < 2:
        return None
    if not all(re.fullmatch(r"\s*(?:\d{1,4}\s*(?:,\s*\d{1,4}\s*)*)?", inside) for inside in contents):
        return None
    return tuple(tuple(sorted({int(x) for x in re.findall(r"\d+", inside)})) for inside in contents)


def _mutate_sets(rng: Generator, sets: Sets) -> Sets:
    i = int(rng.integers(len(sets)))
    here = set(sets[i])
    others = {x for s in sets for x in s} - here
    move = pick(rng, ("add", "drop", "swap"))
    if move != "add" and here:
        here.remove(pick(rng, sorted(here)))
    if move != "drop":
        here.add(int(pick(rng, sorted(others | {int(rng.integers(1, 31))}))))
    return (*sets[:i], tuple(sorted(here)), *sets[i + 1 :])


def _set_constraints(rng: Generator, sets: Sets) -> tuple[Constraint, ...]:
    n, i = len(sets), int(rng.integers(len(sets)))
    least = min(map(len, sets))
    held = pick(rng, sets[i])
    kinds = len({x for s in sets for x in s})
    return (
        Constraint(f"exactly {n} sets", lambda v: len(v) == n),
        Constraint(f"each set has at least {least} elements", lambda v: min(map(len, v)) >= least),
        Constraint(f"set {i + 1} contains {held}", lambda v: len(v) > i and held in v[i]),
        Constraint(f"exactly {kinds} different elements occur", lambda v: len({x for s in v for x in s}) == kinds),
    )


def _parse_edges(text: str) -> Edges | None:
    parts = [p for p in re.split(r"[,;\n]", strip_markup(text).strip("{}[]. ").replace("–", "-")) if p.strip()]
    edges = []
    for part in parts:
        match = re.fullmatch(r"\s*\(?\s*(\d{1,3})\s*-{1,2}\s*(\d{1,3})\s*\)?\s*", part)
        if match is None or int(match[1]) == int(match[2]):
            return None
        edges.append((min(int(match[1]), int(match[2])), max(int(match[1]), int(match[2]))))
    return tuple(sorted(edges)) if edges and len(set(edges)) == len(edges) else None


def _mutate_edges(rng: Generator, edges: Edges) -> Edges | None:
    kept = list(edges)
    vertices = sorted({v for e in edges for v in e})
    move = pick(rng, ("add", "drop", "swap"))
    if move != "add":
        kept.remove(pick(rng, kept))
    if move != "drop":
        new = [e for e in combinations(vertices, 2) if e not in edges]
        if not new:
            return None
        kept.append(pick(rng, new))
    return tuple(sorted(kept)) or None


def _edge_constraints(rng: Generator, edges: Edges) -> tuple[Constraint, ...]:
    degrees = _degrees(edges)
    a, b = pick(rng, edges)
    v = pick(rng, sorted(degrees))
    degree, count, order = degrees[v], len(edges), len(degrees)
    return (
        Constraint(f"exactly {count} edges", lambda g: len(g) == count),
        Constraint(f"exactly {order} vertices", lambda g: len(_degrees(g)) == order),
        Constraint(f"contains the edge {a}-{b}", lambda g: (a, b) in g),
        Constraint(f"vertex {v} lies on exactly {degree} of the edges", lambda g: _degrees(g)[v] == degree),
    )


SETS = TextFormat(
    "two or more sets of non-negative integers, such as {2, 9} {4}; {} is empty",
    "element",
    _parse_sets,
    lambda v: " ".join("{" + ", ".join(map(str, s)) + "}" for s in v),
    # A set counts twice beside its elements, so that adding or leaving out a set is no edit of one element.
    lambda v: (*((i, x) for i, s in enumerate(v) for x in s), *(("set", i, k) for i in range(len(v)) for k in (0, 1))),
    _mutate_sets,
    _set_constraints,
)
GRAPH = TextFormat(
    "the edges of an undirected graph between numbered vertices, such as 7-2, 7-5; the vertices are those that occur, "
    "and neither loops nor repeated edges are allowed",
    "edge",
    _parse_edges,
    lambda v: ", ".join(f"{a}-{b}" for a, b in v),
    lambda v: v,
    _mutate_edges,
    _edge_constraints,
)


def _is_disjoint(v: Sets) -> bool:
    return all(v) and not any(set(a) & set(b) for a, b in combinations(v, 2))


def _is_partition(v: Sets) -> bool:
    return len(v) >= 3 and _is_disjoint(v[1:]) and {x for s in v[1:] for x in s} == set(v[0])


def _is_chain(v: Sets) -> bool:
    return len(v) >= 3 and all(set(a) < set(b) for a, b in zip(v, v[1:], strict=False))


def _is_antichain(v: Sets) -> bool:
    return len(v) >= 3 and not any(set(a) <= set(b) or set(b) <= set(a) for a, b in combinations(v, 2))


def _graph(edges: Edges) -> nx.Graph[int]:
    return nx.Graph(list(edges))


def _degrees(edges: Edges) -> Counter[int]:
    return Counter(v for edge in edges for v in edge)


def _is_cycle(e: Edges) -> bool:
    return len(e) >= 3 and set(_degrees(e).values()) == {2} and bool(nx.is_connected(_graph(e)))


def _is_complete(e: Edges) -> bool:
    n = len(_degrees(e))
    return n >= 3 and len(e) == n * (n - 1) // 2


def _labels(rng: Generator, n: int) -> list[int]:
    return [int(x) + 1 for x in rng.choice(20, size=n, replace=False)]


def _sorted(edges: Any) -> Edges:
    return tuple(sorted((min(a, b), max(a, b)) for a, b in edges))


def _tree(rng: Generator) -> Edges:
    names = _labels(rng, int(rng.integers(5, 8)))
    return _sorted((names[int(rng.integers(i))], names[i]) for i in range(1, len(names)))


def _bipartite(rng: Generator) -> Edges:
    names = _labels(rng, int(rng.integers(5, 8)))
    left, right = names[:2], names[2:]
    joined = {(pick(rng, left), b) for b in right} | {(left[i % 2], right[i // 2]) for i in range(4)}
    return _sorted(joined)


def _cycle(rng: Generator, names: list[int] | None = None) -> Edges:
    names = names or _labels(rng, int(rng.integers(4, 8)))
    return _sorted(zip(names, [*names[1:], names[0]], strict=True))


def _eulerian(rng: Generator) -> Edges:
    names = _labels(rng, 6)
    cut = int(rng.integers(3, 5))
    return tuple(sorted((*_cycle(rng, names[:cut]), *_cycle(rng, [names[0], *names[cut:]]))))


def _matching(rng: Generator) -> Edges:
    names = _labels(rng, 2 * int(rng.integers(3, 6)))
    return _sorted(zip(names[::2], names[1::2], strict=True))


def _split(rng: Generator) -> Sets:
    """Two or three disjoint sets of two or three elements."""
    names = _labels(rng, 9)
    sizes = [int(x) for x in rng.integers(2, 4, size=int(rng.integers(2, 4)))]
    return tuple(tuple(sorted(names[sum(sizes[:i]) : sum(sizes[: i + 1])])) for i in range(len(sizes)))


def _partition(rng: Generator) -> Sets:
    parts = _split(rng)
    return (tuple(sorted(x for part in parts for x in part)), *parts)


def _chain(rng: Generator) -> Sets:
    names, size, sets = _labels(rng, 9), 0, []
    for _ in range(int(rng.integers(3, 5))):
        size += int(rng.integers(1, 3))
        sets.append(tuple(sorted(names[:size])))
    return tuple(sets)


def _family(rng: Generator) -> Sets:
    names = _labels(rng, 6)
    return tuple(tuple(sorted(names[i] for i in rng.choice(6, size=3, replace=False))) for _ in range(3))


STRUCTURES = (
    Concept(
        "pairwise_disjoint", "a family of pairwise disjoint sets", "maths",
        "Sets of which no two have a common element.",
        ("Sets that have no element common to all of them.", "Sets of which none is contained in another.",
         "Sets of which no two have the same number of elements."),
        SETS, _is_disjoint, _split, note="No set is empty.",
    ),
    Concept(
        "partition", "a set followed by a partition of it", "maths",
        "Non-empty subsets such that every element of the set lies in exactly one of them.",
        ("Non-empty subsets such that every element of the set lies in at least one of them.",
         "Non-empty subsets such that every element of the set lies in at most one of them.",
         "All the subsets that a set has, the empty one included."),
        SETS, _is_partition, _partition, note="The first set is the one that the others, at least two, partition.",
    ),
    Concept(
        "chain", "a chain of sets", "maths",
        "Sets each of which is contained in the next one and differs from it.",
        ("Sets each of which has an element in common with the next one.",
         "Sets each of which has exactly one element more than the one before.",
         "Sets of which none is contained in another."),
        SETS, _is_chain, _chain, note="At least 3 sets, in the order given.",
    ),
    Concept(
        "antichain", "an antichain of sets", "maths",
        "Sets of which none is contained in another.",
        ("Sets of which no two have a common element.", "Sets of which each is contained in the next.",
         "Sets that all have the same number of elements."),
        SETS, _is_antichain, lambda r: draw_until(r, _family, _is_antichain), note="At least 3 sets.", robust=True,
    ),
    Concept(
        "tree", "a tree", "maths",
        "A connected graph without a cycle.",
        ("A graph without a cycle.", "A connected graph in which every vertex has at most two neighbours.",
         "A connected graph with as many edges as vertices."),
        GRAPH, lambda e: bool(nx.is_tree(_graph(e))), _tree,
    ),
    Concept(
        "bipartite", "a bipartite graph", "maths",
        "A graph whose vertices fall into two classes such that every edge joins one class to the other.",
        ("A graph that falls into two parts with no edge between them.",
         "A graph whose vertices fall into two classes such that every edge joins two vertices of the same class.",
         "A graph in which every vertex has exactly two neighbours."),
        GRAPH, lambda e: bool(nx.is_bipartite(_graph(e))), _bipartite,
    ),
    Concept(
        "cycle", "a cycle graph", "maths",
        "A connected graph in which every vertex lies on exactly two edges.",
        ("A connected graph in which every vertex lies on an even number of edges.",
         "A graph in which some vertices form a closed round.",
         "A connected graph in which two vertices lie on one edge and all others on two."),
        GRAPH, _is_cycle, _cycle,
    ),
    Concept(
        "eulerian", "a graph with an Eulerian circuit", "maths",
        "There is a closed walk that uses every edge exactly once.",
        ("There is a closed walk that visits every vertex exactly once.",
         "There is a walk that uses every edge at least once.",
         "Every vertex lies on an odd number of edges."),
        GRAPH, lambda e: bool(nx.is_eulerian(_graph(e))), _eulerian,
    ),
    Concept(
        "matching", "a matching", "maths",
        "Edges of which no two share a vertex.",
        ("Edges that together touch every vertex of a graph at least once.", "Edges that all share one vertex.",
         "Edges that form a path through all vertices."),
        GRAPH, lambda e: set(_degrees(e).values()) == {1} and len(e) > 1,
        _matching, note="At least 2 edges.",
    ),
    Concept(
        "complete_graph", "a complete graph", "maths",
        "A graph in which an edge joins every two vertices.",
        ("A graph in which a path joins every two vertices.", "A graph in which every vertex lies on some edge.",
         "A graph in which every vertex lies on the same number of edges."),
        GRAPH, _is_complete, lambda r: _sorted(combinations(_labels(r, int(r.integers(4, 6))), 2)),
        note="At least 3 vertices.",
    ),
)  # fmt: skip
