"""What a run says while it goes on: how far it is, what it waits for, and how it ends when it is interrupted."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forking import Command, Commands
from rich.console import Console

import akrasia as ak
from akrasia.events import CallAnswered, CallBegan, CircuitOpened, Event, RunBegan, WaitBegan
from akrasia.ledger import read_ledger
from akrasia.records import Usage
from akrasia.reports.progress import RunProgress, RunSize
from akrasia.reports.tally import RunTally

FILE = """\
name = "slow"
episodes = {episodes}
workers = {workers}
keep_going = true
variants = ["reason_act", "reason_act | critique"]
[models.slow]
name = "openai/slow"
api_base = "{base}"
[task]
name = "bandit"
horizon = 4
"""


@pytest.fixture
def file(openai_server: Any, tmp_path: Path) -> Path:
    def write(workers: int = 1, episodes: int = 8) -> Path:
        path = tmp_path / "slow.toml"
        path.write_text(FILE.format(base=openai_server.base, workers=workers, episodes=episodes))
        return path

    return write  # type: ignore[return-value]


def slowly(server: Any, seconds: float) -> None:
    answer = server.answer

    def wait(messages: Any, seed: int) -> str:
        time.sleep(seconds)
        return str(answer(messages, seed))

    server.answer = wait


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    made = Commands(tmp_path_factory.mktemp("commands"))
    yield made
    made.close()


def begun(commands: Commands, path: Path, folder: Path) -> Command:
    return commands.begin(folder, "run", str(path), "--out", "out", "--no-report")


def test_the_rates_so_far_are_those_of_the_scorecard(finished: Path) -> None:
    result = ak.open_run(finished)
    tally = RunTally([], [])
    with read_ledger(finished) as ledger:
        for record in ledger.records():
            tally.add(record)
    for arm in result.score().arms:
        counted = tally.arms[arm.model][arm.variant]
        assert counted.steps == arm.steps
        for rate in ("knowing", "doing", "gap"):
            shown, measured = counted.estimate(rate), arm.metrics[rate]
            if measured.value is not None:
                assert (shown.value, shown.low, shown.high) == (measured.value, measured.low, measured.high)


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([], "waiting for slow: loading weights, or connecting"),
        ([WaitBegan("slow", 34.0, "the provider asks to wait")], "slow: the provider asks to wait, 3"),
        ([CircuitOpened("slow", "503")], "slow does not answer and is tried again: 503"),
        ([CallBegan("k", "slow", 0), CallBegan("j", "slow", 0)], "waiting for 2 answers of slow, the oldest for"),
        ([CallBegan("k", "slow", 0), CallAnswered("k", "slow", "ok", "stop", Usage(), 0.0, 1.0, 1)], "nothing was"),
    ],
)
def test_every_wait_is_said_within_seconds(events: list[Event], says: str) -> None:
    out = io.StringIO()
    size = RunSize(situations=10, models=["slow"], variants=["base"])
    with RunProgress(size, Console(file=out, width=200)) as progress:
        for event in [RunBegan("r", ("t",), ("slow",), ("base",), 1, "fork"), *events] if events else []:
            progress(event)
        deadline = time.monotonic() + 30
        while says not in out.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert says in out.getvalue() and "0 of 10 situations decided" in out.getvalue()


def test_a_provider_that_asks_to_wait_is_named_with_the_seconds(
    commands: Commands, openai_server: Any, file: Any, tmp_path: Path
) -> None:
    openai_server.fault(429, times=1, Retry_After="4")
    code, out, errors = begun(commands, file(episodes=1), tmp_path).end()
    assert code == 0, errors
    assert "openai/slow: the provider asks to wait, " in out and " s left" in out


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_without_a_traceback_and_says_how_to_go_on(
    commands: Commands, openai_server: Any, file: Any, tmp_path: Path, workers: int, times: int
) -> None:
    """As a terminal does it: the signal goes to the workers as well."""
    slowly(openai_server, 0.5)
    process = begun(commands, file(workers, episodes=16), tmp_path)
    deadline = time.monotonic() + 120
    while openai_server.answered < 6 and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(times):
        process.interrupt()
        time.sleep(0.2)
    code, out, errors = process.end()
    assert "Traceback" not in out + errors and "Error" not in errors, errors
    assert code == (3 if times == 1 else 130), errors
    assert "akrasia run --resume out" in errors
    assert times == 2 or ("interrupted" in errors and "of 16 episodes are not complete" in errors)
