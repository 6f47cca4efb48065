"""A drawing names every agent and every edge of its plan, whatever their names, and shows who reads whom."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

from akrasia.agents import Agent
from akrasia.cli import program
from akrasia.errors import MissingExtra, UnknownName
from akrasia.graphs import Node, Plan, draw
from akrasia.graphs.drawing import speakers
from akrasia.interventions import parse

SVG = "{http://www.w3.org/2000/svg}"
PLANS = (
    "act", "reason_then_act", "reason_act | critique(rounds=2) | self_consistency(3)", "reason_act | debate(rounds=2)",
    "reason_act | debate_of_roles(rounds=2)", "society(agents=5, topology='ring', protocol='borda', stop=True)",
    "liang(rounds=2)", "mallm_memory(agents=4)", "mallm_relay", "mallm_report", "mallm_debate",
)  # fmt: skip
HOSTILE = '<b>&"\'"]; end %% #quot; \x00\n`${x}`'


def svg(plan: Plan) -> ET.Element:
    return ET.fromstring(str(draw(plan, "svg")))


def texts(root: ET.Element) -> list[str]:
    return [t.text or "" for t in root.iter(f"{SVG}text")]


def boxes(root: ET.Element) -> list[tuple[float, float, float, float]]:
    groups = [g for g in root.iter(f"{SVG}g") if g.find(f"{SVG}rect") is not None]
    last = [g.findall(f"{SVG}rect")[-1].attrib for g in groups]
    return [(float(r["x"]), float(r["y"]), float(r["width"]), float(r["height"])) for r in last]


def flow(mermaid: str) -> set[tuple[str, str, str]]:
    return set(re.findall(r"^ +(n\d+) (-->|-\.->) (n\d+)$", mermaid, re.MULTILINE))


@pytest.mark.parametrize("expression", PLANS)
def test_the_svg_names_every_agent_and_no_box_lies_on_another(expression: str) -> None:
    plan = parse(expression)
    root = svg(plan)
    assert root.findtext(f"{SVG}title") == plan.name
    assert {n.name for n in plan.nodes} <= set(texts(root))
    assert texts(root).count("decision") == 1
    places = boxes(root)
    assert len(places) == len(plan.nodes)
    for i, (x, y, width, height) in enumerate(places):
        assert x >= 0 and x + width <= float(root.attrib["width"])
        for a, b, wide, tall in places[:i]:
            assert x >= a + wide or a >= x + width or y >= b + tall or b >= y + height
    assert draw(plan, "svg") == draw(parse(expression), "svg")


@pytest.mark.parametrize("expression", PLANS)
def test_mermaid_lists_every_edge_in_reading_order(expression: str) -> None:
    plan = parse(expression)
    text = str(draw(plan))
    ids = {n.name: f"n{i}" for i, n in enumerate(plan.nodes)}
    wanted = [
        (ids[r], "-->" if r in n.reads else "-.->", ids[n.name]) for n in plan.nodes for r in n.follows
    ]  # fmt: skip
    assert flow(text) == set(wanted)
    assert [f"    {' '.join(edge)}" for edge in wanted] == [
        line for line in text.splitlines() if re.search(r"n\d+ -", line)
    ]
    assert all(f'"{n.name}<br/>' in text for n in plan.nodes)
    assert text.count("start --> ") == sum(not n.follows for n in plan.nodes)
    assert f"class {ids[plan.decision]} decision" in text


def test_the_topology_of_a_ring_is_visible() -> None:
    plan = parse("society(agents=5, topology='ring', protocol='borda')")
    assert set(speakers(plan).edges) == {
        (f"debater{i + 1}", f"debater{(i + d) % 5 + 1}") for i in range(5) for d in (1, -1)
    }
    root = svg(plan)
    assert "who reads whom" in texts(root)
    lines = list(root.iter(f"{SVG}line"))
    assert len(lines) == 5 and all("marker-start" in line.attrib for line in lines)


def test_turns_of_one_conversation_are_one_speaker() -> None:
    assert set(speakers(parse("reason_act | debate(rounds=2)"))) == {"reason_act", "reason_act2", "reason_act3"}
    assert set(speakers(parse("reason_act | debate_of_roles(2)"))) == {"reason_act", "debate.actor", "debate.critic"}
    assert set(speakers(parse("reason_act | critique(2)")).edges) == {
        ("reason_act", "critic"),
        ("critic", "reason_act"),
    }


@pytest.mark.parametrize("expression", ["act", "reason_then_act", "reason_act | self_consistency(5)"])
def test_a_flow_that_says_it_all_has_no_topology(expression: str) -> None:
    assert "who reads whom" not in texts(svg(parse(expression)))


def test_lanes_and_what_may_be_spared_are_shown() -> None:
    assert "reasoner x5" in texts(svg(parse("reason_act | self_consistency(5)")))
    assert "reasoner x5" in str(draw(parse("reason_act | self_consistency(5)")))
    assert "stroke-dasharray" not in str(draw(parse("liang(rounds=1)"), "svg"))
    assert any("stroke-dasharray" in p.attrib for p in svg(parse("liang(rounds=2)")).iter(f"{SVG}path"))
    assert any("stroke-dasharray" in r.attrib for r in svg(parse("society(stop=True)")).iter(f"{SVG}rect"))


def test_hostile_names_are_escaped() -> None:
    nodes = (Node(HOSTILE, Agent("reasoner", HOSTILE)), Node("act", Agent("actor"), (HOSTILE,)))
    plan = Plan(HOSTILE, nodes, "act", HOSTILE)
    root = svg(plan)
    assert HOSTILE.replace("\x00", "\N{REPLACEMENT CHARACTER}") in texts(root)
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg", "title", "defs", "marker", "path", "rect", "g", "text", "circle", "line"
    }  # fmt: skip
    text = str(draw(plan))
    (label,) = (line for line in text.splitlines() if line.startswith("    n0["))
    assert re.fullmatch(r'    n0\["([\w .,@=|()+-]|#\d+;|<br/>)*"\]', label)
    assert flow(text) == {("n0", "-->", "n1")}


def test_a_wide_plan_is_drawn_soon() -> None:
    assert len(boxes(svg(parse("society(agents=20, rounds=3)")))) == 81


def test_png_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'akrasia\[png\]'"):
        draw(parse("act"), "png")


def test_png_is_one() -> None:
    pytest.importorskip("resvg_py")
    assert bytes(draw(parse("reason_act | debate(rounds=2)"), "png")).startswith(b"\x89PNG\r\n")  # type: ignore[arg-type]


def test_an_unknown_format_is_told_its_nearest() -> None:
    with pytest.raises(UnknownName, match="'svg'"):
        draw(parse("act"), "svgz")


def test_the_command_line_shows_and_draws(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plan.svg"
    shown = CliRunner().invoke(
        program(), ["graphs", "show", "society(stop=True) | self_consistency(6)", "--wide", "--svg", str(path)]
    )
    assert shown.exit_code == 0, shown.output
    assert "calls of a decision: 54, at least 18; one after the other: 3" in shown.output
    assert "vote.2 (decision)" in shown.output and "0, 3, ..., 15" in shown.output
    assert "passes on if they agree" in shown.output
    assert path.read_text() == draw(parse("society(stop=True) | self_consistency(6)"), "svg")
    assert [p.name for p in path.parent.iterdir()] == ["plan.svg"]
    mermaid = CliRunner().invoke(program(), ["graphs", "show", "reason_then_act", "--mermaid"])
    assert mermaid.output == draw(parse("reason_then_act"))


def test_a_notebook_shows_a_plan_as_its_drawing() -> None:
    plan = parse("reason_act | critique")
    assert plan._repr_mimebundle_() == {"text/plain": plan.name, "image/svg+xml": draw(plan, "svg")}
