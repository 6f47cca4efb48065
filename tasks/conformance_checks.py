"""The single checks of the conformance kit; `conformance.py` says what each is for.

Invariant: a check is a function of a `PlayedTask` that yields one line per problem and changes nothing. The kit catches
and reports what a task raises in it.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from ..errors import AkrasiaError, BadOption
from ..records import NO_ORACLE, Oracle, Situation, decode, encode, without_oracle
from .base import TASKS, Graded, Itemised, Task
from .rules import best_labels

STEPS_CHECKED = 6  # of each episode, in the checks that look at single steps
TIE = 1e-9
GENERIC_ANSWERS = {"number": ("0", "7", "-1.5"), "text": ("a", "nothing of the kind", "!")}
NO_ACTION = "\x00 no such action"

AnswerParser = Callable[[str, Situation], tuple[str | None, str]]
SampleAnswers = Callable[[Any], Sequence[str]]
BruteForce = Callable[[Any], Iterable[str]]


@dataclass(frozen=True)
class PlayedStep:
    """A step of a played episode: its state, situation, oracle and action, and what followed."""

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
class PlayedTask:
    """A task with one played episode per seed, and the helpers of the kit."""

    task: Task
    episodes: tuple[tuple[PlayedStep, ...], ...]
    parse: AnswerParser | None
    answers: SampleAnswers | None
    brute: BruteForce | None
    exact: bool

    def sampled_steps(self) -> Iterator[PlayedStep]:
        """Up to `STEPS_CHECKED` steps of every episode, and its last."""
        for episode in self.episodes:
            last = len(episode) - 1
            indices = {k * last // (STEPS_CHECKED - 1) for k in range(min(STEPS_CHECKED, len(episode)))} | {last}
            yield from (episode[i] for i in sorted(indices))


def possible_actions(
    task: Task, state: Any, situation: Situation, oracle: Oracle, answers: SampleAnswers | None
) -> tuple[str, ...]:
    """The actions of a situation, or answers to try."""
    if situation.actions:
        return situation.actions
    if answers is not None:
        return tuple(answers(state))
    labels = () if isinstance(task, Graded) else tuple(oracle.values)
    return (*labels, *GENERIC_ANSWERS.get(situation.answer, ()))


def _options(case: PlayedTask) -> Iterator[str]:
    task = case.task
    try:
        options = decode(dict[str, Any], encode(task.options))
    except (TypeError, ValueError, AkrasiaError) as error:
        yield f"they are not JSON: {error}"
        return
    if task.name not in TASKS:
        yield f"no task is registered as {task.name!r}: add it to TASKS, or as an entry point of akrasia.tasks"
    elif TASKS.make(task.name, **options) != task:
        yield "the task built from its options is not equal to the task"


def _state(case: PlayedTask) -> Iterator[str]:
    for step in case.sampled_steps():
        state = step.state
        hash(state)
        if copy.deepcopy(state) != state:
            yield f"a copy is not equal to the state ({step})"
        thawed = pickle.loads(pickle.dumps(state))
        if thawed != state or hash(thawed) != hash(state):
            yield f"a pickled state is not equal to the state, or has another hash ({step})"
    for episode in case.episodes:
        if episode and case.task.start(episode[0].seed) != episode[0].state:
            yield f"the same seed starts another state (seed {episode[0].seed})"


def _purity(case: PlayedTask) -> Iterator[str]:
    for step in case.sampled_steps():
        for name, call in _calls(case.task, step).items():
            kept = copy.deepcopy(step.state)
            first = copy.deepcopy(call(step.state))
            if step.state != kept or _frozen(step.state) != _frozen(kept):
                yield f"{name} changes the state it is given ({step})"
            if call(step.state) != first:
                yield f"{name} returns something else on a second call ({step})"
    yield from _items(case)


def _items(case: PlayedTask) -> Iterator[str]:
    if not isinstance(case.task, Itemised):
        return
    for seed in (episode[0].seed for episode in case.episodes if episode):
        item: Any = case.task.item(seed)
        if not isinstance(item, str) or not item:
            yield f"item returns {item!r}, which is no text (seed {seed})"
        elif case.task.item(seed) != item:
            yield f"item returns something else on a second call (seed {seed})"


def _calls(task: Task, step: PlayedStep) -> dict[str, Callable[[Any], Any]]:
    def take_action(state: Any) -> Any:
        return task.step(state, step.action)

    def grade(state: Any) -> Any:
        return task.grade(state, step.action) if isinstance(task, Graded) else None

    calls: dict[str, Callable[[Any], Any]] = {
        "situation": task.situation,
        "oracle": task.oracle,
        "forfeit": task.forfeit,
        "step": take_action,
    }
    return calls if step.situation.actions else calls | {"grade": grade}


def _frozen(state: Any) -> bytes | None:
    """The content of a state, including what its equality ignores; None where it is not JSON."""
    try:
        return encode(state)
    except (TypeError, ValueError):
        return None


def _fork(case: PlayedTask) -> Iterator[str]:
    again = case.task
    if case.task.name in TASKS:
        again = TASKS.make(case.task.name, **decode(dict[str, Any], encode(case.task.options)))
    for episode in case.episodes:
        middle = episode[len(episode) // 2 :]
        yield from _replay(case.task, copy.deepcopy(middle[0].state), middle, "plays on differently")
        yield from _replay(again, again.start(episode[0].seed), episode, "replays differently")


def _replay(task: Task, state: Any, steps: Sequence[PlayedStep], what: str) -> Iterator[str]:
    for step in steps:
        if task.situation(state) != step.situation or task.oracle(state) != step.oracle:
            yield f"{what}: another situation or oracle ({step})"
            return
        state, reward, over = task.step(state, step.action)
        if (reward, over) != (step.reward, step.over):
            yield f"{what}: another reward or end ({step})"
            return


def _streams(case: PlayedTask) -> Iterator[str]:
    """The episode once more, with discarded branches and steps of another episode between its own."""
    task = case.task
    for episode in case.episodes:
        other = task.start(episode[0].seed + 1)
        state = task.start(episode[0].seed)
        for step in episode:
            for branch in dict.fromkeys((*step.situation.actions[:2], *step.situation.actions[-1:])):
                task.step(state, branch)
            task.forfeit(state)
            actions = possible_actions(task, other, task.situation(other), task.oracle(other), case.answers)
            other, _, over = task.step(other, actions[0])
            other = task.start(episode[0].seed + 2 + step.situation.step) if over else other
            state, reward, _ = task.step(state, step.action)
            if reward != step.reward or state != step.after:
                yield f"steps played elsewhere change this episode ({step})"
                break


def _forfeit(case: PlayedTask) -> Iterator[str]:
    task = case.task
    for step in case.sampled_steps():
        passed, over = task.forfeit(step.state)
        if over:
            continue
        situation = task.situation(passed)
        if situation.history != step.situation.history:
            yield f"passing changes the history ({step})"
        if replace(situation, step=step.situation.step) != step.situation:
            continue  # the task goes on when a turn is passed, so there is nothing to compare
        _, reward, _ = task.step(passed, step.action)
        if reward != step.reward:
            yield f"passing shifts a reward: {step.action!r} pays {reward:g} instead of {step.reward:g} ({step})"


def _oracle(case: PlayedTask) -> Iterator[str]:
    for step in case.sampled_steps():
        yield from (f"{line} ({step})" for line in _wrong_with(step, case))


def _wrong_with(step: PlayedStep, case: PlayedTask) -> Iterator[str]:
    oracle, situation = step.oracle, step.situation
    labels = tuple(situation.actions or oracle.values)
    if decode(Oracle, encode(oracle)) != oracle:
        yield "does not survive JSON"
    if situation.actions and set(oracle.values) != set(labels):
        yield "values are not those of the actions"
    # An open question that is not graded has any number of answers: its sets may name more than its values do.
    open_ended = not situation.actions and not isinstance(case.task, Graded)
    for name in () if open_ended else ("optimal", "greedy", "untried", "frequent"):
        if unknown := set(getattr(oracle, name)) - set(labels):
            yield f"{name} names {sorted(unknown)}, which is not a label"
    if oracle.rule == NO_ORACLE:
        if oracle != without_oracle(labels):
            yield f"the rule is {NO_ORACLE!r}, so nothing may be optimal or lose anything: use records.without_oracle"
        return
    if not oracle.optimal:
        yield "nothing is optimal"
    if not oracle.rule:
        yield "the rule has no name"
    numbers = [v for v in oracle.values.values() if v is not None]
    if not all(map(isfinite, [*numbers, *oracle.regret.values(), oracle.forfeit])):
        yield "a value, a regret or the forfeit is not finite (an infinite value is None)"
        return
    top = set(best_labels(tuple(oracle.values), tuple(oracle.values.values())))
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
        for answer in possible_actions(case.task, step.state, situation, oracle, case.answers):
            if (label := case.task.grade(step.state, answer)) not in oracle.values:
                yield f"grades {answer!r} as {label!r}, which is not a label"


def _situation(case: PlayedTask) -> Iterator[str]:
    for episode in case.episodes:
        steps = [v.situation.step for v in episode]
        if any(b <= a for a, b in zip(steps, steps[1:], strict=False)):
            yield f"steps do not count up, but draws are named by them (seed {episode[0].seed})"
    for step in case.sampled_steps():
        situation = step.situation
        if decode(Situation, encode(situation)) != situation:
            yield f"does not survive JSON ({step})"
        if situation.task != case.task.name:
            yield f"names the task {situation.task!r} ({step})"
        if not 0 <= situation.step < situation.horizon:
            yield f"step {situation.step} is outside the horizon {situation.horizon} ({step})"
        if bool(situation.actions) != (situation.answer == "action"):
            yield f"answer={situation.answer!r} with {len(situation.actions)} actions ({step})"
        for quantity in situation.quantities:
            if len(quantity.values) != len(situation.actions):
                yield f"the column {quantity.name!r} does not fit the actions ({step})"
        if unknown := set(situation.shows) - {"history", *(q.name for q in situation.quantities)}:
            yield f"shows {sorted(unknown)}, which it does not have ({step})"
        if any(e.action not in e.situation.actions for e in situation.examples if e.situation.actions):
            yield f"an example is solved by no action of its own ({step})"
        if not (situation.instruction and situation.question):
            yield f"has no instruction or no question ({step})"


def _labels(case: PlayedTask) -> Iterator[str]:
    for step in case.sampled_steps():
        actions = step.situation.actions
        if len({a.casefold() for a in actions}) < len(actions):
            yield f"two labels collide: {', '.join(actions)} ({step})"
        for action in actions:
            if not action.strip() or action != action.strip() or "\n" in action:
                yield f"{action!r} is empty, or has spaces around it or a line's end in it ({step})"
        if case.parse is None:
            continue
        for label in actions or (step.action,):
            for text in (f"ACTION={label}", f"I weighed it.\nBEST={label}\nACTION={label}"):
                read, _ = case.parse(text, step.situation)
                if read != label:
                    yield f"{label!r} is read as {read!r} in {text!r} ({step})"


def _bad_actions(case: PlayedTask) -> Iterator[str]:
    for step in case.sampled_steps():
        actions = step.situation.actions
        if not actions:
            continue
        for bad in (
            NO_ACTION,
            "",
            f" {actions[0]}",
            *(a.swapcase() for a in actions[:1] if a.swapcase() not in actions),
        ):
            kept = copy.deepcopy(step.state)
            try:
                case.task.step(step.state, bad)
            except BadOption:
                if step.state != kept or _frozen(step.state) != _frozen(kept):
                    yield f"a refused action changes the state ({step})"
            except Exception as error:  # a user's task may raise anything
                yield f"{bad!r} raises {type(error).__name__} and not BadOption ({step})"
            else:
                yield f"{bad!r} is taken ({step})"


def _end(case: PlayedTask) -> Iterator[str]:
    task = case.task
    for episode in case.episodes:
        last, horizon = episode[-1], episode[0].situation.horizon
        if not last.over:
            yield f"no end after {len(episode)} steps of a horizon of {horizon} (seed {last.seed})"
            continue
        try:
            task.step(last.after, last.action)
        except BadOption:
            pass
        else:
            yield f"goes on after the end (seed {last.seed})"
        state, over, turns = episode[0].state, False, 0
        while not over and turns <= horizon:
            state, over = task.forfeit(state)
            turns += 1
        if not over:
            yield f"no end after {turns} forfeits of a horizon of {horizon} (seed {last.seed})"


def _leak(case: PlayedTask) -> Iterator[str]:
    for step in case.sampled_steps():
        situation, oracle = step.situation, step.oracle
        text = "\n".join((situation.instruction, situation.rule, situation.observation, situation.question))
        for kind, table in (("value", oracle.values), ("regret", oracle.regret)):
            for label, number in table.items():
                # A number with fewer decimals may stand there for its own sake.
                if number is None or number == round(number, 3):
                    continue
                if f"{abs(number):.4f}"[:-1] in text or f"{abs(number):.3f}" in text:
                    yield f"the text shows the {kind} of {label!r} ({step})"


def _brute_force(case: PlayedTask) -> Iterator[str]:
    if case.brute is None:
        return
    for step in case.sampled_steps():
        optimal = set(case.brute(step.state))
        if optimal != set(step.oracle.optimal):
            yield f"optimal is {sorted(step.oracle.optimal)}, brute force finds {sorted(optimal)} ({step})"


CHECKS: dict[str, Callable[[PlayedTask], Iterator[str]]] = {
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
