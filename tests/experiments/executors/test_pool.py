"""Who plays changes nothing that is stored, whoever dies meanwhile; a budget holds for all workers together."""

import asyncio
import multiprocessing
import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.api import execute
from akrasia.errors import ArmFailed, BadOption, BudgetSpent, LedgerError, WorkerLost
from akrasia.events import CallAnswered, Event, WorkerDied
from akrasia.experiments import Variant, assemble
from akrasia.experiments.executors.messages import Drain, Reserved, Stop, ToWorker
from akrasia.experiments.executors.pool import DEATHS, WorkerPool
from akrasia.experiments.executors.processes import ProcessLauncher
from akrasia.experiments.first_decisions import FIRST_UNREAD
from akrasia.ledger import Ledger
from akrasia.models import Planted, Scripted, Simulated
from akrasia.records import Draw, Request, Response

TASK: dict[str, Any] = {"name": "bandit", "arms": 5, "horizon": 2}
SETTINGS: dict[str, Any] = {
    "task": TASK,
    "variants": ["reason_act", "reason_act | critique", "reason_then_act", "reason_act | placebo"],
    "episodes": 6,
    "concurrency": 4,
}


class Noting(Simulated):
    """The simulated agent; notes what it was asked, and does something first."""

    def __init__(self, first: Callable[[Draw], None] = lambda draw: None) -> None:
        super().__init__(Planted(parse_failure=0.05))
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "first", first)

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        self.asked.append(key)  # type: ignore[attr-defined]
        self.first(draw)  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        return await super().generate(request, draw, key)


def play(out: Path, launcher: Any, model: Noting, workers: int = 2, **changes: Any) -> tuple[ak.Result, list[str]]:
    """A run in workers that are tasks of this process, and the keys that were really asked for."""
    experiment = assemble({**SETTINGS, **changes, "model": model})
    pool = WorkerPool(experiment, launcher, workers)
    result = asyncio.run(execute(experiment, out, resume=True, executor=pool))
    return result, model.asked  # type: ignore[attr-defined]


def exported(result: ak.Result) -> bytes:
    return result.export(result.folder / "records.jsonl").read_bytes()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, set[str]]:
    """Export and keys of the same run in this process."""
    model = Noting()
    result = ak.run(**SETTINGS, model=model, out=tmp_path_factory.mktemp("alone") / "run")
    return exported(result), set(model.asked)  # type: ignore[attr-defined]


