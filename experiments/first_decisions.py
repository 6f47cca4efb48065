"""Stop early: a run whose arm fails alike at each of its first decisions is not paid for to its end.

What counts as alike: own code that fails in the same place with the same type of error; a graph that waits, or that
asks another model; one agent that is refused or fails with the same sentence, says nothing, or is cut off. An arm of
which one of these decisions does not fail, or fails otherwise, is never stopped. Answers that cannot be read take
longer: a weak model may need many tries, and its arm is one to measure.

Of episodes under way at once, first steps and short games are committed first, and these may fail where the rest does
not. So decisions that all stand at one step, of episodes that may have several, stop a run only where there are as many
more of them as episodes are under way at once.

Invariant: the driver decides, from the records that it commits, so one process, several and a cluster stop alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..errors import ArmFailed, RunStopped
from ..ledger.step_rows import failure_text
from ..ledger.store import RunStore
from ..ledger.tables import Batch
from ..models.refusals import without_details
from ..records import FAILURES, Record, Spend

FIRST_DECISIONS = 8
FIRST_UNREAD = 32
_UNREAD = ("unparsable", "illegal")
_GOES_ON = "Mend it and resume the run, or go on all the same: --keep-going, or keep_going=True."


@dataclass
class _Arm:
    """The first decisions of an arm: how many, and what is alike in all of them, each with its first words."""

    seen: set[tuple[int, int]] = field(default_factory=set)
    alike: dict[str, str] = field(default_factory=dict)


class FirstDecisions:
    """Watches the first decisions of every arm in this session.

    Args:
        several: whether the run has several tasks or models, so that an arm is named with its own.
        at_once: the episodes under way at once.
        bounds: the most decisions of an episode, by task.
    """

    def __init__(self, several: bool = False, at_once: int = 1, bounds: Mapping[str, int] | None = None) -> None:
        self._several, self._at_once, self._bounds = several, at_once, bounds or {}
        self._arms: dict[tuple[str, str, str], _Arm] = {}
        self._works: set[tuple[str, str, str]] = set()

    def see(self, rows: Iterable[Sequence[Any]]) -> ArmFailed | None:
        """Take note of rows of the records table: (task, model, variant, episode, step, the record as JSON, ...).

        Returns:
            Why the run is to stop; None if it is to go on.
        """
        for task, model, variant, episode, step, record, *_ in rows:
            name = (task, model, variant)
            if name in self._works:
                continue
            arm = self._arms.setdefault(name, _Arm())
            if (episode, step) in arm.seen:
                continue
            found = failures(orjson.loads(record))
            arm.alike = {k: w for k, w in arm.alike.items() if k in found} if arm.seen else found
            arm.seen.add((episode, step))
            if not arm.alike:
                self._works.add(name)
                del self._arms[name]
            elif (words := self._enough(arm, task)) is not None:
                whose = f"{variant!r} ({model} on {task})" if self._several else repr(variant)
                what = f"the first {len(arm.seen)} decisions of {whose} all failed alike"
                return ArmFailed(what, words.rstrip("."), _GOES_ON)
        return None

    def _enough(self, arm: _Arm, task: str) -> str | None:
        """What is alike in decisions that are as many as it takes to stop; None where they are too few."""
        one_step = self._bounds.get(task) != 1 and len({step for _, step in arm.seen}) == 1
        for kind, words in arm.alike.items():
            least = FIRST_UNREAD if kind in _UNREAD else FIRST_DECISIONS
            if len(arm.seen) >= least + self._at_once * one_step:
                return words
        return None


def failures(record: dict[str, Any]) -> dict[str, str]:
    """In which ways a decision failed, given its record as JSON: words for a reader by a name that is alike in
    failures of one kind; empty where it did not.
    """
    decision, tags = record["decision"], record["tags"]
    turns, status = decision["turns"], decision["status"]
    last = failure_text(turns)
    found: dict[str, str] = {}
    if "own_code" in tags:
        found[f"{tags['own_code']} {last.partition(':')[0]}"] = last
    if "interrupt" in tags:
        found["interrupt"] = last
    if "other_model" in tags:
        found[f"other {tags['other_model']}"] = f"another chat model was called inside the graph: {tags['other_model']}"
    for turn in turns:
        fault = turn["fault"]
        if turn["key"] and fault and fault != "echo":
            kind = f"{turn['agent']} {without_details(fault)}"
            found[kind] = f"{turn['agent']}: {fault}"
    if not found and status in FAILURES:
        found[f"{status} {without_details(last)}"] = f"{status}: {last}"
    if not found and status in _UNREAD:
        found["unparsable"] = "no legal action could be read from any of its answers"
    return found


class WatchedStore:
    """A run's store that stops the run where the first decisions of an arm all failed alike.

    Attributes:
        stop: ends the run in order; set once there is a session.
    """

    def __init__(self, store: RunStore, watch: FirstDecisions) -> None:
        self._store, self._watch = store, watch
        self.stop: Callable[[RunStopped], None] = lambda reason: None

    async def commit(self, batch: Batch) -> None:
        """Enter rows, then look at the records among them."""
        await self._store.commit(batch)
        for table, rows in batch:
            if table == "records" and (reason := self._watch.see(rows)) is not None:
                self.stop(reason)

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        """As the store."""
        return self._store.answers(episode)

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        """As the store."""
        return self._store.finished(task, model, episode)

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        """As the store."""
        return self._store.complete(variants, episodes)

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        """As the store."""
        return self._store.records_of(task, model, variant, episode)

    def spent(self) -> Spend:
        """As the store."""
        return self._store.spent()

    def meta(self, key: str) -> str | None:
        """As the store."""
        return self._store.meta(key)

    def set_meta(self, key: str, value: str) -> None:
        """As the store."""
        self._store.set_meta(key, value)
