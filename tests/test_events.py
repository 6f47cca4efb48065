"""Whoever listens hears all of a run, in order and once; the run is the same; no line holds a prompt or a key."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import subprocess
import sys
from collections import Counter
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import collect_runs, register_configure_hook
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.errors import RateLimited, Unavailable
from akrasia.events import (
    AttemptFailed,
    CallAnswered,
    CallBegan,
    CallGivenUp,
    CircuitClosed,
    CircuitOpened,
    DecisionEnded,
    EpisodeEnded,
    Event,
    EventBus,
    LookTaken,
    RateChanged,
    RunBegan,
    RunEnded,
    StopBegan,
    WorkerDied,
    facts,
)
from akrasia.models import Gateway, Scripted
from akrasia.models.circuit_breaker import TRIP
from akrasia.models.retry import ATTEMPTS
from akrasia.records import Draw, Message, Request
from akrasia.telemetry.log import Log

TASK = {"name": "bandit", "arms": 4, "horizon": 3}
VARIANTS = ["reason_act", "reason_act | re_evaluate"]
COMMAND = [sys.executable, "-c", "from akrasia.cli import main; main()"]


class Heard(list[Event]):
    """Keeps what it hears."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, texts: bool = False) -> None:
        super().__init__()
        self.texts = texts

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        return [e for e in self if type(e) is kind]


def played(out: Path, heard: Any = None, **settings: Any) -> ak.Result:
    given = {"task": TASK, "model": "simulated", "variants": VARIANTS, "episodes": 4} | settings
    return ak.run(**given, out=out, on_event=heard)


def exported(result: ak.Result, to: Path) -> bytes:
    return result.export(to).read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_all_of_a_run_is_heard_in_order_and_nothing_of_it_changes(tmp_path: Path, workers: int) -> None:
    heard = Heard()
    result = played(tmp_path / "run", heard, workers=workers)
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
    silent = played(tmp_path / "silent")
    assert exported(result, tmp_path / "a.jsonl") == exported(silent, tmp_path / "b.jsonl")
    again = Heard()
    played(tmp_path / "run", again)
    assert [e.name for e in again] == ["run began", "run ended"]  # what is complete is not played again


class Warned(Heard):
    level = "warning"


def test_workers_send_nothing_below_the_level_that_is_asked_for(tmp_path: Path) -> None:
    """An event comes from a worker or from the driver, which begins and ends the run: those are heard at any level."""
    from akrasia.events import event_bus

    alone = Warned()
    played(tmp_path / "alone", alone, workers=2)
    assert {e.level for e in alone} <= {"info"} and not any("call" in e.name or "episode" in e.name for e in alone)
    assert {e.name for e in alone} == {"run began", "run ended"}
    beside = [Warned(), Heard()]
    played(tmp_path / "beside", beside, workers=2)
    assert any(isinstance(e, CallAnswered) for e in beside[1])
    assert [(s := event_bus(x)) and s.level for x in (Warned(), beside, Log(logging.getLogger("quiet")))] == [
        "warning", "debug", "warning",
    ]  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
def test_texts_come_to_whoever_asks_for_them_and_to_no_log(tmp_path: Path, workers: int) -> None:
    heard = Heard(texts=True)
    played(tmp_path / "run", heard, episodes=2, workers=workers)
    asked, said = heard.of(CallBegan), heard.of(CallAnswered)
    assert all("ACTION" in e.messages[-1].content for e in asked) and all(e.text for e in said)
    assert not any("messages" in facts(e) or "text" in facts(e) for e in heard)


def request(text: str = "hello") -> Request:
    return Request(Scripted(lambda r, d: "").info.id, (Message("user", text),))


async def nap(seconds: float) -> None:
    await asyncio.sleep(0)


async def test_attempts_rates_and_outcomes_are_told() -> None:
    heard, asked = Heard(), 0

    def script(r: Request, d: Draw) -> str:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RateLimited("slow down")
        if asked == 2:
            raise Unavailable("the connection broke", fault="reset", lost=True)
        if d.episode == 1:
            raise Unavailable("gone", fault="timeout")
        return "yes"

    gateway = Gateway([Scripted(script)], sleep=nap, emit=EventBus([heard]))
    await gateway.complete(request(), Draw(0, 0))
    first, second = heard.of(AttemptFailed)
    assert (first.fault, first.attempt, first.again, first.lost) == ("rate limit", 1, True, False)
    assert (second.fault, second.attempt, second.again, second.lost) == ("reset", 2, True, True)
    (changed,) = heard.of(RateChanged)
    assert changed.why == "rate limited" and changed.limit == gateway.run_usage.changes[-1].limit
    assert [e.attempts for e in heard.of(CallAnswered)] == [3]
    await gateway.complete(request(), Draw(1, 0))
    (gone,) = heard.of(CallGivenUp)
    assert gone.attempts == ATTEMPTS and "gone" in gone.why
    assert [e.again for e in heard.of(AttemptFailed)][2:] == [True] * (ATTEMPTS - 1) + [False]


