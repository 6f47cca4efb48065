"""Any akrasia task as a Gymnasium environment: importing this module registers them all (it needs the extra `gym`).

    import gymnasium
    env = gymnasium.make("akrasia.tasks.gym_env:akrasia/Bandit-v0", arms=10)

An action is an index into the situation's `actions`, or into the task's `all_actions` where it has such a list (the
nine cells of tic-tac-toe); for open questions it is the answer's text. `info["action_mask"]` marks the legal ones.
An illegal action is a forfeit: the task decides its effect, and its reward is `penalty`.

Invariant: `reset(seed=s)` plays the same episode that the task's `start(s)` does; a reset without a seed draws the next
one from the environment's own generator. `info` holds the oracle's answers, observations never do.
"""

from __future__ import annotations

import string
from typing import Any, Literal

import numpy as np

from ..errors import BadOption, MissingExtra, NotMeasured, UnknownName
from ..records import Situation
from .base import TASKS, Task

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise MissingExtra.of("gymnasium", "gym") from error

LONGEST = 1 << 16  # characters of an observation or an answer
PENALTY = -1.0
LARGEST = float(np.finfo(np.float32).max)


class BoundedText(spaces.Text):
    """A text space of all strings up to a length; its samples are printable ASCII."""

    def __init__(self, longest: int = LONGEST) -> None:
        super().__init__(longest, min_length=0, charset=string.printable)

    def contains(self, x: Any) -> bool:
        """Whether `x` is a string within the length."""
        return isinstance(x, str) and len(x) <= self.max_length


