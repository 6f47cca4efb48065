"""What failed is no answer: no filter of answers lists it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

import akrasia as ak
from akrasia.models import Scripted
from akrasia.models.base import FAILED
from akrasia.records import Draw, Request, Response
from akrasia.reports.viewer.filters import with_marks


def test_a_variant_that_failed_flips_nothing_and_disagrees_with_nobody(tmp_path: Path) -> None:
    def model(request: Request, draw: Draw) -> str | Response:
        asks_again, label = len(request.messages) > 1, ("Red", "Blue")[draw.step % 2]
        if asks_again:
            return Response("", "error", FAILED, error="the server is gone")
        return f"BEST={label}\nACTION={label}"

    result = ak.run(
        task={"name": "bandit", "arms": 2, "horizon": 3, "labels": ["Red", "Blue"]},
        model=Scripted(model),
        variants=["reason_act", "reason_act | re_evaluate"],
        episodes=2,
        keep_going=True,
        out=tmp_path / "run",
    )
    marked = with_marks(result.records, None)
    failed = marked.filter(pl.col("status") == "error")
    assert failed.height == 6 and marked.filter("b_does").height > 0
    assert not marked["m_worsened"].any() and not marked["m_disagree"].any()
