"""What a run says while it goes on: how far it is, what it waits for, and how it ends when it is interrupted."""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from forking import Command, Commands, children, gone
from rich.console import Console

import akrasia as ak
from akrasia.events import CallAnswered, CallBegan, CircuitOpened, Event, RunBegan, WaitBegan
from akrasia.ledger import read_ledger
from akrasia.ledger.file import FILE as LEDGER
from akrasia.records import Usage
from akrasia.reports.progress import RunProgress, RunSize, RunTally

FILE = """\
name = "slow"
episodes = {episodes}
workers = {workers}
keep_going = true
variants = ["reason_act", "reason_act | critique"]
[models.slow]
{model}
[task]
name = "bandit"
horizon = 4
"""
SLOW = """
import asyncio, os
from akrasia.models import Simulated

class Slow(Simulated):
    async def generate(self, request, draw, key):
        response = await super().generate(request, draw, key)
        await asyncio.sleep(float(os.environ["SECONDS"]))
        return response
"""


def written(folder: Path, model: str, workers: int = 1, episodes: int = 8) -> Path:
    path = folder / "slow.toml"
    path.write_text(FILE.format(model=model, workers=workers, episodes=episodes))
    return path


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands that know a model of somebody else's package, which takes its time."""
    site = tmp_path_factory.mktemp("site")
    (site / "slow_of_test.py").write_text(SLOW)
    info = site / "slow_of_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-of-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[akrasia.models]\nslow_of_test = slow_of_test:Slow\n")
    made = Commands(tmp_path_factory.mktemp("commands"), site)
    yield made
    made.close()


def test_the_rates_so_far_are_those_of_the_scorecard(finished: Path) -> None:
    result = ak.open_run(finished)
    tally = RunTally([], [])
    with read_ledger(finished) as ledger:
        for record in ledger.records():
            tally.add(record)
    for arm in result.score(["knowing", "doing", "gap"]).arms:
        counted = tally.arms[arm.model][arm.variant]
        assert counted.steps == arm.steps
        for rate in ("knowing", "doing", "gap"):
            shown, measured = counted.estimate(rate), arm.metrics[rate]
            if measured.value is not None:
                assert (shown.value, shown.low, shown.high) == (measured.value, measured.low, measured.high)


def test_every_wait_is_said_within_seconds() -> None:
    begun = RunBegan("r", ("t",), ("slow",), ("base",), 1, "fork")
    answered = CallAnswered("k", "slow", "ok", "stop", Usage(), 0.0, 1.0, 1)
    said: dict[str, list[Event]] = {
        "waiting for slow: loading weights, or connecting": [],
        "slow: the provider asks to wait, 3": [begun, WaitBegan("slow", 34.0, "the provider asks to wait")],
        "slow does not answer and is tried again: 503": [begun, CircuitOpened("slow", "503")],
        "waiting for 2 answers of slow, the oldest for": [
            begun, CallBegan("k", "slow", 0), CallBegan("j", "slow", 0)
        ],
        "nothing was": [begun, CallBegan("k", "slow", 0), answered],
    }  # fmt: skip
    size = RunSize(situations=10, models=["slow"], variants=["base"])
    written = {says: io.StringIO() for says in said}
    with ExitStack() as shown:
        for says, events in said.items():
            progress = shown.enter_context(RunProgress(size, Console(file=written[says], width=200)))
            for event in events:
                progress(event)
        deadline = time.monotonic() + 30
        while not all(says in out.getvalue() for says, out in written.items()) and time.monotonic() < deadline:
            time.sleep(0.05)
    for says, out in written.items():
        assert says in out.getvalue() and "0 of 10 situations decided" in out.getvalue()


def test_a_provider_that_asks_to_wait_is_named_with_the_seconds(
    akrasia: Any, openai_server: Any, tmp_path: Path
) -> None:
    openai_server.fault(429, times=1, Retry_After="4")
    path = written(tmp_path, f'name = "openai/slow"\napi_base = "{openai_server.base}"', episodes=1)
    code, out, errors = akrasia("run", str(path), "--out", "out", "--no-report")
    assert code == 0, errors
    assert "openai/slow: the provider asks to wait, " in out and " s left" in out


def played(commands: Commands, folder: Path, *args: str, seconds: float = 0.0) -> Command:
    return commands.begin(folder, "run", *args, "--no-report", SECONDS=str(seconds))


def exported(folder: Path) -> bytes:
    return ak.open_run(folder).export(folder / "records.jsonl").read_bytes()


@pytest.fixture(scope="module")
def whole(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the run of the next test exports where nobody interrupts it."""
    folder = tmp_path_factory.mktemp("whole")
    path = written(folder, 'name = "slow_of_test"', episodes=8)
    code, _, errors = played(commands, folder, str(path), "--out", "out").end()
    assert code == 0, errors
    return exported(folder / "out")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_without_a_traceback_says_how_to_go_on_and_is_gone_on_with(
    commands: Commands, whole: bytes, tmp_path: Path, workers: int, times: int
) -> None:
    """As a terminal does it: the signal goes to the workers as well. What was answered by then is kept."""
    path, out = written(tmp_path, 'name = "slow_of_test"', workers, episodes=8), tmp_path / "out"
    seconds = 0.5 if times == 1 else 3.0  # what is under way at the first signal must be so at the second
    process = played(commands, tmp_path, str(path), "--out", "out", seconds=seconds)
    deadline = time.monotonic() + 120
    while answered(out) < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    helpers = children(process.pid)
    assert workers == 1 or len(helpers) >= workers
    for _ in range(times):
        process.interrupt()
        time.sleep(0.2)
    code, said, errors = process.end()
    assert "Traceback" not in said + errors and "Error" not in errors, errors
    assert code == (3 if times == 1 else 130), errors
    assert "akrasia run --resume out" in errors
    assert times == 2 or ("interrupted" in errors and "of 8 episodes are not complete" in errors)
    gone(helpers)
    kept = answered(out)
    assert kept >= 6
    code, said, errors = played(commands, tmp_path, "--resume", "out", "--workers", "1").end()
    assert code == 0 and kept < answered(out), errors
    assert exported(out) == whole


def answered(folder: Path) -> int:
    """How many answers stand in a ledger; none while there is no ledger yet."""
    try:
        with closing(sqlite3.connect(f"file:{folder / LEDGER}?mode=ro", uri=True)) as ledger:
            return int(ledger.execute("SELECT count(*) FROM responses").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
