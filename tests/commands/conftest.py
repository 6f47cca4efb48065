"""Commands in this process, in a folder of their own, and a small finished run to read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

import akrasia as ak
from akrasia.cli import main

VARIANTS = {
    "base": "reason_then_act",
    "z critic": "reason_then_act | critique",
    "a placebo": "reason_then_act | placebo",
    "act": "act",
}


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """Runs commands in the current folder."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *args: str) -> Ended:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(args)
        return Ended(int(ended.value.code or 0), *self._capture.readouterr())


@pytest.fixture
def akrasia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(capsys)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two models and four variants, whose names sort otherwise than they are listed."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    ak.run(
        task=ak.tasks.bandit(arms=4, horizon=3, head_start=3),
        model=["simulated", "simulated:knowing=0.5"],
        variants=VARIANTS,
        episodes=4,
        out=folder,
    )
    return folder
