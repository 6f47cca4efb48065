"""Judging a stored run: models read what the parser could not, through a gateway and a ledger of their own.

Invariants
- The run's own ledger is not changed.
- Every answer of a judge is stored in `RUN/judge` before it is used, so judging again asks nothing twice.
- The model that is judged is never the only judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..agents.answers.implied import reasoning_alone
from ..errors import BadOption, RunStopped, first_error
from ..evals.implied_judge import implied_steps, reasonings_to_judge
from ..evals.judge import (
    FOLDER,
    IMPLIED,
    RECOMMENDED,
    Judged,
    JudgedText,
    Ruling,
    judge_agreement,
    judge_text,
    judged_steps,
    texts_to_judge,
)
from ..events import EventBus, StopBegan
from ..ledger import Ledger, LedgerReader, read_ledger
from ..models.base import Backend
from ..models.budget import Budget
from ..models.gateway import Gateway
from ..options import whole
from ..records import Draw, Message, Record, Sampling, decode, encode
from .executors.base import spent_before


async def judge_run(
    folder: Path,
    judges: Sequence[Backend],
    calibrate: int = 50,
    budget: Budget = Budget(),  # noqa: B008  (frozen)
    concurrency: int | None = None,
    emit: EventBus | None = None,
    implied: bool = False,
) -> Judged:
    """Let models read what the parser left of a run, and store it in `RUN/judge`.

    Args:
        judges: an action stands if more than half of them name it.
        calibrate: size of the calibration set that measures their agreement with the parser.
        budget: limits over all judging of this run.
        concurrency: texts under way at once; by default as many as the judges take.
        emit: is told what happens.
        implied: read what reasonings imply with their conclusion cut off, instead of what they recommend.

    Raises:
        BadOption: no judge, the same twice, one that follows no instructions, or the judged model alone; of
            what is implied, the judged model at all.
        RunFolderError, LedgerError: there is no such run, or the judge's ledger cannot be used.
        RunStopped: the budget is spent or a provider is down; the same call goes on.
    """
    with read_ledger(folder) as ledger:
        about = decode(dict[str, Any], ledger.meta("experiment") or "{}")
        _check(judges, about, calibrate, implied)
        if implied:
            found = reasonings_to_judge(ledger.records(), calibrate, lambda r: _reasoning(r, ledger))
        else:
            found = texts_to_judge(ledger.records(), calibrate)
    unread, calibration_set = found
    opened = Gateway(list(judges), budget=budget)
    try:
        await opened.open()
        own = Ledger(folder / FOLDER)
        try:
            gateway = opened.with_store(own, spent=spent_before(budget, own), emit=emit)
            panel = _Panel(gateway, judges, concurrency)
            rulings = await panel.rule([*calibration_set, *unread])
            agreement, same = judge_agreement(rulings[: len(calibration_set)])
            judged = Judged(
                tuple(b.info.label for b in judges),
                (implied_steps if implied else judged_steps)(rulings[len(calibration_set) :]),
                agreement,
                same,
                len(calibration_set),
                panel.cost,
            )
            own.set_meta(IMPLIED if implied else RECOMMENDED, encode(judged).decode())
        except RunStopped as reason:
            if emit is not None:
                emit(StopBegan(type(reason).__name__, str(reason)))
            raise
        finally:
            await opened.close()
            own.close()
    finally:
        await opened.close()
    return judged


class _Panel:
    """The judges, and what they cost."""

    def __init__(self, gateway: Gateway, judges: Sequence[Backend], concurrency: int | None) -> None:
        self._gateway = gateway
        self._infos = {b.info.id: b.info for b in judges}
        self._at_once = asyncio.Semaphore(concurrency or sum(c.max_concurrency for c in self._infos.values()))
        self.cost: dict[str, float | None] = {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "dollars": 0.0}

    async def rule(self, texts: Sequence[JudgedText]) -> list[Ruling]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._rule_one(item)) for item in texts]
        except ExceptionGroup as errors:
            raise first_error(errors) from None
        return [task.result() for task in tasks]

    async def _rule_one(self, item: JudgedText) -> Ruling:
        async with self._at_once:
            return await judge_text(item, list(self._infos), self._ask)

    async def _ask(self, judge: str, messages: tuple[Message, ...], sampling: Sampling) -> str:
        info = self._infos[judge]
        request = info.request(messages, info.sampling(sampling))
        response = await self._gateway.complete(request, Draw(0, 0))
        costs = {
            "calls": 1,
            "prompt_tokens": response.usage.prompt_tokens,
            "completion_tokens": response.usage.completion_tokens,
            "dollars": response.cost,
        }
        for name, cost in costs.items():
            so_far = self.cost[name]
            self.cost[name] = None if so_far is None or cost is None else so_far + cost
        return response.text if response.status == "ok" else ""


def _reasoning(record: Record, ledger: LedgerReader) -> str:
    """What a record's reasoning says before its conclusion: the thinking that the model shows, and the rationale."""
    rationale = record.decision.rationale
    own = next((t for t in record.decision.turns if t.key and t.rationale == rationale), None)
    answer = None if own is None else ledger.get(own.key)
    thought = "" if answer is None else answer.reasoning
    parts = [rationale] if rationale.strip() in thought or not thought.strip() else [thought, rationale]
    return "\n".join(filter(None, map(reasoning_alone, parts)))


def _check(judges: Sequence[Backend], about: Mapping[str, Any], calibrate: int, implied: bool) -> None:
    whole("calibrate", calibrate)
    ids = [b.info.id for b in judges]
    if not ids or len(set(ids)) < len(ids):
        raise BadOption("the judges are none, or one is named twice", remedy="Name each model once: --model M.")
    for b in judges:
        if b.info.mode == "completion":
            raise BadOption(
                f"{b.info.label!r} cannot judge",
                "it continues texts and follows no instructions",
                "Use a model that is prompted by instructions.",
            )
    # By label too: the same model with other settings is not another judge.
    judged = {x for slots in about.get("models", []) for info in slots.values() for x in (info["id"], info["label"])}
    selves = [b.info.label for b in judges if {b.info.id, b.info.label} & judged]
    if implied and selves:
        raise BadOption(
            f"{', '.join(selves)} would judge itself",
            "it is the model that was run, and reads its own reasoning as it meant it",
            "Name another model: --model M.",
        )
    if len(selves) == len(judges):
        raise BadOption(
            f"{', '.join(b.info.label for b in judges)} would judge itself alone",
            "it is the model that was run",
            "Name another model, or one more: --model A --model B.",
        )
