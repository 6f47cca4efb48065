"""A run is killed, interrupted, starved of disk: what it leaves is resumed to the bytes of an uninterrupted run.

`make test-faults` kills it at 100 random points; by default a few are tried.
"""

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.ledger.file import FILE

pytestmark = pytest.mark.slow

SETTINGS: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 6, "horizon": 4, "head_start": 2},
    "variants": ["reason_act", "reason_act | critique", "reason_then_act", "reason_act | placebo"],
    "episodes": 12,
    "concurrency": 4,
}
SCRIPT = '''
"""The simulated agent, slow enough to be caught at work; every answer that is really given is noted in a file."""
import asyncio, json, os, sys
import akrasia as ak
from akrasia.models import Planted, Simulated

class Slow(Simulated):
    async def generate(self, request, draw, key):
        await asyncio.sleep(float(os.environ["DELAY"]) * (1 + draw.sample))
        with open(os.environ["ASKED"], "a") as file:
            file.write(key + "\\n")
        die = os.environ.get("DIES_IN")
        if die is not None and draw.episode == int(die):
            os.kill(os.getpid(), 9)
        return await super().generate(request, draw, key)

if __name__ == "__main__":
    result = ak.run(model=Slow(Planted(parse_failure=0.05)), out=sys.argv[1], **json.loads(sys.argv[2]))
    stopped = result.outcome.stopped
    print(json.dumps({"stopped": stopped and f"{type(stopped).__name__}: {stopped}", "missing": result.outcome.missing,
                      "made": result.outcome.run_usage.made}))
'''


class Runner:
    """Runs the script into a folder, again and again."""

    def __init__(self, at: Path, delay: float = 0.004) -> None:
        at.mkdir()
        self.folder, self.asked = at / "run", at / "asked"
        self._script = at / "slow.py"
        self._script.write_text(SCRIPT, encoding="utf-8")
        self._env = os.environ | {"DELAY": str(delay), "ASKED": str(self.asked)}

    def start(self, changes: dict[str, Any] | None = None, env: dict[str, str] | None = None, **how: Any) -> Any:
        command = [sys.executable, str(self._script), str(self.folder), json.dumps(SETTINGS | (changes or {}))]
        return subprocess.Popen(
            command, env=self._env | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, **how,
        )  # fmt: skip

    def finish(self, changes: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
        work = self.start(changes, **how)
        out, err = work.communicate(timeout=300)
        assert work.returncode == 0, err
        said: dict[str, Any] = json.loads(out)
        return said

    def committed(self) -> int:
        return len(self.keys())

    def keys(self) -> set[str]:
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
        return self.asked.read_text(encoding="utf-8").split()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, set[str]]:
    """Export and keys of a run that nothing interrupted."""
    run = Runner(tmp_path_factory.mktemp("whole") / "run", delay=0)
    assert run.finish() == {"stopped": None, "missing": 0, "made": run.committed()}
    return run.export(), run.keys()


def points(config: pytest.Config, workers: int) -> int:
    kills = int(config.getoption("--kills"))
    return kills - kills // 4 if workers == 1 else kills // 4


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_points_it_ends_with_the_same_bytes(
    whole: tuple[bytes, set[str]], tmp_path: Path, workers: int, pytestconfig: pytest.Config
) -> None:
    """Runs that are killed some ten times each, at a random moment after some new answers are in."""
    export, keys = whole
    rng = random.Random(f"kill/{workers}")
    kills, left, rounds = 0, points(pytestconfig, workers), 0
    while left:
        run = Runner(tmp_path / f"round{rounds}")
        rounds += 1
        under_way = 0  # answers that a kill may take along: at most those of the calls at once
        while left and (have := run.committed()) < len(keys) - 5:
            goal = have + rng.randint(0, 20)
            work = run.start({"workers": workers})
            reached(run, goal, work, alive=False)
            time.sleep(rng.random() * 0.01)
            caught = work.poll() is None  # else it has come to its end by itself
            work.kill()
            work.communicate()
            kills += caught
            left -= caught
            under_way += 40
            assert run.keys() <= keys
        said = run.finish({"workers": workers})
        assert said["stopped"] is None and said["missing"] == 0
        assert run.export() == export and run.keys() == keys
        lost = len(run.answered()) - len(keys)
        assert 0 <= lost <= under_way
    assert kills == points(pytestconfig, workers)


