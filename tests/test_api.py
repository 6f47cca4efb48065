"""The front door in Python: an experiment as a value or as keywords, and what a result shows and returns."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import BadOption
from akrasia.evals import Scorecard
from akrasia.experiments import Experiment, assemble
from akrasia.experiments.settings import ExperimentSettings

SETTINGS: dict[str, Any] = {
    "task": {"name": "bandit", "horizon": 1}, "model": "simulated", "variants": ["act", "reason_act"], "episodes": 2,
}  # fmt: skip


def test_an_experiment_and_its_keywords_are_the_same_run(tmp_path: Path) -> None:
    """Also awaited, and without an `out` of one's own: the same experiment goes to the same folder."""
    value = assemble(SETTINGS)
    first = ak.run(value, out=tmp_path / "run")
    again = ak.run(**SETTINGS, out=tmp_path / "run")
    assert first.outcome is not None and first.outcome.run_usage.made > 0
    assert again.outcome is not None and again.outcome.run_usage.asked == 0
    assert ak.forecast(value).shared.calls == ak.forecast(**SETTINGS).shared.calls > 0


async def test_an_experiment_can_be_awaited(tmp_path: Path) -> None:
    result = await ak.arun(assemble(SETTINGS), out=tmp_path / "run")
    assert result.outcome is not None and result.outcome.missing == 0


def test_what_is_no_experiment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="Name each setting, such as task='bandit'"):
        ak.run("bandit", out=tmp_path / "run")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="together with episodes"):
        ak.run(assemble(SETTINGS), episodes=3, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_every_field_of_an_experiment_has_a_keyword() -> None:
    names = {"tasks": "task"}
    assert {names.get(f.name, f.name) for f in fields(Experiment)} | {
        "model"
    } == ExperimentSettings.__annotations__.keys()


def test_show_prints_the_scorecard_and_score_returns_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = ak.run(**SETTINGS, out=tmp_path / "run")
    assert result.show() is None  # type: ignore[func-returns-value]
    assert "act (baseline)" in capsys.readouterr().out
    card = result.score()
    assert isinstance(card, Scorecard) and [arm.variant for arm in card.arms] == ["act", "reason_act"]
    assert capsys.readouterr().out == ""
