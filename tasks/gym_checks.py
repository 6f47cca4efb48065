"""What a Gymnasium environment must be to be played as a task: made without a window, with discrete, named actions."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from ..errors import BadOption, MissingExtra, UnknownName


def check_env_options(env_options: Mapping[str, Any]) -> None:
    """Refuse arguments of `gymnasium.make` that are decided here."""
    mode = env_options.get("render_mode")
    if mode not in (None, "ansi"):
        raise BadOption(
            f"render_mode is {mode!r}", "a task is played in text and opens no window", 'Leave it out, or use "ansi".'
        )
    if "max_episode_steps" in env_options:
        raise BadOption("max_episode_steps stands in env_options", remedy="Give it as horizon=.")
    if "disable_env_checker" in env_options:
        raise BadOption("disable_env_checker stands in env_options", remedy="Leave it out.")


def make_environment(env: str, kwargs: dict[str, Any], horizon: int | None, rendered: bool = False) -> Any:
    """The environment, with `horizon` as its time limit and, where asked for, drawn as text.

    Raises:
        MissingExtra: Gymnasium is not installed.
        UnknownName, BadOption: there is no such environment, or it cannot be made with these arguments.
    """
    try:
        gymnasium: Any = importlib.import_module("gymnasium")
    except ImportError:
        raise MissingExtra.of("gymnasium", "gym") from None
    try:
        mode = {"render_mode": "ansi"} if rendered else {}
        return gymnasium.make(env, max_episode_steps=horizon, disable_env_checker=True, **mode, **kwargs)
    except gymnasium.error.UnregisteredEnv:
        raise UnknownName.among("Gymnasium environment", env, gymnasium.registry) from None
    except (gymnasium.error.Error, TypeError, ValueError, LookupError, ImportError, AssertionError) as error:
        raise BadOption(f"the environment {env!r} cannot be made", str(error), "Look at env_options.") from None


def discrete_actions(env: str, space: Any) -> tuple[int, int]:
    """How many actions there are, and the number of the first."""
    size, first = getattr(space, "n", None), getattr(space, "start", 0)
    if size is None or getattr(space, "shape", None) != ():
        raise BadOption(
            f"the environment {env!r} has no discrete actions",
            f"its action space is {space}",
            "Wrap it in one that has, and register that.",
        )
    return int(size), int(first)


def checked_labels(env: str, value: Any, actions: range) -> tuple[str, ...]:
    """A label for each of the actions: those that are given, or the environment's own numbers.

    Raises:
        BadOption: there are not as many labels as actions, one is no word, or two are alike.
    """
    if value is None and actions.start < 0:
        raise BadOption(
            f"the actions of {env!r} begin at {actions.start}",
            "a minus sign is easily lost in an answer",
            "Name them: action_labels = [...], one for each action in the environment's order.",
        )
    size = len(actions)
    labels = tuple(map(str, actions)) if value is None else tuple(value)
    if len(labels) != size:
        raise BadOption(f"{len(labels)} action labels for {size} actions of {env!r}", remedy="Name every action once.")
    for label in labels:
        if not isinstance(label, str) or not label.strip() or label != label.strip():
            raise BadOption(f"{label!r} is not an action label", remedy="Use a word without spaces around it.")
    if len({label.casefold() for label in labels}) < size:
        raise BadOption(f"two action labels collide: {', '.join(labels)}", remedy="Name every action differently.")
    return labels
