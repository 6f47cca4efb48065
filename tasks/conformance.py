"""The conformance kit: what every task must satisfy, checked by playing it.

    from akrasia.tasks import conformance

    conformance.check(my_task)        # raises a ConformanceError, which is an AssertionError, with one line per problem
    conformance.problems(my_task)     # the same lines as a list

    @pytest.mark.parametrize("case", conformance.cases(my_task))
    def test_my_task(case):           # every check is a test of its own
        case()

Each line names its check, the seed and the step. The checks (docs/tasks.md says why each matters):

    options      JSON, and they rebuild an equal task where the task is registered
    state        hashable, equal to its copy, survives pickling; the same seed starts the same state
    purity       situation, oracle, step, forfeit and grade change no state and repeat their result
    fork         a copy of a state plays on identically, in a rebuilt task too
    streams      side branches, forfeits and other episodes played in between change no reward of this one
    forfeit      passing adds no history; where the situation is otherwise unchanged, the same action pays the same
    oracle       sets within the labels, optimal = highest value with all ties, regret and forfeit as losses
    situation    survives JSON, steps count up below the horizon, columns fit the actions
    labels       no empty or colliding labels; with `parse`, the parser finds every label in an answer
    bad actions  refused with BadOption before anything changes
    end          an episode ends within its horizon, also one of forfeits, and cannot be played on
    leak         no text of a situation shows a value or a regret of the oracle
    brute force  with `brute`: the optimal set is the one that `brute` computes

Invariant: the kit knows no task. It draws its choices from named streams, so a failure repeats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import AkrasiaError
from ..rng import named_rng
from .base import Task
from .conformance_checks import (
    CHECKS,
    AnswerParser,
    BruteForce,
    PlayedStep,
    PlayedTask,
    SampleAnswers,
    possible_actions,
)

SEEDS = range(4)
PLAY = "play"  # the check that the episodes can be played at all


class ConformanceError(AkrasiaError, AssertionError):
    """A task fails the conformance kit; the message has one line per problem."""


@dataclass(frozen=True)
class ConformanceCase:
    """One check of one task: call it, and it raises a ConformanceError if the task fails the check.

    All cases of a task share its episodes, which the first one plays. pytest names a test after `__name__`.
    """

    check: str
    _task: _TaskUnderTest

    @property
    def __name__(self) -> str:
        return f"{self._task.name} {self.check}"

    def __call__(self) -> None:
        _refuse(self._task.name, self.problems())

    def problems(self) -> list[str]:
        """What the check finds, one line each."""
        unplayable = self._task.unplayable
        if unplayable or self.check == PLAY:
            return unplayable
        try:
            lines = dict.fromkeys(CHECKS[self.check](self._task.played))
        except Exception as error:  # a user's task may raise anything
            return [f"{self.check}: raised {type(error).__name__}: {error}"]
        return [f"{self.check}: {line}" for line in lines]


def cases(
    task: Task,
    seeds: Iterable[int] = SEEDS,
    *,
    parse: AnswerParser | None = None,
    answers: SampleAnswers | None = None,
    brute: BruteForce | None = None,
    exact: bool = False,
) -> list[ConformanceCase]:
    """The checks of a task, for `pytest.mark.parametrize`; nothing is played before the first is called.

    Args:
        task: the task.
        seeds: the episodes to play.
        parse: (text, situation) -> (label or answer, status), such as `akrasia.agents.read_answer`.
        answers: state -> answers to try at an open question; by default the task's own `sample_answers(state)`, else
            the oracle's labels and a few words or numbers.
        brute: state -> the optimal set, computed in another way.
        exact: the oracle's rule is the truth: an action is optimal exactly where it loses nothing.
    """
    answers = answers or getattr(task, "sample_answers", None)
    under_test = _TaskUnderTest(task, tuple(seeds), parse, answers, brute, exact)
    return [ConformanceCase(name, under_test) for name in (PLAY, *CHECKS) if brute is not None or name != "brute force"]


def check(task: Task, seeds: Iterable[int] = SEEDS, **helpers: Any) -> None:
    """Play a task, and refuse it if it fails any check.

    Args:
        task: the task.
        seeds: the episodes to play.
        helpers: `parse`, `answers`, `brute` and `exact`, as in `cases`.

    Raises:
        ConformanceError: with every problem.
    """
    _refuse(_name_of(task), problems(task, seeds, **helpers))


def problems(task: Task, seeds: Iterable[int] = SEEDS, **helpers: Any) -> list[str]:
    """All problems of a task, one line each; empty for a sound one. The arguments are those of `check`."""
    play, *checks = cases(task, seeds, **helpers)
    return play.problems() or [line for case in checks for line in case.problems()]


@dataclass(frozen=True)
class _TaskUnderTest:
    """A task with the episodes that its checks share."""

    task: Task
    seeds: tuple[int, ...]
    parse: AnswerParser | None
    answers: SampleAnswers | None
    brute: BruteForce | None
    exact: bool

    @property
    def name(self) -> str:
        return _name_of(self.task)

    @cached_property
    def played(self) -> PlayedTask:
        episodes = tuple(tuple(_play(self.task, seed, self.answers)) for seed in self.seeds)
        return PlayedTask(self.task, episodes, self.parse, self.answers, self.brute, self.exact)

    @cached_property
    def unplayable(self) -> list[str]:
        """The error that playing raises, as a line; empty if there is none."""
        try:
            _ = self.played
        except Exception as error:  # a user's task may raise anything
            return [f"{PLAY}: raised {type(error).__name__}: {error}"]
        return []


def _play(task: Task, seed: int, answers: SampleAnswers | None) -> Iterator[PlayedStep]:
    state, over, turns = task.start(seed), False, 0
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        actions = possible_actions(task, state, situation, oracle, answers)
        action = actions[int(named_rng(seed, "conformance", turns).integers(len(actions)))]
        after, reward, over = task.step(state, action)
        turns += 1
        yield PlayedStep(seed, state, situation, oracle, action, after, reward, over)
        state = after
        if turns > situation.horizon:
            break  # the check "end" reports it


def _name_of(task: Task) -> str:
    return str(getattr(task, "name", task))


def _refuse(name: str, lines: list[str]) -> None:
    if lines:
        raise ConformanceError(f"the task {name!r} is not sound", "\n  " + "\n  ".join(lines))
