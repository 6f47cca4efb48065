"""For whom an intervention works: by item, by what is untried, by difficulty, and beside a mixed model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.errors import BadOption
from akrasia.evals import Estimate
from akrasia.evals.mixed import mixed_check
from akrasia.rng import named_rng

TASK = {"name": "bandit", "arms": 6, "head_start": 3, "horizon": 6}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    pytest.importorskip("statsmodels")
    return ak.run(
        task=TASK, model="simulated:knowing=0.8,optimal=0.4,greedy=0.4,spread=1.5", episodes=40, trials=3,
        variants=["reason_act", "reason_act | try_all"], out=tmp_path_factory.mktemp("runs") / "run",
    )  # fmt: skip


def test_every_part_is_told_and_fits_the_headline(run: ak.Result) -> None:
    (told,) = run.heterogeneity("gap")
    card = run.score(["gap"])
    assert told.whole.difference == card.contrast(card.arms[1], "gap", "reason_act").difference  # type: ignore[union-attr]
    assert len(told.items) == 40 and told.spread and told.p is not None and told.p < 0.01
    assert [i.effect for i in told.items] == sorted(i.effect for i in told.items)
    assert all(i.low <= i.effect <= i.high for i in told.items)
    parts = {(p.by, p.name): p.difference for p in told.subgroups}
    assert set(parts) == {
        ("untried", "left"),
        ("untried", "none"),
        *(("difficulty", d) for d in ("hard", "middle", "easy")),
    }
    assert sum(parts["untried", n].n for n in ("left", "none")) == told.whole.difference.n
    assert sum(parts["difficulty", n].n for n in ("hard", "middle", "easy")) == told.whole.difference.n
    left, none = parts["untried", "left"].value, parts["untried", "none"].value
    assert left is not None and none is not None and left < none  # try_all acts only where something is untried
    assert told.mixed.agrees and "agrees" in told.mixed.sentence


def test_the_command_line_shows_a_forest_and_gives_json(run: ak.Result) -> None:
    shown = CliRunner().invoke(app, ["score", str(run.folder), "--by-item"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0 and "●" in shown.output and "untried left" in shown.output
    given = CliRunner().invoke(app, ["score", str(run.folder), "--by-item", "--metric", "doing", "--json"])
    (one,) = json.loads(given.output)
    assert one["metric"] == "doing" and len(one["items"]) == 40 and one["mixed"]["agrees"] is True


def test_what_cannot_be_told_is_refused_or_said(run: ak.Result, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no effect by item"):
        run.heterogeneity("ece")
    once: dict[str, Any] = {"task": TASK | {"horizon": 1}, "model": "simulated", "episodes": 12}
    alone = ak.run(**once, variants=["reason_act"], out=tmp_path / "alone")
    with pytest.raises(BadOption, match="beside the baseline"):
        alone.heterogeneity()
    (told,) = ak.run(**once, variants=["reason_act", "reason_act | try_all"], out=tmp_path / "once").heterogeneity()
    assert not told.items and "decided once" in told.why
    assert told.mixed.agrees is None and "decided once" in told.mixed.sentence


def outcomes(effects: np.ndarray, sizes: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rng = named_rng(i, "test", "mixed")
    b = (rng.random(len(codes)) < 0.5).astype(float)
    a = (rng.random(len(codes)) < 0.5 + effects[codes]).astype(float)
    return a, b, codes


def test_the_mixed_model_holds_the_common_effect_of_items() -> None:
    pytest.importorskip("statsmodels")
    held = []
    for i in range(30):
        effects = 0.2 + 0.1 * named_rng(i, "test", "effects").standard_normal(30)
        a, b, codes = outcomes(effects, np.full(30, 8), i)
        e = mixed_check(a, b, codes, Estimate(None)).difference
        if e.low is not None and e.high is not None:
            held.append(e.low <= 0.2 <= e.high)
    assert len(held) >= 25 and np.mean(held) >= 0.87


def test_a_disagreement_is_said() -> None:
    """Two large items lose and many small ones gain: the mean decision and the mean item part."""
    pytest.importorskip("statsmodels")
    effects = np.array([-0.4, -0.4, *[0.4] * 20])
    a, b, codes = outcomes(effects, np.array([200, 200, *[6] * 20]), 0)
    value = float(np.mean(a - b))
    check = mixed_check(a, b, codes, Estimate(value, value - 0.1, value + 0.1))
    assert check.agrees is False and "DISAGREES" in check.sentence
