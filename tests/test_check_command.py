"""`akrasia check`: its exit codes, its lines at 80 columns, JSON and JUnit; the workflow of the example; pytest."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

import akrasia as ak
from akrasia.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "ci"
TASK = {"name": "bandit", "arms": 4, "horizon": 3, "head_start": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model, variants = "simulated:knowing=0.95,greedy=0,optimal=0.9", ["reason_act", "reason_act | critique"]
    out = tmp_path_factory.mktemp("check") / "run"
    return ak.run(task=TASK, model=model, variants=variants, episodes=24, out=out).folder


def command(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["check", *map(str, arguments)])
    return int(ended.value.code or 0)


HOLDS, FAILS, OPEN = "gap < 0.5", "doing(reason_act) < 0.5", "gap(critique) < gap(reason_act)"
CODES = [
    ([HOLDS], 0, "holds: "),
    ([HOLDS, "doing(reason_act | critique) >= 60%"], 0, "doing(reason_act | critique) >= 0.6"),
    ([HOLDS, FAILS], 1, "does not hold: "),
    ([HOLDS, OPEN], 3, "cannot be said: "),
    ([OPEN, FAILS], 1, "does not hold: "),
    (["gapp < 0.2"], 2, "Did you mean 'gap'?"),
    (["gap(critiqe) < 0.2"], 2, "Did you mean 'reason_act | critique'?"),
    (["gap <"], 2, "at its end: a metric or a number is expected"),
    (["gap < 20"], 2, "always holds"),
    ([HOLDS, "--level", "95"], 2, "must lie between 0 and 1"),
    ([HOLDS, "--interval", "robst"], 2, "Did you mean 'robust'?"),
    ([HOLDS, "--task", "bandi"], 2, "Did you mean 'bandit'?"),
    ([HOLDS, "--evaluator", "nothing"], 2, "no evaluator named"),
]


@pytest.mark.parametrize(("checks", "code", "said"), CODES, ids=[" ".join(row[0]) for row in CODES])
def test_the_exit_code_is_the_answer(
    folder: Path, capsys: pytest.CaptureFixture[str], checks: list[str], code: int, said: str
) -> None:
    assert command(folder, *checks) == code
    printed = capsys.readouterr()
    assert said in " ".join((printed.out if code != 2 else printed.err).split())


def test_what_is_no_run_is_bad_input(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path, HOLDS) == 2 and "holds no run" in capsys.readouterr().err
    assert command(tmp_path / "missing", HOLDS) == 2 and "holds no run" in capsys.readouterr().err
    (tmp_path / "ledger.sqlite").write_bytes(b"this is no ledger" * 99)
    assert command(tmp_path, HOLDS) == 2 and capsys.readouterr().err.startswith("akrasia: ")
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    data = bytearray((damaged / "ledger.sqlite").read_bytes())
    data[4096 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4096)
    (damaged / "ledger.sqlite").write_bytes(bytes(data))
    assert command(damaged, HOLDS) == 2


def test_lines_are_readable_at_80_columns(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command(folder, HOLDS, FAILS, OPEN)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    starts = [line for line in lines if not line.startswith(" ")]
    assert [line.partition(":")[0] for line in starts[1:]] == ["holds", "holds", "does not hold", "cannot be said"]
    whole = " ".join(" ".join(lines).split())
    assert re.search(r"gap\(reason_act\) < 0.5: [\d.]+ \[[\d.]+, [\d.]+\], worst case [\d.]+\.", whole)
    assert re.search(r"it would take some [\d,]+ episodes instead of 24|no number of episodes", whole)


def test_the_same_as_json_and_as_junit(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "checks.xml"
    assert command(folder, HOLDS, FAILS, OPEN, "--json", "--junit", file) == 1
    printed = json.loads(capsys.readouterr().out)
    assert (printed["holds"], printed["exit_code"], printed["level"]) == (False, 1, 0.95)
    assert [c["verdict"] for c in printed["checks"]] == ["holds", "holds", "does not hold", "cannot be said"]
    assert set(printed["checks"][0]["line"]["estimate"]) >= {"value", "low", "high", "clusters"}
    suite = ElementTree.parse(file).getroot()
    assert [suite.get(k) for k in ("tests", "failures", "errors")] == ["4", "1", "1"]
    assert [[child.tag for child in case] for case in suite] == [[], [], ["failure"], ["error"]]
    assert "worst case" in (suite[2][0].text or "")


@pytest.mark.slow
def test_the_workflow_s_own_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a runner would play them: the second build pays nothing again, and a broken agent makes it red."""
    workflow = yaml.safe_load((EXAMPLE / "akrasia.yml").read_text(encoding="utf-8"))
    steps = [step["run"] for step in workflow["jobs"]["gap"]["steps"] if "run" in step]
    commands = [shlex.split(step) for step in steps if step.startswith("akrasia ")]
    assert [c[1] for c in commands] == ["run", "check"]
    shutil.copytree(EXAMPLE, tmp_path / "examples" / "ci")

    monkeypatch.chdir(tmp_path)

    def play(arguments: list[str]) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments[1:])
        return int(ended.value.code or 0), capsys.readouterr().out

    (first, _), (check, lines), (second, summary) = (play(commands[i]) for i in (0, 1, 0))
    assert (first, check, second) == (0, 0, 0), lines
    assert "calls made: 0;" in summary and (tmp_path / "runs" / "checks.xml").is_file()
    assert lines.count("holds: ") == 4
    assert play([*commands[1][:3], "gap < 0.01"])[0] in (1, 3)


