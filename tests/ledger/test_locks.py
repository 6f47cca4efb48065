"""A run folder belongs to one process, with the system's file locks and in a Python that has none.

A Python without `fcntl`, as on Windows, is one whose `sitecustomize` refuses to import it: nothing of ours is replaced.
"""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest

from akrasia.errors import RunFolderError
from akrasia.ledger import Ledger, holds_run
from akrasia.ledger.file import FILE, LOCK

WITHOUT = """
import asyncio, importlib.abc, os, signal, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "resource", "termios", "pwd", "grp"):
            raise ImportError(f"No module named {name!r}")

class Loop(asyncio.SelectorEventLoop):
    def no(self, *_, **__):
        raise NotImplementedError

    add_signal_handler = remove_signal_handler = create_unix_connection = create_unix_server = no

class Policy(asyncio.DefaultEventLoopPolicy):
    _loop_factory = Loop

asyncio.set_event_loop_policy(Policy())
sys.modules.pop("fcntl", None)
sys.meta_path.insert(0, Refuse())
del signal.pthread_sigmask, os.getuid
"""
HOLD = """
import sys, time
from akrasia.ledger import Ledger
ledger = Ledger(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=[True, False], ids=["fcntl", "no fcntl"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    site = tmp_path / "site"
    site.mkdir()
    if not request.param:
        (site / "sitecustomize.py").write_text(WITHOUT)
    return {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}


NO_FCNTL = pytest.mark.parametrize("environment", [False], ids=["no fcntl"], indirect=True)
"""With `fcntl` it is what `tests/test_cli.py` shows."""


def python(environment: dict[str, str], code: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_the_python_without_locks_is_one(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    done = python({**os.environ, "PYTHONPATH": str(tmp_path)}, "import fcntl")
    assert done.returncode == 1 and "No module named 'fcntl'" in done.stderr


def test_a_held_folder_is_refused_and_free_again_whatever_ends_its_holder(
    environment: dict[str, str], tmp_path: Path
) -> None:
    run = str(tmp_path / "run")
    take = "import sys\nfrom akrasia.ledger import Ledger\nLedger(sys.argv[1]).close()"
    for end in ("close", "kill"):
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, run],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            refused = python(environment, take, run)
            assert "is in use by another process. Wait for it" in refused.stderr
        finally:
            if end == "kill":
                holder.send_signal(signal.SIGKILL)
            holder.communicate("")
        free = python(environment, take, run)
        assert free.returncode == 0 and free.stderr == "", free.stderr


@NO_FCNTL
def test_the_commands_work(environment: dict[str, str], tmp_path: Path) -> None:
    call = "from akrasia.cli import main\nimport sys\nmain(sys.argv[1:])"
    assert "bandit" in python(environment, call, "list", "tasks").stdout
    folder = str(tmp_path / "run")
    few = ("--model", "simulated", "--episodes", "3", "--set", "task.horizon=2")
    for more in ((), ("--resume", "--workers", "2")):
        done = python(environment, call, "run", *few, *more, "--out", folder)
        assert done.returncode == 0 and "reason_act (baseline)" in done.stdout, done.stderr
    assert "Warning" not in done.stderr
    shown = " ".join(python(environment, call, "doctor").stdout.split())
    assert "file locks" in shown and "has no fcntl" in shown


@NO_FCNTL
def test_an_interrupted_run_keeps_its_answers_and_says_how_to_go_on(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    few = ("--model", "simulated", "--episodes", "3000", "--set", "task.horizon=2", "--out", str(folder))
    code = "from akrasia.cli import main\nimport sys\nmain(sys.argv[1:])"
    playing = subprocess.Popen(
        [sys.executable, "-c", code, "run", *few, "--no-report"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 240
        while time.monotonic() < until and not (holds_run(folder) and _answers(folder) > 5):
            time.sleep(0.1)
        playing.send_signal(signal.SIGINT)
        _, said = playing.communicate(timeout=240)
    finally:
        playing.kill()
    assert playing.returncode == 3 and "Go on with: akrasia run --resume" in said, said
    assert _answers(folder) > 5


def _answers(folder: Path) -> int:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return int(connection.execute("SELECT count(*) FROM responses").fetchone()[0])


def test_one_process_does_not_take_a_folder_twice(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    with pytest.raises(RunFolderError, match="in use"):
        Ledger(tmp_path)
    first.close()
    Ledger(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        Ledger(tmp_path / "file" / "run")
    (tmp_path / "taken" / LOCK).mkdir(parents=True)
    with pytest.raises(RunFolderError, match="cannot be written"):
        Ledger(tmp_path / "taken")
