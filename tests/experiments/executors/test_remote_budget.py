"""Workers never spend more than the driver's budget holds, and a worker that dies is booked in full."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from akrasia.errors import BudgetSpent
from akrasia.experiments.executors.messages import BatchedSend, Renew, Reserve, Reserved, Settle
from akrasia.experiments.executors.remote_budget import BudgetServer, RemoteBudget
from akrasia.models import Budget
from akrasia.models.budget import BudgetTracker
from akrasia.records import Spend


@given(
    limit=st.integers(1, 60),
    calls=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9), st.floats(0, 1), st.booleans()), max_size=40),
    dies=st.booleans(),
)
def test_two_workers_never_spend_more_than_the_budget(
    limit: int, calls: list[tuple[int, int, float, bool]], dies: bool
) -> None:
    """Calls of two workers against one budget in tokens: both real ends, over a connection that only hands on."""

    async def play() -> tuple[float, float]:
        tracker = BudgetTracker(Budget(tokens=limit))
        pairs: list[tuple[RemoteBudget, BudgetServer]] = []

        def connect() -> None:
            here = len(pairs)

            def to_driver(messages: Sequence[Reserve | Renew | Settle]) -> None:
                for message in messages:
                    pairs[here][1].handle(message)

            def to_worker(messages: Sequence[Reserved]) -> None:
                for message in messages:
                    pairs[here][0].on_reserved(*message)

            pairs.append((RemoteBudget(BatchedSend(to_driver)), BudgetServer(tracker, BatchedSend(to_worker))))

        connect()
        connect()
        paid = 0

        async def call(worker: int, need: int, share_used: float, lost: bool) -> None:
            nonlocal paid
            try:
                reservation = await pairs[worker][0].reserve(Spend(1, 0.0, need))
                if lost:
                    await reservation.renew()
                    paid += need
            except BudgetSpent:
                return
            await asyncio.sleep(0)
            assert tracker.paid.tokens + tracker.reserved.tokens <= limit
            used = int(need * share_used)
            paid += used
            reservation.settle(Spend(1, 0.0, used))

        await asyncio.gather(*(call(*c) for c in calls))
        for _ in range(3):
            await asyncio.sleep(0)  # the last messages arrive
        if dies:
            pairs[0][1].close()
        return tracker.paid.tokens, paid

    booked, paid = asyncio.run(play())
    assert paid <= booked <= limit


async def test_a_worker_that_dies_is_booked_with_all_that_its_calls_may_have_cost() -> None:
    tracker = BudgetTracker(Budget(tokens=100))
    replies: list[Reserved] = []
    server = BudgetServer(tracker, BatchedSend(replies.extend))
    for number in range(3):
        server.handle(Reserve(number, Spend(1, 0.0, 20)))
    while len(replies) < 3:
        await asyncio.sleep(0)
    server.handle(Settle(0, Spend(1, 0.0, 5)))
    assert server.close() == Spend(2, 0.0, 40) and tracker.paid == Spend(3, 0.0, 45)