class Pytest:
    """Plays tests as a program of their own would, in this process: with the plug-in of akrasia and no other's."""

    def __init__(self, folder: Path, patched: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capture = folder, capture
        patched.chdir(folder)
        patched.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        patched.setenv("COLUMNS", "200")
        patched.delenv("PYTEST_ADDOPTS", raising=False)

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """(exit code, what it printed)."""
        own = ["--rootdir", str(self._folder), "--config-file", os.devnull, "--import-mode=importlib"]
        without = ("cacheprovider", "faulthandler")  # the latter is switched off for this process when it ends
        plugins = ["-p", "akrasia_pytest", *(f"-pno:{name}" for name in without)]
        modules = set(sys.modules)
        code = int(pytest.main([*own, *plugins, "-q", "-W", "ignore::pytest.PytestDeprecationWarning", *arguments]))
        for name in set(sys.modules) - modules:
            if name.startswith("test_"):
                del sys.modules[name]
        return code, self._capture.readouterr().out


@pytest.fixture
def pytest_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pytest:
    return Pytest(tmp_path, monkeypatch, capsys)


def test_the_example_fails_for_the_right_reason_on_three_broken_graphs(
    pytest_here: Pytest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(EXAMPLE / "test_agent.py", tmp_path)
    monkeypatch.setenv("AGENTS", "healthy,raises,mute,waits")
    code, printed = pytest_here("test_agent.py")
    assert code == 1 and "3 failed, 1 passed" in printed, printed
    head = "cannot be said: gap({0}) < 0.2: {0} was not measured: "
    for name, cause in (
        ("raises", "the decision is error (own code failed in node 'node'"),
        ("mute", "no call of the run's model was made on 100% of its steps"),
        ("waits", "the decision is interrupted (the graph waits at an interrupt"),
    ):
        assert head.format(name) + cause in printed, printed
    assert "Traceback" not in printed and "gap(healthy)" not in printed


def test_the_plugin_takes_a_level_and_fails_with_the_check_s_text(pytest_here: Pytest, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        f"""
TASK = {TASK!r}

def test_runs(akrasia_run, assert_check, assert_gap, tmp_path, capsys):
    results = [akrasia_run(task=TASK, model="simulated", episodes=12, seed=seed) for seed in (0, 1)]
    assert [r.folder.parent for r in results] == [tmp_path] * 2 and results[0].folder != results[1].folder
    assert akrasia_run(task=TASK, model="simulated", episodes=12, out=tmp_path / "mine").folder == tmp_path / "mine"
    assert capsys.readouterr() == ("", "")
    print("LEVEL", assert_check(results[0], "doing <= 100% - 1%").level)
    assert_gap(results[0], below=0.98, variant="reason_act", level=0.5)

def test_fails(akrasia_run, assert_gap):
    result = akrasia_run(task=TASK, model="simulated:knowing=1,greedy=1,optimal=0", episodes=12)
    assert_gap(result, below=0.01)
""",
        encoding="utf-8",
    )
    _, printed = pytest_here("test_it.py", "-rP", "--akrasia-level=0.9")
    assert "1 failed, 1 passed" in printed and "LEVEL 0.9" in printed, printed
    assert "\ndoes not hold: gap(reason_act) < 0.01: " in printed


def test_loading_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys, pytest; "
        "plugins = ['-p', 'akrasia_pytest', '-p', 'no:langsmith_plugin', '-p', 'no:cacheprovider']; "
        "code = pytest.main(['--co', '-q', *plugins]); "
        "print('LOADED', int(code), sorted({m.partition('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = [
        "akrasia",
        "langchain_core",
        "langgraph",
        "litellm",
        "networkx",
        "numpy",
        "polars",
        "rich",
        "akrasia_pytest",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script, *heavy],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "LOADED 5 ['akrasia_pytest']" in done.stdout, done.stdout + done.stderr


def test_the_plugin_is_an_entry_point_of_its_own_name() -> None:
    text: Any = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points.pytest11]\nakrasia_pytest = "akrasia_pytest"' in text
