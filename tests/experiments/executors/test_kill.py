"""A run is killed, interrupted, starved of disk: what it leaves is resumed to the bytes of an uninterrupted run.

`make test-faults` kills it at 100 random points; by default a few are tried. Runs are forked from one process that has
imported everything, so that what is tried is the run and not the start of Python.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forking import Forks, alive, children, gone

import akrasia as ak
from akrasia.ledger.file import FILE
from akrasia.models import Planted, Simulated

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 6, "horizon": 4, "head_start": 2},
    "variants": ["reason_act", "reason_act | critique", "reason_then_act", "reason_act | placebo"],
    "episodes": 8,
    "concurrency": 4,
}
SERVER = '''
"""Runs to be killed. A run writes what became of it."""
import asyncio, json, os, resource, signal, sys
import akrasia as ak
from akrasia.models import Planted, Simulated
from forking import serve

class Slow(Simulated):
    """The simulated agent, slow enough to be caught at work; every answer that is really given is noted in a file."""

    async def generate(self, request, draw, key):
        await asyncio.sleep(float(os.environ["DELAY"]) * (1 + draw.sample))
        with open(os.environ["ASKED"], "a") as file:
            file.write(key + "\\n")
        return await super().generate(request, draw, key)

def play(folder, settings):
    outcome = ak.run(model=Slow(Planted(parse_failure=0.05)), out=folder, **settings).outcome
    print(json.dumps({"stopped": outcome.stopped and str(outcome.stopped), "missing": outcome.missing,
                      "made": outcome.run_usage.made}))

def work(order):
    os.environ.update(order["env"])
    for stream, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(order[stream], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    os.setsid()
    if order["file_size"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size"],) * 2)
    if order["command"]:
        sys.argv = ["akrasia", *order["command"]]
        ak.cli.main()
    else:
        play(order["folder"], order["settings"])

if __name__ == "__main__":  # imports what a run needs; a worker of one imports this file as well
    import akrasia.api, akrasia.cli, akrasia.reports.progress, akrasia.experiments.planning.context_length
    ak.run(model=Simulated(), variants=["act"], episodes=1, out="first")
    serve(work)
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The process from which runs are forked, one at a time."""
    made = Forks(SERVER, tmp_path_factory.mktemp("server"))
    yield made
    made.close()


class Work:
    """A run under way."""

    def __init__(self, server: Forks, pid: int, out: Path, err: Path) -> None:
        self._server, self.pid, self._out, self._err = server, pid, out, err

    def send(self, name: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has come to its end by itself
            os.kill(self.pid, name)

    def alive(self) -> bool:
        return alive(self.pid)

    def wait(self) -> tuple[int, str, str]:
        """(exit code, what it printed, what it said on stderr)."""
        code = self._server.exit_code()
        return code, self._out.read_text(), self._err.read_text()


class Runner:
    """Plays one experiment into a folder, again and again."""

    def __init__(self, server: Forks, at: Path, delay: float = 0.004) -> None:
        at.mkdir()
        self._server, self._at = server, at
        self.folder, self.asked = at / "run", at / "asked"
        self._env = {"DELAY": str(delay), "ASKED": str(self.asked)}

    def start(self, file_size: int = 0, command: list[str] | None = None, **changes: Any) -> Work:
        out, err = self._at / "out", self._at / "err"
        order = {
            "folder": str(self.folder), "settings": SETTINGS | changes, "env": self._env, "out": str(out),
            "err": str(err), "file_size": file_size, "command": command,
        }  # fmt: skip
        return Work(self._server, self._server.start(order), out, err)

    def finish(self, **changes: Any) -> dict[str, Any]:
        code, out, err = self.start(**changes).wait()
        assert code == 0, err
        outcome: dict[str, Any] = json.loads(out)
        return outcome

    def committed(self) -> int:
        return len(self.keys())

    def keys(self) -> set[str]:
        """The committed keys; none while there is no ledger yet."""
        try:
            connection = sqlite3.connect(f"file:{self.folder / FILE}?mode=ro", uri=True)
            try:
                return {key for (key,) in connection.execute("SELECT key FROM responses")}
            finally:
                connection.close()
        except sqlite3.OperationalError:
            return set()

    def export(self) -> bytes:
        return ak.open_run(self.folder).export(self.folder / "records.jsonl").read_bytes()

    def answered(self) -> list[str]:
        """The key of every answer that was given, in all sessions."""
        return self.asked.read_text(encoding="utf-8").split() if self.asked.exists() else []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[bytes, set[str]]]:
    """Export and keys of a run that nothing interrupted, by its design."""
    made: dict[str, tuple[bytes, set[str]]] = {}

    def of(design: str) -> tuple[bytes, set[str]]:
        if design not in made:
            folder = tmp_path_factory.mktemp("whole") / design
            model = Simulated(Planted(parse_failure=0.05))
            result = ak.run(model=model, out=folder, **SETTINGS, design=design)
            with sqlite3.connect(folder / FILE) as connection:
                keys = {key for (key,) in connection.execute("SELECT key FROM responses")}
            made[design] = result.export(folder / "records.jsonl").read_bytes(), keys
        return made[design]

    return of


