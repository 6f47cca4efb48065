"""A run folder belongs to one process, with the system's file locks and in a Python that has none.

A Python without `fcntl`, as on Windows, is one whose `sitecustomize` refuses to import it: nothing of ours is replaced.
"""

import json
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
TAKE = """
import sys
from akrasia.errors import RunFolderError
from akrasia.ledger import Ledger
for _ in sys.stdin:
    try:
        ledger = Ledger(sys.argv[1])
        print("held", flush=True)
    except RunFolderError as error:
        print(error, flush=True)
"""
COMMANDS = """
import contextlib, io, json, sys
from akrasia.cli import main

if __name__ == "__main__":
    codes, said = [], []
    for command in json.loads(sys.argv[1]):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                main(command)
            except SystemExit as end:
                codes.append(end.code or 0)
        said.append(out.getvalue())
    print(*codes, end="")
    for text in said:
        print("ended")
        print(text)
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


class Taker:
    """A process that takes a folder when it is asked to, and holds it until it ends."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, str(folder)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def take(self) -> str:
        """Ask it to: "held", or why it cannot be."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("take\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self, kill: bool = False) -> str:
        """End it: what it said on stderr."""
        if kill:
            self.process.send_signal(signal.SIGKILL)
        return self.process.communicate()[1]


def test_a_held_folder_is_refused_and_free_again_whatever_ends_its_holder(
    environment: dict[str, str], tmp_path: Path
) -> None:
    first, second, third = (Taker(environment, tmp_path / "run") for _ in range(3))
    try:
        assert first.take() == "held"
        assert "is in use by another process. Wait for it" in second.take()
        assert first.end() == ""
        assert second.take() == "held"
        assert "is in use by another process. Wait for it" in third.take()
        assert second.end(kill=True) == ""
        assert third.take() == "held"
        assert third.end() == ""
    finally:
        for taker in (first, second, third):
            taker.process.kill()
            taker.process.wait()


@NO_FCNTL
def test_the_commands_work(environment: dict[str, str], tmp_path: Path) -> None:
    few = ["run", "--model", "simulated", "--episodes", "3", "--set", "task.horizon=2", "--out", str(tmp_path / "run")]
    commands = [["list", "tasks"], few, [*few, "--resume", "--workers", "2", "--no-report"], ["doctor"]]
    done = python(environment, COMMANDS, json.dumps(commands))
    codes, tasks, played, resumed, shown = done.stdout.split("ended\n")
    assert "bandit" in tasks and codes == "0 0 0 0", done.stderr
    assert "reason_act (baseline)" in played and "reason_act (baseline)" in resumed and "Warning" not in done.stderr
    assert "file locks" in shown and "has no fcntl" in " ".join(shown.split())


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
