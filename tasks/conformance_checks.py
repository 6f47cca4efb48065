"""The single checks of the conformance kit (`conformance.py` says what each is for).

Invariant: a check is a function of a `Case` that yields one line per problem and changes nothing; an exception that a
task raises in it is caught, and told, by the kit.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from ..errors import AkrasiaError, BadOption
from ..records import Oracle, Situation, decode, encode
from .base import TASKS, Graded, Task
from .rules import best

__all__ = ["CHECKS", "Answers", "Brute", "Case", "Parse", "Visit", "choices"]

LOOKED = 6  # situations of an episode that are looked at closely
TIE = 1e-9
GENERIC = {"number": ("0", "7", "-1.5"), "text": ("a", "nothing of the kind", "!")}
NO_ACTION = "\x00 no such action"

Parse = Callable[[str, Situation], tuple[str | None, str]]
Answers = Callable[[Any], Sequence[str]]
Brute = Callable[[Any], Iterable[str]]


@dataclass(frozen=True)
class Visit:
    """A state of a trunk episode, what is seen and right there, and what was done."""

    seed: int
    state: Any
    situation: Situation
    oracle: Oracle
    action: str
    after: Any
    reward: float
    over: bool

    def __str__(self) -> str:
        return f"seed {self.seed}, step {self.situation.step}"


@dataclass(frozen=True)
class Case:
    """A task with one played episode per seed, and the helpers that were given."""

    task: Task
    trunks: tuple[tuple[Visit, ...], ...]
    parse: Parse | None
    answers: Answers | None
    brute: Brute | None
    exact: bool

    def looked(self) -> Iterator[Visit]:
        """Some visits of every episode, its first and its last among them."""
        for trunk in self.trunks:
            n = len(trunk)
            yield from (
                trunk[i] for i in sorted({k * (n - 1) // max(LOOKED - 1, 1) for k in range(min(LOOKED, n))} | {n - 1})
            )


def choices(task: Task, state: Any, situation: Situation, oracle: Oracle, answers: Answers | None) -> tuple[str, ...]:
    """What can be done in a situation: its actions, or answers to try."""
    if situation.actions:
        return situation.actions
    if answers is not None:
        return tuple(answers(state))
    own = () if isinstance(task, Graded) else tuple(oracle.values)
    return (*own, *GENERIC.get(situation.answer, ()))


def _options(case: Case) -> Iterator[str]:
    task = case.task
    try:
        options = decode(dict[str, Any], encode(task.options))
    except (TypeError, ValueError, AkrasiaError) as error:
        yield f"they are not JSON: {error}"
        return
    if task.name not in TASKS:
        yield f"no task is registered as {task.name!r}: enter it in TASKS or as an entry point akrasia.tasks"
    elif TASKS.make(task.name, **options) != task:
        yield "the task built from its options is not equal to the task"


def _state(case: Case) -> Iterator[str]:
    for visit in case.looked():
        state = visit.state
        hash(state)
        if copy.deepcopy(state) != state:
            yield f"a copy is not equal to the state ({visit})"
        thawed = pickle.loads(pickle.dumps(state))
        if thawed != state or hash(thawed) != hash(state):
            yield f"a pickled state is not equal to the state, or has another hash ({visit})"
    for trunk in case.trunks:
        if trunk and case.task.start(trunk[0].seed) != trunk[0].state:
            yield f"the same seed starts another state (seed {trunk[0].seed})"


def _purity(case: Case) -> Iterator[str]:
    for visit in case.looked():
        for name, call in _calls(case.task, visit).items():
            kept = copy.deepcopy(visit.state)
            first = copy.deepcopy(call(visit.state))
            if visit.state != kept or _frozen(visit.state) != _frozen(kept):
                yield f"{name} changes the state it is given ({visit})"
            if call(visit.state) != first:
                yield f"{name} says something else when asked again ({visit})"


def _calls(task: Task, visit: Visit) -> dict[str, Callable[[Any], Any]]:
    def step(state: Any) -> Any:
        return task.step(state, visit.action)

    def grade(state: Any) -> Any:
        return task.grade(state, visit.action) if isinstance(task, Graded) else None

    calls: dict[str, Callable[[Any], Any]] = {
        "situation": task.situation,
        "oracle": task.oracle,
        "forfeit": task.forfeit,
        "step": step,
    }
    return calls if visit.situation.actions else calls | {"grade": grade}


def _frozen(state: Any) -> bytes | None:
    """The content of a state, also where its equality overlooks something; None where it is no JSON."""
    try:
        return encode(state)
    except (TypeError, ValueError):
        return None


def _fork(case: Case) -> Iterator[str]:
    again = case.task
    if case.task.name in TASKS:
        again = TASKS.make(case.task.name, **decode(dict[str, Any], encode(case.task.options)))
    for trunk in case.trunks:
        middle = trunk[len(trunk) // 2 :]
        yield from _replay(case.task, copy.deepcopy(middle[0].state), middle, "plays on differently")
        yield from _replay(again, again.start(trunk[0].seed), trunk, "replays differently")


def _replay(task: Task, state: Any, visits: Sequence[Visit], what: str) -> Iterator[str]:
    for visit in visits:
        if task.situation(state) != visit.situation or task.oracle(state) != visit.oracle:
            yield f"{what}: another situation or oracle ({visit})"
            return
        state, reward, over = task.step(state, visit.action)
        if (reward, over) != (visit.reward, visit.over):
            yield f"{what}: another reward or end ({visit})"
            return


def _streams(case: Case) -> Iterator[str]:
    """The trunk once more, with discarded branches and steps of another episode between its own."""
    task = case.task
    for trunk in case.trunks:
        other = task.start(trunk[0].seed + 1)
        state = task.start(trunk[0].seed)
        for visit in trunk:
            for branch in dict.fromkeys((*visit.situation.actions[:2], *visit.situation.actions[-1:])):
                task.step(state, branch)
            task.forfeit(state)
            able = choices(task, other, task.situation(other), task.oracle(other), case.answers)
            other, _, over = task.step(other, able[0])
            other = task.start(trunk[0].seed + 2 + visit.situation.step) if over else other
            state, reward, _ = task.step(state, visit.action)
            if reward != visit.reward or state != visit.after:
                yield f"what is played elsewhere changes this episode ({visit})"
                break


def _forfeit(case: Case) -> Iterator[str]:
    task = case.task
    for visit in case.looked():
        passed, over = task.forfeit(visit.state)
        if over:
            continue
        seen = task.situation(passed)
        if seen.history != visit.situation.history:
            yield f"passing changes the history ({visit})"
        if replace(seen, step=visit.situation.step) != visit.situation:
            continue  # the world goes on when a turn is passed: nothing to compare
        _, reward, _ = task.step(passed, visit.action)
        if reward != visit.reward:
            yield f"passing shifts a reward: {visit.action!r} pays {reward:g} instead of {visit.reward:g} ({visit})"


def _oracle(case: Case) -> Iterator[str]:
    for visit in case.looked():
        yield from (f"{line} ({visit})" for line in _wrong_with(visit, case))


def _wrong_with(visit: Visit, case: Case) -> Iterator[str]:
    oracle, situation = visit.oracle, visit.situation
    labels = tuple(situation.actions or oracle.values)
    if decode(Oracle, encode(oracle)) != oracle:
        yield "does not survive JSON"
    if situation.actions and set(oracle.values) != set(labels):
        yield "values are not those of the actions"
    # An open question that is not graded has any number of answers: its sets may name more than its values do.
    open_ended = not situation.actions and not isinstance(case.task, Graded)
    for name in () if open_ended else ("optimal", "greedy", "untried", "frequent"):
        if random_state_after := set(getattr(oracle, name)) - set(labels):
            yield f"{name} names {sorted(random_state_after)}, which is no label"
    if not oracle.optimal:
        yield "nothing is optimal"
    if not oracle.rule:
        yield "the rule has no name"
    numbers = [v for v in oracle.values.values() if v is not None]
    if not all(map(isfinite, [*numbers, *oracle.regret.values(), oracle.forfeit])):
        yield "a value, a regret or the forfeit is not finite (an infinite value is None)"
        return
    top = set(best(tuple(oracle.values), tuple(oracle.values.values())))
    near = {a for a, v in oracle.values.items() if v is None or (numbers and v >= max(numbers) - TIE)}
    if not top <= set(oracle.optimal) <= (top if None in oracle.values.values() else near):
        yield f"optimal is {sorted(oracle.optimal)}, the highest values are those of {sorted(top)}"
    if set(oracle.regret) != set(oracle.values):
        yield "regret and values name different labels"
    if oracle.regret and (min(oracle.regret.values()) < 0 or min(oracle.regret.values()) > TIE):
        yield "the smallest regret is not 0"
    if oracle.forfeit < 0:
        yield "giving no answer has a negative loss"
    lossless = {a for a, lost in oracle.regret.items() if lost <= TIE}
    if case.exact and set(oracle.optimal) != lossless:
        yield f"optimal is {sorted(oracle.optimal)}, but {sorted(lossless)} lose nothing"
    if isinstance(case.task, Graded) and situation.answer == "text":  # a number is its own label
        for answer in choices(case.task, visit.state, situation, oracle, case.answers):
            if (label := case.task.grade(visit.state, answer)) not in oracle.values:
                yield f"grades {answer!r} as {label!r}, which is no label"


def _situation(case: Case) -> Iterator[str]:
    for trunk in case.trunks:
        steps = [v.situation.step for v in trunk]
        if any(b <= a for a, b in zip(steps, steps[1:], strict=False)):
            yield f"steps do not count up: they name the draws (seed {trunk[0].seed})"
    for visit in case.looked():
        seen = visit.situation
        if decode(Situation, encode(seen)) != seen:
            yield f"does not survive JSON ({visit})"
        if seen.task != case.task.name:
            yield f"names the task {seen.task!r} ({visit})"
        if not 0 <= seen.step < seen.horizon:
            yield f"step {seen.step} is outside the horizon {seen.horizon} ({visit})"
        if bool(seen.actions) != (seen.answer == "action"):
            yield f"answer={seen.answer!r} with {len(seen.actions)} actions ({visit})"
        for quantity in seen.quantities:
            if len(quantity.values) != len(seen.actions):
                yield f"the column {quantity.name!r} does not fit the actions ({visit})"
        if unknown := set(seen.shows) - {"history", *(q.name for q in seen.quantities)}:
            yield f"shows {sorted(unknown)}, which it does not have ({visit})"
        if any(e.action not in e.situation.actions for e in seen.examples if e.situation.actions):
            yield f"an example is solved by no action of its own ({visit})"
        if not (seen.instruction and seen.question):
            yield f"has no instruction or no question ({visit})"


def _labels(case: Case) -> Iterator[str]:
    for visit in case.looked():
        actions = visit.situation.actions
        if len({a.casefold() for a in actions}) < len(actions):
            yield f"two labels collide: {', '.join(actions)} ({visit})"
        for action in actions:
            if not action.strip() or action != action.strip() or "\n" in action:
                yield f"{action!r} is empty, or has spaces around it or a line's end in it ({visit})"
        if case.parse is None:
            continue
        for said in actions or (visit.action,):
            for text in (f"ACTION={said}", f"I weighed it.\nBEST={said}\nACTION={said}"):
                read, _ = case.parse(text, visit.situation)
                if read != said:
                    yield f"{said!r} is read as {read!r} in {text!r} ({visit})"


def _bad_actions(case: Case) -> Iterator[str]:
    for visit in case.looked():
        actions = visit.situation.actions
        if not actions:
            continue
        for bad in (
            NO_ACTION,
            "",
            f" {actions[0]}",
            *(a.swapcase() for a in actions[:1] if a.swapcase() not in actions),
        ):
            kept = copy.deepcopy(visit.state)
            try:
                case.task.step(visit.state, bad)
            except BadOption:
                if visit.state != kept or _frozen(visit.state) != _frozen(kept):
                    yield f"a refused action changes the state ({visit})"
            except Exception as error:  # a stranger's task may raise anything
                yield f"{bad!r} raises {type(error).__name__} and not BadOption ({visit})"
            else:
                yield f"{bad!r} is taken ({visit})"


def _end(case: Case) -> Iterator[str]:
    task = case.task
    for trunk in case.trunks:
        last, horizon = trunk[-1], trunk[0].situation.horizon
        if not last.over:
            yield f"no end after {len(trunk)} steps of a horizon of {horizon} (seed {last.seed})"
            continue
        try:
            task.step(last.after, last.action)
        except BadOption:
            pass
        else:
            yield f"goes on after the end (seed {last.seed})"
        state, over, turns = trunk[0].state, False, 0
        while not over and turns <= horizon:
            state, over = task.forfeit(state)
            turns += 1
        if not over:
            yield f"no end after {turns} forfeits of a horizon of {horizon} (seed {last.seed})"


def _leak(case: Case) -> Iterator[str]:
    for visit in case.looked():
        seen, oracle = visit.situation, visit.oracle
        text = "\n".join((seen.instruction, seen.rule, seen.observation, seen.question))
        for kind, table in (("value", oracle.values), ("regret", oracle.regret)):
            for label, number in table.items():
                # A number with fewer decimals may stand there for its own sake.
                if number is None or number == round(number, 3):
                    continue
                if f"{abs(number):.4f}"[:-1] in text or f"{abs(number):.3f}" in text:
                    yield f"the text shows the {kind} of {label!r} ({visit})"


def _brute_force(case: Case) -> Iterator[str]:
    if case.brute is None:
        return
    for visit in case.looked():
        found = set(case.brute(visit.state))
        if found != set(visit.oracle.optimal):
            yield f"optimal is {sorted(visit.oracle.optimal)}, brute force finds {sorted(found)} ({visit})"


CHECKS: dict[str, Callable[[Case], Iterator[str]]] = {
    "options": _options,
    "state": _state,
    "purity": _purity,
    "fork": _fork,
    "streams": _streams,
    "forfeit": _forfeit,
    "oracle": _oracle,
    "situation": _situation,
    "labels": _labels,
    "bad actions": _bad_actions,
    "end": _end,
    "leak": _leak,
    "brute force": _brute_force,
}
