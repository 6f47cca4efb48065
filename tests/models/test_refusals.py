"""A rejection is kept only where the model answers others; where every request is rejected alike, the run stops."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import akrasia
from akrasia.errors import Denied, Rejected, RunStopped
from akrasia.ledger import read_ledger
from akrasia.models import Gateway, MemoryStore, Scripted, resolve
from akrasia.models.refusals import FIRST, LATER
from akrasia.records import Draw, Message, Request, Response
from akrasia.reports.show import show_step

CREDIT = {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low."}}
UNHEARD_OF = {"error": {"message": "Request 4711 rejected: the moon is not in the right house", "type": "astrology"}}


def run(server: Any, folder: Path, **options: Any) -> Any:
    settings: dict[str, Any] = {
        "task": {"name": "bandit", "arms": 3, "horizon": 4}, "episodes": 6, "concurrency": 2,
        "variants": ["reason_act", "reason_then_act"],
    }  # fmt: skip
    return akrasia.run(model=resolve("openai/m", api_base=server.base), out=folder, **{**settings, **options})


def stored(folder: Path) -> tuple[list[bytes], list[Response], int]:
    """(records, answers, how many variants have finished how many episodes)."""
    with read_ledger(folder) as ledger:
        answers = [a.response for r in ledger.records() for t in r.decision.turns if (a := ledger.answer(t.key))]
        finished = ledger._one("SELECT count(*) FROM finished", ())
        return list(ledger.raw_records()), answers, finished[0]


@pytest.mark.parametrize(("body", "most"), [(CREDIT, 4), (UNHEARD_OF, FIRST + 4)])
def test_a_run_whose_every_request_is_rejected_stops_and_keeps_none_of_it(
    openai_server: Any, tmp_path: Path, body: Any, most: int
) -> None:
    run(openai_server, tmp_path / "healthy")
    openai_server.bodies.clear()
    openai_server.fault(400, body, times=10_000)
    stopped = run(openai_server, tmp_path / "run").outcome.stopped
    assert isinstance(stopped, Denied)
    assert body["error"]["message"].rstrip(".") in str(stopped)
    assert len(openai_server.bodies) <= most
    _, answers, finished = stored(tmp_path / "run")
    assert (answers, finished) == ([], 0)
    openai_server._faults.clear()
    assert run(openai_server, tmp_path / "run").outcome.stopped is None
    assert stored(tmp_path / "run")[::2] == stored(tmp_path / "healthy")[::2]


@pytest.mark.parametrize(("body", "most"), [(CREDIT, 4), (UNHEARD_OF, LATER + 4)])
def test_a_provider_that_rejects_everything_from_some_call_on_stops_the_run(
    openai_server: Any, tmp_path: Path, body: Any, most: int
) -> None:
    run(openai_server, tmp_path / "healthy")
    answer, answered = openai_server.answer, []

    def until_the_credit_ends(messages: Any, seed: int) -> str:
        answered.append(seed)
        if len(answered) == 21:
            openai_server.fault(400, body, times=10_000)
        return answer(messages, seed)

    openai_server.answer = until_the_credit_ends
    openai_server.bodies.clear()
    result = run(openai_server, tmp_path / "run")
    assert isinstance(result.outcome.stopped, Denied)
    assert len(openai_server.bodies) <= 22 + most
    assert {a.status for a in stored(tmp_path / "run")[1]} == {"ok"}
    openai_server._faults.clear()
    assert run(openai_server, tmp_path / "run").outcome.stopped is None
    assert stored(tmp_path / "run")[::2] == stored(tmp_path / "healthy")[::2]


def test_a_few_rejections_before_the_first_answer_become_outcomes_once_it_comes(
    openai_server: Any, tmp_path: Path
) -> None:
    """Their episode is finished then too, so a resumed run asks nothing."""
    openai_server.fault(400, UNHEARD_OF, times=3)
    result = run(openai_server, tmp_path, concurrency=1, variants=["reason_act"], task={"name": "bandit", "horizon": 1})
    assert (result.outcome.stopped, result.outcome.missing) == (None, 0)
    records, answers, finished = stored(tmp_path)
    assert [a.status for a in answers].count("error") == 3 and len(records) == finished == 6
    asked = len(openai_server.bodies)
    run(openai_server, tmp_path, concurrency=1, variants=["reason_act"], task={"name": "bandit", "horizon": 1})
    assert len(openai_server.bodies) == asked


def test_rejections_without_any_answer_are_asked_again(openai_server: Any, tmp_path: Path) -> None:
    """Fewer than would stop the run, but nothing shows that the model answers at all."""
    openai_server.fault(400, UNHEARD_OF, times=2)
    options: dict[str, Any] = {"episodes": 2, "variants": ["reason_act"], "task": {"name": "bandit", "horizon": 1}}
    result = run(openai_server, tmp_path, **options)
    assert (result.outcome.stopped, result.outcome.missing, stored(tmp_path)[1:]) == (None, 2, ([], 0))
    again = run(openai_server, tmp_path, **options)
    assert (again.outcome.missing, [a.status for a in stored(tmp_path)[1]]) == (0, ["ok", "ok"])


def test_show_prints_the_providers_sentence(openai_server: Any, tmp_path: Path) -> None:
    answer = openai_server.answer

    def then_reject(messages: Any, seed: int) -> str:
        openai_server.fault(400, UNHEARD_OF)
        openai_server.answer = answer
        return answer(messages, seed)

    openai_server.answer = then_reject
    run(openai_server, tmp_path, concurrency=1, episodes=2, variants=["reason_act"])
    with read_ledger(tmp_path) as ledger:
        [failed] = [r for r in ledger.records() if r.decision.status == "error"]
    console = Console(record=True, width=100)
    show_step(tmp_path, failed.episode, failed.step, (), console)
    assert "the moon is not in the right house" in re.sub(r"\s*\W?\n\W?\s*", " ", console.export_text())


async def test_what_a_prompt_is_refused_for_is_kept_at_once_where_the_model_answers() -> None:
    """Any number of prompts that are too long, or filtered, in a row: none says anything of the next."""
    for error in (Rejected("prompt is too long: 9000 tokens > 8000"), Rejected("filtered", refusal=True)):

        def say(request: Request, draw: Draw, error: Rejected = error) -> str:
            if draw.sample:
                raise error
            return "yes"

        model, store = Scripted(say), MemoryStore()
        gateway = Gateway([model], store)
        for sample in range(2 * LATER):
            await gateway.complete(Request(model.info.id, (Message("user", "?"),)), Draw(0, 0, sample))
        await gateway.close()
        assert len(store.responses) == 2 * LATER


async def test_rejections_that_come_faster_than_the_first_answer_stop_nothing() -> None:
    """Half of the requests are rejected at once, and the others are still being answered."""
    go = asyncio.Event()

    class Slow:
        info = Scripted(lambda request, draw: "").info

        async def open(self) -> None: ...

        async def close(self) -> None: ...

        async def generate(self, request: Request, draw: Draw, key: str) -> Response:
            if draw.sample % 2:
                raise Rejected("who knows why")
            await go.wait()
            return Response("yes")

    gateway = Gateway([Slow()])
    request = Request(Slow.info.id, (Message("user", "?"),))
    calls = [asyncio.ensure_future(gateway.complete(request, Draw(0, 0, i))) for i in range(6 * FIRST)]
    for _ in range(1000):
        await asyncio.sleep(0)
    go.set()
    assert [r.status for r in await asyncio.gather(*calls)] == ["ok", "error"] * (3 * FIRST)
    await gateway.close()


async def test_a_gateway_that_was_stopped_keeps_no_rejection_that_it_holds_back() -> None:
    def say(request: Request, draw: Draw) -> str:
        if draw.sample == 1:
            raise Rejected("who knows why")
        return "yes"

    for stop, kept in ((False, 2), (True, 1)):
        model, store = Scripted(say), MemoryStore()
        gateway = Gateway([model], store)
        for sample in range(2):
            await gateway.complete(Request(model.info.id, (Message("user", "?"),)), Draw(0, 0, sample))
        if stop:
            gateway.stop(RunStopped("enough"))
        await gateway.close()
        assert len(store.responses) == kept