async def test_a_circuit_says_that_it_opens_and_closes() -> None:
    heard, asked = Heard(), 0

    def script(r: Request, d: Draw) -> str:
        nonlocal asked
        asked += 1
        if asked <= TRIP:
            raise Unavailable("nobody is there", fault="unreachable")
        return "yes"

    gateway = Gateway([Scripted(script, max_concurrency=64)], sleep=nap, emit=EventBus([heard]))
    await asyncio.gather(*(gateway.complete(request(), Draw(n, 0)) for n in range(TRIP)))
    assert [type(e) for e in heard if type(e) in (CircuitOpened, CircuitClosed)] == [CircuitOpened, CircuitClosed]
    assert "nobody is there" in heard.of(CircuitOpened)[0].why


@pytest.mark.parametrize("workers", [1, 2])
def test_a_spent_budget_is_told_once(tmp_path: Path, workers: int) -> None:
    heard = Heard()
    result = played(tmp_path / "run", heard, budget={"calls": 5}, workers=workers)
    assert [e.kind for e in heard.of(StopBegan)] == ["BudgetSpent"]
    end = heard[-1]
    assert isinstance(end, RunEnded) and end.stopped == "BudgetSpent" and result.outcome is not None
    assert end.missing == result.outcome.missing > 0
    assert any(not e.complete for e in heard.of(EpisodeEnded))


def test_looks_are_told(tmp_path: Path) -> None:
    heard = Heard()
    played(tmp_path / "run", heard, episodes=20, until="gap +- 0.4")
    looks = heard.of(LookTaken)
    assert looks and [e.enough for e in looks] == [False] * (len(looks) - 1) + [looks[-1].enough]
    assert looks[0].episodes == 10 and looks[0].until == "gap +- 0.4"


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    import multiprocessing

    heard, killed = Heard(), []

    def kill_one(event: Event) -> None:
        if isinstance(event, CallAnswered) and not killed:
            killed.append(multiprocessing.active_children()[0])
            killed[0].kill()

    result = played(tmp_path / "run", [heard, kill_one], workers=2, episodes=6)
    (died,) = heard.of(WorkerDied)
    assert "SIGKILL" in died.how and killed
    assert result.outcome is not None and result.outcome.missing == 0


def test_a_listener_that_fails_is_reported_once_and_costs_no_answer(tmp_path: Path) -> None:
    heard, calls = Heard(), 0

    def bad(event: Event) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("oh")

    with pytest.warns(RuntimeWarning, match="a listener failed at 'run began' and hears no more: ValueError"):
        result = played(tmp_path / "run", [bad, heard])
    assert calls == 1 and isinstance(heard[-1], RunEnded)
    assert result.outcome is not None and result.outcome.missing == 0


def test_a_logged_line_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-key-of-odd-shape")
    out = io.StringIO()
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(logging.StreamHandler(out))
    log = Log(logger)
    log(AttemptFailed("k", "m", 1, "reset", 'got "a-key-of-odd-shape" and sk-0123456789', True, False))
    log(RunBegan("a-key-of-odd-shape", ("t",), ("sk-0123456789",), ("v",), 1, "fork"))
    said = out.getvalue()
    assert "odd-shape" not in said and "0123456789" not in said and said.count("[key]") == 4
    assert said.startswith('attempt failed key=k model=m attempt=1 fault=reset why="got \\"[key]\\" and [key]"')
    quiet = logging.Logger("quiet", logging.WARNING)
    quiet.addHandler(logger.handlers[0])
    Log(quiet)(RunBegan("r", (), (), (), 1, "fork"))
    assert out.getvalue() == said


def akrasia(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*COMMAND, *args], cwd=cwd, capture_output=True, text=True, timeout=120, env={**os.environ})
    return done


