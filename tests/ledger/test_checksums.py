"""What has changed in a ledger's file since it was written is found and named, and never read as another number."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import AkrasiaError, LedgerDamaged
from akrasia.evals import score
from akrasia.ledger import Ledger, read_ledger
from akrasia.ledger.checksums import HASHED, checksum
from akrasia.ledger.file import FILE

HEADER = 100  # bytes of SQLite's own at the beginning of the file


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of two variants whose ledger is one closed file."""
    folder = tmp_path_factory.mktemp("played")
    task = ak.tasks.bandit(arms=3, horizon=2, head_start=2)
    ak.run(task=task, model="simulated", variants=["reason_act", "act"], episodes=2, out=folder)
    assert sorted(p.name for p in folder.glob(f"{FILE}*")) == [FILE]
    return folder


@pytest.fixture
def copy(played: Path, tmp_path: Path) -> Path:
    shutil.copytree(played, tmp_path / "run")
    return tmp_path / "run"


def all_read(folder: Path) -> list[Any]:
    """Everything that a reader hands out of a ledger."""
    with read_ledger(folder) as ledger:
        records = list(ledger.records())
        keys = sorted({t.key for r in records for t in r.decision.turns if t.key})
        lines = ledger.csv_lines()
        return [
            records,
            list(ledger.raw_records()),
            None if lines is None else list(lines),
            [ledger.answer(key) for key in keys],
            [ledger.get(key) for key in keys],
            ledger.answers(0),
            sorted(ledger.arms()),
            ledger.finished_counts(9),
            ledger.complete(["reason_act", "act"], 9),
            ledger.finished("bandit", "simulated", 0),
            ledger.paid(),
            ledger.alone(),
            ledger.spent(),
            ledger.latencies(),
            ledger.reported(),
            ledger.sessions(),
            [ledger.meta(key) for key in ("experiment", "looks", "checksums")],
        ]


def flipped(folder: Path, at: int, mask: int) -> None:
    path = folder / FILE
    data = bytearray(path.read_bytes())
    data[at] ^= mask
    path.write_bytes(data)


def outcome(folder: Path, sound: list[Any]) -> str:
    """ "same" where everything is read as it was, "refused" where an error of the package says what is wrong."""
    try:
        read = all_read(folder)
    except AkrasiaError as error:
        assert error.remedy and str(folder) in str(error)
        return "refused"
    # Without its lines a run is scored from its records: slower, and the same.
    assert [r for i, r in enumerate(read) if i != 2] == [s for i, s in enumerate(sound) if i != 2]
    assert read[2] in (sound[2], None)
    return "same"


def positions(path: Path) -> list[int]:
    """Positions of every class: the file's header, and of each page its header, its cells' places, its contents."""
    size = path.stat().st_size
    found = list(range(HEADER))
    with sqlite3.connect(path) as connection:
        page = int(connection.execute("PRAGMA page_size").fetchone()[0])
    for start in range(0, size, page):
        found += range(start + (HEADER if start == 0 else 0), start + (HEADER if start == 0 else 0) + 24)
        found += range(start + 24, start + page, 397)
    return sorted(set(p for p in found if p < size))


