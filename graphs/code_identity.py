"""The code behind a variant as a digest: a graph whose nodes were edited is another variant.

What is digested: code objects (instructions, constants, names) of the user's own functions and classes, with their
defaults and closures, and whatever of the user's own modules they refer to by name, recursively.

Invariants
- The digest is the same in every process that loads the same code with the same Python, wherever that code lies: no
  addresses, no hashes that are drawn anew for each process, no line numbers, no folder above the code's own.
- Installed packages and the standard library are named, not read; the package that a root lives in is read.
- Nothing of the user's is called and no property is evaluated. What cannot be read is named by its type, and `known`
  says so; so it does of code that may read more than its names show: `open`, `globals`, `import_module`, ...
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import importlib.util
import operator
import re
import sys
import types
from collections.abc import Iterable, Mapping
from contextvars import Context, ContextVar
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from pathlib import PurePath
from typing import Any
from uuid import UUID

from .code_modules import PACKAGE, import_root, is_framework, is_installed, is_own, is_shipped, module_of, names_in
from .code_state import held_by, is_generated, is_pregel, order_of, plain_repr

MOST_OBJECTS = 50_000
DEEPEST = 150
_METHODS = (types.FunctionType, classmethod, staticmethod, property, functools.partialmethod)
_SCALARS = (str, bytes, bool, int, float, complex, type(None), type(...), range)
_VALUES = (re.Pattern, PurePath, Decimal, Fraction, date, time, timedelta, UUID, slice, type(NotImplemented))
# Objects of the standard library that hold no code: locks, loggers, loops, pools, references, sockets.
_STDLIB_ASIDE = {
    *("threading", "_thread", "asyncio", "concurrent", "logging", "weakref", "_weakref", "_weakrefset", "queue"),
    *("_queue", "socket", "ssl", "selectors", "multiprocessing", "importlib", "_frozen_importlib"),
}
_OF_MODULES = {"__file__", "__path__", "__spec__", "__loader__", "__cached__", "__builtins__"}
_CLASS_ASIDE = {"__module__", "__dict__", "__weakref__", "__doc__", "__slots__", "__annotations__", "__firstlineno__"}


@dataclasses.dataclass(frozen=True)
class Code:
    """The code behind something.

    Attributes:
        digest: its hash; "" where there is none but that of akrasia.
        known: whether all of it could be read.
    """

    digest: str = ""
    known: bool = True


NO_CODE = Code()


def code_of(*roots: Any) -> Code:
    """The code behind some objects: functions, classes, instances, compiled LangGraph graphs."""
    walk = _Walk({module_of(root) for root in roots})
    for root in roots:
        walk.value(root)
    return Code(walk.hash.hexdigest(), walk.known)


class _Walk:
    """Feeds a hash in a fixed order. An object that was met before is fed as its number."""

    def __init__(self, own: Iterable[str]) -> None:
        self.hash = blake2b(digest_size=16)
        self.known = True
        self._own: set[str] = set()
        self._seen: set[tuple[str, frozenset[str]]] = set()  # modules, with what was read of them
        own = set(own)
        for name in own:
            self._read(name)
        self._places = sorted({str(root) for name in own if (root := import_root(name)) is not None}, key=len)
        self._met: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is given to a second object
        self._depth = 0

    def _read(self, module: str) -> None:
        """Read the code of a module's package, installed or not, unless it is akrasia, a framework, or Python's own."""
        top = _top(module)
        python = top in sys.stdlib_module_names and not is_own(module, ())
        if not is_framework(module) and top != PACKAGE and not python:
            self._own.add(top)

    def feed(self, *parts: object) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            self.hash.update(b"%d:" % len(data))
            self.hash.update(data)

    def _placed(self, text: str) -> str:
        """A text without the folder that the user's code lies in."""
        for place in self._places:
            if text == place or text.startswith((f"{place}/", f"{place}\\")):
                return text[len(place) :]
        return text

    def unknown(self, what: Any) -> None:
        self.known = False
        kind = type(what)
        self.feed("unknown", kind.__module__, kind.__qualname__)

    def value(self, value: Any) -> None:
        """Feed whatever it is."""
        if isinstance(value, _SCALARS) and not isinstance(value, enum.Enum) and type(value) in _SCALARS:
            self.feed(type(value).__name__, repr(self._placed(value) if isinstance(value, str) else value))
            return
        if id(value) in self._met:
            self.feed("again", self._met[id(value)])
            return
        if len(self._met) > MOST_OBJECTS or self._depth > DEEPEST:
            self.unknown(value)
            return
        self._met[id(value)] = len(self._met)
        self._kept.append(value)
        self._depth += 1
        try:
            self._object(value)
        except Exception:  # whatever a stranger's object makes of being looked at
            self.unknown(value)
        finally:
            self._depth -= 1

    def _object(self, value: Any) -> None:
        if isinstance(value, types.CodeType):
            self._code(value)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, types.MethodType):
            self.feed("method")
            self.value(value.__func__)
            self.value(value.__self__)
        elif isinstance(value, types.ModuleType):
            self.feed("module", value.__name__)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, Mapping) and type(value) in (dict, types.MappingProxyType):
            self.feed(type(value).__name__, len(value))
            for key in value:  # in its own order, which a prompt may be joined in
                self.value(key)
                self.value(value[key])
        elif isinstance(value, list | tuple) and type(value) in (list, tuple):
            self.feed(type(value).__name__, len(value))
            for item in value:
                self.value(item)
        elif isinstance(value, set | frozenset):
            self.feed(type(value).__name__, len(value))
            for item in sorted(value, key=order_of):
                self.value(item)
        elif isinstance(value, enum.Enum):
            self.feed("member", type(value).__qualname__, value.name)
            self.value(type(value))
        elif isinstance(value, _VALUES):
            self.feed(
                type(value).__name__, plain_repr(self._placed(str(value)) if isinstance(value, PurePath) else value)
            )
        elif isinstance(value, functools.partial | functools.partialmethod):
            self.feed("partial")
            self.value([value.func, list(value.args), dict(value.keywords)])
        elif isinstance(value, staticmethod | classmethod):
            self.feed(type(value).__name__)
            self.value(value.__func__)
        elif isinstance(value, property):
            self.feed("property")
            self.value([value.fget, value.fset, value.fdel])
        elif isinstance(value, functools.cached_property):
            self.feed("cached")
            self.value(value.func)
        elif isinstance(value, operator.itemgetter | operator.attrgetter | operator.methodcaller):
            self.feed(type(value).__name__)
            self.value(value.__reduce__())
        elif isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):
            self._builtin(value)
        else:
            self._instance(value)

    def _builtin(self, value: Any) -> None:
        itself = value.__self__
        self.feed("builtin", value.__qualname__)
        if itself is None or isinstance(itself, types.ModuleType):
            module = value.__module__ or ""
            self.feed(module)
            if self._owns(module):  # an extension module of the user's: its code is machine code
                self.unknown(value)
        else:
            self.value(itself)

    def _code(self, code: types.CodeType) -> None:
        self.feed("code", code.co_code, code.co_exceptiontable)
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self.feed(len(names), *names)
        self.feed(code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        for constant in code.co_consts:
            self.value(constant)

    def _function(self, function: types.FunctionType) -> None:
        module = str(function.__globals__.get("__name__", ""))
        own = self._owns(module)
        self.feed("function", *(() if own else (module, function.__qualname__)))
        if own:
            self._code(function.__code__)
            self._references(function)
        if own or not is_shipped(module):  # an installed decorator holds the user's function in its closure
            self.value(function.__defaults__)
            self.value(function.__kwdefaults__)
            for cell in function.__closure__ or ():
                try:
                    self.value(cell.cell_contents)
                except ValueError:
                    self.feed("empty")

    def _references(self, function: types.FunctionType) -> None:
        """What the code of a function refers to by name, in its module and in own modules that it imports."""
        space = function.__globals__
        found = names_in(function.__code__)
        if found.opaque:
            self.known = False
        for name in sorted(found.names):
            if name not in space or name in _OF_MODULES:
                continue
            self.feed("name", name)
            value = space[name]
            if isinstance(value, types.ModuleType):
                self._module(value, found.attributes)
            else:
                self.value(value)
        for level, name in sorted(found.imports):
            package = space.get("__package__") or ""
            full = importlib.util.resolve_name("." * level + name, package) if level else name
            if self._imports(full):
                self._module(importlib.import_module(full), found.attributes)
            else:
                self.feed("import", full)

    def _imports(self, name: str) -> bool:
        """Whether a module that code imports when it runs is the user's own; one that is not loaded is looked up."""
        if name in sys.modules or not self._owns(name):
            return self._owns(name)
        spec = importlib.util.find_spec(_top(name))
        if spec is None:
            return False
        return not any(is_installed(p) for p in [spec.origin or "", *(spec.submodule_search_locations or ())])

    def _module(self, module: types.ModuleType, attributes: set[str]) -> None:
        """A module that code refers to: what it may use of it, where the module is the user's own."""
        self.feed("module", module.__name__)
        here = (module.__name__, frozenset(attributes))
        if not self._owns(module.__name__) or here in self._seen:
            return
        self._seen.add(here)
        for name in sorted((attributes | {"__getattr__"}) & set(vars(module))):
            value = vars(module)[name]
            self.feed("name", name)
            if isinstance(value, types.ModuleType):
                self._module(value, attributes)
            else:
                self.value(value)

    def _class(self, kind: type) -> None:
        own = self._owns(kind.__module__)
        self.feed("class", "" if own else kind.__module__, kind.__qualname__)
        if not own:
            return
        for base in kind.__bases__:
            self.value(base)
        fields = vars(kind).get("__dataclass_fields__", {})
        for field in fields.values():
            default, factory = field.default, field.default_factory
            self.feed("field", field.name)
            self.value(None if default is dataclasses.MISSING else default)
            self.value(None if factory is dataclasses.MISSING else factory)
        if type(kind) is not type and self._owns(type(kind).__module__):
            self.value(type(kind))
        self.feed("doc", plain_repr(kind.__doc__))
        for name, field in sorted(vars(kind).get("__pydantic_fields__", {}).items()):
            self.feed("field", name, plain_repr(field))
            self.value([field.annotation, field.default, field.default_factory, list(field.metadata)])
        for name, private in sorted(vars(kind).get("__private_attributes__", {}).items()):
            self.feed("private", name)
            self.value([private.default, private.default_factory])
        for name, value in sorted(vars(kind).items()):
            if name in _CLASS_ASIDE or (name.startswith("__") and is_generated(value, fields)):
                continue
            plain = not (name.startswith("__") or name.startswith("_abc_"))
            if plain or isinstance(value, _METHODS) or (callable(value) and self._owns(type(value).__module__)):
                self.feed("name", name)
                self.value(value)

    def _instance(self, value: Any) -> None:
        kind = type(value)
        top = _top(kind.__module__)
        self.feed("instance", "" if self._owns(kind.__module__) else kind.__module__, kind.__qualname__)
        if is_pregel(value):
            self._pregel(value)
        elif type(getattr(kind, "__wrapped__", None)) is not property and hasattr(value, "__wrapped__"):
            self.value(value.__wrapped__)  # functools.cache and decorators written as classes
            self._state(value, skip={"__wrapped__"})
        elif self._owns(kind.__module__):
            self.value(kind)
            self._state(value)
        elif top == "numpy" and hasattr(value, "tobytes"):
            self.feed(plain_repr(getattr(value, "dtype", "")), plain_repr(getattr(value, "shape", "")), value.tobytes())
        elif "RemoteGraph" in (k.__name__ for k in kind.__mro__):
            self.unknown(value)
        elif {"BaseCheckpointSaver", "BaseStore"} & {k.__name__ for k in kind.__mro__}:
            pass  # what it keeps is no code
        elif is_framework(kind.__module__) or top == PACKAGE or hasattr(kind, "__pydantic_fields__"):
            self._state(value)
        elif dataclasses.is_dataclass(value) or isinstance(value, BaseException):
            self._state(value)
        elif top in sys.stdlib_module_names:
            self._of_python(value)
        else:
            self.unknown(value)

    def _of_python(self, value: Any) -> None:
        """An object of the standard library: what it would be copied by."""
        kind = type(value)
        if (
            kind.__module__ in ("typing", "types")
            and hasattr(value, "__origin__")
            or isinstance(value, types.UnionType)
        ):
            self.feed(plain_repr(value))
            self.value([*getattr(value, "__args__", ()), *getattr(value, "__metadata__", ())])
        elif kind.__module__ == "typing":
            self.feed(plain_repr(value))
        elif isinstance(value, ContextVar):
            try:
                self.value(Context().run(value.get))  # its default, whatever is set here
            except LookupError:
                self.feed("no default")
        elif _top(kind.__module__) not in _STDLIB_ASIDE:
            copied = value.__reduce_ex__(2)
            if isinstance(copied, str):
                self.feed(copied)
                return
            _, arguments, *rest = copied
            state, items, pairs = (*rest, None, None, None)[:3]
            self.value([*arguments, state, list(items or ()), [list(pair) for pair in pairs or ()]])

    def _state(self, value: Any, skip: Iterable[str] = ()) -> None:
        """The attributes of an object that hold its state; no property is evaluated."""
        for name, held in held_by(value, outside=not self._owns(type(value).__module__)):
            if name in skip:
                continue
            self.feed("attribute", name)
            if hasattr(type(held), "get_secret_value"):
                self.feed("secret")
            else:
                self.value(held)
        if isinstance(value, list | tuple | dict | set) and type(value).__module__ != "builtins":
            self.value(dict(value) if isinstance(value, dict) else list(value))

    def _pregel(self, graph: Any) -> None:
        """A compiled LangGraph graph: its nodes, branches, edges and channels, and what it was compiled with."""
        builder = getattr(graph, "builder", None)
        for node in (graph if builder is None else builder).nodes.values():
            runnable = getattr(node, "runnable", None) or getattr(node, "bound", None)
            for function in (getattr(runnable, "func", None), getattr(runnable, "afunc", None)):
                if function is not None:  # a node of an installed package is read as well
                    self._read(module_of(function))
        if builder is None:
            self.value(dict(graph.nodes))
            self.value(dict(graph.channels))
        else:
            for part in ("nodes", "branches", "edges", "waiting_edges", "channels", "managed"):
                self.feed(part)
                self.value(getattr(builder, part, None))
        for part in ("interrupt_before_nodes", "interrupt_after_nodes", "step_timeout", "retry_policy", "config"):
            self.feed(part)
            self.value(getattr(graph, part, None))

    def _owns(self, module: str) -> bool:
        return is_own(module, self._own)


def _top(module: str) -> str:
    return module.partition(".")[0]