def test_the_command_line_logs_on_stderr_or_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(
        'model = "simulated"\nvariants = ["reason_act"]\nepisodes = 2\n[task]\nname = "bandit"\nhorizon = 2\n'
    )
    done = akrasia("run", "e.toml", "--out", "a", "--no-report", "--log-level", "info", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert " info run began run=" in lines[0] and " info run ended " in lines[-1]
    assert not any(" debug " in line for line in lines)
    logged = ["--log-level", "debug", "--log-file", "log.jsonl"]
    done = akrasia("run", "e.toml", "--out", "b", "--no-report", *logged, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert events[0]["event"] == "run began" and events[0]["level"] == "info" and events[-1]["event"] == "run ended"
    assert sum(e["event"] == "call answered" for e in events) == events[-1]["made"] > 0
    assert "ACTION" not in (tmp_path / "log.jsonl").read_text()
    judged = akrasia("judge", "a", "--model", "simulated", "--log-level", "loud", cwd=tmp_path)
    assert judged.returncode == 2 and "no log level named 'loud'" in judged.stderr
    denied = akrasia("run", "e.toml", "--out", "c", "--log-file", "no/such/folder/log", cwd=tmp_path)
    assert denied.returncode == 2 and "--log-file" in denied.stderr and not (tmp_path / "c").exists()


def test_calls_of_judges_are_told(tmp_path: Path) -> None:
    result = played(tmp_path / "run")
    heard = Heard()
    result.judge(Scripted(lambda r, d: '{"action": "X"}'), calibrate=3, on_event=heard)
    calls = heard.of(CallBegan)
    assert calls and all(e.where is None and e.model == "scripted" for e in calls)
    assert len(heard.of(CallAnswered)) == len(calls)


def test_langchain_callbacks_see_every_decision_of_a_plan(tmp_path: Path) -> None:
    """The way by which LangSmith listens: callbacks that are in force where the run is started."""
    with collect_runs() as collected:
        played(tmp_path / "run", episodes=1, variants=["reason_then_act"])
    assert Counter(r.name for r in collected.traced_runs) == {"reason_then_act": 3, "simulated": 2 * 3}


class Tree(BaseCallbackHandler):
    """Who is below whom, by the ids that LangChain gives."""

    def __init__(self) -> None:
        self.names: dict[UUID, str] = {}
        self.above: dict[UUID, UUID | None] = {}
        self.said: dict[UUID, str] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **more: Any) -> None:
        self.names[run_id], self.above[run_id] = more["name"], more["parent_run_id"]

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **more: Any) -> None:
        assert messages[0][-1].content
        self.names[run_id], self.above[run_id] = "call", more["parent_run_id"]

    def on_llm_end(self, response: Any, *, run_id: UUID, **more: Any) -> None:
        self.said[run_id] = response.generations[0][0].text

    @property
    def paths(self) -> list[str]:
        def path(run: UUID) -> str:
            above = self.above[run]
            return self.names[run] if above is None else f"{path(above)} > {self.names[run]}"

        assert {i for i, name in self.names.items() if name == "call"} == set(self.said)
        return sorted(map(path, self.names))


TREE: ContextVar[Tree | None] = ContextVar("tree", default=None)
register_configure_hook(TREE, inheritable=True)
NESTED = [
    "reason_act | critique", "reason_act | critique > critic", "reason_act | critique > critic > call",
    "reason_act | critique > reason_act", "reason_act | critique > reason_act > call",
    "reason_act | critique > reason_act.revise", "reason_act | critique > reason_act.revise > call",
]  # fmt: skip


@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_a_callback_handler_sees_nodes_and_model_calls_below_their_decision(
    tmp_path: Path, inside_a_loop: bool
) -> None:
    async def notebook() -> None:
        played(tmp_path / "run", episodes=1, task={**TASK, "horizon": 1}, variants=["reason_act | critique"])

    tree = Tree()
    token = TREE.set(tree)
    try:
        if inside_a_loop:
            asyncio.run(notebook())
        else:
            played(tmp_path / "run", episodes=1, task={**TASK, "horizon": 1}, variants=["reason_act | critique"])
    finally:
        TREE.reset(token)
    assert tree.paths == NESTED
    assert any("ACTION" in said for said in tree.said.values())


async def test_a_handler_of_a_graph_of_ones_own_sees_its_calls(tmp_path: Path) -> None:
    model, tree = ak.ChatModel(), Tree()

    async def think(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_edge(START, "think")
    builder.add_edge("think", END)
    compiled = builder.compile().with_config(callbacks=[tree])
    own = ak.Variant.from_langgraph("own", compiled, ak.graphs.MessagesAdapter())
    await ak.arun(task={**TASK, "horizon": 1}, model="simulated", variants=[own], episodes=1, out=tmp_path / "run")
    assert tree.paths == ["LangGraph", "LangGraph > think", "LangGraph > think > call"]


async def test_langchain_callbacks_see_the_calls_of_a_graph(tmp_path: Path) -> None:
    model = ak.ChatModel()

    async def think(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_edge(START, "think")
    builder.add_edge("think", END)
    own = ak.Variant.from_langgraph("own", builder.compile(), ak.graphs.MessagesAdapter())
    with collect_runs() as collected:
        await ak.arun(task=TASK, model="simulated", variants=[own], episodes=1, out=tmp_path / "run")
    assert Counter(r.name for r in collected.traced_runs) == {"LangGraph": 3, "ChatModel": 3}
    for call in (r for r in collected.traced_runs if r.run_type == "llm"):
        assert call.outputs is not None and "ACTION" in call.outputs["generations"][0][0]["text"]
