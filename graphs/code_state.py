"""What an object holds and how it shows itself, alike in every process: for the digest of the code behind a variant."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator
from typing import Any

_ADDRESS = re.compile(r"( at )?0x[0-9a-f]+", re.IGNORECASE)
# What a framework's object holds that is no code: where state is kept, who listens, what was memoised.
_ASIDE = {"checkpointer", "store", "cache", "callbacks", "callback_manager", "checkpoint", "debug", "verbose"}


def held_by(value: Any, outside: bool) -> Iterator[tuple[str, Any]]:
    """The attributes of an object that hold its state, by their names; no property is evaluated.

    Args:
        outside: the object's class is not the user's own, so that some of what it holds is no code.
    """
    state = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and isinstance(vars(kind).get(name), types.MemberDescriptorType):
                state.setdefault(name, getattr(value, name, None))
    fields = getattr(type(value), "__pydantic_fields__", {})
    lazy = {n for k in type(value).__mro__ for n, v in vars(k).items() if isinstance(v, functools.cached_property)}
    for name, held in sorted(state.items()):
        hidden = getattr(fields.get(name), "exclude", None) or (outside and name in _ASIDE)
        if not hidden and name not in lazy:
            yield name, held


def plain_repr(value: Any) -> str:
    """How an object shows itself, without addresses in memory."""
    return _ADDRESS.sub("", repr(value))


def order_of(value: Any) -> tuple[str, str]:
    """By what the members of a set are ordered, alike in every process."""
    name = getattr(value, "__qualname__", None)
    return type(value).__qualname__, name if isinstance(name, str) else plain_repr(value)


def is_pregel(value: Any) -> bool:
    """Whether it is a compiled LangGraph graph."""
    return any(k.__module__.startswith("langgraph.pregel") and k.__name__ == "Pregel" for k in type(value).__mro__)


def is_generated(value: Any, fields: Any) -> bool:
    """Whether a method was written by `dataclass`, from the fields alone."""
    code = getattr(value, "__code__", None)
    return bool(fields) and code is not None and code.co_filename == "<string>"
