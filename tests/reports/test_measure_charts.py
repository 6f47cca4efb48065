"""Charts of measures beside the gap: each is drawn where its data is there, and by the numbers of the scorecard."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak
from akrasia.models.providers.scripted import Scripted
from akrasia.records import Draw, Request
from akrasia.reports.arm_rows import arm_rows
from akrasia.reports.charts import Chart
from akrasia.reports.measure_charts import measure_charts
from akrasia.rng import named_rng

TASK = {"name": "bandit", "arms": 5, "head_start": 3, "horizon": 1}


def charts(result: ak.Result) -> dict[str, Chart]:
    card = result.score(turns=True)
    return {c.key: c for c in measure_charts(arm_rows(card, card.arms[0].task, card.arms[0].model), result.records)}


def test_levels_and_draws_are_those_of_the_breakdowns(tmp_path: Path) -> None:
    result = ak.run(task=TASK, model="simulated:values=0.9,slips=0.3", variants=["reason_act"], episodes=30, trials=4,
                    out=tmp_path / "run")  # fmt: skip
    made, arm = charts(result), result.score(turns=True).arms[0]
    assert set(made) == {"levels", "pass_at", "pass_hat", "vote"}
    assert [p.x for p in made["levels"].lines[0].points] == [2, 3, 4]
    assert made["levels"].lines[0].points[0].y == arm.breakdowns["reasoning"]["implied"]["share"]
    ends = made["pass_at"].lines[0].points[-1], made["pass_hat"].lines[0].points[-1]
    assert [p.y.value for p in ends] == pytest.approx([arm.metrics[n].value for n in ("pass_at_k", "pass_hat_k")])
    page = Path(result.report()).read_text(encoding="utf-8")
    assert "pass^n" in page and "From the reasoning to the action" in page


def test_risk_falls_where_confidence_tells_something_and_ends_at_the_error_rate(tmp_path: Path) -> None:
    from akrasia.tasks import bandit

    task = bandit(arms=5, head_start=3, horizon=1)

    def script(request: Request, draw: Draw) -> str:
        state = task.start(draw.episode)
        right, u = task.oracle(state).optimal[0], named_rng(draw.episode, "risk").random()
        action = right if u < 0.6 else next(a for a in state.labels if a != right)
        return f"BEST={action}\nACTION={action}\nCONFIDENCE={90 if u < 0.4 else 60}"

    result = ak.run(task=task, model=Scripted(script, "sure"), variants=["reason_act | confidence"], episodes=60,
                    out=tmp_path / "run")  # fmt: skip
    chart = charts(result)["risk_coverage"]
    first, last = chart.lines[0].points[0].y, chart.lines[0].points[-1].y
    assert first.value == 0.0 and last.value == pytest.approx(1 - result.records["does"].mean())  # type: ignore[operator]


def test_resilience_is_told_by_sentence(tmp_path: Path) -> None:
    variants = ["reason_then_act", "reason_then_act | resample(1)", "reason_then_act | resample(2)"]
    result = ak.run(task=TASK, model="simulated", variants=variants, episodes=12, out=tmp_path / "run")
    chart = charts(result)["resilience"]
    assert [p.x for p in chart.lines[0].points] == [1, 2]