def test_no_flipped_byte_gives_another_number(played: Path, tmp_path: Path) -> None:
    """Every byte of the headers and a lattice over all contents, each flipped whole: as it was, or refused by name."""
    sound, data = all_read(played), (played / FILE).read_bytes()
    seen = {"same": 0, "refused": 0}
    for at in positions(played / FILE):
        (tmp_path / FILE).write_bytes(data)
        flipped(tmp_path, at, 0xFF)
        seen[outcome(tmp_path, sound)] += 1
    assert seen["same"] > 20 and seen["refused"] > 200, seen


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_flipped_bit_gives_another_number(played: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("bit")
    content = (played / FILE).read_bytes()
    (folder / FILE).write_bytes(content)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped(folder, at, 1 << data.draw(st.integers(0, 7)))
    outcome(folder, all_read(played))


def changed(folder: Path, table: str, column: str, value: Any) -> None:
    """One value of the first row of a table as another program would leave it, with the old checksum."""
    with sqlite3.connect(folder / FILE) as connection:
        keys = ", ".join(HASHED[table][:5] if table != "meta" else ["key"])
        keys = keys if table != "finished" else ", ".join(HASHED[table])
        where = "" if table == "meta" else "WHERE episode = 0"
        first = f"SELECT {keys} FROM {table} {where} ORDER BY {keys} LIMIT 1"
        query = f"UPDATE {table} SET {column} = ? WHERE ({keys}) = ({first})"
        assert connection.execute(query, (value,)).rowcount == 1


@pytest.mark.parametrize(
    ("table", "column", "value", "said"),
    [
        ("responses", "response", b'{"text":"ACTION=Blue"}', r"the answer \w{8,} \(episode 0, step \d, sample 0\) in"),
        ("responses", "request", b"x", "the answer"),
        ("responses", "cost", 5.0, "the answer"),
        ("records", "record", b"{}", r"the record task bandit, model simulated, variant act, episode 0, step \d in"),
        ("lines", "line", b'"bandit"', "the scoring line of the record task bandit, model simulated, variant act, ep"),
        ("meta", "value", '{"episodes": 9}', "the setting"),
        ("finished", "checksum", 1, "the mark of a finished episode task bandit, model simulated, episode 0"),
        ("records", "checksum", None, "the record task bandit"),
    ],
)
def test_damage_names_the_row_the_file_the_place_and_what_to_do(
    copy: Path, table: str, column: str, value: Any, said: str
) -> None:
    changed(copy, table, column, value)
    with pytest.raises(LedgerDamaged, match=said) as refused:
        all_read(copy)
    assert str(copy / FILE) in str(refused.value) and "--fresh" in refused.value.remedy
    assert "byte" in refused.value.why or "place in the file is not known" in refused.value.why


def test_the_place_that_is_named_holds_the_damaged_row(copy: Path) -> None:
    data = (copy / FILE).read_bytes()
    at = data.index(b'"rationale":"') + 20
    flipped(copy, at, 0x01)
    with pytest.raises(LedgerDamaged, match=r"near byte ([\d,]+)") as refused:
        all_read(copy)
    named = int(str(refused.value).split("near byte ")[1].split(" ")[0].replace(",", ""))
    assert abs(named - at) < 8192


def test_the_command_line_gives_no_number_of_a_damaged_run(copy: Path) -> None:
    changed(copy, "lines", "line", b'"bandit"')
    done = CliRunner().invoke(program(), ["score", str(copy)])
    assert isinstance(done.exception, LedgerDamaged) and "knowing" not in done.output


def test_a_run_whose_file_is_damaged_is_not_gone_on_with(copy: Path) -> None:
    changed(copy, "responses", "response", b'{"text":"ACTION=Blue"}')
    with Ledger(copy) as ledger, pytest.raises(LedgerDamaged):
        ledger.answers(0)


def test_rows_that_enter_while_a_run_goes_on_have_checksums_beside_older_ones_without(copy: Path) -> None:
    with sqlite3.connect(copy / FILE) as connection:
        for table in HASHED:
            connection.execute(f"UPDATE {table} SET checksum = NULL")
        connection.execute("DELETE FROM meta WHERE key = 'checksums'")
    before = all_read(copy)
    with Ledger(copy) as ledger:
        ledger.set_meta("looks", "null")
        assert not ledger.checksummed
    assert all_read(copy)[:2] == before[:2]
    changed(copy, "meta", "value", "[]")  # the first row in the order of keys: the experiment, which has none
    with sqlite3.connect(copy / FILE) as connection:
        connection.execute("UPDATE meta SET value = '[1]' WHERE key = 'looks'")
    with pytest.raises(LedgerDamaged, match="the setting looks"):
        read_ledger(copy)


NAMED = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text())


@given(st.lists(NAMED, max_size=5), st.lists(st.binary(), max_size=2))
def test_a_checksum_tells_any_change_of_one_value(names: list[Any], contents: list[bytes]) -> None:
    values = [*names, *contents]
    assert checksum(*values) == checksum(*values)
    for i in range(len(values)):
        another = b"another value" if i >= len(names) else "another value"
        assert checksum(*values[:i], another, *values[i + 1 :]) != checksum(*values) or values[i] == another


def test_numbers_do_not_change_with_checksums(played: Path) -> None:
    """The table that is read from checked lines is that of the records."""
    result = ak.open_run(played)
    with read_ledger(played) as ledger:
        from akrasia.evals import frame

        assert score(frame(ledger.raw_records())).arms == score(result.records).arms


def test_what_a_checksum_is_does_not_change_between_releases() -> None:
    assert checksum("task", "model", "v | w", 3, 0, b'{"record":1}') == 1921786474
    assert checksum("key", 0, 0.25, None, b"a", b"b") == 419038795
