"""The two designs of an ablation, each as a function that plays one episode and yields groups of records.

fork     The baseline (the first variant) plays the episode, and every variant decides at each of its situations. Pairs
         are strict: a difference comes from the decision, never from its consequences. If the experiment has a
         leader, the leader's baseline plays for every model, so that models are paired as strictly as variants.
rollout  Each variant plays its own episode on the same seed and the same draws, which shows consequences.

With `trials` = k every decision is drawn k times, in the same situation, by samples of its own. The first draw alone
leads on; the others are stored with it.

Invariants: a group holds one record of every variant or is not stored; a step without a legal action is forfeited,
which draws nothing from the environment and adds nothing to the history, so no later reward moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

from ..events import DecisionBegan, DecisionEnded, Where
from ..graphs.state import decision_cost
from ..models.roles import ModelRoles
from ..records import Decision, Oracle, Record, Situation, Trial, digest
from ..tasks.base import Graded, Task, is_graded, item_of
from ..tasks.tools import TaskTool, tools_of
from .variant import Variant

Design = Literal["fork", "rollout"]
T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One task, one assignment of models, and the variants that meet there. `label` names the task in records.

    `leader` is the cell whose baseline plays the episode of a fork; None if this cell's own baseline does. `trials` is
    how often each decision is drawn.
    """

    label: str
    task: Task
    model: str
    models: ModelRoles
    variants: tuple[Variant, ...]
    leader: Cell | None = None
    trials: int = 1

    async def draws_of(self, variant: Variant, point: _DecisionPoint, episode: int, seed: int) -> list[_Draw]:
        """What a variant decides at a point of an episode, drawn as often as there are trials."""
        return await _together([self.decision_of(variant, point, episode, seed, t) for t in range(self.trials)])

    async def decision_of(
        self, variant: Variant, point: _DecisionPoint, episode: int, seed: int, trial: int = 0
    ) -> _Draw:
        """What a variant decides at a point of an episode, and the tags that this decision adds to its record."""
        step, emit = point.situation.step, self.models.gateway.emit
        models = replace(self.models, player=(*self.models.player, variant.name), trial=trial)
        if emit is None:
            return await variant.plan.decide_tagged(point.situation, models, seed, step, point.told, point.tools)
        where = Where(self.label, self.model, episode, variant.name, step)
        emit(DecisionBegan(where))
        try:
            models = replace(models, where=where)
            decision, tags = await variant.plan.decide_tagged(
                point.situation, models, seed, step, point.told, point.tools
            )
        except BaseException:
            emit(DecisionEnded(where))
            raise
        emit(DecisionEnded(where, decision.done, decision.status))
        return decision, tags

    def players(self, variant: Variant, design: Design) -> frozenset[tuple[str, ...]]:
        """Whose answers a variant's episode needs: its own, and in a fork those of whoever plays the episode."""
        own = {self.models.player, (*self.models.player, variant.name)}
        return frozenset(own if design == "rollout" else own | {(*self.models.player, self.variants[0].name)})

    async def leader_decision(self, point: _DecisionPoint, episode: int, seed: int, follower: Cell) -> Decision:
        """What the baseline decides, for a cell that follows it: by the same answers that this cell asks for. One that
        is missing leaves the episode of the follower unfinished.
        """
        baseline, step = self.variants[0], point.situation.step
        models = replace(self.models, player=follower.models.player)
        if models.gateway.emit is not None:
            models = replace(models, where=Where(self.label, self.model, episode, baseline.name, step))
        return await baseline.decide(point.situation, models, seed, step, point.told, point.tools)

    def record(
        self,
        design: Design,
        variant: Variant,
        episode: int,
        point: _DecisionPoint,
        draws: Sequence[_Draw],
        reward: float | None,
    ) -> Record:
        """The record of one decision; open answers are graded into the oracle's labels, the raw text stays in turns.

        Args:
            draws: the decision, and its further draws; reward: of the first.
        """
        situation, oracle = point.situation, point.oracle
        first, *more = [self._trial(point, draw) for draw in draws]
        open_answer = "" if situation.answer == "action" else situation.answer
        kind = {"item": situation.item, "probe": situation.probe, "answer": open_answer}
        return Record(
            task=self.label,
            model=self.model,
            variant=variant.name,
            design=design,
            episode=episode,
            step=situation.step,
            situation=point.name,
            actions=situation.actions or tuple(oracle.values),
            oracle=oracle,
            decision=first.decision,
            reward=reward,
            regret=first.regret,
            calls=first.calls,
            usage=first.usage,
            cost=first.cost,
            item=point.item,
            trials=tuple(more),
            tags=variant.tags
            | first.tags
            | ({"arm": "baseline"} if variant is self.variants[0] else {})
            | {name: value for name, value in kind.items() if value},
        )

    def _trial(self, point: _DecisionPoint, draw: _Draw) -> Trial:
        (decision, tags), oracle = draw, point.oracle
        calls, usage, cost = decision_cost(decision)
        if is_graded(self.task):
            decision = _graded(self.task, point.state, decision)
        lost = oracle.forfeit if decision.done is None else oracle.regret.get(decision.done, oracle.forfeit)
        return Trial(decision, lost, calls, usage, cost, dict(tags))


