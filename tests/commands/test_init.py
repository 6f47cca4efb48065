"""`akrasia init`, and what `akrasia run` and `akrasia list runs` say to who begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akrasia.experiments.config import assemble, load_settings
from akrasia.tasks.base import TASKS

Akrasia = Callable[..., Any]


def test_what_is_written_runs_as_it_is(akrasia: Akrasia) -> None:
    done = akrasia("init", "mine.toml", "--model", "simulated")
    assert done.returncode == 0 and "akrasia plan mine.toml" in done.stdout
    experiment = assemble(load_settings("mine.toml"))
    assert experiment.name == "mine" and experiment.variants[0].name == "reason_then_act"
    assert akrasia("run", "mine.toml", "--episodes", "2", "--no-report").returncode == 0
    (row,) = json.loads(akrasia("list", "runs", "--json").stdout)
    assert (row["run"], row["state"], row["model"], row["task"]) == ("runs/mine", "complete", "simulated", "bandit")
    assert row["started (UTC)"].startswith("20") and row["cost"] == "$0.0000" and int(row["answers"]) > 0


@pytest.mark.parametrize("task", [name for name in TASKS if name not in ("gymnasium", "questions")])
def test_every_task_that_needs_no_file_can_be_started_from(akrasia: Akrasia, task: str) -> None:
    assert akrasia("init", "mine.toml", "--task", task, "--model", "simulated").returncode == 0
    written = Path("mine.toml").read_text()
    for option in TASKS.make(task).options:
        assert f"\n# {option} = " in written or TASKS.make(task).options[option] is None


def test_a_file_that_is_there_is_kept(akrasia: Akrasia) -> None:
    Path("experiment.toml").write_text("mine")
    refused = akrasia("init")
    assert refused.returncode == 2 and "--force" in refused.stderr and Path("experiment.toml").read_text() == "mine"
    assert akrasia("init", "--force").returncode == 0 and Path("experiment.toml").read_text() != "mine"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("init", "mine.yaml"), "mine.toml"),
        (("init", "--task", "bandi"), "Did you mean 'bandit'"),
        (("init", "--variant", "reason_act | critiqe"), "Did you mean 'critique'"),
        (("init", "no/such/folder/mine.toml", "--model", "simulatd"), "Did you mean"),
    ],
)
def test_what_cannot_be_started_from_is_said_and_nothing_is_written(
    akrasia: Akrasia, args: tuple[str, ...], says: str
) -> None:
    failed = akrasia(*args)
    assert failed.returncode == 2 and says in failed.stderr
    assert not list(Path().iterdir())


def test_a_run_of_nothing_says_how_to_begin(akrasia: Akrasia) -> None:
    failed = akrasia("run")
    assert failed.returncode == 2 and "akrasia init" in failed.stderr and not list(Path().iterdir())


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("run", "--resume"), "there is no run to resume under runs/"),
        (("run", ".", "--resume"), "it holds no ledger.sqlite"),
        (("run", "mine.toml", "--resume"), "there is no run to resume in 'runs/mine'"),
        (("run", "mine.toml", "--out", ""), "--out is empty"),
        (("run", "mine.toml", "--model", ""), "--model is empty"),
        (("score", ""), "RUN is empty"),
    ],
)
def test_nothing_is_not_resumed_and_no_folder_is_no_folder(akrasia: Akrasia, args: tuple[str, ...], says: str) -> None:
    akrasia("init", "mine.toml", "--model", "simulated")
    failed = akrasia(*args)
    assert failed.returncode == 2 and says in failed.stderr
    assert [path.name for path in Path().iterdir()] == ["mine.toml"]


def test_resume_or_start_does_either(akrasia: Akrasia) -> None:
    akrasia("init", "mine.toml", "--model", "simulated")
    again = ("run", "mine.toml", "--episodes", "2", "--no-report", "--resume-or-start")
    assert "calls made: 0" not in akrasia(*again).stdout
    assert "calls made: 0" in akrasia(*again).stdout
