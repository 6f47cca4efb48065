"""Agents without a model that choose the action: the environment's exploration, the floor, the ceiling.

Invariant: a policy changes what is done and never what was stated. Whatever is drawn at random comes from a generator
named by the draw. The oracle is the one role that reads the oracle; a plan that holds it is marked as leaking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import BadOption, PlanError
from ..records import Draw, Oracle, Situation, Status, Turn
from ..rng import named_rng
from .base import AGENTS, Agent, first_read, without_call
from .options import RoleOptions, number, option


class TryAll:
    """Role "try_all": while an action was never taken, take the first such one; else what was chosen."""

    name = "try_all"
    options = RoleOptions

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        chosen = first_read(reads, self.name)
        tried = {t.action for t in situation.history}
        untried = next((a for a in _choices(situation, self.name) if a not in tried), None)
        return _takes(chosen, untried, f"{untried} was never taken" if untried else "everything was tried")


@dataclass(frozen=True, kw_only=True)
class EpsilonGreedyOptions(RoleOptions):
    """`epsilon`: the probability of an action at random."""

    epsilon: float = option(0.1, number(0, 1))


class EpsilonGreedy:
    """Role "epsilon_greedy": with probability `epsilon` take an action at random; else what was chosen."""

    name = "epsilon_greedy"
    options = EpsilonGreedyOptions

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        chosen, actions = first_read(reads, self.name), _choices(situation, self.name)
        explores, pick = named_rng(draw.episode, "epsilon", draw.step, draw.sample).random(2)
        if explores >= agent.options_as(EpsilonGreedyOptions).epsilon:
            return _takes(chosen, None, "no exploration")
        return _takes(chosen, actions[int(pick * len(actions))], "explores at random")


class RandomPolicy:
    """Role "random": the floor, a legal action drawn uniformly."""

    name = "random"
    options = RoleOptions

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        actions = _choices(situation, self.name)
        action = actions[int(named_rng(draw.episode, "random", draw.step, draw.sample).integers(len(actions)))]
        return Turn(self.name, self.name, text=f"ACTION={action}", action=action, status="ok")


class OraclePolicy:
    """Role "oracle": the ceiling, an optimal action. It reads the oracle."""

    name = "oracle"
    options = RoleOptions
    leaks = True

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        raise BadOption("the oracle was not given to the plan", remedy="Run it as a variant of an experiment.")

    def reveal(self, oracle: Oracle) -> Turn:
        """An optimal action, as stated and as done."""
        action = oracle.optimal[0]
        return Turn(
            self.name,
            self.name,
            text=f"ACTION={action}",
            stated=oracle.optimal,
            stated_status="ok",
            action=action,
            status="ok",
        )


def _choices(situation: Situation, role: str) -> tuple[str, ...]:
    if not situation.actions:
        raise PlanError(f"{role} needs actions to choose from", "this question is open", "Use a task with actions.")
    return situation.actions


def _takes(chosen: Turn, action: str | None, why: str) -> Turn:
    status: Status = chosen.status if action is None else "ok"
    done = chosen.action if action is None else action
    return replace(without_call(chosen), text=f"{why}: ACTION={done or '-'}", action=done, status=status)


for _role in (TryAll, EpsilonGreedy, RandomPolicy, OraclePolicy):
    AGENTS.register(_role.name, _role)
