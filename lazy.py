"""Names of a package that load when they are first used.

Invariant: the imports that a package's `__init__.py` writes under `if TYPE_CHECKING:` are its one list of names. Type
checkers and editors read them as ordinary imports; at run time they are a table of where each name is found.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose `__init__.py` lists its names for type checkers.

        if TYPE_CHECKING:
            from . import tasks as tasks
            from .api import run as run
        else:
            __getattr__, __dir__, __all__ = lazy_names(__name__)

    Each name is written `x as x`: that is how a type checker is told that the package offers it.
    """
    homes = _homes(package)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module("." + (homes[name] or name), package)
        value = getattr(module, name) if homes[name] else module
        setattr(sys.modules[package], name, value)  # so that the next use is an ordinary look-up
        return value

    return get, lambda: sorted(homes), sorted(homes)


def _source(package: str) -> str:
    """The source of a package: of its file, or from its loader where it lies in an archive."""
    module = sys.modules[package]
    place = Path(module.__file__ or "")
    if place.is_file():  # whoever loads it: pytest rewrites what it loads, and keeps no source
        return place.read_text(encoding="utf-8")
    loader: Any = module.__loader__
    return str(loader.get_source(package))


def _homes(package: str) -> dict[str, str]:
    """The module that holds each name, relative to the package; empty where the name is a module itself."""
    homes: dict[str, str] = {}
    for node in ast.parse(_source(package)).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.level == 1:
                    homes |= {name.asname: line.module or "" for name in line.names if name.asname}
    return homes