def test_what_is_committed_is_never_asked_for_again(whole: tuple[bytes, set[str]], tmp_path: Path) -> None:
    export, keys = whole
    run = Runner(tmp_path / "r", delay=0.01)
    work = run.start({"workers": 2})
    reached(run, 60, work)
    os.kill(work.pid, signal.SIGKILL)
    work.communicate()
    time.sleep(0.5)  # its workers see that it is gone
    kept, before = run.keys(), len(run.answered())
    assert run.finish({"workers": 2})["made"] == len(keys) - len(kept)
    later = run.answered()[before:]
    assert not kept & set(later) and len(later) == len(set(later))
    assert run.export() == export


def test_workers_die_with_their_driver(tmp_path: Path) -> None:
    run = Runner(tmp_path / "r", delay=0.05)
    work = run.start({"workers": 2})
    reached(run, 3, work)
    workers = children(work.pid)
    assert len(workers) >= 2
    os.kill(work.pid, signal.SIGKILL)
    work.communicate()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(whole: tuple[bytes, set[str]], tmp_path: Path) -> None:
    export, keys = whole
    run = Runner(tmp_path / "r", delay=0.02)
    work = run.start({"workers": 2})
    for goal in (20, 60):
        reached(run, goal, work)
        os.kill(playing(work.pid)[0], signal.SIGKILL)
    out, err = work.communicate(timeout=120)
    assert work.returncode == 0, err
    assert json.loads(out) | {"made": 0} == {"stopped": None, "missing": 0, "made": 0}
    assert run.export() == export and run.keys() == keys


