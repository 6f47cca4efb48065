"""How many threads the libraries of numbers get: one on a small run, and what the user asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = """
import json, os, sys
from akrasia.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code
import polars
names = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")
print(json.dumps([polars.thread_pool_size(), *map(os.environ.get, names)]))
"""


def threads(*arguments: str, **environment: str) -> list[Any]:
    """Of polars' pool, and what the environment says after a command."""
    clean = {k: v for k, v in os.environ.items() if k not in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], env=clean | environment, capture_output=True, text=True, check=True
    )
    told: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_small_run_is_read_by_one_thread_unless_the_user_says_otherwise(finished: Path) -> None:
    run = str(finished)
    for reads in (["show", run, "--gap"], ["compare", run, "base", "act"]):
        assert threads(*reads) == [1, "1", "1"], reads
    assert threads("score", run, "--metric", "gap", POLARS_MAX_THREADS="3") == [3, "3", "1"]


def test_a_large_run_is_read_by_as_many_threads_as_there_are(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from akrasia.commands.threads import SMALL, few_threads\n"
        "run = Path(sys.argv[1]); before = dict(os.environ)\n"
        "few_threads(run / 'none')\n"
        "os.truncate(run / 'ledger.sqlite', SMALL + 1); few_threads(run); print(dict(os.environ) == before)\n"
        "import polars; os.truncate(run / 'ledger.sqlite', 1); few_threads(run)\n"
        "print(os.environ.get('POLARS_MAX_THREADS') == before.get('POLARS_MAX_THREADS'))\n"
    )
    os.mkdir(tmp_path / "run")
    (tmp_path / "run" / "ledger.sqlite").touch()
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True"], done.stderr
