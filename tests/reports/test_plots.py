"""A figure in one line: it shows itself, holds the report's numbers, and no name in it is anything but text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.errors import BadOption, NotMeasured, UnknownName
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.reports.plots import figure_of

NAME = "<script>alert(1)</script> \x1b[31m \u202e & \" ' | long"
TASK = {"name": "bandit", "arms": 3, "horizon": 2}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=TASK,
        model=Simulated(Planted()),
        variants={"base": "reason_act", NAME: "reason_act | critique", "debate": "reason_act | debate"},
        episodes=6,
        out=tmp_path_factory.mktemp("plots") / "run",
    )


def test_every_figure_is_an_svg_that_stands_alone(result: ak.Result) -> None:
    card = result.score()
    assert result.plot("regret").to_frame().equals(figure_of(card, "regret", result.records).to_frame())
    for name in ("gap_per_variant", "gap_closed", "pareto", "flips", "gap", "regret", "coverage", "influence"):
        plot = figure_of(card, name, result.records)
        svg = plot._repr_svg_()
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg") and float(root.get("width") or 0) > 300
        for text in (svg, plot._repr_html_()):
            assert "<script>" not in text and "\x1b" not in text and "\u202e" not in text
            assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        style = next(e.text for e in root.iter() if e.tag.endswith("style"))
        assert style and all(rule.strip().startswith(".akrasia-plot") for rule in style.split("}") if rule.strip())


def test_a_scorecard_draws_what_it_holds_and_names_who_has_the_rest(result: ak.Result) -> None:
    card = result.score()
    frame = card.plot("gap_closed").to_frame()
    contrast = card.contrast(card.arms[1], "gap", "base")
    assert contrast is not None and frame["value"][0] == pytest.approx(-(contrast.difference.value or 0))
    assert frame.columns == ["line", "x", "value", "low", "high", "steps", "items"]
    with pytest.raises(NotMeasured, match="result.plot"):
        card.plot("regret")
    with pytest.raises(NotMeasured, match="data for it is missing"):
        result.plot("frequency")
    with pytest.raises(UnknownName, match="gap_closed"):
        card.plot("gap_close")
    with pytest.raises(UnknownName):
        card.plot("gap_closed", model="nobody")


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    models = ["simulated", "simulated:knowing=0.5"]
    result = ak.run(task=TASK, model=models, variants=["reason_act", "act"], episodes=3, out=tmp_path / "run")
    with pytest.raises(BadOption, match="one task and model"):
        result.plot("regret")
    assert "knowing=0.5" in result.plot("regret", model=result.score().groups[1][1])._repr_svg_()


def test_a_figure_is_saved_by_its_ending(result: ak.Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra figures is not installed")
    card, records = result.score(), result.records
    for name in ("flips", "influence", "pareto", "gap_per_variant"):
        assert figure_of(card, name, records).save(tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in figure_of(card, "flips", records).save(tmp_path / "a.svg").read_bytes()
    with pytest.raises(BadOption, match=r"\.png, \.svg or \.pdf"):
        figure_of(card, "flips", records).save(tmp_path / "a.jpeg")
    assert not (tmp_path / "a.jpeg").exists()
