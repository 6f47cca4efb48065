"""Names for everything a user can compose: tasks, agents, graphs, interventions, metrics, evaluators.

A thing in an experiment is a registered name plus JSON arguments, so its identity, its place in a TOML file, in a
report and in a resumed run all follow from the registry. Third parties register through the entry-point groups
`akrasia.tasks`, `akrasia.agents`, `akrasia.graphs`, `akrasia.interventions`, `akrasia.metrics` and
`akrasia.evaluators`, which are read only when a name is not found among our own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from .errors import BadOption, UnknownName

__all__ = ["Registry", "bind"]

T = TypeVar("T")


def bind(kind: str, name: str, factory: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call `factory(*args, **options)`; an unknown or missing option is an error that names the nearest.

    Raises:
        UnknownName: an option the factory does not have.
        BadOption: an option is missing, given twice, or refused by the factory.
    """
    signature = inspect.signature(factory)
    known = [p.name for p in signature.parameters.values() if p.kind is not p.VAR_POSITIONAL]
    for option in options:
        if option not in known:
            raise UnknownName.among(f"option of {kind} {name!r}", option, known)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        raise BadOption(f"{kind} {name!r} cannot take these options", str(error), f"It takes {signature}") from None
    return factory(*args, **options)


def _home(factory: Callable[..., Any]) -> tuple[str, str]:
    """Where a factory is defined: the same place may register anew, as a notebook cell does that is run twice."""
    return getattr(factory, "__module__", ""), getattr(factory, "__qualname__", repr(factory))


class Registry(Generic[T]):
    """A table of named factories with near-miss suggestions.

    Args:
        kind: what the entries are called in messages, such as "task".
        group: the entry-point group that third parties use.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind, self.group = kind, group
        self._table: dict[str, Callable[..., T]] = {}
        self._plugins_read = False

    def register(self, name: str, factory: Callable[..., T]) -> None:
        """Enter `factory` under `name`; the same name twice with different factories is refused."""
        if _home(self._table.get(name, factory)) != _home(factory):
            raise BadOption(f"a {self.kind} named {name!r} is registered already", remedy="Choose another name.")
        self._table[name] = factory

    def names(self) -> list[str]:
        """All known names, sorted, those of installed plugins included."""
        self._read_plugins()
        return sorted(self._table)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: str) -> bool:
        return name in self._table or name in self.names()

    def factory(self, name: str) -> Callable[..., T]:
        """The factory behind a name.

        Raises:
            UnknownName: with the nearest known names.
        """
        if name not in self._table:
            self._read_plugins()
        if name not in self._table:
            raise UnknownName.among(self.kind, name, self._table)
        return self._table[name]

    def make(self, name: str, /, *args: Any, **options: Any) -> T:
        """Build the entry `name` with its options."""
        made: T = bind(self.kind, name, self.factory(name), args, options)
        return made

    def about(self, name: str) -> str:
        """The first line of the entry's docstring."""
        return (inspect.getdoc(self.factory(name)) or "").partition("\n")[0]

    def _read_plugins(self) -> None:
        if self._plugins_read:
            return
        self._plugins_read = True
        for point in entry_points(group=self.group):
            if point.name not in self._table:
                self._table[point.name] = point.load()
