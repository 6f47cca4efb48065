"""Two models by two variants: what is paired, what is refused, and that all surfaces tell the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.errors import BadOption, RunFolderError, UnknownName
from akrasia.models import Planted, Simulated

TASK = {"name": "bandit", "arms": 6, "head_start": 3, "horizon": 2}


FIRST = Simulated(Planted(knowing=0.6, optimal=0.2, greedy=0.7))


SECOND = Simulated(Planted(knowing=0.9, optimal=0.85, greedy=0.1))


LEADER = FIRST.info.label


VARIANTS = ["reason_act", "reason_act | execute_stated"]


def akrasia(*args: str) -> str:
    """What a command prints, in one line."""
    done = CliRunner().invoke(app, args, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def led(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=TASK,
        models=[FIRST, SECOND],
        variants=VARIANTS,
        episodes=36,
        leader=LEADER,
        out=tmp_path_factory.mktemp("led") / "run",
    )


def test_a_leader_gives_all_models_the_same_situations_and_costs_no_call(led: ak.Result, tmp_path: Path) -> None:
    met = {m: led.records.filter(model=m, variant=VARIANTS[0])["situation"].to_list() for m in led.experiment["labels"]}
    assert met[LEADER] == met[SECOND.info.label] and len(set(met[LEADER])) == 72
    alone = ak.run(task=TASK, models=[FIRST, SECOND], variants=VARIANTS, episodes=36, out=tmp_path / "alone")
    own = {m: alone.records.filter(model=m, variant=VARIANTS[0])["situation"].to_list() for m in met}
    assert own[LEADER] == met[LEADER] and own[SECOND.info.label] != met[LEADER]
    assert led.outcome is not None and alone.outcome is not None
    assert led.outcome.run_usage.made == alone.outcome.run_usage.made == 144
    (table,) = alone.two_way()
    assert table.pairing.startswith("the same seeds") and table.steps == 72


def test_a_led_run_that_was_stopped_ends_as_if_it_had_not_been(led: ak.Result, tmp_path: Path) -> None:
    settings: Any = {"models": [FIRST, SECOND], "variants": VARIANTS, "episodes": 36, "leader": LEADER}
    for calls in (72, None):
        stopped = ak.run(task=TASK, out=tmp_path / "r", budget=calls and {"calls": calls}, **settings)
    led.export(tmp_path / "whole.jsonl")
    stopped.export(tmp_path / "parts.jsonl")
    assert (tmp_path / "whole.jsonl").read_bytes() == (tmp_path / "parts.jsonl").read_bytes()


def test_a_planted_interaction_is_within_its_interval(led: ak.Result) -> None:
    """To execute what was stated makes doing equal to knowing, which the second model nearly does by itself."""
    (table,) = led.two_way()
    assert (table.models, table.variants) == (
        (LEADER, SECOND.info.label),
        ("reason_act", "reason_act | execute_stated"),
    )
    assert (table.episodes, table.steps, table.control) == (36, 72, "execute_stated")
    assert table.pairing == "all models decided the same situations"
    planted = [0.6 * 0.2 + 0.4 * 0.061, 0.6, 0.9 * 0.85 + 0.1 * 0.061, 0.9]
    for share, cell in zip(planted, table.cells["doing"], strict=True):
        assert cell.low <= share <= cell.high
    interaction = (planted[3] - planted[2]) - (planted[1] - planted[0])
    found = table.interaction["doing"]
    assert found.difference.low <= interaction <= found.difference.high < 0
    assert found.p <= found.p_holm <= 0.05
    assert table.interaction["knowing"].p == 1  # the same answers, read once
    for contrasts in table.effects.values():
        assert all(c.p_holm >= c.p for c in contrasts.values())


def test_terminal_page_json_and_scorecard_tell_the_same(led: ak.Result) -> None:
    (table,) = led.two_way()
    shown = f"{table.interaction['doing'].difference.value:+.2f}".replace("0.", ".")
    alone = akrasia("score", str(led.folder), "--two-way")
    assert shown in alone and "same situations" in alone and "Rates per step" not in alone
    whole = akrasia("score", str(led.folder))
    assert shown in whole and "interaction" in whole and "Rates per step" in whole
    page = led.report().read_text(encoding="utf-8")
    assert "Two models by two variants" in page and shown.replace("-", "\N{MINUS SIGN}") in page
    told = json.loads(akrasia("score", str(led.folder), "--two-way", "--json"))
    assert told[0]["effects"]["gap"]["model"]["difference"]["value"] == table.effects["gap"]["model"].difference.value
    assert led.score().two_way == (table,)
    one = akrasia("score", str(led.folder), "--two-way", "--metric", "doing")
    assert "\ndoing " in one and "\nknowing " not in one


def test_who_has_no_table_hears_why(tmp_path: Path, led: ak.Result) -> None:
    alone = ak.run(task=TASK, model="simulated", variants=VARIANTS, episodes=2, out=tmp_path / "one")
    assert alone.score().two_way == ()
    with pytest.raises(BadOption, match="two models"):
        akrasia("score", str(alone.folder), "--two-way")
    with pytest.raises(UnknownName, match="reason_act"):
        led.two_way(baseline="reason_ac")
    with pytest.raises(BadOption, match="no ratio"):
        led.two_way(metrics=["ece"])


def test_a_leader_must_lead(tmp_path: Path, led: ak.Result) -> None:
    with pytest.raises(UnknownName, match="simulated"):
        ak.run(task=TASK, models=[FIRST, SECOND], variants=VARIANTS, leader="simulate", out=tmp_path / "a")
    with pytest.raises(BadOption, match="rollout"):
        ak.run(
            task=TASK, models=[FIRST, SECOND], variants=VARIANTS, leader=LEADER, design="rollout", out=tmp_path / "b"
        )
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunFolderError, match="leader"):
        ak.run(task=TASK, models=[FIRST, SECOND], variants=VARIANTS, episodes=36, out=led.folder)


def test_a_run_that_was_looked_at_is_not_tested(tmp_path: Path) -> None:
    run = ak.run(
        task=TASK,
        models=[FIRST, SECOND],
        variants=VARIANTS,
        episodes=40,
        until="gap +- 0.3",
        leader=LEADER,
        out=tmp_path / "r",
    )
    (table,) = run.two_way()
    assert not table.tested and all(c.p is c.p_holm is None for e in table.effects.values() for c in e.values())
    assert "so nothing is tested" in " ".join(akrasia("score", str(run.folder), "--two-way").split())


def test_tables_of_a_task_are_one_family(tmp_path: Path) -> None:
    """Three models and a control beside: every pair by every variant, corrected together."""
    third = Simulated(Planted(knowing=0.75))
    run = ak.run(
        task=TASK,
        models=[FIRST, SECOND, third],
        variants=[*VARIANTS, "reason_act | placebo"],
        episodes=12,
        leader=LEADER,
        out=tmp_path / "r",
    )
    tables = run.two_way(metrics=["doing"])
    assert len(tables) == 6
    ps = sorted(c.p for t in tables for c in t.effects["doing"].values())
    least = min((c for t in tables for c in t.effects["doing"].values()), key=lambda c: c.p)
    assert len(ps) == 18 and least.p_holm == pytest.approx(min(1, 18 * ps[0]))


def test_a_leader_that_is_no_longer_there_does_not_lead(tmp_path: Path) -> None:
    """The example of the documentation, with one other model."""
    example = Path(__file__).parents[2] / "examples" / "two_way.toml"
    akrasia("run", str(example), "--model", "simulated", "--episodes", "2", "--out", str(tmp_path / "r"))
    assert "leader" not in ak.open_run(tmp_path / "r").experiment


def test_models_stand_as_the_experiment_lists_them(led: ak.Result, tmp_path: Path) -> None:
    turned = ak.run(task=TASK, models=[SECOND, FIRST], variants=VARIANTS, episodes=4, out=tmp_path / "run")
    for run, models in ((led, [FIRST, SECOND]), (turned, [SECOND, FIRST])):
        labels = [m.info.label for m in models]
        assert list(dict.fromkeys(a.model for a in run.score(["doing"]).arms)) == labels
        page = (run.folder / "report.html" if run is led else run.report()).read_text()
        assert page.index(f"{labels[0]} on ") < page.index(f"{labels[1]} on ")
