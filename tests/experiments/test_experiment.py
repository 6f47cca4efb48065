"""What cannot be played is refused when the experiment is made: before anything is asked or written."""

from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import BadOption, PlanError, UnknownName
from akrasia.experiments import Experiment, ModelSet, assemble
from akrasia.models import Scripted
from akrasia.tasks import bandit

TASK = bandit(arms=4, horizon=3, head_start=3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"episodes": 0}, "episodes is 0"),
        ({"episodes": True}, "episodes is True"),
        ({"episodes": 1.5}, "episodes is 1.5"),
        ({"design": "forked"}, "Did you mean 'fork'"),
        ({"seed": -1}, "seed is -1"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"concurrency": "4"}, "concurrency is '4'"),
        ({"concurrency": True}, "concurrency is True"),
        ({"variants": []}, "no variants"),
        ({"variants": 3}, "no variants"),
        ({"variants": ["reason_act", "reason_act"]}, "two variants are named"),
        ({"variants": [3]}, "3 is not a variant"),
        ({"task": 5}, "5 is not a task"),
        ({"task": {"arms": 3}}, "a task has no name"),
        ({"task": ["bandit", "bandit"]}, "tasks"),
        ({"budget": {"calls": 0}}, "budget"),
        ({"budget": 5}, "budget"),
        ({"model": {"critic": "simulated"}}, "slot 'default'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_asked(settings: dict[str, Any], said: str) -> None:
    given = {"task": "bandit", "model": "simulated", "variants": ["reason_act"], **settings}
    with pytest.raises((BadOption, UnknownName)) as refused:
        assemble(given)
    assert said in str(refused.value)


def test_an_experiment_needs_models_that_differ() -> None:
    pair = ModelSet({"default": Scripted(lambda r, d: "")})
    with pytest.raises(BadOption, match="models"):
        Experiment((TASK,), (pair, pair), (ak.Variant("v", ak.graphs.act()),), 1)


def test_a_slot_that_no_agent_asks_is_refused(tmp_path: Path) -> None:
    critique: dict[str, Any] = {"task": TASK, "variants": ["reason_act | critique"], "episodes": 1}
    with pytest.raises(UnknownName, match="Did you mean 'critic'?"):
        assemble({**critique, "models": {"default": "simulated", "crtic": "simulated:knowing=1"}})
    slots = {"default": {"name": "simulated"}, "critic": {"name": "simulated", "knowing": 1.0}}
    result = ak.run(**critique, models=slots, out=tmp_path / "run")
    assert set(result.records["model"]) == {"simulated + critic: simulated:knowing=1"}


def test_two_settings_of_one_model_are_told_apart_by_their_table_names() -> None:
    models = {"sure": {"name": "simulated", "knowing": 1.0}, "unsure": {"name": "simulated", "knowing": 0.5}}
    experiment = assemble({"task": TASK, "models": models, "variants": ["reason_act"]})
    assert [m.label for m in experiment.models] == ["sure", "unsure"]
    assert len({b.info.id for b in experiment.backends}) == 2


def test_in_completion_style_an_actor_alone_cannot_look_again() -> None:
    model = Scripted(lambda request, draw: "", style="completion")
    with pytest.raises(PlanError, match="has no words there"):
        assemble({"task": TASK, "model": model, "variants": ["act", "act | re_evaluate"]})


@pytest.mark.parametrize(("key", "nearest"), [("episods", "episodes"), ("executr", "executor"), ("untill", "until")])
def test_a_setting_that_does_not_exist_is_refused_with_its_nearest(key: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match=f"Did you mean '{nearest}'"):
        assemble({"task": TASK, "variants": ["act"], key: 1})


def test_an_unknown_executor_is_refused_when_the_experiment_is_assembled() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'processes'"):
        assemble({"task": TASK, "model": "simulated", "variants": ["act"], "executor": "proceses"})
