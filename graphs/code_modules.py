"""Whose code a module is, and what code refers to by name: what `code_identity` needs to know of modules.

Invariant: a module is known by where it lies, not by what it is called: a user's `langchain_prompts.py` is the user's.
"""

from __future__ import annotations

import dis
import sys
import sysconfig
import types
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PACKAGE = __name__.partition(".")[0]
NOT_SHIPPED = ("tests", "examples", "benchmarks")  # in the repository, and not of the framework
FRAMEWORKS = ("langgraph", "langchain", "pydantic", "pydantic_core", "typing_extensions")
# Code that names one of these may read what its names do not show.
OPAQUE = {"globals", "vars", "eval", "exec", "__import__", "import_module", "open", "read_text", "read_bytes"}
_STDLIB = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(slots=True)
class CodeNames:
    """What code refers to, with all code in it.

    Attributes:
        names: global names; attributes: names behind a dot, and the texts that `getattr` and `globals` may look up.
        imports: (level, module) of every import.
    """

    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    imports: set[tuple[int, str]] = field(default_factory=set)

    @property
    def opaque(self) -> bool:
        """Whether the code may read more than its names show, such as a file."""
        return bool(OPAQUE & (self.names | self.attributes))


def is_shipped(thing: Any) -> bool:
    """Whether a function, a class or what is named by it is akrasia's own."""
    first, _, rest = (thing if isinstance(thing, str) else module_of(thing)).partition(".")
    return first == PACKAGE and rest.partition(".")[0] not in NOT_SHIPPED


def is_framework(module: str) -> bool:
    """Whether a module belongs to LangGraph, LangChain or pydantic, as it is installed."""
    top = module.partition(".")[0]
    named = top in FRAMEWORKS or top.startswith(("langgraph_", "langchain_"))
    return named and _elsewhere(module)


def is_own(module: str, read: Collection[str]) -> bool:
    """Whether a module's code is the user's: neither akrasia's nor an installed package's nor Python's.

    Args:
        read: names of packages that are read wherever they lie.
    """
    top = module.partition(".")[0]
    if is_shipped(module):
        return False
    return top in read or top in ("__main__", "") or not _elsewhere(module)


def _elsewhere(module: str) -> bool:
    """Whether a module lies among what is installed; one that is not loaded does, where it has a name of Python's."""
    top = module.partition(".")[0]
    loaded = sys.modules.get(module) or sys.modules.get(top)
    place = getattr(loaded, "__file__", None)
    if place is not None:
        return is_installed(place)
    known = top in sys.stdlib_module_names or top in FRAMEWORKS
    return known or any(is_installed(p) for p in getattr(loaded, "__path__", ()))


def is_installed(place: str) -> bool:
    """Whether a file lies in the standard library or among installed packages."""
    return any(part in _INSTALLED for part in Path(place).parts) or (
        _STDLIB is not None and Path(place).is_relative_to(_STDLIB)
    )


def import_root(module: str) -> Path | None:
    """The folder from which a module of the user's is imported; None where it has no file."""
    place = getattr(sys.modules.get(module), "__file__", None)
    if place is None or is_installed(place):
        return None
    path = Path(place).absolute()
    levels = module.count(".") + (path.stem == "__init__")
    return path.parents[levels] if levels < len(path.parents) else None


def module_of(thing: Any) -> str:
    """The name of the module that a function, a class or an object's class is defined in."""
    while hasattr(thing, "__wrapped__") and hasattr(thing, "__code__"):
        thing = thing.__wrapped__
    if isinstance(thing, types.FunctionType):
        return str(thing.__globals__.get("__name__", ""))
    name = getattr(thing, "__module__", None)
    return name if isinstance(name, str) else type(thing).__module__


def names_in(code: types.CodeType) -> CodeNames:
    """What code refers to, with all code in it."""
    found = CodeNames()
    _collect(code, found)
    return found


def _collect(code: types.CodeType, found: CodeNames) -> None:
    instructions = list(dis.get_instructions(code))
    for i, step in enumerate(instructions):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            found.names.add(step.argval)
        elif step.opname == "IMPORT_NAME":
            level = instructions[i - 2].argval if i > 1 and isinstance(instructions[i - 2].argval, int) else 0
            found.imports.add((level, step.argval))
        elif "ATTR" in step.opname or step.opname in ("IMPORT_FROM", "LOAD_METHOD"):
            found.attributes.add(step.argval)
    texts = {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}
    if "getattr" in code.co_names:
        found.attributes |= texts
    if "globals" in code.co_names:
        found.names |= texts
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _collect(constant, found)
