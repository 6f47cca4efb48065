"""What an intervention is: a registered name with JSON arguments that changes exactly one thing.

Invariant: an intervention is a pure function plan -> plan (agents or sampling) or situation -> situation (what is
shown), frozen, comparable and hashable. `spec` is the expression that rebuilds it, in TOML and JSON as in Python.
Write your own by decorating a function `(plan, **options) -> plan` with `@intervention(...)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from ..errors import AkrasiaError, BadOption, PlanError
from ..graphs.named_objects import object_named
from ..graphs.plan import Plan
from ..graphs.reason_act import plain
from ..records import Draw, Situation
from ..registry import Registry, bind

__all__ = ["INTERVENTIONS", "Intervention", "intervention", "own", "view"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Intervention:
    """One change, ready to be applied with `plan | change`.

    Attributes:
        name: registered name.
        options: its JSON arguments in the signature's order; those at their default are left out.
        arguments: the same as the caller gave them: a networkx graph is still one.
        mechanism: how it is meant to work: "another look", "more samples", "control", ...
        changes: the single thing it changes, in words.
        source: where it comes from.
        on: what it works on: "plan" (agents, sampling, environment) or "situation" (what is shown).
        leaks: whether it gives agents a signal from the oracle; such a variant is no fair competitor, and is marked.
        chat_only: whether it changes texts that only a chat prompt holds, so that a prompt that is continued stays.
    """

    name: str
    options: tuple[tuple[str, Any], ...] = ()
    mechanism: str = ""
    changes: str = ""
    source: str = ""
    on: Literal["plan", "situation"] = "plan"
    leaks: bool = False
    chat_only: bool = False
    change: Callable[..., Any] = field(repr=False, compare=False, kw_only=True)
    arguments: Mapping[str, Any] = field(repr=False, compare=False, kw_only=True)

    def __hash__(self) -> int:
        return hash((self.name, _hashable(self.options)))

    @property
    def spec(self) -> str:
        """`name(option=value, ...)`, without parentheses where every option is at its default."""
        inside = ", ".join(f"{k}={v!r}" for k, v in self.options)
        return f"{self.name}({inside})" if inside else self.name

    def apply(self, plan: Plan) -> Plan:
        """The changed plan; refuses a plan that lacks what the intervention needs."""
        return plan if self.on == "situation" else self._called(Plan, plan)

    def view(self, situation: Situation, draw: Draw) -> Situation:
        """The situation as it is shown; interventions on agents leave it as it is."""
        return self._called(Situation, situation, draw) if self.on == "situation" else situation

    def _called(self, kind: type[T], *args: Any) -> T:
        """What the function behind it returns.

        Raises:
            PlanError: it raised what is no `AkrasiaError`, or returned something of another kind.
        """
        takes = "(situation, draw, **options)" if kind is Situation else "(plan, **options)"
        contract = f"an intervention is a function {takes} that returns a {kind.__name__}"
        try:
            result = self.change(*args, **self.arguments)
        except AkrasiaError:
            raise
        except Exception as error:
            raise PlanError(
                f"the intervention {self.spec!r} raised {type(error).__name__}: {error}", contract, "Correct it."
            ) from error
        if not isinstance(result, kind):
            raise PlanError(f"the intervention {self.spec!r} returned {type(result).__name__}", contract, "Correct it.")
        return result

    def __reduce__(self) -> tuple[Callable[[str, dict[str, Any]], Intervention], tuple[str, dict[str, Any]]]:
        """Copied and sent to other processes as its registered name and options."""
        return _made, (self.name, dict(self.options))


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return frozenset((k, _hashable(v)) for k, v in value.items())
    return tuple(_hashable(v) for v in value) if isinstance(value, list | tuple) else value


INTERVENTIONS: Registry[Intervention] = Registry("intervention", "akrasia.interventions")


_MAKERS: set[Any] = set()  # the functions that make an intervention, whatever names have been registered anew
OWN = "own"  # names an intervention by its file, see `own`


def _made(name: str, options: dict[str, Any]) -> Intervention:
    return own(**options) if name == OWN else INTERVENTIONS.make(name, **options)


def own(where: str, **options: Any) -> Intervention:
    """An intervention of your own by where it lies: `own('./mine.py:terse', sentences=2)`.

    So written, it goes into experiment files, onto the command line and into worker processes.

    Args:
        where: "./file.py:name" or "package.module:name" of a function under `@ak.intervention` or `view`.
        options: those of the intervention.

    Raises:
        BadOption: nothing is found there, or no intervention. UnknownName: it has no such option.
    """
    found = object_named(where)
    if not inspect.isfunction(found) or found not in _MAKERS:
        raise BadOption(
            f"{where!r} is no intervention", remedy="Put @ak.intervention(...) or @ak.interventions.view(...) above it."
        )
    made: Intervention = found(**options)
    return replace(made, name=OWN, options=(("where", where), *made.options))


def intervention(
    mechanism: str, changes: str, source: str, *, leaks: bool = False
) -> Callable[[Callable[Concatenate[Plan, P], Plan]], Callable[P, Intervention]]:
    """Register a function `(plan, **options) -> plan` as an intervention under its own name.

    Args:
        mechanism: one of the catalogue's groups.
        changes: the single thing it changes.
        source: paper or equation.
        leaks: whether it gives agents a signal from the oracle.
    """
    return lambda change: _registered(change, 1, "plan", (mechanism, changes, source), leaks)


def view(
    mechanism: str, changes: str, source: str, *, chat_only: bool = False
) -> Callable[[Callable[Concatenate[Situation, Draw, P], Situation]], Callable[P, Intervention]]:
    """Register a function `(situation, draw, **options) -> situation`: it changes what agents see, and nothing else.

    `draw` names whatever it draws at random. It may rename actions: it then keeps their order and puts the task's own
    names into `Situation.own`. It checks its options when it is called, which a run does before its first request.
    """
    return lambda change: _registered(change, 2, "situation", (mechanism, changes, source), False, chat_only)


def _registered(
    change: Callable[..., Any],
    supplied: int,
    on: Literal["plan", "situation"],
    about: tuple[str, str, str],
    leaks: bool,
    chat_only: bool = False,
) -> Callable[P, Intervention]:
    name = change.__name__
    signature = inspect.signature(change)
    own = signature.replace(parameters=list(signature.parameters.values())[supplied:])

    def make(*args: P.args, **options: P.kwargs) -> Intervention:
        bound = own.bind(*args, **options).arguments
        kept = tuple((k, plain(v)) for k, v in bound.items() if v != own.parameters[k].default)
        return Intervention(name, kept, *about, on, leaks, chat_only, change=change, arguments=bound)

    def checked(*args: P.args, **options: P.kwargs) -> Intervention:
        made: Intervention = bind("intervention", name, make, args, dict(options))
        return made

    for function in (make, checked):
        function.__name__ = function.__qualname__ = name
        function.__doc__ = change.__doc__
        function.__module__ = change.__module__
        function.__signature__ = own  # type: ignore[attr-defined]
    INTERVENTIONS.register(name, checked)
    _MAKERS.add(checked)
    return checked
