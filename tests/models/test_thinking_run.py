"""A run with a model that thinks: its thought is the rationale, and effort low and high are two arms with a price."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import akrasia as ak
from akrasia.models import Simulated, key_of
from akrasia.models.providers.simulated import Planted
from akrasia.records import Draw, Message, Request
from akrasia.reports.show import show_step

EXAMPLE = Path(__file__).parents[2] / "examples" / "providers" / "thinking.toml"
TOKENS = {"": 400, "low": 100, "high": 2000}
DOES = {"": 0.5, "low": 0.1, "high": 0.95}  # P(optimal | correct thought)


def plays(prompt: str, effort: str) -> tuple[str, str, int]:
    """A model that knows as much at every effort, and does the better the longer it thinks."""
    does = DOES[effort]
    model = Simulated(Planted(knowing=0.9, optimal=does, greedy=1 - does))
    request = Request("simulated", (Message("user", prompt),))
    text = asyncio.run(model.generate(request, Draw(1, 0), key_of(request, Draw(1, 0)))).text
    thought, _, action = text.rpartition("ACTION=")
    return thought.replace("BEST=", "So the best button is ").strip() + ".", f"ACTION={action}", TOKENS[effort]


@pytest.fixture
def result(providers: Any, tmp_path: Path) -> Any:
    providers.plays = plays
    base = f"{providers.base}/groq/v1"
    settings = tomllib.loads(EXAMPLE.read_text())
    settings["models"]["main"]["api_base"] = base
    return ak.run(
        **settings | {"episodes": 6, "task": {"name": "bandit", "arms": 5, "horizon": 4}}, out=tmp_path / "thinking"
    )


def test_the_thought_is_scored_and_shown_and_efforts_are_arms_with_their_price(
    result: Any, providers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {body.get("reasoning_effort") for body in providers.bodies} == {None, "low", "high"}
    usual, low, high = result.score().arms
    for arm in (usual, low, high):
        assert not arm.integrity and 0.6 < arm.metrics["knowing"].value <= 1.0
    assert low.metrics["doing"].value < high.metrics["doing"].value
    assert high.metrics["gap"].value < low.metrics["gap"].value
    assert high.tokens - low.tokens == pytest.approx(TOKENS["high"] - TOKENS["low"], rel=0.02)

    result.show()
    told = capsys.readouterr().out
    assert "effort(level='low')" in told and "x tokens" in told

    show_step(result.folder, 0, 0, (), Console(width=80))
    shown = capsys.readouterr().out
    assert "So the best button is" in shown
