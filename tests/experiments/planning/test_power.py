"""How many episodes an effect needs: from a pilot or from assumptions, over the contrasts that will be corrected."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import main, program
from akrasia.errors import BadOption
from akrasia.evals.inference import assumed_spread, episodes_needed, pilot_spread, power
from akrasia.evals.metrics.gap import gap
from akrasia.evals.pairs import Side, pair
from akrasia.experiments import Experiment, assemble
from akrasia.experiments.planning.forecast import Forecast, forecast_run
from akrasia.experiments.planning.power import PowerAnalysis, comparisons_of, item_warnings, power_analysis

TASK = {"name": "bandit", "arms": 4, "head_start": 2, "horizon": 2}
VARIANTS = [
    "reason_act",
    "reason_act | critique",
    "reason_act | self_consistency(n=3)",
    "reason_act | placebo(of='critique')",
    "act",
]
SETTINGS: dict[str, Any] = {"task": TASK, "model": "simulated", "variants": VARIANTS, "episodes": 30}


def analysed(pilot: ak.Result | None = None, settings: dict[str, Any] = SETTINGS, **more: Any) -> PowerAnalysis:
    experiment, forecast = planned(json.dumps(settings))
    measured = None if pilot is None else (pilot.records, pilot.experiment)
    return power_analysis(experiment, forecast, pilot=measured, **more)


@cache
def planned(settings: str) -> tuple[Experiment, Forecast]:
    """An experiment and its forecast, which is worked out once for all tests."""
    experiment = assemble(json.loads(settings))
    return experiment, forecast_run(experiment)


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(**SETTINGS, out=tmp_path_factory.mktemp("pilot") / "run")


def test_the_family_is_what_the_verdicts_correct(pilot: ak.Result) -> None:
    family = [c for _, _, c in pilot.score().contrasts if c.metric == "gap" and c.p is not None]
    assert comparisons_of(assemble(SETTINGS)) == len(family) == analysed().comparisons


def test_without_a_pilot_the_spread_is_assumed_and_said() -> None:
    analysis = analysed(effect=0.2)
    sd = assumed_spread(2, 0.5, 0.2, 0.2)
    assert {n.variant for n in analysis.variants} == set(VARIANTS[1:4])  # one that only acts has no gap
    for row in analysis.variants:
        assert row.spread == pytest.approx(sd) and not row.measured
        assert row.episodes == episodes_needed(0.2, sd, 0.8, family=analysis.comparisons)
        assert row.detectable is not None
        assert power(row.detectable, 30, sd, family=analysis.comparisons) == pytest.approx(0.8, abs=1e-6)


def test_a_pilot_measures_the_spread_of_each_variant(pilot: ak.Result) -> None:
    analysis = analysed(pilot, effect=0.2)
    base, critic = (pilot.records.filter(variant=v) for v in VARIANTS[:2])
    assert analysis.variants[0].measured and analysis.variants[0].spread == pytest.approx(
        pilot_spread(*pair(Side("critic", critic), Side("base", base)).sums(gap))
    )
    wider = analysed(pilot, settings={**SETTINGS, "variants": [*VARIANTS, "reason_act | reflect"]}, effect=0.2)
    new = next(n for n in wider.variants if n.variant.endswith("reflect"))
    assert not new.measured and new.spread == max(n.spread for n in wider.variants if n.measured)
    assert analysed(pilot, effect=0.2, comparisons=1).episodes < (analysis.episodes or 0)  # type: ignore[operator]


def test_costs_grow_with_the_episodes_and_budgets_buy_them() -> None:
    _, forecast = planned(json.dumps(SETTINGS))
    analysis = analysed(effect=0.1)
    assert analysis.cost is not None and analysis.episodes is not None
    assert analysis.cost.calls == pytest.approx(forecast.shared.calls * analysis.episodes / 30)
    half = analysed(settings={**SETTINGS, "budget": {"calls": round(forecast.shared.calls / 2)}})
    assert half.affordable == 15 and half.episodes is None
    assert all((n.detectable_in_budget or 1) > (n.detectable or 1) for n in half.variants)


def test_what_cannot_be_planned_is_refused(pilot: ak.Result) -> None:
    for wrong in ({"effect": 0.0}, {"effect": 1.5}, {"effect": 0.1, "power": 1.0}, {"effect": 0.1, "comparisons": 0}):
        with pytest.raises(BadOption):
            analysed(**wrong)
    with pytest.raises(BadOption, match="another task"):
        analysed(pilot, settings={**SETTINGS, "task": "tictactoe"})
    with pytest.raises(BadOption, match="no variant of this experiment"):
        analysed(pilot, settings={**SETTINGS, "variants": ["reason_act", "reason_act | reflect"]})
    with pytest.raises(BadOption, match="nothing to compare"):
        analysed(settings={**SETTINGS, "variants": ["reason_act", "act"]})


def test_the_command_tells_episodes_calls_tokens_and_dollars(pilot: ak.Result, tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text(
        f'model = "simulated"\nepisodes = 30\nvariants = {VARIANTS}\n'
        '[task]\nname = "bandit"\narms = 4\nhead_start = 2\nhorizon = 2\n'
    )
    command = ["plan", str(file), "--effect", "0.1", "--pilot", str(pilot.folder), "--set", "budget.calls=200"]
    done = CliRunner().invoke(program(), command, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    columns = ("for 0.1", "30 episodes", "budget's ")
    for text in (*columns, "measured in the pilot", "calls,"):
        assert text in done.stdout


def test_a_probe_of_one_decision_is_bounded_by_one_decision() -> None:
    """Its prompt tells of a long horizon, but its history was planted: there is one decision an episode."""
    experiment = assemble({"task": ["frequency", "bandit"], "model": "simulated", "variants": ["reason_act"]})
    assert experiment.bounds() == {"frequency": 1, "bandit": 10}
    assert experiment.situations == experiment.episodes * 11


QUESTIONS = {**SETTINGS, "task": "questions", "episodes": 400}


def test_items_that_are_asked_again_plan_as_one_each() -> None:
    analysis = analysed(settings=QUESTIONS, effect=0.2)
    assert {v.items for v in analysis.variants} == {4}
    assert {(v.episodes, v.detectable) for v in analysis.variants} == {(None, None)}
    assert analysis.episodes is None and analysis.cost is None
    few = analysed(settings={**SETTINGS, "task": "potemkin", "episodes": 38}, effect=0.5, comparisons=1)
    many = analysed(settings={**SETTINGS, "task": "potemkin", "episodes": 3800}, effect=0.5, comparisons=1)
    for one, other in zip(few.variants, many.variants, strict=True):
        assert one.items == other.items == 38 and other.spread < one.spread
        floor = ((0.5 - 0.5**2) * 0.2) ** 0.5
        assert other.spread > floor, "no number of episodes narrows below what the items differ by"
        assert one.detectable is not None and other.detectable is not None and other.detectable < one.detectable
        assert one.episodes == other.episodes is not None


def test_an_effect_may_take_repeats_or_lie_beyond_the_items() -> None:
    def needed(effect: float) -> int | None:
        settings = {**SETTINGS, "task": {"name": "aiw", "problem": "light"}, "episodes": 6}
        return analysed(settings=settings, effect=effect, comparisons=1).variants[0].episodes

    found = {effect: needed(effect) for effect in (0.9, 0.6, 0.4, 0.1)}
    assert found[0.1] is None
    assert any(n is not None and n > 6 and n % 6 == 0 for n in found.values()), found


def test_a_plan_says_how_many_items_there_are_and_whether_they_can_show_anything() -> None:
    repeated, few = item_warnings(assemble(QUESTIONS))
    assert repeated.startswith("questions: 4 items in 400 episodes. An item is one cluster")
    assert "4 items are too few for a verdict, at least 10 are needed" in few
    assert item_warnings(assemble(SETTINGS)) == []
    many = [f"reason_act | self_consistency(n={n})" for n in range(2, 40)]
    (unshown,) = item_warnings(assemble({**SETTINGS, "episodes": 10, "variants": ["reason_act", *many]}))
    assert "over 38 contrasts no corrected p can fall below 0.074 here, so nothing can be shown; it takes 11" in unshown


def test_the_command_warns_before_the_run(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text(f'model = "simulated"\nepisodes = 400\nvariants = {VARIANTS}\n[task]\nname = "questions"\n')
    plain = CliRunner().invoke(program(), ["plan", str(file)], catch_exceptions=False)
    planned = CliRunner().invoke(program(), ["plan", str(file), "--effect", "0.2"], catch_exceptions=False)
    for done in (plain, planned):
        assert "! questions: 4 items in 400 episodes." in done.stdout and done.exit_code == 0
    assert "For a difference of 0.2 questions has too few items" in planned.stdout


def test_a_plan_and_a_run_say_how_many_of_the_questions_are_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "q.csv"
    rows = [f"What is {i} plus 1?,{i},{i + 1},B" for i in range(30)]
    file.write_text("\n".join(["question,A,B,answer", *rows, rows[0]]))
    settings = {**SETTINGS, "task": {"name": "questions", "path": str(file), "shuffle_choices": True}}
    said = "questions: 16 of 30 questions are asked; episodes = 31 asks each once"
    assert item_warnings(assemble({**settings, "episodes": 16})) == [said]
    assert item_warnings(assemble({**settings, "episodes": 30})) == []  # the last row is the first once more
    assert assemble({**settings, "episodes": 31}).unasked() == []
    assert assemble({**SETTINGS, "episodes": 2}).unasked() == []  # games have no end
    asked = [
        "--task",
        "questions",
        "--set",
        f"task.path={file}",
        "--set",
        "task.shuffle_choices=true",
        "--model",
        "simulated",
        "--variant",
        "reason_act",
    ]
    for verb in (["plan"], ["run", "--out", str(tmp_path / "run"), "--no-report"]):
        with pytest.raises(SystemExit):
            main([*verb, *asked])
        printed = capsys.readouterr()
        assert said in " ".join((printed.out + printed.err).split())
