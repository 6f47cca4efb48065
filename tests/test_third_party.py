"""A package of somebody else, really installed: what it registers is named in a TOML file and on the command line."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from forking import Commands

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "akrasia-lab"
version = "1.0"

[project.entry-points."akrasia.tasks"]
coin = "akrasia_lab:coin"
[project.entry-points."akrasia.agents"]
always_first = "akrasia_lab:AlwaysFirst"
[project.entry-points."akrasia.graphs"]
first_button = "akrasia_lab:first_button"
[project.entry-points."akrasia.interventions"]
last_step = "akrasia_lab:last_step"
[project.entry-points."akrasia.metrics"]
first_share = "akrasia_lab:first_share"
[project.entry-points."akrasia.evaluators"]
wordy = "akrasia_lab:wordy"
[project.entry-points."akrasia.models"]
echo = "akrasia_lab:echo"
[project.entry-points."akrasia.executors"]
in_order = "akrasia_lab:in_order"
[project.entry-points."akrasia.protocols"]
shortest = "akrasia_lab:shortest"
[project.entry-points."akrasia.exporters"]
txt = "akrasia_lab:txt"

[tool.setuptools]
py-modules = ["akrasia_lab"]
"""

MODULE = '''
"""One of everything that can be registered."""

from dataclasses import replace

import polars as pl

import akrasia as ak
from akrasia.agents import Agent
from akrasia.evals.metrics import Metric
from akrasia.graphs import Node, Plan, graph
from akrasia.records import Draw, Record, Situation, Turn
from akrasia.tasks import Bandit


class Coin(Bandit):
    """Two buttons."""

    name = "coin"

    @property
    def options(self):
        return {"horizon": self.horizon}


def coin(horizon: int = 2):
    """Two buttons, each pressed once before."""
    return Coin(arms=2, head_start=2, horizon=horizon)


class AlwaysFirst:
    """Presses the first button."""

    name = "always_first"

    def conclude(self, agent: Agent, situation: Situation, reads, draw: Draw) -> Turn:
        return Turn(self.name, self.name, text="the first", action=situation.actions[0], status="ok")


@graph
def first_button() -> Plan:
    """The first button, whatever is known."""
    return Plan("", (Node("act", Agent("always_first")),), decision="act", focus="act")


@ak.interventions.view("context", "only the last step is shown", "the lab")
def last_step(situation: Situation, draw: Draw) -> Situation:
    """Only the last step is shown."""
    return replace(situation, history=situation.history[-1:])


def first_share():
    """How many steps were decided by the graph of the lab."""
    return Metric(
        name="first_share", title="first button", unit="share", source="the lab",
        num=pl.col("variant") == "first_button", den=pl.lit(True),
    )


@ak.evaluator(unit="words", source="the lab")
def wordy(record: Record) -> int:
    return len(record.decision.rationale.split())


def echo(label: str = "first"):
    """A model that repeats the first label that it is shown."""
    from akrasia.models import Scripted

    return Scripted(lambda request, draw: "BEST=Green\\nACTION=Green", "echo")


def in_order(experiment, *, offline: bool = False):
    """Plays in this process, as the executor local does."""
    from akrasia.experiments.executors import LocalExecutor

    return LocalExecutor(experiment, offline=offline)


def shortest():
    """The candidate with the shortest name wins."""
    from akrasia.agents.protocols import DecisionProtocol, VoteCount

    return DecisionProtocol("shortest", lambda votes: VoteCount(min(votes.candidates, key=len), {}, "shortest"))


def txt():
    """One line per variant."""
    return lambda run: "\\n".join(sorted(set(run.table["variant"]))).encode()
'''

FILE = """
name = "lab"
model = "simulated"
episodes = 2
variants = ["reason_act", "reason_act | last_step", "first_button"]
[task]
name = "coin"
horizon = 1
"""

Akrasia = Callable[..., str]


@pytest.fixture(scope="module")
def akrasia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Akrasia]:
    """Commands, in processes that see the installed package; gives what they print."""
    source, site, work = (tmp_path_factory.mktemp(name) for name in ("source", "site", "work"))
    (source / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (source / "akrasia_lab.py").write_text(MODULE, encoding="utf-8")
    (work / "lab.toml").write_text(FILE, encoding="utf-8")
    install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", site, source]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *install]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

    processes = Commands(tmp_path_factory.mktemp("commands"), site)

    def run(*commands: str) -> str:
        said = ""
        for command in commands:
            code, out, errors = processes.begin(work, *shlex.split(command), COLUMNS="200").end()
            assert code == 0, errors
            said += out
        return said

    yield run
    processes.close()


@pytest.fixture(scope="module")
def played(akrasia: Akrasia) -> str:
    """What the run of the file printed; it went to `run`."""
    return akrasia("run lab.toml --out run --no-report")


def test_a_task_a_role_a_graph_and_an_intervention_are_named_in_a_file(played: str) -> None:
    assert "on coin" in played
    assert "| last_step" in played and "first_button" in played


def test_a_metric_and_an_evaluator_score_its_run(akrasia: Akrasia, played: str) -> None:
    scored = akrasia("score run --metric first_share --evaluator wordy")
    assert "first_share" in scored and "wordy" in scored


def test_what_is_installed_is_listed_and_shown(akrasia: Akrasia) -> None:
    kinds = ("tasks", "agents", "graphs", "interventions", "metrics", "evaluators")
    printed = akrasia(*(f"list {kind}" for kind in kinds), "tasks show coin --horizon 3")
    for name in ("coin", "always_first", "first_button", "last_step", "first_share", "wordy", "coin(horizon=3)"):
        assert name in printed


def test_a_model_is_named_in_a_file(akrasia: Akrasia) -> None:
    printed = akrasia("run lab.toml --model echo --out model --no-report", "list models")
    assert "echo on coin" in printed and "repeats the first label" in printed


def test_an_executor_is_named_in_a_file(akrasia: Akrasia) -> None:
    assert "on coin" in akrasia("run lab.toml --set executor=in_order --out executor --no-report")


def test_a_decision_protocol_is_named_in_an_expression(akrasia: Akrasia) -> None:
    variant = "society(protocol='shortest')"
    assert "shortest" in akrasia(f'run lab.toml --variant "{variant}" --out protocol --no-report')


def test_an_exporter_is_named_by_its_suffix(akrasia: Akrasia, played: str) -> None:
    assert akrasia("export run variants.txt").strip() == "variants.txt"
