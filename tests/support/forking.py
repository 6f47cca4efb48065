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
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


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

    def line(self) -> int:
        """The next number that it prints: the exit code of the process under way, once it has ended."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def start(self, order: dict[str, Any]) -> int:
        """The id of the new process. The one before has ended, and its exit code was read."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.line()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
