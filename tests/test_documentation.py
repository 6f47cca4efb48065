"""Documentation that runs: the README's Python, the files in examples/, and the commands that the README names."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from akrasia.experiments.config import load_settings
from akrasia.training.recipe import assemble_training

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from akrasia.cli import main; main()"]


def test_the_readme_s_python_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert "reason_act (baseline)" in done.stdout
    assert list(tmp_path.glob("runs/*/report.html"))


def test_the_python_of_the_evaluators_page_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "evaluators.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    for said in ("wordy", "curious", "names ", "Contrast(metric='curious'", "reason_act -> reason_act2"):
        assert said in done.stdout


def test_the_package_s_docstring_is_the_readme_s_example() -> None:
    import akrasia

    readme = (ROOT / "README.md").read_text()
    for line in ("base = ak.graphs.reason_act()", "task=ak.tasks.bandit(arms=5, sigma=1.0, horizon=10),"):
        assert line in (akrasia.__doc__ or "") and line in readme


def test_every_command_of_the_readme_exists() -> None:
    commands = r"akrasia (run|plan|score|compare|judge|report|show|export|list|doctor|train|clone|data)\b"
    named = set(re.findall(commands, (ROOT / "README.md").read_text()))
    for command in sorted(named):
        done = subprocess.run([*COMMAND, command, "--help"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert {"run", "plan", "score", "compare", "judge", "report", "show", "export", "list", "doctor"} | {
        "train",
        "clone",
        "data",
    } == named


TRAININGS = [p for p in sorted((ROOT / "examples").glob("*.toml")) if "rlft" in tomllib.loads(p.read_text())]
EXPERIMENTS = [p for p in sorted((ROOT / "examples").glob("*.toml")) if p not in TRAININGS]


@pytest.mark.parametrize("path", TRAININGS, ids=lambda p: p.name)
def test_every_training_file_is_understood(path: Path) -> None:
    """What a training will do is worked out from the file alone; it needs no torch."""
    training = assemble_training(load_settings(path))
    about = training.about()
    assert about["task"]["name"] == "bandit" and about["plan"] == "act" and training.evaluations


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.name)
def test_every_experiment_file_assembles_and_runs_small(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "run", str(path), "--model", "simulated", "--episodes", "2", "--out", "out"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for episode, step in re.findall(r"^# +akrasia show \S+ (\d+) (\d+)", path.read_text(), re.MULTILINE):
        shown = subprocess.run([*COMMAND, "show", "out", episode, step], cwd=tmp_path, capture_output=True, text=True)
        assert shown.returncode == 0 and f"episode {episode}, step {step}" in shown.stdout, shown.stderr
