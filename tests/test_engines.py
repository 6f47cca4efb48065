"""Who plays changes nothing that is stored; what cannot be sent to a worker is refused before anything is written."""

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.errors import BadOption, BudgetSpent, UnknownName
from akrasia.experiments import Variant, assemble
from akrasia.experiments.executors.messages import BatchedSend, WireMessage, portable
from akrasia.experiments.executors.pool import WorkerPool
from akrasia.experiments.executors.processes import ProcessLauncher
from akrasia.experiments.executors.remote_budget import BudgetServer, RemoteBudget
from akrasia.experiments.executors.worker import VERSION, WorkerSpec, share, unpacked
from akrasia.interventions import INTERVENTIONS, parse
from akrasia.models import Budget, Scripted
from akrasia.models.budget import BudgetTracker
from akrasia.records import Spent

TASK = {"name": "bandit", "arms": 5, "horizon": 2}


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


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"executor": "proceses"}, UnknownName, "Did you mean 'processes'"),
        ({"executor": "local", "workers": 2}, BadOption, "one process"),
        ({"address": "10.0.0.1:6379"}, BadOption, "no address"),
        ({"workers": 0}, BadOption, "workers is 0"),
        ({"workers": True}, BadOption, "workers is True"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(
    tmp_path: Path, settings: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        ak.run(task=TASK, model="simulated", variants=["act"], **settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_every_intervention_survives_the_way_to_a_worker() -> None:
    for name in INTERVENTIONS:
        change = INTERVENTIONS.make(name)
        assert pickle.loads(pickle.dumps(change)) == change
    plan = parse("reason_then_act | critique(rounds=2) | self_consistency(n=3)")
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan and again.name == plan.name


def test_an_experiment_arrives_as_it_was_and_another_version_is_refused() -> None:
    experiment = assemble({"task": TASK, "model": "simulated", "variants": ["act", "reason_act"], "episodes": 3})
    packed = ProcessLauncher().pack(WorkerSpec(experiment, 0, 2, False, False, VERSION))
    assert unpacked(packed).experiment.identity() == experiment.identity()
    with pytest.raises(BadOption, match="Install the same everywhere"):
        unpacked(ProcessLauncher().pack(WorkerSpec(experiment, 0, 2, False, False, "0.0.1")))
    with pytest.raises(BadOption, match="cannot be rebuilt"):
        unpacked(b"no contract")


@given(st.integers(0, 1000), st.integers(1, 40))
def test_shares_of_a_limit_add_up_to_it(total: int, of: int) -> None:
    parts = [share(total, place, of) for place in range(of)]
    assert sum(parts) == total and max(parts) - min(parts) <= 1


def test_no_more_workers_than_there_is_to_share() -> None:
    experiment = assemble({"task": TASK, "model": "simulated", "variants": ["act"], "episodes": 3})
    assert WorkerPool(experiment, ProcessLauncher(), 8)._of == 3


class Unusual(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_an_error_that_cannot_travel_says_the_same() -> None:
    sent = portable(Unusual("half ", "and half"))
    assert isinstance(sent, RuntimeError) and "Unusual: half and half" in str(sent)
    refused = BadOption("what", "why", "remedy")
    assert portable(refused) is refused


@given(
    limit=st.integers(1, 60),
    calls=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9), st.floats(0, 1), st.booleans()), max_size=40),
    dies=st.booleans(),
)
def test_two_workers_never_spend_more_than_the_purse_holds(
    limit: int, calls: list[tuple[int, int, float, bool]], dies: bool
) -> None:
    """Calls of two workers against one purse in tokens: real ends of the line, over a line that only hands on."""

    async def play() -> tuple[float, float]:
        tracker = BudgetTracker(Budget(tokens=limit))
        pairs: list[tuple[RemoteBudget, BudgetServer]] = []

        def connect() -> None:
            here = len(pairs)

            def to_driver(messages: list[WireMessage]) -> None:
                for kind, *what in messages:
                    getattr(pairs[here][1], kind)(*what)

            def to_worker(messages: list[WireMessage]) -> None:
                for _, *what in messages:
                    pairs[here][0].held(*what)

            pairs.append((RemoteBudget(BatchedSend(to_driver)), BudgetServer(tracker, BatchedSend(to_worker))))

        connect()
        connect()
        paid = 0

        async def call(worker: int, need: int, share_used: float, lost: bool) -> None:
            nonlocal paid
            try:
                hold = await pairs[worker][0].hold(Spent(1, 0.0, need))
                if lost:
                    await hold.again()
                    paid += need
            except BudgetSpent:
                return
            await asyncio.sleep(0)
            assert tracker.paid.tokens + tracker._aside.tokens <= limit
            used = int(need * share_used)
            paid += used
            hold.settle(Spent(1, 0.0, used))

        await asyncio.gather(*(call(*c) for c in calls))
        await asyncio.sleep(0.001)
        if dies:
            pairs[0][1].gone()
        return tracker.paid.tokens, paid

    booked, paid = asyncio.run(play())
    assert paid <= booked <= limit


def test_a_bill_counts_each_answer_once_and_each_variant_alone(tmp_path: Path) -> None:
    model = Scripted(lambda r, d: "BEST=Red\nACTION=Red", price=ak.models.Price(1e-6, 1e-6))
    variants = ["reason_act", "reason_act | execute_stated", "act"]
    result = ak.run(task=TASK, model=model, variants=variants, episodes=3, out=tmp_path / "run")
    bill = result.bill
    alone = {variant: paid.calls for (_, _, variant), paid in bill.alone.items()}
    assert alone["reason_act"] == alone["act"] == 6 and bill.naive.calls == sum(alone.values())
    assert bill.paid.calls == 12 < bill.naive.calls
    assert bill.paid.dollars is not None and bill.naive.dollars is not None
    assert 0 < bill.paid.dollars < bill.naive.dollars
    assert "12 calls paid; every variant alone would have made" in str(bill)


def test_where_no_price_is_known_the_bill_says_no_dollars(tmp_path: Path) -> None:
    model = Scripted(lambda r, d: "ACTION=Red", price=None)
    result = ak.run(task=TASK, model=model, variants=["act"], episodes=1, out=tmp_path / "run")
    assert result.bill.paid.dollars is None and result.bill.naive.dollars is None and "$" not in str(result.bill)