def test_an_episode_that_kills_its_workers_stops_the_run(whole: tuple[bytes, set[str]], tmp_path: Path) -> None:
    export, keys = whole
    run = Runner(tmp_path / "r", delay=0.001)
    said = run.finish({"workers": 2, "concurrency": 2}, env={"DIES_IN": "5"})
    assert said["stopped"].startswith("WorkerLost: 3 workers died over one episode: the last one was ended by SIGKILL")
    assert said["missing"] > 0
    assert run.finish({"workers": 2})["missing"] == 0
    assert run.export() == export


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bytes_are_those_of_one_process(whole: tuple[bytes, set[str]], tmp_path: Path, workers: int) -> None:
    run = Runner(tmp_path / "r", delay=0)
    assert run.finish({"workers": workers, "executor": "processes"})["missing"] == 0
    assert run.export() == whole[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_budget_is_kept_to_the_call_by_all_workers_together(
    whole: tuple[bytes, set[str]], tmp_path: Path, workers: int
) -> None:
    export, keys = whole
    run = Runner(tmp_path / "r", delay=0.001)
    said = run.finish({"workers": workers, "budget": {"calls": 101}})
    assert said["stopped"].startswith("BudgetSpent") and said["made"] == len(run.answered()) == run.committed() == 101
    assert said["missing"] > 0
    table = ak.open_run(run.folder).records
    assert set(table.group_by("episode", "step").len()["len"]) <= {len(SETTINGS["variants"])}
    assert run.finish({"workers": workers, "budget": {"calls": len(keys)}})["missing"] == 0
    assert run.export() == export and len(run.answered()) == len(keys)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_stops_the_run_and_with_room_it_goes_on(
    whole: tuple[bytes, set[str]], tmp_path: Path, workers: int
) -> None:
    """A limit on the size of files stands in for the disk: the database meets an error where it would meet ENOSPC."""
    run = Runner(tmp_path / "r", delay=0.001)

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    work = run.start({"workers": workers}, preexec_fn=small)
    _, said = work.communicate(timeout=120)
    assert work.returncode == 1
    assert "LedgerError" in said and "What was committed is safe: free the disk" in said
    kept = run.keys()
    assert 0 < len(kept) < len(whole[1])
    assert run.finish({"workers": workers})["made"] == len(whole[1] - kept)
    assert run.export() == whole[0]


def test_a_database_that_someone_else_locks_for_a_moment_is_waited_for(
    whole: tuple[bytes, set[str]], tmp_path: Path
) -> None:
    run = Runner(tmp_path / "r", delay=0.004)
    work = run.start()
    reached(run, 20, work)
    other = sqlite3.connect(run.folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held = run.committed()
    time.sleep(1.0)
    assert run.committed() == held
    other.execute("ROLLBACK")
    other.close()
    out, err = work.communicate(timeout=120)
    assert work.returncode == 0, err
    assert json.loads(out)["missing"] == 0 and run.export() == whole[0]


TWO = '''
"""Two workers over a slow disk; one dies just after it has said an answer. What is sampled is never the same twice."""
import asyncio, json, os, sys, time
import akrasia as ak
from akrasia.api import execute
from akrasia.experiments import assemble
from akrasia.ledger import Ledger
from akrasia.experiments import play
from akrasia.models import Planted, Simulated, key_of
from dataclasses import replace

class Sampling(Simulated):
    async def generate(self, request, draw, key):
        said = await super().generate(request, draw, key)
        with open(os.environ["ASKED"], "a") as file:
            file.write(key + "\\n")
        if len(open(os.environ["ASKED"]).readlines()) > 128 and not os.path.exists(os.environ["ASKED"] + ".killed"):
            open(os.environ["ASKED"] + ".killed", "w").close()
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), 9)
        return replace(said, text=f"{said.text}\\n(at {time.time_ns()})")

class Slow(Ledger):
    async def commit(self, batch):
        await asyncio.sleep(0.3)
        await super().commit(batch)

if __name__ == "__main__":
    experiment = assemble(json.loads(sys.argv[2]) | {"model": Sampling(Planted())})
    ledger = Slow(sys.argv[1])
    outcome = asyncio.run(play(experiment, ledger))
    turns = [t for r in ledger.records() for t in r.decision.turns if t.key]
    print(json.dumps({"missing": outcome.missing, "stopped": str(outcome.stopped), "turns": len(turns),
                      "untold": sum(ledger.get(t.key).text != t.text for t in turns)}))
    ledger.close()
'''


def test_what_a_dying_worker_said_is_in_before_another_plays_its_episodes(tmp_path: Path) -> None:
    """No answer is asked for twice, and every record tells of the answer that is kept."""
    run = Runner(tmp_path / "r")
    (tmp_path / "r" / "slow.py").write_text(TWO, encoding="utf-8")
    changes = {"task": {"name": "bandit", "arms": 3, "horizon": 2}, "episodes": 24, "workers": 2,
               "variants": ["reason_act", "reason_act | critique"]}  # fmt: skip
    said = run.finish(changes)
    assert (tmp_path / "r" / "asked.killed").exists()
    assert said == {"missing": 0, "stopped": "None", "turns": 24 * 2 * 4, "untold": 0}
    asked = run.answered()
    assert len(asked) - len(set(asked)) <= 4  # at most what was under way in the worker that died
    assert set(asked) == run.keys()


class Cli(Runner):
    """The same through the command line, with a model that the command line knows: half a minute of work."""

    def __init__(self, at: Path, workers: int) -> None:
        super().__init__(at)
        self.workers = workers

    def start(self, changes: dict[str, Any] | None = None, env: dict[str, str] | None = None, **how: Any) -> Any:
        command = [
            sys.executable, "-c", "from akrasia.cli import main; main()", "run", "--out", str(self.folder),
            "--no-report", "--model", "simulated", "--episodes", "1500", "--set", "task.horizon=3", "--workers",
            str(self.workers),
        ]  # fmt: skip
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)

    def at_work(self) -> Any:
        work = self.start()
        reached(self, 50, work)
        return work


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_once_asked_to_stop_it_keeps_what_is_under_way_and_says_what_is_missing(
    tmp_path: Path, name: signal.Signals, workers: int
) -> None:
    run = Cli(tmp_path / "r", workers)
    work = run.at_work()
    for pid in [work.pid, *children(work.pid)] if name is signal.SIGINT else [work.pid]:
        os.kill(pid, name)  # a terminal sends Ctrl-C to all processes
    _, said = work.communicate(timeout=120)
    assert work.returncode == 3, said
    assert "interrupted" in said and "of 1500 episodes are not complete" in said
    assert f"akrasia run --resume {run.folder}" in said


@pytest.mark.parametrize("workers", [1, 2])
def test_twice_asked_to_stop_it_stops_at_once_and_is_resumable(tmp_path: Path, workers: int) -> None:
    run = Cli(tmp_path / "r", workers)
    work = run.at_work()
    work.send_signal(signal.SIGINT)
    time.sleep(0.02)
    asked = time.monotonic()
    work.send_signal(signal.SIGINT)
    _, said = work.communicate(timeout=60)
    assert time.monotonic() - asked < 20
    assert work.returncode in (3, 130), said  # 3: it had ended by then
    assert 50 <= run.committed() < 1500 * 3


def reached(run: Runner, goal: int, work: Any, alive: bool = True) -> None:
    """Wait until so many answers are committed; that the run ends before is a failure, or (not `alive`) is fine."""
    deadline = time.monotonic() + 120
    while run.committed() < goal and work.poll() is None:
        assert time.monotonic() < deadline, "nothing moves any more"
        time.sleep(0.002)
    assert not alive or work.poll() is None, work.communicate()[1]


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def playing(pid: int) -> list[int]:
    """Those of them that play: multiprocessing has one more, which tracks resources."""
    return [p for p in children(pid) if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
