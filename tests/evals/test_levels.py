"""Where it is lost between the reasoning and the action: planted losses are told apart through the whole program."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

import akrasia as ak
from akrasia.benchmarks.calibration_levels import DECISIONS, LEVEL_WORLDS, SEEN
from akrasia.evals import METRICS, Scorecard
from akrasia.evals.metrics.levels import LOSSES, NO_VALUES
from akrasia.models import Planted, Simulated
from akrasia.result import Result
from akrasia.tasks import bandit

RUNS = 6
WORLDS = {world.name: world for world in LEVEL_WORLDS}


def agent(**planted: float) -> Simulated:
    return Simulated(Planted(**{"knowing": 0.9, "greedy": 0.0, "optimal": 1.0, "values": 1.0, **planted}))


def run(folder: Path | str, model: Any, **settings: Any) -> Result:
    defaults: dict[str, Any] = {"task": bandit(arms=20, horizon=1, head_start=3), "variants": ["reason_act"]}
    return ak.run(**{**defaults, "model": model, **settings}, out=Path(folder) / "run")


@cache
def steps(world: str) -> pl.DataFrame:
    with TemporaryDirectory() as folder:
        return run(folder, WORLDS[world].agent(), episodes=DECISIONS * RUNS, seed=2).records


def test_losses_are_told_apart_in_nearly_every_run() -> None:
    wrong = []
    for name, world in WORLDS.items():
        for i in range(RUNS):
            part = steps(name).filter(pl.col("episode").is_between(DECISIONS * i, DECISIONS * (i + 1), closed="left"))
            found = {loss for loss in LOSSES if (METRICS.make(loss)(part).low or 0.0) > SEEN}
            if found != world.losses:
                wrong.append((name, i, found))
    assert len(wrong) <= 0.05 * RUNS * len(WORLDS), wrong


def test_planted_losses_are_recovered_and_add_up() -> None:
    part = steps("in both")
    values = {n: METRICS.make(n)(part) for n in ("implied", "kept", *LOSSES)}
    truths = {
        "implied": 0.9,
        "lost_in_conclusion": 0.9 * 0.35,
        "lost_in_action": 0.9 * 0.65 * 0.45,
        "lost_in_reading": 0.0,
        "kept": 0.9 * 0.65 * 0.55,
    }
    for name, truth in truths.items():
        estimate = values[name]
        assert estimate.low is not None and estimate.high is not None
        assert estimate.low <= truth <= estimate.high, f"{name}: {estimate} does not hold {truth}"
    total = sum(values[n].value or 0.0 for n in ("kept", *LOSSES))
    assert total == pytest.approx(values["implied"].value)


@cache
def readouts() -> Scorecard:
    with TemporaryDirectory() as folder:
        variants = {"base": "reason_act", "asked again": "reason_act | constrained_readout"}
        return run(folder, agent(unmarked=0.35), episodes=60, variants=variants).score()


def test_a_loss_of_the_reader_is_no_loss_of_the_agent() -> None:
    for arm in readouts().arms:
        assert arm.metrics["lost_in_action"].value == 0.0
        assert (arm.metrics["lost_in_reading"].low or 0.0) > 0.1
    again = readouts().arms[1].metrics["unread_but_known"]
    assert again.low is not None and again.high is not None and again.low < 0.35 < again.high


def test_losses_are_paired_between_variants_and_shown_by_level(tmp_path: Path) -> None:
    model = agent(optimal=0.6, greedy=0.3)
    variants = {"base": "reason_act", "done as said": "reason_act | execute_stated"}
    card = run(tmp_path, model, variants=variants, episodes=60).score()
    contrast = card.contrast(card.arms[1], "lost_in_action", "base")
    assert contrast is not None and contrast.difference.high is not None and contrast.difference.high < 0
    assert contrast.p_holm is not None and contrast.p_holm < 0.01
    rows = card.arms[0].breakdowns["reasoning"]
    assert list(rows) == [
        "implied", "stated", "done", "lost in the conclusion", "lost in the action", "lost in reading", "kept",
    ]  # fmt: skip
    parts = [rows[n]["share"].value or 0.0 for n in list(rows)[3:]]
    assert sum(parts) == pytest.approx(rows["implied"]["share"].value)


def test_a_vote_carries_the_reasoning_that_it_chose_and_tampering_changes_nothing_of_it(tmp_path: Path) -> None:
    changes = {"vote": "self_consistency(3)", "swapped": "swap_recommendation", "renamed": "permute_labels"}
    variants = {"base": "reason_then_act", **{name: f"reason_then_act | {c}" for name, c in changes.items()}}
    records = run(tmp_path, agent(), variants=variants, episodes=20).records
    rates = {v: part["implies"].mean() for (v,), part in records.group_by("variant")}
    assert records["implies"].null_count() == 0
    assert rates["swapped"] == rates["base"] and min(rates.values()) > 0.7  # type: ignore[type-var]


def test_without_values_nothing_is_measured_and_the_reason_says_what_to_ask_for(tmp_path: Path) -> None:
    arm = run(tmp_path, agent(values=0.0), episodes=12).score().arms[0]
    for name in ("implied", *LOSSES):
        assert arm.metrics[name].value is None and arm.metrics[name].why.startswith(NO_VALUES)
    assert "reasoning" not in arm.breakdowns