_Draw = tuple[Decision, dict[str, str]]
"""A decision, and the tags that it adds to its record."""


@dataclass(frozen=True)
class _GradingOracle(Oracle):
    """The oracle of open answers: it knows which text is right, whatever its quotes, dashes and case, by the grader."""

    grade: Callable[[str], str] = str

    def is_right(self, answer: str | None) -> bool:
        return answer is not None and self.grade(answer) in self.optimal

    @classmethod
    def of(cls, oracle: Oracle, task: Graded, state: Any) -> _GradingOracle:
        """The oracle with the task's grader of a state."""
        known = {f.name: getattr(oracle, f.name) for f in fields(oracle)}
        return cls(**known, grade=lambda answer: task.grade(state, answer))


@dataclass(frozen=True)
class _DecisionPoint:
    """A state of an episode, with the situation it shows and what would be right there.

    `item` is what the episode is about; `told` is the oracle as plans that leak it know it; `tools` are those that
    the task offers there.
    """

    item: str
    state: Any
    situation: Situation
    oracle: Oracle
    told: Oracle
    tools: tuple[TaskTool, ...] = ()

    @cached_property
    def name(self) -> str:
        """The hash of the situation: the same whoever decides it."""
        return digest(self.situation, 8)

    @classmethod
    def of(cls, task: Task, item: str, state: Any) -> _DecisionPoint:
        oracle = task.oracle(state)
        told = _GradingOracle.of(oracle, task, state) if is_graded(task) else oracle
        return cls(item, state, task.situation(state), oracle, told, tools_of(task, state))

    def after(self, task: Task, decision: Decision) -> tuple[Any, float | None, bool]:
        """(next state, reward, whether the episode is over)."""
        if decision.done is None:
            state, over = task.forfeit(self.state)
            return state, None, over
        return task.step(self.state, decision.done)


def _graded(task: Graded, state: Any, decision: Decision) -> Decision:
    stated = tuple(dict.fromkeys(task.grade(state, answer) for answer in decision.stated))
    done = None if decision.done is None else task.grade(state, decision.done)
    return replace(decision, stated=stated, done=done)


async def fork(cell: Cell, episode: int, seed: int) -> AsyncIterator[list[Record]]:
    """The baseline plays; every variant decides each of its situations. Yields one group per step."""
    task, item, state, over = cell.task, item_of(cell.task, seed), cell.task.start(seed), False
    while not over:
        point = _DecisionPoint.of(task, item, state)
        deciding: list[Coroutine[Any, Any, Any]] = [cell.draws_of(v, point, episode, seed) for v in cell.variants]
        if cell.leader is not None:
            deciding.append(cell.leader.leader_decision(point, episode, seed, cell))
        draws = await _together(deciding)
        leading = None if cell.leader is None else draws.pop()
        outcomes = [point.after(task, first[0]) for first, *_ in draws]
        yield [
            cell.record("fork", v, episode, point, drawn, reward)
            for v, drawn, (_, reward, _) in zip(cell.variants, draws, outcomes, strict=True)
        ]
        state, _, over = outcomes[0] if leading is None else point.after(task, leading)


async def rollout(cell: Cell, episode: int, seed: int) -> AsyncIterator[list[Record]]:
    """Every variant plays its own episode on the same seed. Yields one group: the whole episode of all variants."""

    async def played(variant: Variant) -> list[Record]:
        task, item, state, over = cell.task, item_of(cell.task, seed), cell.task.start(seed), False
        records: list[Record] = []
        while not over:
            point = _DecisionPoint.of(task, item, state)
            drawn = await cell.draws_of(variant, point, episode, seed)
            state, reward, over = point.after(task, drawn[0][0])
            records.append(cell.record("rollout", variant, episode, point, drawn, reward))
        return records

    playing = await _together([played(v) for v in cell.variants])
    yield [record for records in playing for record in records]


async def _together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of work that is done at the same time; what is alone needs no task of its own."""
    if len(work) == 1:
        return [await work[0]]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]


DESIGNS: dict[str, Callable[[Cell, int, int], AsyncIterator[list[Record]]]] = {"fork": fork, "rollout": rollout}
