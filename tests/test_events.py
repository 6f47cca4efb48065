"""A gateway, a run and its judges say what happens; a listener that fails is dropped, and the run goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import RateLimited, Unavailable
from akrasia.events import (
    AttemptFailed,
    CallAnswered,
    CallBegan,
    CallGivenUp,
    CircuitClosed,
    CircuitOpened,
    Event,
    EventBus,
    LookTaken,
    RateChanged,
    RunEnded,
)
from akrasia.models import Gateway, Scripted
from akrasia.models.circuit_breaker import TRIP
from akrasia.models.retry import ATTEMPTS
from akrasia.records import Draw, Message, Request

TASK = {"name": "bandit", "arms": 4, "horizon": 3}
VARIANTS = ["reason_act", "reason_act | re_evaluate"]


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
    assert (first.fault, first.attempt, first.will_retry, first.lost) == ("rate limit", 1, True, False)
    assert (second.fault, second.attempt, second.will_retry, second.lost) == ("reset", 2, True, True)
    (changed,) = heard.of(RateChanged)
    assert changed.why == "rate limited" and changed.limit == gateway.run_usage.changes[-1].limit
    assert [e.attempts for e in heard.of(CallAnswered)] == [3]
    await gateway.complete(request(), Draw(1, 0))
    (gone,) = heard.of(CallGivenUp)
    assert gone.attempts == ATTEMPTS and "gone" in gone.why
    assert [e.will_retry for e in heard.of(AttemptFailed)][2:] == [True] * (ATTEMPTS - 1) + [False]


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


def test_looks_are_told(tmp_path: Path) -> None:
    heard = Heard()
    played(tmp_path / "run", heard, episodes=20, until="gap +- 0.4")
    looks = heard.of(LookTaken)
    assert looks and [e.enough for e in looks] == [False] * (len(looks) - 1) + [looks[-1].enough]
    assert looks[0].episodes == 10 and looks[0].until == "gap +- 0.4"


def test_a_listener_that_fails_is_reported_once_and_costs_no_answer(tmp_path: Path) -> None:
    heard, calls = Heard(), 0

    def bad(event: Event) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("oh")

    with pytest.warns(RuntimeWarning, match="a listener failed at 'run began' and gets no further event: ValueError"):
        result = played(tmp_path / "run", [bad, heard])
    assert calls == 1 and isinstance(heard[-1], RunEnded)
    assert result.outcome is not None and result.outcome.missing == 0


def test_calls_of_judges_are_told(tmp_path: Path) -> None:
    result = played(tmp_path / "run")
    heard = Heard()
    result.judge(Scripted(lambda r, d: '{"action": "X"}'), calibrate=3, on_event=heard)
    calls = heard.of(CallBegan)
    assert calls and all(e.where is None and e.model == "scripted" for e in calls)
    assert len(heard.of(CallAnswered)) == len(calls)
