"""An unknown name is refused with the nearest one before anything runs: in Python, TOML and on the command line alike.

A row holds a misspelling and the name that it should have been. Rows of settings are tried through all three doors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.agents import Agent
from akrasia.cli import main
from akrasia.errors import UnknownName
from akrasia.graphs import reason_act

SETTINGS: dict[str, Any] = {
    "name": "names", "task": {"name": "bandit", "horizon": 1}, "model": "simulated", "episodes": 1,
    "variants": ["reason_act", "reason_act | critique"],
}  # fmt: skip

EXPERIMENTS = [
    ("setting", {"episods": 3}, "episodes"),
    ("task", {"task": "bandi"}, "bandit"),
    ("option of a task", {"task": {"name": "bandit", "armz": 3}}, "arms"),
    ("model", {"model": "simulatd"}, "simulated"),
    ("option of a model", {"models": {"main": {"name": "simulated", "knowin": 1.0}}}, "knowing"),
    ("slot of a model", {"model": {"default": "simulated", "critc": "simulated"}}, "critic"),
    ("graph", {"variants": ["reason_ac"]}, "reason_act"),
    ("option of a graph", {"variants": ["society(agnts=2)"]}, "agents"),
    ("intervention", {"variants": ["reason_act | critiqe"]}, "critique"),
    ("option of an intervention", {"variants": ["reason_act | critique(round=2)"]}, "rounds"),
    ("decision protocol", {"variants": ["society(protocol='pluralty')"]}, "plurality"),
    ("topology", {"variants": ["society(topology='rnig')"]}, "ring"),
    ("design", {"design": "rolout"}, "rollout"),
    ("executor", {"executor": "procesess"}, "processes"),
    ("leader", {"leader": "simulatde"}, "simulated"),
    ("limit of a budget", {"budget": {"cals": 1}}, "calls"),
    ("metric of until", {"until": "gapp +- 0.05"}, "gap"),
]


def toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(v)}" for key, v in value.items()) + " }"
    return (
        f"[{', '.join(map(toml, value))}]"
        if isinstance(value, list)
        else f'"{value}"'
        if isinstance(value, str)
        else str(value)
    )


def file(settings: Mapping[str, Any]) -> str:
    Path("names.toml").write_text("\n".join(f"{key} = {toml(value)}" for key, value in settings.items()))
    return "names.toml"


def refused(*args: str) -> None:
    """The command line refuses a command as bad usage."""
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert ended.value.code == 2


def merged(change: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in SETTINGS.items() if not ("models" in change and key == "model")} | dict(change)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("what", "change", "nearest"), EXPERIMENTS, ids=lambda v: v if isinstance(v, str) else "")
def test_in_an_experiment(
    what: str, change: dict[str, Any], nearest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnknownName, match=f"'{nearest}'"):
        ak.run(**merged(change), out="run")
    with pytest.raises(UnknownName, match=f"'{nearest}'"):
        ak.forecast(**merged(change))
    refused("run", file(merged(change)), "--out", "run")
    assert f"'{nearest}'" in capsys.readouterr().err
    base = {key: value for key, value in SETTINGS.items() if not ("models" in change and key == "model")}
    changes = [f"--set={key}={toml(value)}" for key, value in change.items()]
    refused("run", file(base), *changes, "--out", "run")
    assert f"'{nearest}'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["names.toml"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(**SETTINGS, out=tmp_path_factory.mktemp("names") / "run")


Ask = Callable[[ak.Result], Any]
RUN = "RUN"
RESULTS: list[Any] = [
    ("metric", lambda r: r.score(["knowin"]), ["score", RUN, "--metric", "knowin"], "knowing"),
    ("baseline", lambda r: r.score(baseline="reason_ac"), ["score", RUN, "--baseline", "reason_ac"], "reason_act"),
    ("evaluator", lambda r: r.score(evaluators=["lenghty"]), ["score", RUN, "--evaluator", "lenghty"], "lengthy"),
    ("interval", lambda r: r.score(interval="robst"), ["score", RUN, "--interval", "robst"], "robust"),
    (
        "compared metric",
        lambda r: r.compare("reason_act", "reason_act | critique", ["doin"]),
        ["compare", RUN, "reason_act", "reason_act | critique", "--metric", "doin"],
        "doing",
    ),
    (
        "compared variant",
        lambda r: r.compare("reason_act", "reason_act | critiqe"),
        ["compare", RUN, "reason_act", "reason_act | critiqe"],
        "reason_act | critique",
    ),
    ("judge", lambda r: r.judge("simulatd"), ["judge", RUN, "--model", "simulatd"], "simulated"),
    ("exporter", lambda r: r.export("out.parquett"), ["export", RUN, "out.parquett"], "parquet"),
    (
        "form of data", lambda r: r.data("d.jsonl", "preferences"),
        ["data", RUN, "--out", "d.jsonl", "--form", "preferences"], "preference",
    ),
    (
        "kind of answers", lambda r: r.data("d.jsonl", only="optimall"),
        ["data", RUN, "--out", "d.jsonl", "--only", "optimall"], "optimal",
    ),
    (
        "variant of data", lambda r: r.data("d.jsonl", variants=["reason_ac"]),
        ["data", RUN, "--out", "d.jsonl", "--variant", "reason_ac"], "reason_act",
    ),
]  # fmt: skip


@ak.evaluator(unit="words", source="a test")
def lengthy(record: ak.records.Record) -> int:
    return len(record.decision.rationale)


@pytest.mark.parametrize(("what", "ask", "args", "nearest"), RESULTS, ids=lambda v: v if isinstance(v, str) else "")
def test_of_a_result(
    what: str, ask: Ask, args: list[str], nearest: str, result: ak.Result, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(UnknownName) as error:
        ask(result)
    assert f"'{nearest}'" in str(error.value)
    refused(*(str(result.folder) if arg == RUN else arg for arg in args))
    assert f"'{nearest}'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [] and not (result.folder / "judge").exists()


PLANS: list[Any] = [
    ("role", lambda: Agent("critc"), "critic"),
    ("option of an agent", lambda: Agent("critic", options={"hnits": []}), "hints"),
    ("sampling of a plan", lambda: replace(reason_act(), sampling={"temprature": 0.0}), "temperature"),
    ("intervention in text", lambda: ak.interventions.parse("act | temprature"), "temperature"),
    ("option of a function", lambda: ak.critique(round=2), "rounds"),
    ("option of a task's function", lambda: ak.tasks.bandit(armz=2), "arms"),
    ("option of a graph's function", lambda: ak.graphs.society(agnts=2), "agents"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "make", "nearest"), PLANS, ids=lambda v: v if isinstance(v, str) else "")
def test_when_a_plan_is_made(what: str, make: Callable[[], Any], nearest: str) -> None:
    with pytest.raises(UnknownName, match=f"'{nearest}'"):
        make()


@pytest.mark.parametrize(
    ("args", "nearest"),
    [
        ("run --episods 3", "--episodes"),
        ("list taks", "tasks"),
        ("tasks show bandi", "bandit"),
        ("tasks show bandit --armz 3", "arms"),
        ("graphs show reason_ac", "reason_act"),
        ("import awi published.json --out run", "aiw"),
        ("run --model simulated --log-level inf --out run", "info"),
        ("train --set rltf.updates=3", "rlft"),
        ("data --expert ucbb --out d.jsonl", "ucb"),
        ("clone --expert ucb --plan reason_acct --out c.gguf", "reason_act"),
    ],
)
def test_on_the_command_line_alone(args: str, nearest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(*args.split())
    assert nearest in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
