"""The scorecard in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import akrasia as ak

TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)


def run(tmp_path: Path, variants: Any, model: Any, **settings: Any) -> ak.Result:
    return ak.run(task=TASK, model=model, variants=variants, out=tmp_path / "run", **{"episodes": 4, **settings})


def test_an_interval_that_is_unknown_is_shown_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ak.graphs.reason_act()
    run(tmp_path, {"x[/y]": base, "z[bold]": base | ak.critique()}, "simulated", episodes=1).show()
    shown = capsys.readouterr().out
    assert "[unknown]" in shown and "x[/y]" in shown and "z[bold]" in shown
