"""What the HTML report says first: the verdicts, gap closed against cost, and what holds after looking or judging.

Invariant: every sentence is the verdict's own; nothing is concluded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..evals.pareto import pareto
from ..evals.scorecard import Arm, Scorecard
from . import svg
from .text import difference, judged_by, looked_at, share, short_name

__all__ = ["findings"]


def findings(card: Scorecard, arms: Sequence[Arm], base: Arm) -> dict[str, Any]:
    """The report's first sections on one task and model."""
    where = (base.task, base.model)
    verdicts = [
        {"name": short_name(v.variant, base.variant), "outcome": v.outcome.replace(" ", "-"), "sentence": v.sentence}
        for v in card.verdicts
        if (v.task, v.model) == where
    ]
    return {
        "verdicts": verdicts, "plane": _plane(arms, base), "looked": _looked(card, arms, base),
        "judged": _judged(card, arms, base),
    }  # fmt: skip


def _plane(arms: Sequence[Arm], base: Arm) -> dict[str, Any] | None:
    points = pareto(arms)
    if len(points) < 2:
        return None
    return {
        "drawn": svg.plane(points, "gap closed against tokens per decision, by point estimate"),
        "lines": [
            {
                "number": i, "name": short_name(p.variant, base.variant), "kind": p.kind, "best": p.best,
                "closed": f"{p.closed + 0.0:+.2f}".replace("0.", ".", 1).replace("-", "\N{MINUS SIGN}"),
                "tokens": f"{p.tokens:,.0f}",
            }
            for i, p in enumerate(points, 1)
        ],
    }  # fmt: skip


def _looked(card: Scorecard, arms: Sequence[Arm], base: Arm) -> dict[str, Any] | None:
    if card.looks is None:
        return None
    lines = []
    for arm in arms:
        changes = []
        for found in (card.anytime, card.contrasts):
            wanted = (arm.task, arm.model, "gap", arm.variant, base.variant)
            c = next((c for t, m, c in found if (t, m, c.metric, c.variant, c.against) == wanted), None)
            changes.append("" if c is None else difference(c.difference).replace("-", "\N{MINUS SIGN}"))
        gaps = [share(found["gap"]) if "gap" in found else "not measured" for found in (arm.anytime, arm.metrics)]
        lines.append({"name": short_name(arm.variant, base.variant), "cells": [*gaps, *changes]})
    return {"said": looked_at(card.looks), "lines": lines}


def _judged(card: Scorecard, arms: Sequence[Arm], base: Arm) -> dict[str, Any] | None:
    if card.judged is None:
        return None
    lines = [
        {
            "name": short_name(arm.variant, base.variant),
            "left": arm.left,
            "cells": [share(f[m]) for m in ("knowing", "gap") for f in (arm.metrics, arm.judged) if m in f],
        }
        for arm in arms
    ]
    return {"said": judged_by(card.judged), "lines": lines}
