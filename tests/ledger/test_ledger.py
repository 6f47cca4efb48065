"""The ledger keeps what was paid for, whole, and touches no file that is not its own."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import akrasia as ak
from akrasia.errors import LedgerError, RunFolderError
from akrasia.ledger import Ledger, read_ledger
from akrasia.ledger.costs import CallCosts
from akrasia.ledger.file import APPLICATION, FILE, VERSION
from akrasia.ledger.tables import finished_rows
from akrasia.models import Gateway, Scripted, key_of
from akrasia.records import Decision, Draw, Message, Oracle, Record, Request, Response, Usage, encode

REQUEST = Request("scripted/scripted", (Message("user", "Which?"),))
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


def rows(folder: Path, table: str) -> int:
    connection = sqlite3.connect(folder / FILE)
    try:
        return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def test_an_answer_is_committed_before_anyone_sees_it(tmp_path: Path) -> None:
    """Another connection finds every answer at the moment its asker gets it."""

    async def work() -> None:
        ledger = Ledger(tmp_path)
        backend = Scripted(lambda r, d: f"answer {d.step}", max_concurrency=8)
        gateway = Gateway([backend], ledger)

        async def one(step: int) -> None:
            draw = Draw(0, step)
            got = await gateway.complete(REQUEST, draw)
            with read_ledger(tmp_path) as reader:
                kept = reader.answer(key_of(REQUEST, draw))
            assert kept is not None
            assert (kept.request, kept.draw, kept.response) == (REQUEST, draw, got)

        await asyncio.gather(*(one(s) for s in range(25)))
        assert (ledger.paid().calls, ledger.paid().dollars) == (25, 0.0)
        ledger.close()

    asyncio.run(work())


def test_what_is_kept_is_found_again_and_the_first_answer_stands(tmp_path: Path) -> None:
    said = Response("words ✓", usage=Usage(1, 2, 3, 4), probs={"a": 0.25}, mass=0.5, cost=0.125, attempts=("429",))

    async def work() -> None:
        ledger = Ledger(tmp_path / "deep" / "run")
        await ledger.put("k", REQUEST, Draw(1, 2, 3), said)
        await ledger.put("k", REQUEST, Draw(1, 2, 3), Response("another"))
        ledger.set_meta("experiment", "{}")
        assert ledger.get("k") == said
        ledger.close()

    asyncio.run(work())
    with read_ledger(tmp_path / "deep" / "run") as reader:
        assert reader.get("k") == said
        assert reader.get("other") is None and reader.answer("other") is None
        assert reader.meta("experiment") == "{}" and reader.meta("nothing") is None
        assert reader.paid() == CallCosts(1, 0.125, said.usage.prompt_tokens, said.usage.completion_tokens)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(6)))
def test_records_come_back_in_order_whatever_the_order_of_their_arrival(order: list[int]) -> None:
    import tempfile

    records = [replace(RECORD, variant=v, episode=e) for v in ("v", "w") for e in range(3)]

    async def work(folder: str) -> None:
        ledger = Ledger(folder)
        await asyncio.gather(*(ledger.record([records[i]]) for i in order))
        await ledger.record([records[0]])
        assert list(ledger.records()) == records
        assert list(ledger.raw_records()) == [encode(r) for r in records]
        assert [r.variant for r in ledger.records(episode=1)] == ["v", "w"]
        assert list(ledger.records(step=9)) == []
        ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(folder))


@pytest.mark.parametrize("odd", [{"variant": None}, {"episode": 2**63}])
def test_a_group_of_records_enters_whole_or_not_at_all(tmp_path: Path, odd: dict[str, Any]) -> None:
    """The second record of the group cannot be stored: the first is not stored either, and the error is typed."""

    async def work() -> None:
        ledger = Ledger(tmp_path)
        await ledger.record([RECORD])
        bad = replace(RECORD, step=2, **odd)
        with pytest.raises(LedgerError, match="could not be written"):
            await asyncio.wait_for(ledger.record([replace(RECORD, step=1), bad]), 10)
        ledger.close()

    asyncio.run(work())
    assert rows(tmp_path, "records") == 1


def test_a_ledger_that_cannot_be_written_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path)
        await ledger.record([RECORD])
        other = sqlite3.connect(tmp_path / FILE)
        other.execute("DROP TABLE responses")
        other.commit()
        other.close()
        with pytest.raises(LedgerError, match="resume the run"):
            await asyncio.wait_for(ledger.put("k", REQUEST, Draw(0, 0), Response("x")), 10)
        with pytest.raises(LedgerError):
            await asyncio.wait_for(ledger.record([replace(RECORD, step=1)]), 10)
        ledger.close()

    asyncio.run(work())
    assert rows(tmp_path, "records") == 1


def test_rows_that_no_database_can_take_leave_nobody_waiting(tmp_path: Path) -> None:
    """Half a surrogate pair is no text: the error is Python's own and not SQLite's."""

    async def work() -> None:
        ledger = Ledger(tmp_path)
        good, bad = (finished_rows("t", "m", name, 0) for name in ("v", "\ud800"))
        both = await asyncio.wait_for(
            asyncio.gather(ledger.commit(good), ledger.commit(bad), return_exceptions=True), 10
        )
        assert all(isinstance(e, LedgerError) for e in both) and both[0] is not both[1]
        ledger.close()

    asyncio.run(work())
    assert rows(tmp_path, "finished") == 0


def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        ledger = Ledger(tmp_path)
        await asyncio.gather(*(ledger.put(str(i), REQUEST, Draw(0, i), Response(str(i))) for i in range(1500)))
        assert all(r is not None and r.text == str(i) for i in range(1500) for r in [ledger.get(str(i))])
        ledger.close()

    asyncio.run(work())
    assert rows(tmp_path, "responses") == 1500
    assert not [t for t in threading.enumerate() if t.name == "ledger"]


def test_what_was_handed_in_is_kept_though_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    """Askers that are cancelled, and an event loop that ends in the very turn in which an answer is handed in."""
    ledger = Ledger(tmp_path)

    async def gone() -> None:
        asking = [asyncio.ensure_future(ledger.put(f"gone{i}", REQUEST, Draw(0, i), Response("x"))) for i in range(3)]
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def left(key: str) -> None:
        """Hand in an answer on a loop that ends in the same turn."""
        loop = asyncio.new_event_loop()
        task = loop.create_task(ledger.put(key, REQUEST, Draw(1, 0), Response("x")))
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.close()
        assert not task.done()
        task._log_destroy_pending = False  # type: ignore[attr-defined]

    asyncio.run(gone())
    left("before another loop")
    asyncio.run(ledger.put("on another loop", REQUEST, Draw(2, 0), Response("x")))
    assert rows(tmp_path, "responses") == 5
    left("before the end")
    ledger.close()
    assert rows(tmp_path, "responses") == 6


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    code = (
        "import sys, time; from akrasia.ledger import Ledger; ledger = Ledger(sys.argv[1]);"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            with pytest.raises(RunFolderError, match="in use by another process"):
                Ledger(tmp_path)
            read_ledger(tmp_path).close()
        finally:
            holder.kill()
    Ledger(tmp_path).close()


def made(folder: Path) -> Path:
    """A sound ledger with a few hundred answers, checkpointed into one file."""

    async def work() -> None:
        ledger = Ledger(folder)
        await asyncio.gather(*(ledger.put(str(i), REQUEST, Draw(0, i), Response("x" * 200)) for i in range(300)))
        await ledger.record([RECORD])
        ledger.close()

    asyncio.run(work())
    for name in (f"{FILE}-wal", f"{FILE}-shm"):
        assert not (folder / name).exists()
    return folder / FILE


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "text":
        path.write_text("these are my notes\n" * 50)
    elif how == "header":
        path.write_bytes(b"X" * 64 + data[64:])
    elif how == "half":
        path.write_bytes(data[: len(data) // 2])
    elif how == "middle":
        middle = len(data) // 8192 * 4096
        path.write_bytes(data[:middle] + b"\xff" * 4096 + data[middle + 4096 :])
    else:
        connection = sqlite3.connect(path)
        if how == "newer":
            connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        elif how == "foreign":
            connection.execute("PRAGMA application_id = 77")
        elif how == "foreign without a version":
            connection.execute("PRAGMA application_id = 0")
            connection.execute("PRAGMA user_version = 0")
        elif how == "a table is missing":
            connection.execute("DROP TABLE records")
        connection.commit()
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("text", "not a ledger"),
        ("header", "not a ledger"),
        ("half", "damaged"),
        ("middle", "damaged"),
        ("newer", f"format {VERSION + 1}"),
        ("foreign", "another program"),
        ("foreign without a version", "another program"),
        ("a table is missing", "lacks some of its tables"),
    ],
)
def test_a_file_that_is_no_sound_ledger_is_refused_and_left_as_it_is(tmp_path: Path, how: str, said: str) -> None:
    path = made(tmp_path)
    spoil(path, how)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=said) as refused:
        Ledger(tmp_path)
    assert refused.value.remedy
    assert path.read_bytes() == before
    if how not in ("half", "middle"):
        with pytest.raises(LedgerError):
            read_ledger(tmp_path)
        assert path.read_bytes() == before


def test_somebody_elses_database_gets_no_tables_of_ours(tmp_path: Path) -> None:
    path = tmp_path / FILE
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE addresses (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"):
        Ledger(tmp_path)
    assert path.read_bytes() == before


def test_an_empty_file_and_a_run_killed_before_its_first_table_are_begun(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    Ledger(tmp_path).close()
    bare = tmp_path / "bare"
    bare.mkdir()
    connection = sqlite3.connect(bare / FILE)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    Ledger(bare).close()
    connection = sqlite3.connect(bare / FILE)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    connection.close()


def test_a_run_that_ended_before_its_first_table_is_none_and_can_be_started(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    with pytest.raises(RunFolderError, match="before anything was kept. Start it again, without --resume"):
        read_ledger(tmp_path)
    result = ak.run(task="bandit", model="simulated", variants=["act"], episodes=1, out=tmp_path)
    assert result.outcome is not None and result.outcome.missing == 0


def test_a_ledger_that_another_program_locks_is_not_called_damaged(tmp_path: Path) -> None:
    other = sqlite3.connect(made(tmp_path), isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="is locked by another program.*Wait"):
        read_ledger(tmp_path)
    other.close()
    read_ledger(tmp_path).close()


def test_a_setting_that_cannot_be_stored_is_a_typed_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger._writing.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="could not be written: database is locked"):
        ledger.set_meta("looks", "[]")
    other.close()
    ledger.close()


def test_damaged_pages_are_a_typed_error_where_they_are_read(tmp_path: Path) -> None:
    path = made(tmp_path)
    spoil(path, "middle")
    with read_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="is damaged.*Restore it from a copy"):
            ledger.paid()


def test_askers_with_event_loops_in_several_threads_are_all_served(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    async def ask(here: int) -> None:
        for i in range(50):
            await asyncio.wait_for(ledger.put(f"{here}/{i}", REQUEST, Draw(here, i), Response("x")), 30)

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(asyncio.run, ask(here)) for here in range(6)]:
            done.result()
    assert rows(tmp_path, "responses") == 300
    ledger.close()
    with pytest.raises(LedgerError, match="it is closed"):
        asyncio.run(ask(7))


def test_a_folder_without_a_run_and_a_file_in_its_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no run"):
        read_ledger(tmp_path)
    with pytest.raises(RunFolderError, match="holds no run"):
        read_ledger(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        Ledger(tmp_path / "file")
    assert not (tmp_path / FILE).exists()


def test_a_copy_of_a_ledger_reads_the_same(tmp_path: Path) -> None:
    path = made(tmp_path / "run")
    shutil.copytree(path.parent, tmp_path / "copy")
    one, two = read_ledger(path.parent), read_ledger(tmp_path / "copy")
    assert list(one.raw_records()) == list(two.raw_records()) == [encode(RECORD)]
    assert one.get("7") == two.get("7") == Response("x" * 200)
    one.close()
    two.close()
