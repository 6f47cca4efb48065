"""Wrong inputs, as kinds: each ends in one clear sentence and a non-zero exit, none in a traceback.

The kinds are those of a trial by newcomers: names that are not there, values of the wrong type or size, files and
folders that are something else, options that do not belong together, and files of experiments with every sort of slip.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Akrasia = Callable[..., Any]

RUN = ["run", "--model", "simulated", "--episodes", "2", "--out", "out"]
UNKNOWN_NAMES = [
    [*RUN, "--task", "bandi"],
    ["run", "--model", "simulatd", "--out", "out"],
    ["run", "--model", "nobody/nothing:x=1", "--variant", "act", "--out", "out"],
    [*RUN, "--variant", "reason_ac"],
    [*RUN, "--variant", "reason_act | critiqe"],
    [*RUN, "--variant", "reason_act | critique(round=2)"],
    [*RUN, "--set", "task.armz=3"],
    [*RUN, "--set", "episods=3"],
    [*RUN, "--executor", "loca"],
    [*RUN, "--set", "design=forc"],
    ["list", "taks"],
    ["tasks", "show", "bandi"],
    ["tasks", "show", "bandit", "--armz", "3"],
    ["graphs", "show", "reason_ac"],
    ["plan", "--task", "bandi"],
    ["plan", "--model", "simulatd"],
    ["init", "--task", "bandi"],
    ["init", "--variant", "reason_ac"],
    ["score", "RUN", "--metric", "gab"],
    ["score", "RUN", "--baseline", "nobody"],
    ["score", "RUN", "--interval", "exact"],
    ["score", "RUN", "--evaluator", "nobody"],
    ["compare", "RUN", "base", "nobody"],
    ["compare", "RUN", "base", "z critic", "--metric", "gab"],
    ["check", "RUN", "gab < 1"],
    ["check", "RUN", "gap(nobody) < 1"],
    ["show", "RUN", "0", "99"],
    ["show", "RUN", "--gap", "--variant", "nobody"],
    ["show", "RUN", "--gap", "--model", "nobody"],
    ["export", "RUN", "records.parqet"],
    ["judge", "RUN", "--model", "simulatd"],
    ["data", "RUN", "--out", "data.jsonl", "--form", "sftt"],
    ["data", "--expert", "ucbb", "--out", "data.jsonl"],
]
WRONG_VALUES = [
    [*RUN[:3], "--episodes", "0", "--out", "out"],
    [*RUN[:3], "--episodes", "many", "--out", "out"],
    [*RUN[:3], "--episodes", "-3", "--out", "out"],
    [*RUN[:3], "--episodes", "1e3", "--out", "out"],
    [*RUN, "--set", "task.arms=1"],
    [*RUN, "--set", "task.arms=lots"],
    [*RUN, "--set", "task.sigma=-1"],
    [*RUN, "--set", "task.sigma=nan"],
    [*RUN, "--set", "seed=-1"],
    [*RUN, "--set", "budget.calls=-1"],
    [*RUN, "--set", "budget.dollars=lots"],
    [*RUN, "--set", "="],
    [*RUN, "--set", "episodes"],
    [*RUN, "--set", "[["],
    [*RUN, "--workers", "0"],
    [*RUN, "--workers", "100000"],
    [*RUN, "--until", "soon"],
    [*RUN, "--until", "gap +- 7"],
    [*RUN, "--variant", ""],
    [*RUN, "--variant", "reason_act |"],
    [*RUN, "--variant", "reason_act | self_consistency(n=1000000)"],
    [*RUN, "--variant", "reason_act | self_consistency(n=0)"],
    [*RUN, "--variant", "reason_act | self_consistency(n='x')"],
    [*RUN, "--variant", "__import__('os').system('true')"],
    [*RUN, "--variant", "(" * 500],
    ["run", "--model", "simulated:knowing=2", "--out", "out"],
    ["run", "--model", "simulated:knowing=x", "--out", "out"],
    ["run", "--model", "embedded:no-such.gguf", "--out", "out"],
    ["plan", "--model", "simulated", "--variant", "reason_act", "--effect", "2"],
    ["plan", "--model", "simulated", "--variant", "reason_act", "--variant", "act", "--effect", "0"],
    ["plan", "--model", "simulated", "--answer-tokens", "0"],
    ["plan", "--model", "simulated", "--power", "2"],
    ["tasks", "show", "bandit", "--steps", "0"],
    ["tasks", "show", "bandit", "--seed", "-1"],
    ["tasks", "show", "bandit", "arms"],
    ["tasks", "show", "bandit", "--arms", "many"],
    ["check", "RUN", "gap"],
    ["check", "RUN", "gap < "],
    ["check", "RUN", "gap < 1", "--level", "2"],
    ["show", "RUN", "-1", "0"],
    ["show", "RUN", "99999999999999999999", "0"],
    ["show", "RUN", "--gap", "--most", "-1"],
    ["judge", "RUN", "--model", "simulated", "--calls", "-1"],
    ["data", "--expert", "ucb", "--out", "data.jsonl", "--episodes", "0"],
]
WRONG_PLACES = [
    ["run", "nowhere.toml"],
    ["run", "."],
    ["run", "RUN"],
    ["run", "RUN/ledger.sqlite"],
    ["run", "--resume"],
    ["run", "--resume", "."],
    ["run", "x" * 5000],
    [*RUN[:-1], "file/run"],
    [*RUN[:-1], ""],
    ["plan", "nowhere.toml"],
    ["plan", "--model", "simulated", "--pilot", "nowhere"],
    ["score", "nowhere"],
    ["score", "file"],
    ["score", "half"],
    ["score", "x" * 5000],
    ["score", "torn"],
    ["report", "nowhere"],
    ["report", "RUN", "--out", "file/report.html"],
    ["export", "RUN", "file/records.csv"],
    ["export", "RUN", "records"],
    ["export", "nowhere", "records.csv"],
    ["show", "nowhere"],
    ["show", "torn", "0", "3"],
    ["show", "RUN", "--gap", "--html", "file/gap.html"],
    ["compare", "nowhere", "a", "b"],
    ["compare", "RUN", "torn"],
    ["check", "nowhere", "gap < 1"],
    ["check", "torn", "gap < 1"],
    ["judge", "nowhere", "--model", "simulated"],
    ["data", "nowhere", "--out", "data.jsonl"],
    ["init", "file/mine.toml"],
    ["init", "mine"],
    ["graphs", "show", "reason_act", "--svg", "file/graph.svg"],
]
NOT_TOGETHER = [
    ["run"],
    [*RUN, "--resume", "--fresh"],
    [*RUN, "--offline"],
    [*RUN, "--episodes", "3"],
    [*RUN, "--set", "episodes=3"],
    [*RUN, "--otel-texts"],
    ["show", "RUN", "0"],
    ["show", "RUN", "--variant", "base"],
    ["show", "RUN", "0", "3", "--gap"],
    ["show", "RUN", "--html", "gap.html"],
    ["score", "RUN", "--two-way", "--all"],
    ["compare", "RUN", "base"],
    ["data", "--out", "data.jsonl"],
    ["data", "RUN", "--expert", "ucb", "--out", "data.jsonl"],
    ["data", "RUN", "--out", "data.jsonl", "--episodes", "3"],
    ["frobnicate"],
    ["--frobnicate"],
    ["score"],
    ["score", "RUN", "--frobnicate"],
    ["show", "RUN", "0", "3", "7"],
]
FILES = {
    "empty": b"",
    "no TOML": b"name = ",
    "JSON": b'{"task": "bandit"}',
    "a key twice": b'name = "x"\nname = "y"\n',
    "not UTF-8": 'task = "b\xe9ndit"'.encode("latin-1"),
    "binary": bytes(range(256)),
    "a date": b'task = "bandit"\nvariants = ["act"]\nname = 2026-01-01\n',
    "no variants": b'task = "bandit"\n',
    "no task": b'variants = ["act"]\n',
    "an unknown key": b'task = "bandit"\nvariants = ["act"]\nepisods = 3\n',
    "an unknown option": b'variants = ["act"]\n[task]\nname = "bandit"\narmz = 3\n',
    "a number for a text": b'task = 3\nvariants = ["act"]\n',
    "a text for a number": b'task = "bandit"\nvariants = ["act"]\nepisodes = "many"\n',
    "a list of lists": b'task = "bandit"\nvariants = [["act"]]\n',
    "variants of numbers": b'task = "bandit"\nvariants = [1, 2]\n',
    "a model without a name": b'task = "bandit"\nvariants = ["act"]\n[models.main]\nknowing = 0.5\n',
    "two models": b'task = "bandit"\nvariants = ["act"]\nmodel = "simulated"\n[models.main]\nname = "simulated"\n',
    "an unknown leader": b'task = "bandit"\nvariants = ["act"]\nmodel = "simulated"\nleader = "nobody"\n',
    "a budget of words": b'task = "bandit"\nvariants = ["act"]\nmodel = "simulated"\nbudget = "much"\n',
    "a name that is a path": b'task = "bandit"\nvariants = ["act"]\nmodel = "simulated"\nname = "../x"\n',
    "nested without end": b"a = " + b"[" * 3000,
}


@pytest.fixture
def place(akrasia: Akrasia, finished: Path, tmp_path: Path) -> Path:
    """A folder with a run, a run whose ledger is torn, an empty folder of that kind, and a file that is no folder."""
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "ledger.sqlite").write_bytes(b"")
    (tmp_path / "torn").mkdir()
    data = (finished / "ledger.sqlite").read_bytes()
    (tmp_path / "torn" / "ledger.sqlite").write_bytes(data[: len(data) // 2])
    return tmp_path


def contents(folder: Path) -> set[str]:
    """What lies there, but for the files that SQLite keeps beside a database while it is read."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.name.endswith(("-wal", "-shm"))}


