"""Messages arrive in order and together; an error that cannot travel keeps its words."""

import asyncio

from akrasia.errors import BadOption
from akrasia.experiments.executors.messages import BatchedSend, portable


class Unusual(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def test_an_error_that_cannot_travel_says_the_same() -> None:
    sent = portable(Unusual("half ", "and half"))
    assert isinstance(sent, RuntimeError) and "Unusual: half and half" in str(sent)
    refused = BadOption("what", "why", "remedy")
    assert portable(refused) is refused


async def test_what_is_posted_in_one_round_of_the_loop_travels_together() -> None:
    sent: list[list[int]] = []
    outbox: BatchedSend[int] = BatchedSend(sent.append)
    outbox.post(1)
    outbox.post(2)
    await asyncio.sleep(0)
    outbox.post(3)
    outbox.flush()
    await asyncio.sleep(0)
    assert sent == [[1, 2], [3]]
