"""The scorecard in a terminal."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import akrasia as ak
from akrasia.reports.terminal import RowNamedTable

TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)


def run(tmp_path: Path, variants: Any, model: Any, **settings: Any) -> ak.Result:
    return ak.run(task=TASK, model=model, variants=variants, out=tmp_path / "run", **{"episodes": 4, **settings})


def test_an_interval_that_is_unknown_is_shown_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ak.graphs.reason_act()
    run(tmp_path, {"x[/y]": base, "z[bold]": base | ak.critique()}, "simulated", episodes=1).show()
    shown = capsys.readouterr().out
    assert "[unknown]" in shown and "x[/y]" in shown and "z[bold]" in shown


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_names_of_rows_stand_beside_every_column_at_any_width(width: int) -> None:
    titles = [f"column {i}" for i in range(7)]
    names = ["reason_act (baseline)", "a long variant | self_consistency(n=5) | critique(rounds=2)"]
    table = RowNamedTable(
        "Rates", "variant", names, titles, [[f".{i}0 [.1{i}, .2{i}]"] * 2 for i in range(7)], ["left"] * 7
    )
    buffer = io.StringIO()
    Console(file=buffer, width=width).print(table)
    text = buffer.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for i, title in enumerate(titles):
        assert text.count(title) == 1 and text.count(f".{i}0 [.1{i}, .2{i}]") == 2
    assert "".join(text.split()).count("baseline") == text.count("┡")  # once in every part