def refused(akrasia: Akrasia, *args: str) -> str:
    """What a command says that must not work: it exits with a code, and with words for people."""
    ended = akrasia(*args)
    assert ended.returncode in (1, 2), (args, ended)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "did not expect" not in ended.stderr, ended.stderr  # an error that nobody thought of
    assert ended.stderr.strip(), args
    return str(ended.stderr)


def no_longer(args: list[str]) -> str:
    return " ".join(args)[:60]


@pytest.mark.parametrize("args", [*UNKNOWN_NAMES, *WRONG_VALUES, *WRONG_PLACES, *NOT_TOGETHER], ids=no_longer)
def test_a_wrong_input_is_said_in_words_and_leaves_nothing(
    akrasia: Akrasia, place: Path, finished: Path, args: list[str]
) -> None:
    before = contents(place)
    refused(akrasia, *(arg.replace("RUN", str(finished)) for arg in args))
    assert contents(place) == before


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_an_experiment_file_with_a_slip_is_refused(akrasia: Akrasia, place: Path, kind: str, verb: str) -> None:
    (place / "slip.toml").write_bytes(FILES[kind])
    before = contents(place)
    said = refused(akrasia, verb, "slip.toml")
    assert said.count("\n") == 1 and said.startswith("akrasia: ")
    assert contents(place) == before


def test_a_byte_order_mark_is_no_slip(akrasia: Akrasia, place: Path) -> None:
    text = 'model = "simulated"\nvariants = ["act"]\ntask = "bandit"\n'
    (place / "mark.toml").write_text(text, encoding="utf-8-sig")
    assert akrasia("plan", "mark.toml").returncode == 0


def test_a_run_that_cannot_be_read_hides_no_other(akrasia: Akrasia, place: Path, finished: Path) -> None:
    shutil.copytree(finished, place / "runs" / "good")
    shutil.copytree(place / "torn", place / "runs" / "torn")
    shutil.copytree(place / "half", place / "runs" / "half")
    with sqlite3.connect(place / "runs" / "other.sqlite"):
        pass
    listed = akrasia("list", "runs")
    assert listed.returncode == 0 and "runs/good" in listed.stdout and "complete" in listed.stdout
    assert "runs/torn" in listed.stdout and "cannot be read" in " ".join(listed.stdout.split())
