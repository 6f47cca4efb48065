"""The quick scorecard says what the whole one says, of fewer metrics."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

import akrasia as ak
from akrasia.evals.scoring import HEADLINE
from akrasia.reports.terminal import show_scorecard


def test_what_a_scorecard_opens_with_is_the_same_without_the_rest(tmp_path: Path) -> None:
    result = ak.run(
        task=ak.tasks.bandit(arms=4, horizon=3, head_start=3),
        model=["simulated", "simulated:parse_failure=0.2"],
        variants={"base": "reason_then_act", "z": "reason_then_act | critique", "a": "reason_then_act | placebo"},
        episodes=12,
        out=tmp_path / "run",
    )
    whole, quick = result.score(), result.score(headline=True)
    for one, other in zip(whole.arms, quick.arms, strict=True):
        assert other.metrics == {name: one.metrics[name] for name in HEADLINE if name in one.metrics}
        assert (other.bounds, other.splits, other.flips, other.integrity, other.table) == (
            {name: ends for name, ends in one.bounds.items() if name in HEADLINE},
            {}, one.flips, one.integrity, one.table,
        )  # fmt: skip
    assert (quick.contrasts, quick.verdicts, quick.warnings, quick.two_way) == (
        whole.contrasts, whole.verdicts, whole.warnings, whole.two_way,
    )  # fmt: skip
    shown = []
    for card in (whole, quick):
        buffer = io.StringIO()
        show_scorecard(card, result.experiment, console=Console(file=buffer, width=120), wide=True)
        shown.append(buffer.getvalue())
    assert shown[0] == shown[1]
