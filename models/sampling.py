"""How the settings of `Sampling` are sent to a provider, and how a caller changes them.

Invariant: a field of `Sampling` is one of the `SETTINGS` (`parameters.py`), or it is named in `NOT_SENT` or `ABOUT`.
Whoever sends settings or changes them reads these tables, so a new field is then kept, changed and sent everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from ..errors import BadOption, UnknownName
from ..records import Sampling
from .parameters import SETTINGS

NOT_SENT = {"choices", "schema", "logprobs"}
"""Fields that are no plain setting of OpenAI's protocol: a backend answers to them in its own way, or in text."""

ABOUT = {"thinking_tokens", "required"}
"""Fields that say something of the settings: how much is added to `max_tokens`, and which of them must be taken."""

_UNSET = {f.name: f.default for f in fields(Sampling) if f.name in NOT_SENT}
SET_BY_NAME = {name: setting.kind for name, setting in SETTINGS.items() if setting.kind is not None}
"""The type of each setting that plans and callers of a chat model may set by name."""


def to_wire(sampling: Sampling) -> dict[str, Any]:
    """All settings by the names of OpenAI's protocol; those that are empty are left out."""
    settings = {setting.wire_name: getattr(sampling, name) for name, setting in SETTINGS.items()}
    settings["max_tokens"] = sampling.most_tokens
    return {name: list(v) if isinstance(v, tuple) else v for name, v in settings.items() if v not in ((), "")}


def asked_for(sampling: Sampling, usual: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that somebody asked for, by the names of OpenAI's protocol.

    What equals the provider's own default is left out, unless it is required.

    Args:
        usual: the provider's defaults, as far as they are known.
    """
    settings = to_wire(sampling)
    if sampling.thinking_tokens is None:
        del settings["max_tokens"]
    required = set(sampling.required)
    return {n: v for n, v in settings.items() if n in required or not (n in usual and usual[n] == v)}


def as_sent(sampling: Sampling) -> Sampling:
    """The sampling without what is not sent: equal for two requests that a provider gets in the same form."""
    return replace(sampling, **_UNSET) if asked_in_text(sampling) else sampling  # type: ignore[arg-type]


def asked_in_text(sampling: Sampling) -> set[str]:
    """The fields that are set and are no plain setting of OpenAI's protocol: a backend that does nothing about them
    leaves them to the prompt's words.
    """
    return {name for name, unset in _UNSET.items() if getattr(sampling, name) != unset}


def lost_on_the_way(settings: Mapping[str, Any], sent: Mapping[str, Any]) -> set[str]:
    """The settings whose value is not in a request that was made from them, by the provider's name or any other."""
    elsewhere = list(_values({name: value for name, value in sent.items() if name not in settings}))
    return {name for name, v in settings.items() if sent.get(name) != v and not any(_same(v, w) for w in elsewhere)}


def _values(tree: Any) -> Iterator[Any]:
    """Every value in a tree of JSON, lists as a whole too."""
    if isinstance(tree, Mapping):
        for branch in tree.values():
            yield from _values(branch)
        return
    yield tree
    if isinstance(tree, list):
        for branch in tree:
            yield from _values(branch)


def _same(value: Any, other: Any) -> bool:
    return not isinstance(other, bool) and (value == other or value == [other])


def with_settings(sampling: Sampling, settings: Mapping[str, Any]) -> Sampling:
    """The sampling with some settings replaced, such as `{"temperature": 0.5}`; every other field is kept.

    What is set here is required: a model that does not take it is refused.

    Raises:
        UnknownName: no such setting, with the nearest.
        BadOption: a value is no number.
    """
    changed: dict[str, Any] = {}
    for name, value in settings.items():
        kind = SET_BY_NAME.get(name)
        if kind is None:
            raise UnknownName.among("sampling setting", name, SET_BY_NAME)
        try:
            changed[name] = kind(value)
        except (TypeError, ValueError):
            raise BadOption(f"the sampling setting {name} is {value!r}", remedy="Use a number.") from None
    return replace(sampling, **changed, required=tuple(sorted({*sampling.required, *changed}))) if changed else sampling


def sampling_from_kwargs(old: Sampling, kwargs: Mapping[str, Any], stop: Sequence[str] | None) -> Sampling:
    """The sampling of one call of a LangChain chat model.

    Args:
        old: the model's own sampling.
        kwargs: what `bind` or the call sets by keyword.
        stop: the stop sequences of the call; none keeps the model's own.

    Raises:
        UnknownName, BadOption: see `with_settings`.
    """
    sampling = with_settings(old, kwargs)
    return replace(sampling, stop=tuple(stop)) if stop else sampling
