"""Names for everything a user can compose: whatever is registered works in Python, TOML and on the command line.

A thing in an experiment is a registered name plus JSON arguments, so its identity, its place in a TOML file, in a
report and in a resumed run all follow from the registry.

Third parties register through entry points, in the group of the kind:

    akrasia.tasks            what is decided            akrasia.agents           roles of agents
    akrasia.graphs           how it decides             akrasia.protocols        how a debate is decided
    akrasia.interventions    what is changed            akrasia.evaluators       what judges a record
    akrasia.metrics          figures of steps,          akrasia.models           who answers
                             of turns or of pairs       akrasia.executors        who plays the episodes
    akrasia.importers        what reads other formats   akrasia.exporters        how records are written
    akrasia.adapters         how a graph is asked and read

Invariant: our own names come first and are never replaced. A plugin is loaded when its name is asked for, and one that
cannot be loaded is an error that names the package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from .errors import BadOption, UnknownName

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
    """A table of named factories that suggests the nearest name for an unknown one.

    Args:
        kind: what the entries are called in messages, such as "task".
        group: the entry-point group that third parties use.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind, self.group = kind, group
        self._factories: dict[str, Callable[..., T]] = {}

    def register(self, name: str, factory: Callable[..., T]) -> None:
        """Enter `factory` under `name`.

        Raises:
            BadOption: the name belongs to another factory.
        """
        if _home(self._factories.get(name, factory)) != _home(factory):
            raise BadOption(f"there is a registered {self.kind} named {name!r} already", remedy="Choose another name.")
        self._factories[name] = factory

    def names(self) -> list[str]:
        """All known names, sorted, those of installed plugins included."""
        return sorted({*self._factories, *self._plugins})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: str) -> bool:
        return name in self._factories or name in self._plugins

    def factory(self, name: str) -> Callable[..., T]:
        """The factory behind a name.

        Raises:
            UnknownName: with the nearest known names.
            BadOption: an installed package offers the name and cannot be loaded.
        """
        if name not in self._factories:
            if name not in self._plugins:
                raise UnknownName.among(self.kind, name, self.names())
            self._factories[name] = self._loaded(self._plugins[name])
        return self._factories[name]

    def make(self, name: str, /, *args: Any, **options: Any) -> T:
        """Build the entry `name` with its options.

        Raises:
            UnknownName: there is no such name or option.
            BadOption: an option is missing or refused, or the entry is nothing that can be called.
        """
        factory = self.factory(name)
        if not callable(factory):
            raise BadOption(f"the {self.kind} {name!r} is {factory!r}", remedy="Register a function or a class.")
        made: T = bind(self.kind, name, factory, args, options)
        return made

    def about(self, name: str) -> str:
        """The first line of the entry's docstring."""
        return (inspect.getdoc(self.factory(name)) or "").partition("\n")[0]

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _loaded(self, point: EntryPoint) -> Callable[..., T]:
        try:
            loaded: Callable[..., T] = point.load()
        except Exception as error:  # whatever the import of a stranger's module raises
            package = f"the package {point.dist.name!r}" if point.dist is not None else "an installed package"
            raise BadOption(
                f"the {self.kind} {point.name!r} of {package} cannot be loaded",
                f"{type(error).__name__}: {error}",
                f"Upgrade or remove the package, or correct its entry point in the group {self.group}.",
            ) from error
        return loaded
