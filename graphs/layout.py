"""Where the boxes and edges of a plan's flow stand: layers, their order, and heights.

An edge that passes a layer has a spot of its own there, so that it runs behind no box. Invariant: the layout is a
function of the plan and of the heights of its boxes alone.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import Any, cast

import networkx as nx

from .plan import Plan

GAP, BEND, MARGIN = 18.0, 10.0, 24.0  # heights of a gap and of a passing edge; what stays free around a drawing

Spot = tuple[str, int]  # a node in its layer, or its edge as it passes a later layer


def flow_trails(plan: Plan) -> tuple[dict[tuple[Spot, Spot], bool], dict[str, int]]:
    """({piece of an edge between neighbouring layers: dashed}, {node: layer}); "" is the start.

    The edges of one node share their way through the layers that they pass.
    """
    graph = nx.DiGraph(plan.graph)
    graph.add_edges_from(("", n.name) for n in plan.nodes if not n.follows)
    generations = nx.topological_generations(cast(Any, graph))
    layer = {name: k for k, names in enumerate(generations) for name in names}
    trails: dict[tuple[Spot, Spot], bool] = {}
    for node in plan.nodes:
        for other in node.follows or ("",):
            dashed = bool(node.unless) and other not in node.reads
            for k in range(layer[other], layer[node.name]):
                ahead = (node.name if k + 1 == layer[node.name] else other, k + 1)
                piece = ((other, k), ahead)
                trails[piece] = dashed and trails.get(piece, True)
    return trails, layer


def flow_layers(layer: dict[str, int], trails: dict[tuple[Spot, Spot], bool]) -> list[list[Spot]]:
    """The spots of every layer, the start first."""
    spots = dict.fromkeys([*layer.items(), *(s for piece in trails for s in piece)])
    return [[s for s in spots if s[1] == k] for k in range(max(layer.values()) + 1)]


def fewest_crossings(layers: list[list[Spot]], trails: dict[tuple[Spot, Spot], bool]) -> list[list[Spot]]:
    """The layers in the order with the fewest crossings that sweeps by barycentre find."""
    graph: nx.DiGraph[Spot] = nx.DiGraph(list(trails))
    best, fewest = [list(spots) for spots in layers], _crossings(layers, trails)
    now = [list(spots) for spots in layers]
    for sweep in range(12):
        back = sweep % 2 == 1
        for k in range(len(now) - 2, -1, -1) if back else range(1, len(now)):
            place = {s: i for i, s in enumerate(now[k + 1 if back else k - 1])}
            own = {s: i for i, s in enumerate(now[k])}

            def middle(
                spot: Spot, place: dict[Spot, int] = place, own: dict[Spot, int] = own, back: bool = back
            ) -> float:
                near = [place[s] for s in (graph.successors(spot) if back else graph.predecessors(spot))]
                return sum(near) / len(near) if near else own[spot]

            now[k].sort(key=middle)
        crossings = _crossings(now, trails)
        if crossings < fewest:
            best, fewest = [list(spots) for spots in now], crossings
    return best


def _crossings(layers: list[list[Spot]], trails: dict[tuple[Spot, Spot], bool]) -> int:
    place = {s: i for spots in layers for i, s in enumerate(spots)}
    total = 0
    for k in range(len(layers) - 1):
        ends = sorted((place[u], place[v]) for u, v in trails if u[1] == k)
        above: list[int] = []
        for _, end in ends:
            total += len(above) - bisect_right(above, end)
            insort(above, end)
    return total


def spot_heights(
    layers: list[list[Spot]], trails: dict[tuple[Spot, Spot], bool], layer: dict[str, int], boxes: dict[str, float]
) -> dict[Spot, float]:
    """The middle of every spot: near those it is joined to, in its order, and never over its neighbour."""
    graph: nx.DiGraph[Spot] = nx.DiGraph(list(trails))
    tall = {s: boxes.get(s[0], BEND) if layer[s[0]] == s[1] else BEND for spots in layers for s in spots}
    room = [[0.0, *((tall[a] + tall[b]) / 2 + GAP for a, b in zip(spots, spots[1:], strict=False))] for spots in layers]
    y: dict[Spot, float] = {}
    for spots, steps in zip(layers, room, strict=True):
        total, at = sum(steps), 0.0
        for spot, step in zip(spots, steps, strict=True):
            at += step
            y[spot] = at - total / 2
    for sweep in range(16):
        for k in range(len(layers)) if sweep % 2 == 0 else range(len(layers) - 1, -1, -1):
            wanted = []
            for s in layers[k]:
                near = [y[o] for o in (*graph.predecessors(s), *graph.successors(s))]
                wanted.append(sum(near) / len(near) if near else y[s])
            y.update(zip(layers[k], _spaced(wanted, room[k]), strict=True))
    top = min(y[s] - tall[s] / 2 for s in y) - MARGIN
    return {s: v - top for s, v in y.items()}


def _spaced(wanted: Sequence[float], steps: Sequence[float]) -> list[float]:
    """The places nearest to the wanted ones, by least squares, that keep the order and the steps between them."""
    offsets = [sum(steps[: i + 1]) for i in range(len(steps))]
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while pools and pools[-1][0] > mean:
            before, n = pools.pop()
            mean, size = (before * n + mean * size) / (n + size), n + size
        pools.append((mean, size))
    flat = [mean for mean, size in pools for _ in range(size)]
    return [f + o for f, o in zip(flat, offsets, strict=True)]
