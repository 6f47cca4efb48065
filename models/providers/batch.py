"""Calls collected into batches: a provider's batch API as a transport, at its discount.

Everybody who asks waits. Once nobody has asked for a while (`WAIT`), all that wait go out as one batch, so a wave of a
plan over all episodes is one submission. When it has ended, everybody gets their answer, and the next wave begins.

Invariants
- A batch is noted before it is submitted, and its id before anything waits for it. A run that is killed at any point
  and resumed finds it again, by its note: by the id, or, where the id is not known yet, by the name that was submitted
  with it. So nothing is submitted twice.
- A request stands in the note by its key. Whoever asks for a key that a batch holds waits for that batch, and asks
  anew only once it is sure that the batch holds no answer: it was never submitted, it was refused, or its result was
  none. A provider that cannot be reached is no such thing: the batch stays pending, and is looked at again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ...errors import Denied, ModelError, RateLimited, Unavailable
from .provider_errors import LOST, error_of_status, message_of

WAIT = 1.0  # seconds without a new request after which a batch goes out, and between the first two looks at it
POLL_GROWTH, SLOWEST_POLL = 1.5, 60.0  # each later wait is longer than the one before
SURE_TO_BE_KNOWN = 3600.0  # seconds after which a batch that its provider does not know is gone
POLLS_LOST = 20  # some 15 minutes


@dataclass(frozen=True)
class BatchItem:
    """One request of a batch: its key, the path below the API's address, and the body."""

    key: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class BatchState:
    """How a batch stands.

    Attributes:
        results: (status, body) of each key once it has ended; None before. Status 0 is a request that was not served.
        failed: why the batch as a whole was refused; empty where it was not.
        codes: the provider's codes of that.
    """

    results: Mapping[str, tuple[int, Any]] | None = None
    failed: str = ""
    codes: str = ""


@dataclass(frozen=True)
class Submitted:
    """A batch as it is noted: the name that goes with it, its keys, and its id once it is known."""

    name: str
    model: str
    keys: tuple[str, ...]
    began: float
    id: str = ""


