"""Processes forked from one that has imported everything: what a test kills is the run, not the start of Python.

A script that is served ends in `serve(work)`; `Forks` starts it, and forks `work(order)` from it as often as asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
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
        print(f"began {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"ended {os.waitstatus_to_exitcode(status)}", flush=True)


class Forks:
    """The process that forks, one process at a time."""

    def __init__(self, script: str, folder: Path) -> None:
        """Write `script` into `folder` and start it there."""
        (folder / "forks.py").write_text(script, encoding="utf-8")
        here = str(Path(__file__).parent)
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "forks.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((here, os.environ.get("PYTHONPATH", ""))).rstrip(":")},
        )

    def ended(self) -> int:
        """The exit code of the process under way, once it has ended."""
        return self._next("ended")

    def start(self, order: dict[str, Any]) -> int:
        """The id of the new process, once the one before has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._next("began")

    def _next(self, word: str) -> int:
        """The number behind the next line of that word: a test that fails leaves an exit code that nobody has read."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            said, _, number = line.partition(" ")
            if said == word:
                return int(number)
        raise EOFError("the process that forks has ended")

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
