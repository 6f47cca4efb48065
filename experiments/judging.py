"""Judging a stored run: models read what the parser could not, through a gateway and a ledger of their own.

Invariants: the run's own ledger is not touched; every answer of a judge is kept in `RUN/judge` before it is used, so
that judging again asks nothing twice; the model that is judged is never the only judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BadOption, RunStopped
from ..evals.judge import Judged, JudgedText, Ruling, judge_agreement, judge_text, judged_steps, texts_to_judge
from ..evals.judgements import FOLDER
from ..events import EventBus, StopBegan
from ..ledger.ledger import Ledger, read_ledger
from ..models.base import Backend
from ..models.gateway import Budget, Gateway
from ..records import Draw, Message, Request, Sampling, decode, encode
from .executors.base import spent

__all__ = ["judge_run"]


async def judge_run(
    folder: Path,
    judges: Sequence[Backend],
    calibrate: int = 50,
    budget: Budget = Budget(),  # noqa: B008  (frozen)
    concurrency: int | None = None,
    emit: EventBus | None = None,
) -> Judged:
    """Let models read what the parser left of a run, and store it in `RUN/judge`.

    Args:
        judges: an action stands if more than half of them name it.
        calibrate: size of the calibration set that measures their agreement with the parser.
        budget: limits over all judging of this run.
        concurrency: texts under way at once; by default what each judge bears.
        hear: who listens to what happens.

    Raises:
        BadOption: no judge, the same twice, one that follows no instructions, or the judged model alone.
        RunFolderError, LedgerError: there is no such run, or the judge's ledger cannot be used.
        RunStopped: the budget is spent or a provider is down; the same call goes on.
    """
    ledger = read_ledger(folder)
    try:
        about = decode(dict[str, Any], ledger.meta("experiment") or "{}")
        left, known = texts_to_judge(ledger.records(), calibrate)
    finally:
        ledger.close()
    _check(judges, about, calibrate)
    ready = Gateway(list(judges), budget=budget)
    try:
        await ready.open()
        own = Ledger(folder / FOLDER)
        try:
            gateway = ready.on(own, spent=spent(budget, own), emit=emit)
            models = _Bench(gateway, judges, concurrency)
            rulings = await models.rule([*known, *left])
            agreement, same = judge_agreement(rulings[: len(known)])
            found = Judged(
                tuple(b.info.label for b in judges),
                judged_steps(rulings[len(known) :]),
                agreement,
                same,
                len(known),
                models.cost,
            )
            own.set_meta("judged", encode(found).decode())
        except RunStopped as reason:
            if emit is not None:
                emit(StopBegan(type(reason).__name__, str(reason)))
            raise
        finally:
            await ready.close()
            own.close()
    finally:
        await ready.close()
    return found


class _Bench:
    """The judges, and what they cost."""

    def __init__(self, gateway: Gateway, judges: Sequence[Backend], concurrency: int | None) -> None:
        self._gateway = gateway
        self._infos = {b.info.id: b.info for b in judges}
        self._at_once = asyncio.Semaphore(concurrency or sum(c.max_concurrency for c in self._infos.values()))
        self.cost: dict[str, float | None] = {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "dollars": 0.0}

    async def rule(self, found: Sequence[JudgedText]) -> list[Ruling]:
        try:
            async with asyncio.TaskGroup() as group:
                ruling = [group.create_task(self._one(item)) for item in found]
        except ExceptionGroup as errors:
            raise _first(errors) from None
        return [r.result() for r in ruling]

    async def _one(self, item: JudgedText) -> Ruling:
        async with self._at_once:
            return await judge_text(item, list(self._infos), self._ask)

    async def _ask(self, judge: str, messages: tuple[Message, ...], sampling: Sampling) -> str:
        response = await self._gateway.complete(
            Request(judge, messages, sampling, self._infos[judge].mode), Draw(0, 0)
        )  # fmt: skip
        for name, more in (
            ("calls", 1), ("prompt_tokens", response.usage.prompt_tokens),
            ("completion_tokens", response.usage.completion_tokens), ("dollars", response.cost),
        ):  # fmt: skip
            so_far = self.cost[name]
            self.cost[name] = None if so_far is None or more is None else so_far + more
        return response.text if response.status == "ok" else ""


def _check(judges: Sequence[Backend], about: Mapping[str, Any], calibrate: int) -> None:
    if isinstance(calibrate, bool) or not isinstance(calibrate, int) or calibrate < 0:
        raise BadOption(f"calibrate is {calibrate!r}", remedy="Use a whole number of at least 0.")
    ids = [b.info.id for b in judges]
    if not ids or len(set(ids)) < len(ids):
        raise BadOption("the judges are none, or one is named twice", remedy="Name each model once: --model M.")
    for b in judges:
        if b.info.mode == "completion":
            raise BadOption(
                f"{b.info.label!r} cannot judge", "it continues texts and follows no instructions",
                "Use a model that is prompted by instructions.",
            )  # fmt: skip
    # Labels as well as identities: the same model under other settings is no other judge.
    judged = {x for slots in about.get("models", []) for card in slots.values() for x in (card["id"], card["label"])}
    if all({b.info.id, b.info.label} & judged for b in judges):
        raise BadOption(
            f"{', '.join(b.info.label for b in judges)} would judge itself alone", "it is the model that was run",
            "Name another model, or one more: --model A --model B.",
        )  # fmt: skip


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