class BatchAPI(Protocol):
    """A provider's batch endpoint."""

    most: int

    async def submit(self, name: str, items: Sequence[BatchItem]) -> str:
        """Submit a batch: returns its id."""
        ...

    async def find(self, batch: Submitted, known: Collection[str]) -> str:
        """The id of a batch that may have been submitted; empty where it is sure that it was not.

        Args:
            known: ids of other batches of the run.
        """
        ...

    async def look(self, id: str) -> BatchState:
        """How a batch stands."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class BatchNotes(Protocol):
    """Where batches are noted."""

    def load(self) -> list[Submitted]:
        """All that are noted, oldest first."""
        ...

    async def save(self, batch: Submitted) -> None:
        """Note a batch, or what is new of it; returns once that is safe."""
        ...


class MemoryNotes:
    """Notes that live as long as the process."""

    def __init__(self) -> None:
        self._noted: dict[str, Submitted] = {}

    def load(self) -> list[Submitted]:
        return list(self._noted.values())

    async def save(self, batch: Submitted) -> None:
        self._noted[batch.name] = batch


class _HoldsNothing(Exception):
    """A batch was never submitted, was refused in an earlier session, or is forgotten: its keys are asked for anew."""


@dataclass(eq=False)
class _Batch:
    """A batch under way: whoever waits for it, by key.

    Attributes:
        items: what is submitted; empty for one of an earlier session, of which only the keys are noted.
        asked: what those ask for who wait, by key.
        tried: whether it may have been submitted.
        over: whether it is sure that it holds no answers (any more): then its keys are asked for anew.
        used: keys whose result was handed out.
    """

    noted: Submitted
    items: list[BatchItem] = field(default_factory=list)
    waiting: dict[str, list[asyncio.Future[Any]]] = field(default_factory=dict)
    asked: dict[str, BatchItem] = field(default_factory=dict)
    results: Mapping[str, tuple[int, Any]] | None = None
    task: asyncio.Task[None] | None = None
    tried: bool = False
    over: bool = False
    used: set[str] = field(default_factory=set)


class Batches:
    """Collects the requests of one model, and answers them.

    Args:
        label: the model, for messages; model: its id, by which its batches are told from those of others.
        patience: looks that fail one after the other before those who wait are told.
        wait: seconds without a new request after which a batch goes out, and between the first two looks at it.
    """

    def __init__(
        self,
        label: str,
        model: str,
        api: BatchAPI,
        notes: BatchNotes,
        patience: int = POLLS_LOST,
        wait: float = WAIT,
    ) -> None:
        self._patience, self._wait = patience, wait
        self._label, self._model, self._api, self._notes = label, model, api, notes
        self._new: dict[str, tuple[BatchItem, list[asyncio.Future[Any]]]] = {}
        self._by_key: dict[str, _Batch] = {}
        self._under_way: set[_Batch] = set()
        self._collector: asyncio.Task[None] | None = None
        self._last = 0.0
        for noted in notes.load():
            if noted.model == model:
                self._by_key |= dict.fromkeys(noted.keys, _Batch(noted))

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> Any:
        """The body of the answer to one request.

        Raises:
            ModelError: there is no answer.
        """
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        batch, item = self._by_key.get(key), BatchItem(key, path, body)
        if batch is not None and not batch.over and key not in batch.used:
            self._wait_for(batch, item, answer)
        else:
            self._ask_anew(item, [answer])
        return await answer

    def _ask_anew(self, item: BatchItem, answers: list[asyncio.Future[Any]]) -> None:
        self._new.setdefault(item.key, (item, []))[1].extend(answers)
        self._last = time.monotonic()
        if self._collector is None:
            self._collector = asyncio.ensure_future(self._collect())

    def interrupt(self, reason: BaseException) -> None:
        """Everybody who waits gets `reason`; what was submitted stays so, and a later session waits for it."""
        waiting = [f for _, futures in self._new.values() for f in futures]
        waiting += [f for batch in self._under_way for futures in batch.waiting.values() for f in futures]
        self._new.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(reason)

    async def close(self) -> None:
        """End the looking, and close the connections."""
        tasks = [t for t in (self._collector, *(b.task for b in self._under_way)) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._api.close()

    def _wait_for(self, batch: _Batch, item: BatchItem, answer: asyncio.Future[Any]) -> None:
        batch.waiting.setdefault(item.key, []).append(answer)
        batch.asked[item.key] = item
        if batch.results is not None:
            self._hand_out(batch)
        elif batch.task is None:
            batch.task = asyncio.ensure_future(self._see_through(batch))
            self._under_way.add(batch)

    async def _collect(self) -> None:
        """Send out what waits, once nobody has asked for a while."""
        while (still := self._last + self._wait - time.monotonic()) > 0:
            await asyncio.sleep(still)
        self._collector = None
        waiting, self._new = self._new, {}
        by_path: dict[str, list[str]] = {}
        for key, (item, _) in waiting.items():
            by_path.setdefault(item.path, []).append(key)
        for keys in by_path.values():
            for first in range(0, len(keys), self._api.most):
                part = keys[first : first + self._api.most]
                name = f"akrasia-{time.time_ns():x}-{first}"
                batch = _Batch(Submitted(name, self._model, tuple(part), time.time()))
                batch.items = [waiting[k][0] for k in part]
                batch.asked = {item.key: item for item in batch.items}
                batch.waiting = {k: waiting[k][1] for k in part}
                self._by_key |= dict.fromkeys(part, batch)
                self._under_way.add(batch)
                batch.task = asyncio.ensure_future(self._see_through(batch))

    async def _see_through(self, batch: _Batch) -> None:
        """Submit a batch if it was not, wait for its end, and hand out its results."""
        try:
            if not batch.noted.id:
                await self._submit(batch)
            batch.results = await self._result(batch)
        except asyncio.CancelledError:
            raise
        except _HoldsNothing:
            batch.over = True
            waiting, batch.waiting = batch.waiting, {}
            for key, answers in waiting.items():
                self._ask_anew(batch.asked[key], answers)
        except Exception as error:  # noqa: BLE001  (whoever waits must get it)
            self._fail(batch, error)
        else:
            self._hand_out(batch)
        finally:
            self._under_way.discard(batch)

    async def _submit(self, batch: _Batch) -> None:
        if batch.tried or not batch.items:
            if await self._found(batch):
                return
            raise _HoldsNothing
        await self._notes.save(batch.noted)
        batch.tried = True
        try:
            id = await self._api.submit(batch.noted.name, batch.items)
        except ModelError as error:
            batch.over = not (isinstance(error, Unavailable) and error.lost)
            if batch.over or not await self._found(batch):
                batch.over = True
                raise
        else:
            await self._know(batch, id)

    async def _found(self, batch: _Batch) -> bool:
        """Whether a batch that may have been submitted was. Where that cannot be found out, an error says so."""
        known = {b.noted.id for b in self._by_key.values()} - {""}
        id = await self._api.find(batch.noted, known)
        if id:
            await self._know(batch, id)
        return bool(id)

    async def _know(self, batch: _Batch, id: str) -> None:
        batch.noted = replace(batch.noted, id=id)
        await self._notes.save(batch.noted)

    async def _result(self, batch: _Batch) -> Mapping[str, tuple[int, Any]]:
        """The results of a batch, once it has ended.

        Raises:
            ModelError: it was refused as a whole, is not known any more, or cannot be looked at.
        """
        wait, failures = self._wait, 0
        while True:
            try:
                state = await self._api.look(batch.noted.id)
            except ModelError as error:
                failures += 1
                forgotten = error.status == 404  # or not known yet
                if forgotten and (failures >= self._patience or time.time() - batch.noted.began > SURE_TO_BE_KNOWN):
                    raise _HoldsNothing from None
                if not forgotten and (failures >= self._patience or not isinstance(error, Unavailable | RateLimited)):
                    raise
            else:
                failures = 0
                if state.results is not None:
                    return state.results
                if state.failed:
                    if not batch.items:  # in an earlier session: whatever it was may be mended by now
                        raise _HoldsNothing
                    batch.over = True
                    raise _refused(self._label, state)
            await asyncio.sleep(wait)
            wait = min(wait * POLL_GROWTH, SLOWEST_POLL)

    def _hand_out(self, batch: _Batch) -> None:
        assert batch.results is not None
        waiting, batch.waiting = batch.waiting, {}
        for key, futures in waiting.items():
            status, body = batch.results.get(key, (0, None))
            batch.used.add(key)
            error = None if status == 200 else _error(self._label, status, body)
            for future in futures:
                if future.done():
                    continue
                if error is None:
                    future.set_result(body)
                else:
                    future.set_exception(error)

    def _fail(self, batch: _Batch, error: Exception) -> None:
        batch.task = None  # whoever asks next looks again, unless the batch is over
        waiting, batch.waiting = batch.waiting, {}
        for futures in waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)


def _refused(label: str, state: BatchState) -> ModelError:
    """Why a batch was refused as a whole: the queue is full, or something that meets every request."""
    full = f"{state.failed} {state.codes}"
    if "token_limit_exceeded" in full or "enqueued token limit" in full.lower():
        return RateLimited(f"{label} asks to slow down", state.failed, retry_after=60.0)
    error = error_of_status(label, 400, state.failed, state.codes, None)
    if isinstance(error, Denied):
        return error
    return Denied(f"the batch of {label} was refused", state.failed, "Mend what it names, and resume the run.")


def _error(label: str, status: int, body: Any) -> ModelError:
    message, codes = message_of(body)
    if status == 0:
        why = message or "the batch ended without an answer to it"
        return Unavailable(f"{label} did not answer a request of a batch", why, fault="unavailable")
    error = error_of_status(label, status, message, codes, None)
    if isinstance(error, Unavailable):
        error.lost = status in LOST
    return error
