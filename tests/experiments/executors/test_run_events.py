"""Whoever listens is told all of a run, in order and once, by whichever executor; the run is the same."""

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.api import execute
from akrasia.events import (
    CallAnswered,
    CallBegan,
    DecisionEnded,
    EpisodeEnded,
    Event,
    RecordsStored,
    RunBegan,
    RunEnded,
    StopBegan,
    event_bus,
    facts,
)
from akrasia.experiments import assemble
from akrasia.experiments.executors.pool import WorkerPool
from akrasia.telemetry.log import Log

TASK = {"name": "bandit", "arms": 4, "horizon": 3}
VARIANTS = ["reason_act", "reason_act | re_evaluate"]


class Heard(list[Event]):
    """Keeps what it is told."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, texts: bool = False, records: bool = False) -> None:
        super().__init__()
        self.texts, self.records = texts, records

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [e for e in self if type(e) is kind]


def played(out: Path, heard: Any, launcher: Any, workers: int = 0, **settings: Any) -> ak.Result:
    """A run in this process, or in workers that are tasks of it."""
    given: dict[str, Any] = {"task": TASK, "model": "simulated", "variants": VARIANTS, "episodes": 4}
    experiment = assemble(given | settings)
    executor = WorkerPool(experiment, launcher, workers) if workers else None
    return asyncio.run(execute(experiment, out, resume=True, executor=executor, on_event=heard))


def exported(result: ak.Result, to: Path) -> bytes:
    return result.export(to).read_bytes()


@pytest.mark.parametrize("workers", [0, 2])
def test_all_of_a_run_is_heard_in_order_and_nothing_of_it_changes(tmp_path: Path, launcher: Any, workers: int) -> None:
    heard = Heard()
    result = played(tmp_path / "run", heard, launcher, workers)
    names = Counter(e.name for e in heard)
    steps = 4 * 3 * 2
    assert names["episode began"] == names["episode ended"] == 4
    assert names["decision began"] == names["decision ended"] == steps
    assert isinstance(heard[0], RunBegan) and isinstance(heard[-1], RunEnded)
    end = heard[-1]
    assert (end.planned, end.missing, end.stopped) == (4, 0, "")
    assert names["call began"] == names["call answered"] == end.made > 0
    assert names["answer shared"] == end.shared > 0
    assert names["call began"] + names["answer shared"] == end.asked
    rows = {(r["episode"], r["step"], r["variant"]): r["done"] for r in result.records.iter_rows(named=True)}
    assert {(e.where.episode, e.where.step, e.where.variant): e.done for e in heard.of(DecisionEnded)} == rows
    for call in heard.of(CallAnswered):
        began = [e for e in heard.of(CallBegan) if e.key == call.key]
        assert len(began) == 1 and began[0].at <= call.at and began[0].messages is None is call.text
    silent = played(tmp_path / "silent", None, launcher)
    assert exported(result, tmp_path / "a.jsonl") == exported(silent, tmp_path / "b.jsonl")
    again = Heard()
    played(tmp_path / "run", again, launcher)
    assert [e.name for e in again] == ["run began", "run ended"]  # what is complete is not played again


class Warned(Heard):
    level = "warning"


def test_workers_send_nothing_below_the_level_that_is_asked_for(tmp_path: Path, launcher: Any) -> None:
    """An event comes from a worker or from the driver, which begins and ends the run: those are heard at any level."""
    alone = Warned()
    played(tmp_path / "alone", alone, launcher, 2)
    assert {e.level for e in alone} <= {"info"} and not any("call" in e.name or "episode" in e.name for e in alone)
    assert {e.name for e in alone} == {"run began", "run ended"}
    beside = [Warned(), Heard()]
    played(tmp_path / "beside", beside, launcher, 2)
    assert any(isinstance(e, CallAnswered) for e in beside[1])
    assert [(s := event_bus(x)) and s.level for x in (Warned(), beside, Log(logging.getLogger("quiet")))] == [
        "warning", "debug", "warning",
    ]  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_texts_come_to_whoever_asks_for_them_and_to_no_log(tmp_path: Path, launcher: Any, workers: int) -> None:
    heard = Heard(texts=True)
    played(tmp_path / "run", heard, launcher, workers, episodes=2)
    asked, said = heard.of(CallBegan), heard.of(CallAnswered)
    assert all("ACTION" in e.messages[-1].content for e in asked) and all(e.text for e in said)
    assert not any("messages" in facts(e) or "text" in facts(e) for e in heard)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_spent_budget_is_told_once(tmp_path: Path, launcher: Any, workers: int) -> None:
    heard = Heard()
    result = played(tmp_path / "run", heard, launcher, workers, budget={"calls": 5})
    assert [e.kind for e in heard.of(StopBegan)] == ["BudgetSpent"]
    end = heard[-1]
    assert isinstance(end, RunEnded) and end.stopped == "BudgetSpent" and result.outcome is not None
    assert end.missing == result.outcome.missing > 0
    assert any(not e.complete for e in heard.of(EpisodeEnded))


@pytest.mark.parametrize("workers", [0, 2])
def test_records_come_to_whoever_asks_for_them_once_they_are_stored(
    tmp_path: Path, launcher: Any, workers: int
) -> None:
    asks, other = Heard(records=True), Heard()
    result = played(tmp_path / "run", [asks, other], launcher, workers)
    stored = asks.of(RecordsStored)
    told = [(r.episode, r.step, r.variant, r.decision.done) for e in stored for r in e.records]
    rows = result.records.select("episode", "step", "variant", "done").rows()
    assert sorted(told) == sorted(rows) and not other.of(RecordsStored)
    assert all("records" not in facts(e) for e in stored)
    assert [e.made for e in stored] == sorted(e.made for e in stored)
    assert [e for e in asks if not isinstance(e, RecordsStored)] == list(other)
