"""The conformance kit: what every task must hold, checked by playing it.

    from akrasia.tasks import conformance
    conformance.check(my_task)            # raises Unsound, which is an AssertionError, and says what is wrong
    conformance.problems(my_task)         # the same as a list of lines

Each line names its check, the seed and the step. The checks (see docs/tasks.md for why each matters):

    options      JSON, and they rebuild an equal task where the task is registered
    state        hashable, equal to its copy, survives pickling; the same seed starts the same state
    purity       situation, oracle, step, forfeit and grade change no state and say the same when asked again
    fork         a copy of a state plays on identically, in a rebuilt task too
    streams      side branches, forfeits and other episodes played in between move no reward of this one
    forfeit      passing adds no history, and where the world then looks the same, the same action pays the same
    oracle       sets within the labels, optimal = highest value with all ties, regret and forfeit as losses
    situation    survives JSON, steps count up below the horizon, columns fit the actions
    labels       no empty or colliding labels; with `parse`, every label survives from an answer to the parser
    bad actions  refused with BadOption before anything changes
    end          an episode ends within its horizon, of forfeits too, and cannot be played on
    leak         no text of a situation shows a value or a regret of the oracle
    brute force  with `brute`: the optimal set is the one found in another way

Invariant: the kit knows no task; it draws its own choices from named streams, so a failure repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import AkrasiaError
from ..rng import named_rng
from .base import Task
from .conformance_checks import CHECKS, Answers, Brute, Case, Parse, Visit, choices

__all__ = ["Unsound", "check", "problems"]

SEEDS = range(4)


class Unsound(AkrasiaError, AssertionError):
    """A task does not hold what every task must; the message has one line per problem."""


def check(task: Task, seeds: Iterable[int] = SEEDS, **helpers: Any) -> None:
    """Play a task and refuse it if anything is wrong.

    Args:
        task: the task.
        seeds: the episodes to play.
        helpers: `parse`, `answers`, `brute` and `exact`, as in `problems`.

    Raises:
        Unsound: with every problem found.
    """
    found = problems(task, seeds, **helpers)
    if found:
        raise Unsound(f"the task {getattr(task, 'name', task)!r} is not sound", "\n  " + "\n  ".join(found))


def problems(
    task: Task,
    seeds: Iterable[int] = SEEDS,
    *,
    parse: Parse | None = None,
    answers: Answers | None = None,
    brute: Brute | None = None,
    exact: bool = False,
) -> list[str]:
    """Everything that is wrong with a task, one line each; empty for a sound one.

    Args:
        parse: (text, situation) -> (label or answer, status), such as `akrasia.agents.read_answer`.
        answers: state -> answers to try at an open question; by default the task's own `sample_answers(state)`, else
            the oracle's labels and a few words or numbers.
        brute: state -> the optimal set, found in another way.
        exact: the oracle's rule is the truth: an action is optimal exactly where it loses nothing.
    """
    answers = answers or getattr(task, "sample_answers", None)
    try:
        trunks = tuple(_trunk(task, seed, answers) for seed in seeds)
    except Exception as error:  # whatever a stranger's task raises is a finding
        return [f"play: raised {type(error).__name__}: {error}"]
    case = Case(task, trunks, parse, answers, brute, exact)
    found: list[str] = []
    for name, one in CHECKS.items():
        try:
            found += [f"{name}: {line}" for line in dict.fromkeys(one(case))]
        except Exception as error:  # likewise
            found.append(f"{name}: raised {type(error).__name__}: {error}")
    return found


def _trunk(task: Task, seed: int, answers: Answers | None) -> tuple[Visit, ...]:
    state, over, visits = task.start(seed), False, list[Visit]()
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        able = choices(task, state, situation, oracle, answers)
        action = able[int(named_rng(seed, "conformance", len(visits)).integers(len(able)))]
        after, reward, over = task.step(state, action)
        visits.append(Visit(seed, state, situation, oracle, action, after, reward, over))
        state = after
        if len(visits) > situation.horizon:
            break  # the check of the end says so
    return tuple(visits)
