"""The options of agents: each role declares a frozen dataclass, and an agent of that role takes these and no others.

Invariants
- An agent keeps the options that it was given, as JSON. Defaults are not stored, so they are in no fingerprint.
- An unknown option is refused with the nearest name, and a value out of range with the range, when the agent is made.
- A role that declares no options takes any from who makes the agent; they are handed to it unchecked. From an
  intervention it takes those alone that its class attribute `hears = ("hints", ...)` names: what an agent does not hear
  would be the baseline under another name.

A role declares its options by the class attribute `options`. Those of a role that asks a model inherit `ModelOptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from ..errors import BadOption
from ..options import flag, one_of, real, whole

Check = Callable[[str, Any], object]


def option(default: Any, check: Check, *, chat_only: bool = False) -> Any:
    """Declare an option.

    Args:
        check: called with the option's name and a value that is not the default; raises a `UsageError`.
        chat_only: only a chat prompt has a place for it. A prompt that is continued would not change, so a variant that
            sets it is refused for a model in completion style.
    """
    metadata = {"check": check, "chat_only": chat_only}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def text(name: str, value: Any) -> None:
    """Refuse anything but a text."""
    if not isinstance(value, str):
        raise BadOption(f"{name} is {value!r}", remedy="Give a text.")


def text_map(name: str, value: Any) -> None:
    """Refuse anything but texts by name."""
    if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in (*value, *value.values())):
        raise BadOption(f"{name} is {value!r}", remedy="Give texts by name.")


def name_of(kind: str, known: Iterable[str]) -> Check:
    """A check that refuses all but the `known` names."""
    return lambda name, value: one_of(kind, value, known)


def number(least: float, most: float) -> Check:
    """A check that refuses all but numbers from `least` to `most`."""
    return lambda name, value: real(name, value, least, most)


def whole_from(least: int) -> Check:
    """A check that refuses all but whole numbers of at least `least`."""
    return lambda name, value: whole(name, value, least)


@dataclass(frozen=True, kw_only=True)
class RoleOptions:
    """No options; the base of all others."""

    def __post_init__(self) -> None:
        for declared in fields(self):
            value, check = getattr(self, declared.name), declared.metadata.get("check")
            if check is not None and not (value == declared.default and type(value) is type(declared.default)):
                check(declared.name, value)

    @classmethod
    def among(cls, given: Mapping[str, Any]) -> Self:
        """Those of the given options that have a name here."""
        return cls(**{f.name: given[f.name] for f in fields(cls) if f.name in given})


@dataclass(frozen=True, kw_only=True)
class ModelOptions(RoleOptions):
    """What every agent takes that asks a model.

    Attributes:
        move: how it enters the conversation: "open", or a follow-up of `akrasia.agents.follow_up`.
        wording: the text of its follow-up, instead of the standard one.
        while_wrong: ask only while what it reads first is wrong. This leaks the oracle.
        blank: a placebo: what it is told has the usual length and no content.
        confidence: ask how sure it is.
        may_abstain: it may write ABSTAIN in the place of an action.
        unrelated: a noise control: it is shown, in the place of what the others say, rationales about something else.
        resample_from: the sentence of its own answer, from 1, from which it is to go on anew; with the move "resample".
        signed, show_confidence: show it the others by name, and with how sure they are.
        tools: in how many rounds it may call the tools of its task; 0: it is offered none.
    """

    move: str = option("open", text)
    wording: str | None = option(None, text)
    while_wrong: bool = option(False, flag)
    blank: bool = option(False, flag)
    confidence: bool = option(False, flag, chat_only=True)
    may_abstain: bool = option(False, flag, chat_only=True)
    unrelated: bool = option(False, flag, chat_only=True)
    resample_from: int | None = option(None, whole_from(1), chat_only=True)
    signed: bool = option(False, flag, chat_only=True)
    show_confidence: bool = option(False, flag, chat_only=True)
    tools: int = option(0, whole_from(0), chat_only=True)


def chat_only_names(options: Any, given: Mapping[str, Any]) -> list[str]:
    """Those of the given options that only a chat prompt has a place for, in alphabetical order."""
    return sorted(f.name for f in fields(options) if f.metadata.get("chat_only") and given.get(f.name))
