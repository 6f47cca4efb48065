"""Processes forked from one that has imported everything: what a test kills is the run, not the start of Python.

A script that is served ends in `serve(work)`; `Forks` starts it, and forks `work(order)` from it as often as asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def serve(work: Callable[[dict[str, Any]], None]) -> None:
    """Fork `work(order)` for every line of JSON on stdin; print its process id, and its exit code once it has ended."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code: Any = 1
            try:
                work(json.loads(line))
                code = 0
            except SystemExit as end:
                code = end.code or 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print("began", pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)


SELDOM_COLLECTED = "import gc; gc.set_threshold(50_000, 20, 20)  # a sixth of what imports take otherwise\n"


class Forks:
    """The process that forks, one process at a time."""

    def __init__(self, script: str, folder: Path, *paths: Path) -> None:
        """Write `script` into `folder` and start it there; it imports from `paths`, too."""
        (folder / "forks.py").write_text(SELDOM_COLLECTED + script, encoding="utf-8")
        places = [*map(str, (Path(__file__).parent, *paths)), os.environ.get("PYTHONPATH", "")]
        self._under_way = 0
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "forks.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))},
        )

    def exit_code(self) -> int:
        """The exit code of the process under way, once it has ended."""
        code = self._told("ended")
        self._under_way = 0
        return code

    def start(self, order: dict[str, Any]) -> int:
        """The id of the new process. One that a failed test has left is killed."""
        self._end()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self._under_way = self._told("began")
        return self._under_way

    def _told(self, what: str) -> int:
        """The number behind a word. Nothing else may be taken for it: an exit code is no process to be signalled."""
        assert self.process.stdout is not None
        word, _, number = self.process.stdout.readline().partition(" ")
        assert word == what, f"{word!r} came instead of {what!r}"
        return int(number)

    def _end(self) -> None:
        if self._under_way:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(self._under_way, signal.SIGKILL)
            self.exit_code()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def gone(pids: list[int]) -> None:
    """See that processes end."""
    deadline = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, "a worker outlives its driver"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


COMMAND_LINES = """
import os, sys
from forking import serve

def work(order):
    os.chdir(order["folder"])
    os.environ.update(order["env"])
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(order[stream], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    os.setsid()
    sys.argv = ["akrasia", *order["args"]]
    akrasia.cli.main()

if __name__ == "__main__":  # imports what a run needs; a worker of one imports this file as well
    import akrasia.api, akrasia.cli, akrasia.reports.progress, akrasia.experiments.planning.context_length
    akrasia.run(model="simulated", variants=["act"], episodes=1, out="first")
    serve(work)
"""


@dataclass(frozen=True)
class Command:
    """A command under way, in a session of its own, whose id is that of the process."""

    forks: Forks
    pid: int
    files: tuple[Path, Path]

    def interrupt(self) -> None:
        """As Ctrl-C of a terminal does: its workers get the signal as well."""
        assert os.getpgid(self.pid) == self.pid, "it has ended, or has not begun"
        os.killpg(self.pid, signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: (exit code, what it printed, what it said on stderr)."""
        code = self.forks.exit_code()
        out, errors = (file.read_text(encoding="utf-8") for file in self.files)
        return code, out, errors


class Commands(Forks):
    """The command line, in processes forked from one that has imported everything."""

    def __init__(self, folder: Path, *paths: Path) -> None:
        super().__init__(COMMAND_LINES, folder, *paths)
        self._folder = folder

    def begin(self, folder: Path, *args: str, **variables: str) -> Command:
        """Begin `akrasia *args` in `folder`, with the variables of this process and `variables`."""
        files = (self._folder / "out", self._folder / "err")
        order = {"folder": str(folder), "args": args, "env": {**os.environ, **variables}}
        pid = self.start({**order, "out": str(files[0]), "err": str(files[1])})
        return Command(self, pid, files)
