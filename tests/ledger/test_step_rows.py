"""Scoring reads a line per record instead of the record: the table is the same, whoever wrote the ledger and when."""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import akrasia as ak
from akrasia.errors import LedgerError
from akrasia.evals import frame, score
from akrasia.evals.step_table import table
from akrasia.evals.warnings import UNCHECKED
from akrasia.ledger import Ledger, read_ledger
from akrasia.ledger.checksums import register
from akrasia.ledger.file import FILE, SET_META, VERSION
from akrasia.ledger.step_rows import csv_line
from akrasia.records import Decision, Oracle, Record, Usage, encode

RECORD = Record(
    task="t",
    model="m",
    variant="v",
    design="fork",
    episode=0,
    step=0,
    situation="s",
    actions=("a", "b"),
    oracle=Oracle(("a",), ("b",), {"a": None, "b": 1.0}, {"a": 0.0, "b": 0.5}, 0.5, ("a",), "ucb"),
    decision=Decision("why", ("a",), "ok", "b", "ok"),
    reward=0.25,
    regret=0.5,
    calls=1,
    usage=Usage(3, 4),
    cost=0.0,
)
number = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.text(), st.text(), st.none() | st.text(), number, number, st.integers(0, 2**63 - 1))),
    st.booleans(),
)
def test_a_table_from_lines_is_the_table_from_records(
    said: list[tuple[str, str, str | None, float | None, float | None, int]], probed: bool
) -> None:
    """Whatever a text holds (quotes, line breaks, nothing), and to the last bit of every number."""
    records = [
        replace(
            RECORD,
            task=task,
            variant=variant,
            episode=episode,
            reward=reward,
            cost=cost,
            tags={"item": variant},
            decision=replace(RECORD.decision, done=done, stated=(task, variant)),
        )
        for task, variant, done, reward, cost, episode in said
    ]
    if probed:
        records += [replace(r, step=1, tags={"probe": "definition"}) for r in records[::2]]
    made = table(csv_line(encode(r)) for r in records)
    assert_frame_equal(made, frame(records), check_exact=True)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with three kinds of task: actions, numbers, texts with probes."""
    folder = tmp_path_factory.mktemp("lines") / "run"
    ak.run(
        task=[{"name": "bandit", "horizon": 3}, "aiw", "potemkin"],
        model="simulated",
        variants=["reason_act", "reason_act | critique"],
        episodes=4,
        out=folder,
    )
    return folder


@pytest.fixture
def old(played: Path, tmp_path: Path) -> Path:
    """The same run as the first format of the ledger held it: without lines and checksums."""
    source, folder = sqlite3.connect(played / FILE), tmp_path / "old"
    folder.mkdir()
    target = sqlite3.connect(folder / FILE)
    source.backup(target)
    target.execute("DROP TABLE lines")
    for name in ("meta", "responses", "records", "finished"):
        target.execute(f"ALTER TABLE {name} DROP COLUMN checksum")
    target.execute("DELETE FROM meta WHERE key IN ('lines', 'checksums')")
    target.execute("PRAGMA user_version = 1")
    target.commit()
    target.execute("PRAGMA journal_mode = DELETE")
    source.close()
    target.close()
    return folder


def read(folder: Path) -> tuple[list[bytes], list[bytes] | None]:
    """(records, lines) that a ledger holds."""
    reader = read_ledger(folder)
    lines = reader.csv_lines()
    try:
        return list(reader.raw_records()), None if lines is None else list(lines)
    finally:
        reader.close()


def version(folder: Path) -> int:
    connection = sqlite3.connect(folder / FILE)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def test_a_run_stores_a_line_per_record_and_its_table_is_that_of_the_records(played: Path) -> None:
    records, lines = read(played)
    assert lines == [csv_line(r) for r in records]
    assert any(b'"probe":' in r for r in records)
    assert_frame_equal(ak.open_run(played).records, frame(records), check_exact=True)


def test_an_older_ledger_is_scored_as_it_is_and_not_touched(played: Path, old: Path) -> None:
    before = (old / FILE).read_bytes()
    assert read(old)[1] is None
    card, same = ak.open_run(old).score(turns=False), ak.open_run(played).score(turns=False)
    assert card.arms == same.arms and card.contrasts == same.contrasts
    assert [w for w in card.warnings if w not in same.warnings] == [UNCHECKED]
    assert (old / FILE).read_bytes() == before and version(old) == 1


def test_an_older_ledger_gets_its_lines_when_the_run_goes_on(played: Path, old: Path) -> None:
    Ledger(old).close()
    assert version(old) == VERSION
    assert read(old) == read(played)


def test_lines_of_other_code_are_not_believed_and_made_anew(played: Path, old: Path) -> None:
    Ledger(old).close()
    connection = sqlite3.connect(old / FILE)
    register(connection)
    connection.execute(SET_META, ("lines", "of another release"))
    connection.execute("UPDATE lines SET line = 'nonsense'")
    connection.commit()
    connection.close()
    assert read(old)[1] is None
    assert ak.open_run(old).score(turns=False).arms == ak.open_run(played).score(turns=False).arms
    Ledger(old).close()
    assert read(old) == read(played)


def test_a_record_of_which_no_line_can_be_made_leaves_an_older_ledger_as_it_was(old: Path) -> None:
    connection = sqlite3.connect(old / FILE)
    connection.execute("UPDATE records SET record = '{}' WHERE task = 'potemkin'")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="could not be written"):
        Ledger(old)
    assert version(old) == 1
    connection = sqlite3.connect(old / FILE)
    assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'lines'").fetchall()
    connection.close()


def test_a_ledger_that_lost_its_lines_is_refused(old: Path) -> None:
    connection = sqlite3.connect(old / FILE)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.close()
    with pytest.raises(LedgerError, match="lacks some of its tables"):
        read_ledger(old)


def test_a_record_and_its_line_enter_together_or_not_at_all(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path)
        await ledger.record([RECORD])
        other = sqlite3.connect(tmp_path / FILE)
        other.execute("DROP TABLE lines")
        other.commit()
        other.close()
        with pytest.raises(LedgerError, match="could not be written"):
            await asyncio.wait_for(ledger.record([replace(RECORD, step=1)]), 10)
        ledger.close()

    asyncio.run(work())
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("SELECT COUNT(*) FROM records").fetchone() == (1,)
    connection.close()


def shuffled(whole: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield whole.reverse()
    yield whole.sample(fraction=1, shuffle=True, seed=1)


def test_the_order_of_the_rows_changes_nothing(played: Path) -> None:
    """A stored run lies in order, and is taken apart without copies; any other table gives the same numbers."""
    whole = ak.open_run(played).records
    expected = {(a.task, a.variant): a for a in score(whole).arms}
    for other in shuffled(whole):
        found = {(a.task, a.variant): a for a in score(other, baseline="reason_act").arms}
        assert found.keys() == expected.keys()
        for key, arm in expected.items():
            assert (found[key].table, found[key].flips, found[key].steps) == (arm.table, arm.flips, arm.steps)
            for name, estimate in arm.metrics.items():
                assert found[key].metrics[name].value == pytest.approx(estimate.value, abs=1e-12)
                assert found[key].metrics[name].low == pytest.approx(estimate.low, abs=1e-12)
