"""The program as a newcomer meets it: help, version, completion, `python -m akrasia`, and JSON of every command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import akrasia as package

Akrasia = Callable[..., Any]


@pytest.mark.parametrize("asked", ["-h", "--help"])
def test_help_lists_the_commands_by_what_they_are_for_in_whole_sentences(akrasia: Akrasia, asked: str) -> None:
    done = akrasia(asked)
    assert done.returncode == 0
    sections = re.findall(r"^(\S.*):$", done.stdout, re.MULTILINE)
    assert sections[-4:] == ["Experiments", "Results", "What there is", "Training"]
    assert "..." not in done.stdout.partition("Experiments:")[2]
    assert akrasia("score", "-h").stdout.startswith("Usage: akrasia score")


def test_the_version_is_said(akrasia: Akrasia) -> None:
    assert akrasia("--version").stdout == f"akrasia {package.__version__}\n"


def test_the_module_is_the_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "akrasia", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"akrasia {package.__version__}\n"


@pytest.mark.parametrize(("words", "expected"), [("akrasia li", "list"), ("akrasia list inter", "interventions")])
def test_a_shell_completes_commands_and_names(tmp_path: Path, words: str, expected: str) -> None:
    asked = {"_AKRASIA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", "from akrasia.cli import main; main()"],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, **asked},
    )  # fmt: skip
    assert done.stdout.split() == [expected], done.stderr


def test_every_command_that_reads_speaks_json(akrasia: Akrasia, finished: Path) -> None:
    run = str(finished)
    said = {
        args: json.loads(akrasia(*args, "--json").stdout)
        for args in [
            ("init", "mine.toml", "--model", "simulated"),
            ("plan", "mine.toml", "--effect", "0.2"),
            ("score", run),
            ("compare", run, "base", "z critic"),
            ("check", run, "gap < 1"),
            ("show", run),
            ("show", run, "0", "3"),
            ("show", run, "--gap"),
            ("report", run),
            ("export", run, "records.csv"),
            ("list", "tasks"),
            ("tasks", "show", "bandit"),
            ("graphs", "show", "reason_act | critique"),
            ("doctor",),
            ("judge", run, "--model", "simulated:knowing=0.7"),
            ("data", run, "--out", "data.jsonl"),
        ]
    }
    assert all(said.values())
    assert said["init", "mine.toml", "--model", "simulated"] == {"file": "mine.toml"}
    assert said["plan", "mine.toml", "--effect", "0.2"]["power"]["episodes"] > 0
    assert {r["variant"] for r in said["show", run, "0", "3"]["records"]} == {"base", "z critic", "a placebo", "act"}
    assert Path(said["export", run, "records.csv"]["provenance"]).is_file()
    assert "bandit" in [task["task"] for task in said["list", "tasks"]]


def test_a_run_in_json_keeps_stdout_for_it(akrasia: Akrasia) -> None:
    done = akrasia("run", "--model", "simulated", "--episodes", "2", "--out", "out", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["run"] == "out" and told["missing"] == 0
    assert told["scorecard"]["arms"][0]["variant"] == "reason_act"


def test_an_error_that_nobody_expected_is_one_sentence(akrasia: Akrasia, tmp_path: Path) -> None:
    """A file of the package that is gone stands for a fault of ours; where it lies is shown on demand."""
    code = (
        "import sys; sys.modules['akrasia.commands.catalogue'] = None\n"
        "from akrasia.cli import main; main(['list', 'tasks'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("akrasia: ") and "Traceback" not in done.stderr
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "AKRASIA_TRACEBACK": "1"},
    )  # fmt: skip
    assert shown.returncode == 1 and "Traceback" in shown.stderr
