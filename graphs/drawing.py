"""Drawings of a plan: Mermaid text, a self-contained SVG, and its PNG.

Invariants: a drawing is a function of the plan alone, so equal plans of equal names draw equal bytes; every name in it
is escaped; an edge u -> v means v reads u, as in the plan. The agent of a dashed box may pass on without a call; a
dashed edge leads to it from an agent that it does not read but whose agreement lets it pass on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from html import escape
from importlib import import_module
from math import ceil, hypot, pi
from textwrap import wrap
from typing import Any

import networkx as nx
from rich.cells import cell_len

from ..agents.base import asks_model
from ..agents.follow_up import FOLLOW_UPS
from ..errors import MissingExtra, UnknownName
from .layout import MARGIN, Spot, fewest_crossings, flow_layers, flow_trails, spot_heights
from .node import Node
from .plan import Plan

FORMATS = ("mermaid", "svg", "png")

FONT = "ui-monospace, 'SFMono-Regular', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
LARGE, CHAR, SMALL = 7.9, 7.3, 6.1  # width of a character of 13, of 12 and of 10 pixels
BOX, ROOM, LINE = 46.0, 64.0, 20.0  # heights of a box and of a line; least room of a layer
INK, FAINT, PALE, ASKS, ACCENT = "#1f2933", "#616e7c", "#f1f3f5", "#e8f1fb", "#b3400f"
BESIDE, DISC = 74.0, 13.0  # the topology: room per agent on the circle, radius of an agent
PNG_ZOOM = 2.0


def draw(plan: Plan, format: str = "mermaid") -> str | bytes:
    """Draw a plan: the flow of its agents and, for SVG and PNG where agents read one another, the topology beneath.

    Args:
        format: "mermaid" and "svg" give text, "png" gives bytes.

    Raises:
        UnknownName: there is no such format.
        MissingExtra: PNG needs the extra "png".
    """
    if format == "mermaid":
        return _mermaid(plan)
    if format == "svg":
        return _svg(plan)
    if format != "png":
        raise UnknownName.among("drawing format", format, FORMATS)
    try:
        resvg: Any = import_module("resvg_py")
    except ImportError:
        raise MissingExtra.of("resvg-py", "png") from None
    return bytes(resvg.svg_to_bytes(svg_string=_svg(plan), zoom=PNG_ZOOM, font_family="DejaVu Sans Mono"))


def speakers(plan: Plan) -> nx.DiGraph[str]:
    """Who reads whom, rounds aside: the agents that ask a model, and an edge (u, v) where a turn of v reads one of u.

    All turns of a conversation are one speaker, and so are `critic` and `critic.2`; ballots are left out, for all read
    all there.
    """
    who: dict[str, str] = {}
    graph: nx.DiGraph[str] = nx.DiGraph()
    for node in plan.nodes:
        who[node.name] = _speaker(plan, node, who)
        if asks_model(node.agent) and node.agent.move != "ballot":
            graph.add_node(who[node.name])
            reads = (r for r in node.reads if asks_model(plan.node(r).agent) and who[r] != who[node.name])
            graph.add_edges_from((who[r], who[node.name]) for r in reads)
    return graph


def _speaker(plan: Plan, node: Node, who: dict[str, str]) -> str:
    if node.reads and node.agent.move in FOLLOW_UPS and plan.node(node.reads[0]).agent.role == node.agent.role:
        return who[node.reads[0]]
    stem = node.name.split(".")[0]
    if stem in who and plan.node(stem).agent.role == node.agent.role:
        return who[stem]
    return re.sub(r"\.\d+$", "", node.name)


def _topology(plan: Plan) -> nx.DiGraph[str] | None:
    """The speakers, if they read one another and the flow does not show it already."""
    graph = speakers(plan)
    turns = sum(asks_model(n.agent) and n.agent.move != "ballot" for n in plan.nodes)
    return graph if graph.number_of_edges() and turns > len(graph) else None


def _notes(plan: Plan, node: Node) -> str:
    slot = f" @{node.agent.slot}" if node.agent.slot not in ("", "default", node.agent.role) else ""
    return f"{node.agent.role}{slot}" + (f" x{node.lanes}" if node.lanes > 1 else "")


# Mermaid


def _mermaid(plan: Plan) -> str:
    ids = {n.name: f"n{i}" for i, n in enumerate(plan.nodes)}
    lines = ["---", f"title: {json.dumps(plan.name)}", "---", "flowchart LR", "    start((start))"]
    for node in plan.nodes:
        left, right = ("[", "]") if asks_model(node.agent) else ("{{", "}}")
        tag = "<br/>decision" if node.name == plan.decision else ""
        label = f"{_entities(node.name)}<br/>{_entities(_notes(plan, node))}{tag}"
        lines.append(f'    {ids[node.name]}{left}"{label}"{right}')
    for node in plan.nodes:
        if not node.follows:
            lines.append(f"    start --> {ids[node.name]}")
        for other in node.follows:
            lines.append(f"    {ids[other]} {'-->' if other in node.reads else '-.->'} {ids[node.name]}")
    lines += ["    classDef decision stroke-width:3px", f"    class {ids[plan.decision]} decision"]
    may_pass = [ids[n.name] for n in plan.nodes if n.unless]
    if may_pass:
        lines += ["    classDef spared stroke-dasharray:5 4", f"    class {','.join(may_pass)} spared"]
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    return re.sub(r"[^\w .,@=|()+-]", lambda character: f"#{ord(character[0])};", text)


# SVG


def _svg(plan: Plan) -> str:
    flow, width, height = _flow(plan)
    wired = _topology(plan)
    circle, across, down = _circle(wired) if wired is not None else ("", 0.0, 0.0)
    width = max(width, across, 320.0)
    title = wrap(_printable(plan.name), max(int((width - 2 * MARGIN) / LARGE), 20)) or [""]
    top = MARGIN + LINE * len(title)
    body = f'<g transform="translate(0 {top:.1f})">{flow}</g>'
    if circle:
        body += f'<g transform="translate({(width - across) / 2:.1f} {top + height:.1f})">{circle}</g>'
    head = "".join(_text(MARGIN, MARGIN + LINE * i + 6, t, size=13, weight="bold") for i, t in enumerate(title))
    tall = top + height + down
    size = f'width="{ceil(width)}" height="{ceil(tall)}" viewBox="0 0 {ceil(width)} {ceil(tall)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}" fill="{INK}">'
        f"<title>{_safe(plan.name)}</title>"
        f"<defs>{_arrow('akrasia-arrow', FAINT)}</defs>"
        f'<rect width="100%" height="100%" fill="#fff"/>{head}{body}</svg>\n'
    )


def _flow(plan: Plan) -> tuple[str, float, float]:
    """(drawing, width, height) of the flow, its top left at the origin."""
    trails, layer = flow_trails(plan)
    layers = fewest_crossings(flow_layers(layer, trails), trails)
    wide = {n.name: _width(plan, n) for n in plan.nodes}
    tall = _tall(plan, trails, layer)
    y = spot_heights(layers, trails, layer, tall)
    crowd = [len({e[0] for e in trails if e[1][1] == k}) for k in range(len(layers))]
    x, at = [0.0] * len(layers), MARGIN + 12
    for k, spots in enumerate(layers):
        at += max(ROOM, 14.0 * min(crowd[k], 8)) if k else 0.0
        x[k] = at
        at += max((wide.get(name, 0.0) for name, j in spots if layer[name] == j), default=0.0)
    width, height = at + MARGIN + 8, max(v + tall.get(s[0], BOX) / 2 for s, v in y.items()) + MARGIN

    def box(spot: Spot) -> bool:
        return layer[spot[0]] == spot[1]

    ends: dict[Spot, list[Spot]] = {}
    for u, v in trails:
        ends.setdefault(v, []).append(u)
    span = [max((wide.get(n, 0.0) for n, j in spots if layer[n] == j), default=0.0) for spots in layers]
    edges: list[str] = []
    for (u, v), dashed in trails.items():
        x1 = x[u[1]] + (_end(wide, u[0]) if box(u) else span[u[1]])
        if box(v):
            into = sorted(ends[v], key=lambda s: (y[s], s))
            step = min(9.0, (tall[v[0]] - 2 * _corner(plan.node(v[0]))) / max(len(into) - 1, 1))
            y2 = y[v] + (into.index(u) - (len(into) - 1) / 2) * step
        else:
            y2 = y[v]
        x2, y1 = x[v[1]], y[u]
        bend = x[v[1]] - (x[u[1]] + span[u[1]])  # turn in the room between layers, never behind a box
        straight = x2 - bend
        path = f"M{x1:.1f} {y1:.1f}H{straight:.1f}" if straight > x1 + 0.1 else f"M{x1:.1f} {y1:.1f}"
        from_x = max(straight, x1)
        path += f"C{from_x + bend / 2:.1f} {y1:.1f} {x2 - bend / 2:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        if not box(v):
            path += f"H{x2 + span[v[1]]:.1f}"
        head = ' marker-end="url(#akrasia-arrow)"' if box(v) else ""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        edges.append(f'<path d="{path}"{dash}{head}/>')
    boxes = [_box(plan, n, x[layer[n.name]], y[n.name, layer[n.name]], wide[n.name], tall[n.name]) for n in plan.nodes]
    start = f'<circle cx="{x[0] + 5:.1f}" cy="{y["", 0]:.1f}" r="5"/>'
    start += _text(x[0] + 9, y["", 0] + 18, "start", size=10, anchor="end", fill=FAINT)
    lines = f'<g fill="none" stroke="{FAINT}" stroke-width="1.2">{"".join(edges)}</g>'
    return lines + start + "".join(boxes), width, height


def _tall(plan: Plan, trails: dict[tuple[Spot, Spot], bool], layer: dict[str, int]) -> dict[str, float]:
    """The height of every box: there is room for each edge that ends at it."""
    ends = Counter(v for _, v in trails)
    return {n.name: max(BOX, 2 * _corner(n) + 6.0 * (ends[n.name, layer[n.name]] - 1)) for n in plan.nodes}


def _width(plan: Plan, node: Node) -> float:
    tag = len("decision") * SMALL if node.name == plan.decision else 0.0
    return max(84.0, cell_len(node.name) * CHAR, cell_len(_notes(plan, node)) * SMALL, tag) + 20.0


def _end(wide: dict[str, float], name: str) -> float:
    return wide.get(name, 10.0)


def _corner(node: Node) -> int:
    return 6 if asks_model(node.agent) else 14


def _box(plan: Plan, node: Node, x: float, y: float, width: float, height: float) -> str:
    asks, chosen = asks_model(node.agent), node.name == plan.decision
    shape = f'rx="{_corner(node)}" width="{width:.1f}" height="{height:g}"'
    look = f'fill="{ASKS if asks else PALE}" stroke="{ACCENT if chosen else INK}" stroke-width="{2.5 if chosen else 1}"'
    dash = ' stroke-dasharray="5 4"' if node.unless else ""
    top = y - height / 2
    behind = [f'<rect x="{x + d:.1f}" y="{top - d:.1f}" {shape} {look}/>' for d in (6, 3) if node.lanes > 1]
    parts = [
        *behind,
        f'<rect x="{x:.1f}" y="{top:.1f}" {shape} {look}{dash}/>',
        _text(x + width / 2, y - 2, node.name, size=12, weight="bold", anchor="middle"),
        _text(x + width / 2, y + 14, _notes(plan, node), size=10, anchor="middle", fill=FAINT),
    ]
    if chosen:
        parts.append(_text(x + width / 2, y + height / 2 + 13, "decision", size=10, anchor="middle", fill=ACCENT))
    return f"<g>{''.join(parts)}</g>"


def _circle(graph: nx.DiGraph[str]) -> tuple[str, float, float]:
    """(drawing, width, height) of who reads whom, its top left at the origin."""
    names = list(graph)
    radius = max(60.0, BESIDE * len(names) / (2 * pi))
    side = max(cell_len(n) for n in names) * CHAR + DISC + 10
    pair = len(names) == 2
    middle_x, middle_y = MARGIN + side + radius, 48.0 if pair else 2 * LINE + 24 + radius
    at = {  # clockwise, the first agent on top; two stand side by side
        n: (middle_x - radius * p[0], middle_y) if pair else (middle_x + radius * p[1], middle_y - radius * p[0])
        for n, p in nx.circular_layout(graph).items()
    }
    lines, discs = [], []
    for u, v in graph.edges:
        both = graph.has_edge(v, u)
        if both and names.index(u) > names.index(v):
            continue
        (x1, y1), (x2, y2) = at[u], at[v]
        dx, dy = (x2 - x1) / hypot(x2 - x1, y2 - y1), (y2 - y1) / hypot(x2 - x1, y2 - y1)
        gap = DISC + 2
        place = f'x1="{x1 + gap * dx:.1f}" y1="{y1 + gap * dy:.1f}" x2="{x2 - gap * dx:.1f}" y2="{y2 - gap * dy:.1f}"'
        start = ' marker-start="url(#akrasia-arrow)"' if both else ""
        lines.append(f'<line {place}{start} marker-end="url(#akrasia-arrow)"/>')
    for i, name in enumerate(names):
        x, y = at[name]
        right, down = (x - middle_x) / radius, (y - middle_y) / radius
        anchor = "middle" if abs(right) < 0.2 else "start" if right > 0 else "end"
        label_x = x + (DISC + 6) * (0.0 if anchor == "middle" else 1.0 if right > 0 else -1.0)
        label_y = y + 4 + ((DISC + 10) * (1 if down > 0 else -1) if anchor == "middle" else 8 * down)
        discs.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{DISC:g}" fill="{ASKS}" stroke="{INK}"/>')
        discs.append(_text(x, y + 4, str(i + 1), size=11, anchor="middle"))
        discs.append(_text(label_x, label_y, name, size=12, weight="bold", anchor=anchor))
    width = 2 * (MARGIN + side + radius)
    note = _text(middle_x, 12, "who reads whom", size=11, anchor="middle", fill=FAINT)
    drawn = f'<g fill="none" stroke="{FAINT}" stroke-width="1.2">{"".join(lines)}</g>{"".join(discs)}'
    return note + drawn, width, max(y for _, y in at.values()) + DISC + 20 + MARGIN


def _arrow(name: str, colour: str) -> str:
    shape = f'<path d="M0 0L8 4 0 8z" fill="{colour}"/>'
    size = 'viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"'
    return f'<marker id="{name}" {size} orient="auto-start-reverse">{shape}</marker>'


def _text(x: float, y: float, text: str, *, size: int, weight: str = "", anchor: str = "", fill: str = "") -> str:
    more = "".join(
        f' {key}="{value}"'
        for key, value in (("font-weight", weight), ("text-anchor", anchor), ("fill", fill))
        if value
    )
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{more}>{_safe(text)}</text>'


def _printable(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)


def _safe(text: str) -> str:
    return escape(_printable(text))


Plan.renderer = _svg