class TaskEnv(gymnasium.Env[Any, Any]):
    """A task as an environment; see the module's docstring.

    Args:
        task: a task, or its name with its `options`.
        observation: "text", or "dict" with `text` and features of the history: per action `mask` (legal now), `taken`
            (times) and `mean` (reward, 0 if never taken), and `step`.
        answers: "index" (discrete) or "text"; by default "index" where the first situation has actions.
        penalty: the reward of an action that is not legal.

    Raises:
        UnknownName, BadOption: no such task or option, or a value out of range.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        task: str | Task = "bandit",
        *,
        render_mode: str | None = None,
        observation: Literal["text", "dict"] = "text",
        answers: Literal["index", "text"] | None = None,
        penalty: float = PENALTY,
        **options: Any,
    ) -> None:
        if not isinstance(task, str) and options:
            raise BadOption("options are given beside a task", remedy="Give the task's name with its options.")
        for option, value, known in (
            ("observation", observation, ("text", "dict")),
            ("answers", answers or "index", ("index", "text")),
            ("render_mode", render_mode or "ansi", ("ansi",)),
        ):
            if value not in known:
                raise UnknownName.among(f"environment {option}", str(value), known)
        self.task: Task = TASKS.make(task, **options) if isinstance(task, str) else task
        self.render_mode = render_mode
        self._observation, self._penalty = observation, penalty
        self._state: Any = self.task.start(0)
        self._situation, self._over = self.task.situation(self._state), True
        self._labels: tuple[str, ...] = tuple(getattr(self.task, "all_actions", ()))
        self._size = len(self._labels or self._situation.actions)
        index = bool(self._size) if answers is None else answers == "index"
        if index and not self._size:
            raise BadOption(f"task {self.task.name!r} asks open questions", remedy='Use answers="text".')
        self.action_space = spaces.Discrete(self._size) if index else BoundedText()
        self.observation_space = BoundedText()
        if observation == "dict":
            n = max(self._size, 1)
            self.observation_space = spaces.Dict(
                {
                    "text": BoundedText(),
                    "mask": spaces.MultiBinary(n),
                    "taken": spaces.Box(0.0, LARGEST, (n,), np.float32),
                    "mean": spaces.Box(-LARGEST, LARGEST, (n,), np.float32),
                    "step": spaces.Box(0.0, LARGEST, (1,), np.float32),
                }
            )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start the episode that `seed` names, else the next one drawn."""
        super().reset(seed=seed, options=options)
        episode = int(seed) if seed is not None else int(self.np_random.integers(2**31))
        self._state, self._over = self.task.start(episode), False
        self._situation = self.task.situation(self._state)
        return self._observed(), self._info(regret=0.0)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take an action: (observation, reward, whether the episode is over, False, info)."""
        if self._over:
            raise BadOption("the episode is over", remedy="Call reset().")
        oracle, answer = self.task.oracle(self._state), self._answer(self._situation, action)
        if answer is None:
            self._state, self._over = self.task.forfeit(self._state)
            reward, regret = self._penalty, oracle.forfeit
        else:
            grade = getattr(self.task, "grade", None)
            label = answer if grade is None else grade(self._state, answer)
            regret = oracle.regret.get(label, oracle.forfeit)
            self._state, reward, self._over = self.task.step(self._state, answer)
        if not self._over:  # at the end there is no decision and so no situation
            self._situation = self.task.situation(self._state)
        return self._observed(), float(reward), bool(self._over), False, self._info(regret)

    def render(self) -> str | None:
        """The situation as text."""
        return situation_text(self._situation) if self.render_mode == "ansi" else None

    def _answer(self, situation: Situation, action: Any) -> str | None:
        """The label or answer of an action; None where it is illegal."""
        if isinstance(action, str):
            if situation.answer == "action":
                return action if action in situation.actions else None
            return action if situation.answer == "text" or _is_number(action) else None
        if situation.answer != "action":
            raise NotMeasured("an open question has no discrete actions", remedy='Use answers="text".')
        labels = self._labels or situation.actions
        if int(action) != action:
            raise BadOption(f"the action {action!r} is no index", remedy="Give a whole number.")
        label = labels[int(action)] if 0 <= int(action) < len(labels) else None
        return label if label in situation.actions else None

    def _mask(self, situation: Situation, among: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.int8]]:
        labels = self._labels or situation.actions
        mask = np.zeros(max(self._size, 1), np.int8)
        for i, label in enumerate(labels[: self._size]):
            mask[i] = label in among
        return mask

    def _info(self, regret: float) -> dict[str, Any]:
        legal = () if self._over else self._situation.actions
        info: dict[str, Any] = {"actions": list(legal), "regret": float(regret)}
        if self._size:
            optimal = () if self._over else self.task.oracle(self._state).optimal
            info["action_mask"] = self._mask(self._situation, legal)
            info["optimal"] = self._mask(self._situation, optimal)
        return info

    def _observed(self) -> Any:
        situation = self._situation
        text = situation_text(situation)[:LONGEST]
        if self._observation == "text":
            return text
        labels = (self._labels or situation.actions)[: self._size]
        taken, total = np.zeros(max(self._size, 1), np.float32), np.zeros(max(self._size, 1), np.float32)
        for line in situation.history:
            if line.action in labels:
                taken[labels.index(line.action)] += 1
                total[labels.index(line.action)] += line.reward
        return {
            "text": text,
            "mask": self._mask(situation, situation.actions),
            "taken": taken,
            "mean": total / np.maximum(taken, 1),
            "step": np.array([situation.step], np.float32),
        }


def situation_text(situation: Situation) -> str:
    """A situation as plain text, without the form of an answer."""
    parts = [situation.instruction, situation.rule, situation.observation]
    if "history" in situation.shows:
        parts.append("\n".join(f"Step={t.step} Action={t.action} Reward={t.reward:.2f}" for t in situation.history))
    for column in situation.quantities:
        if column.name in situation.shows:
            cells = zip(situation.actions, column.values, strict=True)
            parts.append(f"{column.name}: " + ", ".join(f"{a} {'-' if v is None else f'{v:.2f}'}" for a, v in cells))
    parts.append(f"Step {situation.step} of {situation.horizon}. {situation.question}")
    return "\n\n".join(p for p in parts if p)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def environment_id(name: str) -> str:
    """The Gymnasium id of a task: "contextual_bandit" is "akrasia/ContextualBandit-v0"."""
    return f"akrasia/{''.join(part[:1].upper() + part[1:] for part in name.replace('-', '_').split('_'))}-v0"


def register_all() -> list[str]:
    """Add all registered tasks that Gymnasium does not know yet; returns the ids of all."""
    ids = {environment_id(name): name for name in TASKS if name != "gymnasium"}
    for identity, name in ids.items():
        if identity not in gymnasium.registry:
            gymnasium.register(identity, entry_point=f"{__name__}:TaskEnv", kwargs={"task": name})
    return list(ids)


register_all()