@pytest.mark.parametrize(("workers", "design"), [(1, "fork"), (1, "rollout"), (2, "fork")])
def test_killed_at_random_points_it_ends_with_the_same_bytes_and_asks_nothing_twice(
    server: Forks,
    whole: Callable[[str], tuple[bytes, set[str]]],
    tmp_path: Path,
    workers: int,
    design: str,
    pytestconfig: pytest.Config,
) -> None:
    """Runs that are killed some ten times each, after some new answers are in; another executor ends them."""
    export, keys = whole(design)
    kills = int(pytestconfig.getoption("--kills"))
    left = kills // 8 if workers == 2 else (kills - kills // 8 + (design == "fork")) // 2
    rng = random.Random(f"kill/{workers}/{design}")
    rounds = 0
    while left:
        run = Runner(server, tmp_path / f"round{rounds}")
        rounds += 1
        under_way = 0  # answers that a kill may take along: at most those of the calls at once
        while left and (have := run.committed()) < len(keys) - 5:
            work = run.start(workers=workers, design=design)
            reached(run, have + rng.randint(0, 20), work, to_end=True)
            time.sleep(rng.random() * 0.01)
            helpers = children(work.pid) if workers == 2 else []
            left -= work.alive()  # else it has come to its end by itself
            work.send(signal.SIGKILL)
            work.wait()
            gone(helpers)
            under_way += 40
            assert run.keys() <= keys
            if (run.folder / FILE).exists():
                assert_whole(run, export)
        kept, before = run.keys(), len(run.answered())
        end = run.finish(workers=1, design=design)
        assert end == {"stopped": None, "missing": 0, "made": len(keys) - len(kept)}
        later = run.answered()[before:]
        assert not kept & set(later) and len(later) == len(set(later))
        assert run.export() == export and run.keys() == keys
        assert 0 <= len(run.answered()) - len(keys) <= under_way


def assert_whole(run: Runner, export: bytes) -> None:
    """Every situation that is stored is stored for every variant, as the whole run stores it."""
    try:
        lines = run.export().splitlines()
    except ak.errors.AkrasiaError:  # killed before it held anything
        return
    stored = [json.loads(line) for line in lines]
    assert set(lines) <= set(export.splitlines())
    counts: dict[tuple[int, int], int] = {}
    for record in stored:
        counts[record["episode"], record["step"]] = counts.get((record["episode"], record["step"]), 0) + 1
    assert set(counts.values()) <= {len(SETTINGS["variants"])}


def test_a_full_disk_stops_the_run_and_with_room_it_goes_on(
    server: Forks, whole: Callable[[str], tuple[bytes, set[str]]], tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the disk: the database meets an error where it would meet ENOSPC."""
    export, keys = whole("fork")
    run = Runner(server, tmp_path / "r", delay=0.0)
    code, _, err = run.start(file_size=300_000).wait()
    assert code == 1
    assert "LedgerError" in err and "What was committed is safe: free the disk" in err
    kept = run.keys()
    assert 0 < len(kept) < len(keys)
    assert run.finish()["made"] == len(keys - kept)
    assert run.export() == export


def test_a_database_that_someone_else_locks_for_a_moment_is_waited_for(
    server: Forks, whole: Callable[[str], tuple[bytes, set[str]]], tmp_path: Path
) -> None:
    run = Runner(server, tmp_path / "r")
    work = run.start()
    reached(run, 20, work)
    other = sqlite3.connect(run.folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held = run.committed()
    time.sleep(0.5)
    assert run.committed() == held
    other.execute("ROLLBACK")
    other.close()
    code, out, err = work.wait()
    assert code == 0, err
    assert json.loads(out)["missing"] == 0 and run.export() == whole("fork")[0]


def command(run: Runner) -> list[str]:
    """The same through the command line, with a model that the command line knows: half a minute of work."""
    return [
        "run", "--out", str(run.folder), "--no-report", "--model", "simulated", "--episodes", "1500", "--set",
        "task.horizon=3",
    ]  # fmt: skip


def test_once_asked_to_stop_it_keeps_what_is_under_way_and_says_what_is_missing(server: Forks, tmp_path: Path) -> None:
    """Ctrl-C, once and twice, which goes to workers as well, is in `tests/commands/test_progress.py`."""
    run = Runner(server, tmp_path / "r")
    work = run.start(command=command(run))
    reached(run, 50, work)
    work.send(signal.SIGTERM)
    code, _, err = work.wait()
    assert code == 3, err
    assert "interrupted" in err and "of 1500 episodes are not complete" in err
    assert f"akrasia run --resume {run.folder}" in err


def reached(run: Runner, goal: int, work: Work, to_end: bool = False) -> None:
    """Wait until so many answers are committed; that the run ends before is a failure, or (`to_end`) is fine."""
    deadline = time.monotonic() + 240
    while run.committed() < goal and work.alive():
        assert time.monotonic() < deadline, "nothing moves any more"
        time.sleep(0.002)
    assert to_end or work.alive(), work.wait()
