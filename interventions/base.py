"""What an intervention is: a registered name with JSON arguments that changes exactly one thing.

Invariant: an intervention is a pure function plan -> plan (agents or sampling) or situation -> situation (what is
shown), frozen, comparable and hashable. `spec` is the expression that rebuilds it, so a variant survives TOML and JSON.
Write your own by decorating a function `(plan, **options) -> plan` with `@intervention(...)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec

from ..graphs.plan import Plan
from ..records import Situation
from ..registry import Registry, bind

__all__ = ["INTERVENTIONS", "Intervention", "intervention"]

P = ParamSpec("P")


@dataclass(frozen=True)
class Intervention:
    """One change, ready to be applied with `plan | change`.

    Attributes:
        name: registered name.
        options: its JSON arguments in the signature's order; those at their default are left out.
        mechanism: how it is meant to work: "another look", "more samples", "control", ...
        changes: the single thing it changes, in words.
        source: where it comes from.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    mechanism: str = ""
    changes: str = ""
    source: str = ""
    change: Callable[..., Plan] = field(repr=False, compare=False, kw_only=True)

    @property
    def spec(self) -> str:
        """`name(option=value, ...)`, without parentheses where every option is at its default."""
        inside = ", ".join(f"{k}={v!r}" for k, v in self.options)
        return f"{self.name}({inside})" if inside else self.name

    def apply(self, plan: Plan) -> Plan:
        """The changed plan; refuses a plan that lacks what the intervention needs."""
        return self.change(plan, **dict(self.options))

    def see(self, situation: Situation) -> Situation:
        """What is shown: unchanged by interventions on agents."""
        return situation


INTERVENTIONS: Registry[Intervention] = Registry("intervention", "akrasia.interventions")


def intervention(
    mechanism: str, changes: str, source: str
) -> Callable[[Callable[Concatenate[Plan, P], Plan]], Callable[P, Intervention]]:
    """Register a function `(plan, **options) -> plan` as an intervention under its own name.

    Args:
        mechanism: one of the catalogue's groups.
        changes: the single thing it changes.
        source: paper or equation.
    """

    def wrap(change: Callable[Concatenate[Plan, P], Plan]) -> Callable[P, Intervention]:
        name = change.__name__
        signature = inspect.signature(change)
        own = signature.replace(parameters=list(signature.parameters.values())[1:])

        def make(*args: P.args, **options: P.kwargs) -> Intervention:
            given = own.bind(*args, **options).arguments
            kept = tuple((k, v) for k, v in given.items() if v != own.parameters[k].default)
            return Intervention(name, kept, mechanism, changes, source, change=change)

        def checked(*args: P.args, **options: P.kwargs) -> Intervention:
            made: Intervention = bind("intervention", name, make, args, dict(options))
            return made

        for function in (make, checked):
            function.__name__ = function.__qualname__ = name
            function.__doc__ = change.__doc__
            function.__module__ = change.__module__
            function.__signature__ = own  # type: ignore[attr-defined]
        INTERVENTIONS.register(name, checked)
        return checked

    return wrap