class Graph:
    """Stands for a compiled graph: it holds what no process can send to another."""

    def __init__(self) -> None:
        self.node = lambda state: state

    async def ainvoke(self, state: Any, config: Any = None) -> Any:
        return state


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"model": Scripted(lambda r, d: "ACTION=Red"), "variants": ["act"]}, "the model 'scripted'"),
        (
            {"model": "simulated", "variants": [Variant.from_langgraph("mine", Graph(), ak.graphs.MessagesAdapter())]},
            "the variant 'mine'",
        ),
    ],
)
def test_what_cannot_be_sent_is_named_and_nothing_is_written(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(BadOption, match=f"{named} cannot be sent to a worker"):
        ak.run(task=TASK, **settings, workers=2, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_more_workers_than_there_is_to_share() -> None:
    experiment = assemble({"task": TASK, "model": "simulated", "variants": ["act"], "episodes": 3})
    assert WorkerPool(experiment, ProcessLauncher(), 8).count == 3


@pytest.mark.parametrize("workers", [1, 3])
def test_the_bytes_are_those_of_one_process(
    tmp_path: Path, launcher: Any, alone: tuple[bytes, set[str]], workers: int
) -> None:
    result, asked = play(tmp_path / "run", launcher, Noting(), workers)
    assert result.outcome is not None and result.outcome.missing == 0 and len(launcher.started) == workers
    assert exported(result) == alone[0] and Counter(asked) == Counter(alone[1])


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_and_nothing_is_lost(
    tmp_path: Path, alone: tuple[bytes, set[str]]
) -> None:
    """One process at a time, so that it cannot be idle: its answers must be committed before it goes on."""
    died: list[WorkerDied] = []
    killed: list[Any] = []

    def kill_it(event: Event) -> None:
        if isinstance(event, CallAnswered) and not killed:
            killed.extend(multiprocessing.active_children())
            killed[0].kill()
        elif isinstance(event, WorkerDied):
            died.append(event)

    experiment = assemble({**SETTINGS, "model": Simulated(Planted(parse_failure=0.05))})
    pool = WorkerPool(experiment, ProcessLauncher(), 1)
    result = asyncio.run(execute(experiment, tmp_path / "run", on_event=kill_it, executor=pool))
    assert len(killed) == 1 and [d.how for d in died] == ["was ended by SIGKILL"]
    assert result.outcome is not None and result.outcome.stopped is None and result.outcome.missing == 0
    assert exported(result) == alone[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_dying_worker_answered_is_kept_before_another_plays_its_episodes(
    tmp_path: Path, launcher: Any, workers: int
) -> None:
    """Answers here are never the same twice: every record must tell of the answer that is kept."""
    answered = 0

    class Unrepeatable(Noting):
        async def generate(self, request: Request, draw: Draw, key: str) -> Response:
            nonlocal answered
            response = await super().generate(request, draw, key)
            answered += 1
            if answered == 30:
                launcher.here().kill()  # what it has sent is on its way
            return Response(f"{response.text}\n(number {answered})")

    class Slow(Ledger):
        async def commit(self, batch: Any) -> None:
            await asyncio.sleep(0.02)
            await super().commit(batch)

    experiment = assemble({**SETTINGS, "model": Unrepeatable()})

    async def main() -> tuple[ak.experiments.Outcome, int, int]:
        ledger = Slow(tmp_path / "run")
        try:
            outcome = await ak.experiments.play_experiment(
                experiment, ledger, WorkerPool(experiment, launcher, workers)
            )
            turns = [t for r in ledger.records() for t in r.decision.turns if t.key]
            kept = [ledger.get(t.key) for t in turns]
            return outcome, len(turns), sum(a is None or a.text != t.text for a, t in zip(kept, turns, strict=True))
        finally:
            ledger.close()

    outcome, turns, strangers = asyncio.run(main())
    assert len(launcher.started) == workers + 1 and (outcome.missing, outcome.stopped) == (0, None)
    assert turns > 0 and strangers == 0


def test_an_episode_that_kills_its_workers_stops_the_run(
    tmp_path: Path, launcher: Any, alone: tuple[bytes, set[str]]
) -> None:
    def first(draw: Draw) -> None:
        if draw.episode == 5:
            launcher.here().kill()

    stopped, _ = play(tmp_path / "run", launcher, Noting(first), concurrency=2)
    assert stopped.outcome is not None and isinstance(stopped.outcome.stopped, WorkerLost)
    assert "3 workers died over one episode: the last one was killed" in str(stopped.outcome.stopped)
    assert stopped.outcome.missing > 0 and len(launcher.started) >= DEATHS
    whole, _ = play(tmp_path / "run", launcher, Noting())
    assert whole.outcome is not None and whole.outcome.missing == 0 and exported(whole) == alone[0]


def test_workers_that_die_before_they_begin_stop_the_run(tmp_path: Path, launcher: Any) -> None:
    start = launcher.start

    async def start_dead(spec: bytes) -> Any:
        worker = await start(spec)
        worker.kill()
        return worker

    launcher.start = start_dead
    with pytest.raises(WorkerLost, match="3 workers died before they could begin"):
        play(tmp_path / "run", launcher, Noting())


@pytest.mark.parametrize("calls", [1, 30, 61])
def test_a_budget_is_kept_to_the_call_by_all_workers_together(
    tmp_path: Path, launcher: Any, alone: tuple[bytes, set[str]], calls: int
) -> None:
    spent, asked = play(tmp_path / "run", launcher, Noting(), budget={"calls": calls})
    assert spent.outcome is not None and isinstance(spent.outcome.stopped, BudgetSpent)
    assert spent.outcome.run_usage.made == len(asked) == calls and spent.outcome.missing > 0
    whole, rest = play(tmp_path / "run", launcher, Noting(), budget={"calls": len(alone[1])})
    assert whole.outcome is not None and whole.outcome.missing == 0 and exported(whole) == alone[0]
    assert not set(asked) & set(rest) and len(asked) + len(rest) == len(alone[1])


def test_calls_that_the_budget_has_paid_for_are_made_though_another_worker_finds_it_spent(
    tmp_path: Path, launcher: Any
) -> None:
    """The worst order of messages: a worker learns that it may call together with the news that the budget is spent."""
    held: list[ToWorker] = []
    ended = False

    def deliver(worker: Any, messages: Sequence[ToWorker]) -> Sequence[ToWorker]:
        nonlocal ended
        if worker.index == 0:
            return messages
        held.extend(messages)
        ended = ended or any(isinstance(m, Drain | Stop) for m in held)
        if any(isinstance(m, Reserved) for m in held) and not ended:
            return []
        now = list(held)
        held.clear()
        return now

    launcher.deliver = deliver
    spent, asked = play(tmp_path / "run", launcher, Noting(), budget={"calls": 20})
    assert spent.outcome is not None and isinstance(spent.outcome.stopped, BudgetSpent)
    assert spent.outcome.run_usage.made == len(asked) == 20


def test_an_arm_whose_first_answers_cannot_be_read_stops_all_workers_together(tmp_path: Path, launcher: Any) -> None:
    experiment = assemble(
        {**SETTINGS, "model": "simulated:parse_failure=1", "variants": ["reason_act"], "episodes": 80}
    )
    pool = WorkerPool(experiment, launcher, 2)
    result = asyncio.run(execute(experiment, tmp_path / "run", resume=True, executor=pool))
    stopped = result.outcome.stopped if result.outcome is not None else None
    assert isinstance(stopped, ArmFailed) and f"the first {FIRST_UNREAD} decisions of 'reason_act'" in str(stopped)
    assert FIRST_UNREAD <= result.records.height < 80 * TASK["horizon"]
    assert len(launcher.started) == 2
    assert str(pickle.loads(pickle.dumps(stopped))) == str(stopped)  # a worker elsewhere is told the same


def test_a_ledger_that_cannot_be_written_ends_the_run_of_all_workers(tmp_path: Path, launcher: Any) -> None:
    class Full(Ledger):
        async def commit(self, batch: Any) -> None:
            raise LedgerError("the disk is full")

    experiment = assemble({**SETTINGS, "model": Noting()})

    async def main() -> None:
        ledger = Full(tmp_path / "run")
        try:
            await ak.experiments.play_experiment(experiment, ledger, WorkerPool(experiment, launcher, 2))
        finally:
            ledger.close()

    with pytest.raises(LedgerError, match="the disk is full"):
        asyncio.run(main())
