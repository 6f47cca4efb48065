"""What `akrasia list` shows: where each design comes from, and what it is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak
from akrasia.commands.catalogue import entries
from akrasia.interventions import INTERVENTIONS
from akrasia.tasks import TASKS


def test_every_task_says_where_its_design_comes_from() -> None:
    rows = entries("tasks")
    assert [row[0] for row in rows] == list(TASKS)
    assert not [name for name, _, source in rows if not source]


def test_every_intervention_shows_its_source_and_its_placebo_or_why_it_has_none() -> None:
    rows = entries("interventions")
    assert {row[0].split()[0].rstrip("*!") for row in rows} >= set(INTERVENTIONS)
    for name, _, _, source, placebo in rows:
        assert source and placebo, name
        assert not placebo.startswith("none") or len(placebo.removeprefix("none: ")) > 10, name


@pytest.mark.parametrize("kind", ["metrics", "evaluators"])
def test_every_measure_shows_its_unit_and_its_source(kind: str) -> None:
    assert not [row[0] for row in entries(kind) if not all(row[2:])]


def test_too_few_items_and_one_draw_are_told_with_what_to_do(tmp_path: Path) -> None:
    variants = ["reason_then_act", "reason_then_act | critique"]
    card = ak.run(task="bandit", model="simulated", variants=variants, episodes=4, trials=1, out=tmp_path / "r").score()
    (verdict,) = card.verdicts
    assert verdict.outcome == "too few episodes" and "at least 10 are needed" in str(verdict)
    assert "run with trials = 5" in card.arms[0].metrics["pass_at_k"].why
