"""A ledger is read within a `with` block, and no more often than needed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.ledger import Ledger, holds_run, read_ledger

OPENED: list[str] = []
WATCHING: list[bool] = []


@pytest.fixture(scope="module", autouse=True)
def audit() -> None:
    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if WATCHING and event == "sqlite3.connect":
            OPENED.append(str(arguments[0]))

    sys.addaudithook(note)  # stays for the life of the process, and is idle while nobody watches


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The databases that are opened during the test."""
    OPENED.clear()
    WATCHING.append(True)
    yield OPENED
    WATCHING.clear()


def test_a_reader_is_closed_at_the_end_of_its_block_whatever_ends_it(tmp_path: Path) -> None:
    assert not holds_run(tmp_path)
    with Ledger(tmp_path, {"experiment": "{}"}) as ledger:
        ledger.set_meta("looks", "[]")
    with pytest.raises(ZeroDivisionError), read_ledger(tmp_path) as reader:
        assert reader.meta("experiment") == "{}" and reader.meta("looks") == "[]"
        raise ZeroDivisionError
    with pytest.raises(Exception, match="closed database"):
        reader.meta("experiment")
    Ledger(tmp_path).close()  # the lock is free
    assert holds_run(tmp_path)


def test_a_scorecard_opens_the_ledger_once(tmp_path: Path, opened: list[str]) -> None:
    result = ak.run(
        task={"name": "bandit", "horizon": 2}, model="simulated", variants=["act"], episodes=3, out=tmp_path
    )
    opened.clear()
    result.score(evaluators=[lambda record: 1.0])
    assert len(opened) == 1
    result.score()
    assert len(opened) == 2
    assert result.records.height == 6 and result.turns.height >= 6 and len(opened) == 2  # read once, for both
