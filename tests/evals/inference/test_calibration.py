"""The calibration benchmark itself, on fewer experiments; its page shows the rows and their claims."""

import importlib.util
import itertools
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from akrasia.benchmarks import calibration_agents as agents
from akrasia.rng import named_rng

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibration", ROOT / "benchmarks" / "calibration.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["calibration"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("world", ["COMMON", "RARE", "TIED", "UNREAD"])
def test_the_planted_values_are_what_many_episodes_show(calibration: ModuleType, world: str) -> None:
    planted = getattr(calibration, world)
    base, arm = planted.arms(named_rng("planted", world), 1, 40_000)
    for quantity in ("knowing", "doing", "gap", "does if knows"):
        for side, second in ((base, False), (arm, True)):
            num, den = side.sums(quantity)
            assert num.sum() / den.sum() == pytest.approx(planted.truth(quantity, second), abs=0.01)


def test_the_arms_of_a_placebo_are_alike_and_paired(calibration: ModuleType) -> None:
    base, arm = calibration.QUIET.arms(named_rng("placebo"), 1, 20_000)
    (na, den), (nb, _) = base.sums("doing"), arm.sums("doing")
    assert na.sum() / den.sum() == pytest.approx(nb.sum() / den.sum(), abs=0.01)
    assert np.corrcoef(na[0] / den[0], nb[0] / den[0])[0, 1] > 0.8


def measured(rows: list[Any]) -> dict[str, float]:
    return {row.section: row.measured for row in rows}


@pytest.mark.parametrize("repeats", [1, 5, 40])
def test_items_that_are_asked_again_keep_coverage_and_level(calibration: ModuleType, repeats: int) -> None:
    """Three hundred experiments of 20 items: three standard errors are 4 points."""
    for world in calibration.ITEM_WORLDS[:3]:
        claimed = [r for r in calibration.repeated_items(world, repeats, 300) if r.least or r.most]
        assert len(claimed) == 2 + (world.shift == 0)
        for row in claimed:
            within = row.measured <= 0.09 if "test" in row.section else 0.9 <= row.measured
            assert within, (row.section, row.what, row.measured)


def test_episodes_as_clusters_would_not(calibration: ModuleType) -> None:
    rows = calibration.repeated_items(calibration.ITEM_WORLDS[2], 40, 100)
    beside = {r.section.partition(",")[0]: r.measured for r in rows if "for comparison" in r.section}
    assert beside["robust interval of a paired difference"] < 0.7 and beside["sign-flip test"] > 0.3


def test_the_planted_items_are_what_many_of_them_show(calibration: ModuleType) -> None:
    for world, off in itertools.product(calibration.ITEM_WORLDS, (-0.4, 0.0)):
        base, arm = world.draw(named_rng("items", world.name), np.full(4000, off), 2)
        share, change = world.truth(off)
        assert base.mean() == pytest.approx(share, abs=0.01)
        assert arm.mean() - base.mean() == pytest.approx(change, abs=0.01)


@pytest.mark.slow
def test_intervals_and_tests_keep_their_word(calibration: ModuleType) -> None:
    """Five hundred experiments: three standard errors are 3 points."""
    [share] = calibration.shares(calibration.COMMON, "gap", 20, "robust", 500)
    assert 0.92 <= share.measured <= 0.98
    [often] = calibration.shares(calibration.OFTEN, "doing", 35, "robust", 300)
    assert 0.91 <= often.measured <= 0.99
    [few, *_] = calibration.differences(calibration.FEW, "doing", 18, "robust", 300)
    assert few.measured >= 0.91, "a true effect, few episodes, few steps that differ"
    for quantity in ("gap", "does if knows"):
        found = measured(calibration.differences(calibration.PLACEBO, quantity, 20, "robust", 500))
        assert 0.92 <= found["robust interval of a paired difference"] <= 0.98
        assert found["sign-flip test, error at 0.05"] <= 0.08
    [boot] = calibration.shares(calibration.COMMON, "gap", 12, "bootstrap", 300)
    assert 0.91 <= boot.measured <= 0.985
    [items] = calibration.items(100, 500)
    assert items.measured <= 0.08
    found = measured(calibration.families(20, 3, 200))
    assert found["family-wise error after Holm at 0.05"] <= 0.1


@pytest.mark.slow
def test_sequences_and_plans_keep_their_word(calibration: ModuleType) -> None:
    [share] = calibration.peeks(calibration.COMMON, "gap", 1000, 200)
    [change] = calibration.peeks(calibration.COMMON, "gap", 1000, 200, difference=True)
    assert share.measured <= 0.09 and change.measured <= 0.09
    [naive] = calibration.naive_peeks(300, 60)
    assert naive.measured > 0.12, "the same looks at an ordinary interval are wrong too often"
    [plan] = calibration.planned(4, 0.3, 0.0, 0.1, 0.8, 1, 400)
    assert plan.measured == pytest.approx(0.8, abs=0.06)
    low, high, ignored = calibration.unread(40, 100)
    assert low.measured >= 0.95 and high.measured >= 0.95 and ignored.measured < 0.9


def test_a_missed_claim_is_said(calibration: ModuleType) -> None:
    row = calibration.Row("an interval", "gap = 0.4", 2000, 0.95, 0.93, 0.97)
    assert row.kept and "missed" not in calibration.table([row])
    for off in (0.92, 0.98):
        assert not replace(row, measured=off).kept and "**missed**" in calibration.table([replace(row, measured=off)])
    assert replace(row, measured=0.5, least=None, most=None).claim == "not claimed"


def test_the_page_shows_every_claim_kept(calibration: ModuleType) -> None:
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| ([\d,]+) \| ([\d.]+) ± [\d.]+ \| (.+) \|$", page, re.MULTILINE)
    assert len(rows) > len(calibration.jobs())
    for what, experiments, value, claim in rows:
        limits = [float(x) for x in re.findall(r"[\d.]+", claim)]
        least = limits[0] if claim.startswith("at least") or " to " in claim else 0.0
        most = limits[-1] if claim.startswith("at most") or " to " in claim else 100.0
        assert least <= float(value) <= most, what
        assert claim == "not claimed" or int(experiments.replace(",", "")) >= 2000, what


@pytest.mark.slow
def test_planted_measures_are_recovered_through_the_whole_program(calibration: ModuleType) -> None:
    """A quick look: runs of nearly all the items that are played, so that only what is planted wrongly is seen."""
    for world in calibration.METRIC_WORLDS:
        items = 40 if world.task.horizon > 1 else 64 if world.rare else 100  # an item is decided thrice, or once
        played = items * 5 if world.rare else items * 3 // 2
        for row in calibration.measures(replace(world, items=(items,), played=played), 25):
            assert row.measured >= 0.5, row.what


def test_the_truth_of_planted_agents_is_that_of_their_rates(calibration: ModuleType) -> None:
    """Where items are alike and rates are plain, it can be worked out by hand."""
    even = agents.Group(agents.Rate(0.0), agents.Rate(-np.inf))
    assert even.truths() == pytest.approx(
        {"oracle_gap": 7 / 8 - 1 / 2, "consensus_collapse": 1 / 2, "vulnerability": 1 / 2, "rescue_by_exposure": 1 / 2,
         "modal_adoption": 1 / 2}
    )  # fmt: skip
    herd = agents.Group(agents.Rate(0.0), agents.Rate(np.inf))
    assert herd.truths() == pytest.approx(
        {"oracle_gap": 7 / 8 - 1 / 2, "consensus_collapse": 3 / 7, "vulnerability": 1 / 3, "rescue_by_exposure": 1 / 3,
         "modal_adoption": 1.0}
    )  # fmt: skip
    faithful = agents.Chain(agents.Rate(0.0), agents.Rate(np.log(3)))
    assert faithful.truths_of_two() == pytest.approx({"decisive_last": 1 / 4, "had_right": 1 / 4})
    assert faithful.truths_of_three() == pytest.approx({"had_right": (3 / 16) / (3 / 16 + 13 / 16)})
    swayed = agents.Swayed(agents.Rate(0.0), agents.Rate(0.0), agents.Rate(0.0))
    assert swayed.truths() == pytest.approx({"cue_followed": 3 / 4, "acknowledged": 1 / 3})
    dull = agents.Hedger(agents.Rate(0.0), agents.Rate(0.0), agents.Rate(0.0), senses=0.0, knows=0.0)
    told = dull.truths_of_confidence()
    assert told["aurc"] == pytest.approx(0.5, abs=1e-6) and told["risk_coverage"] == pytest.approx(0.0, abs=1e-5)
    sure = agents.Hedger(agents.Rate(0.0), agents.Rate(0.0), agents.Rate(0.0), senses=0.0, knows=50.0)
    assert sure.truths_of_confidence()["risk_coverage"] > 0.5
