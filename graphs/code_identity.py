"""The code behind a variant as a digest: a graph whose nodes were edited is another variant.

What is digested: code objects (instructions, constants, names) of the user's own functions and classes, with their
defaults and closures, and whatever of the user's own modules they refer to by name, recursively.

Invariants
- The digest is the same in every process that loads the same code with the same Python: no addresses, no hashes that
  are drawn anew for each process, no file names and line numbers.
- Installed packages and the standard library are named, not read; the package that a root lives in is read.
- Nothing is called and no property is evaluated. What cannot be read is named by its type, and `known` says so.
"""

from __future__ import annotations

import dataclasses
import dis
import enum
import functools
import importlib
import importlib.util
import operator
import re
import sys
import sysconfig
import types
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

__all__ = ["NO_CODE", "Code", "code_of", "is_shipped"]

PACKAGE = __name__.partition(".")[0]
NOT_SHIPPED = ("tests", "examples", "benchmarks")  # in the repository, and not of the framework
FRAMEWORKS = ("langgraph", "langchain", "pydantic", "typing_extensions")
MOST_OBJECTS = 50_000
DEEPEST = 150
_STDLIB = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")
_ADDRESS = re.compile(r"( at )?0x[0-9a-f]+", re.IGNORECASE)
_SCALARS = (str, bytes, bool, int, float, complex, type(None), type(...), range)
_VALUES = (re.Pattern, PurePath, Decimal, Fraction, date, time, timedelta, UUID, slice, type(NotImplemented))
# What a framework's object holds that is no code: where state is kept, who listens, what was memoised.
_ASIDE = {"checkpointer", "store", "cache", "callbacks", "callback_manager", "checkpoint", "debug", "verbose"}
_CLASS_ASIDE = {"__module__", "__doc__", "__dict__", "__weakref__", "__slots__", "__annotations__", "__firstlineno__"}


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
    walk = _Walk({_top(_module_of(root)) for root in roots})
    for root in roots:
        walk.value(root)
    return Code(walk.hash.hexdigest(), walk.known)


def is_shipped(thing: Any) -> bool:
    """Whether a function or class is akrasia's own."""
    return _shipped(_module_of(thing))


def _module_of(thing: Any) -> str:
    while hasattr(thing, "__wrapped__") and hasattr(thing, "__code__"):
        thing = thing.__wrapped__
    if isinstance(thing, types.FunctionType):
        return str(thing.__globals__.get("__name__", ""))
    name = getattr(thing, "__module__", None)
    return name if isinstance(name, str) else type(thing).__module__


def _top(module: str) -> str:
    return module.partition(".")[0]


def _framework(top: str) -> bool:
    return top in FRAMEWORKS or top.startswith(("langgraph_", "langchain_"))


def _shipped(module: str) -> bool:
    first, _, rest = module.partition(".")
    return first == PACKAGE and _top(rest) not in NOT_SHIPPED


class _Walk:
    """Feeds a hash in a fixed order. An object that was met before is fed as its number."""

    def __init__(self, own: Iterable[str]) -> None:
        self.hash = blake2b(digest_size=16)
        self.known = True
        self._own: set[str] = set()
        for name in own:
            self._read(name)
        self._met: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is given to a second object
        self._depth = 0

    def _read(self, top: str) -> None:
        """Read the code of a package, installed or not, unless it is akrasia, a framework, or Python's own."""
        if not _framework(top) and top != PACKAGE and top not in sys.stdlib_module_names:
            self._own.add(top)

    def feed(self, *parts: object) -> None:
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            self.hash.update(b"%d:" % len(data))
            self.hash.update(data)

    def unknown(self, what: Any) -> None:
        self.known = False
        kind = type(what)
        self.feed("unknown", kind.__module__, kind.__qualname__)

    def value(self, value: Any) -> None:
        """Feed whatever it is."""
        if isinstance(value, _SCALARS) and not isinstance(value, enum.Enum) and type(value) in _SCALARS:
            self.feed(type(value).__name__, repr(value))
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
        elif isinstance(value, Mapping) and isinstance(value, dict | types.MappingProxyType):
            self.feed(type(value).__name__, len(value))
            for key in sorted(value, key=_order):
                self.value(key)
                self.value(value[key])
        elif isinstance(value, list | tuple) and type(value) in (list, tuple):
            self.feed(type(value).__name__, len(value))
            for item in value:
                self.value(item)
        elif isinstance(value, set | frozenset):
            self.feed(type(value).__name__, len(value))
            for item in sorted(value, key=_order):
                self.value(item)
        elif isinstance(value, enum.Enum):
            self.feed("member", type(value).__qualname__, value.name)
            self.value(type(value))
        elif isinstance(value, _VALUES):
            self.feed(type(value).__name__, _text(value))
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
            if self._is_own(module):  # an extension module of the user's: its code is machine code
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
        own = self._is_own(module)
        self.feed("function", *(() if own else (module, function.__qualname__)))
        if own:
            self._code(function.__code__)
            self._references(function)
        if own or not _shipped(module):  # an installed decorator holds the user's function in its closure
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
        names, attributes, imports = _names(function.__code__)
        for name in sorted(names):
            if name not in space:
                continue
            self.feed("name", name)
            value = space[name]
            if isinstance(value, types.ModuleType):
                self._module(value, attributes)
            else:
                self.value(value)
        for level, name in sorted(imports):
            package = space.get("__package__") or ""
            full = importlib.util.resolve_name("." * level + name, package) if level else name
            if self._imports(full):
                self._module(importlib.import_module(full), attributes)
            else:
                self.feed("import", full)

    def _imports(self, name: str) -> bool:
        """Whether a module that code imports when it runs is the user's own; one that is not loaded is looked up."""
        if name in sys.modules or not self._is_own(name):
            return self._is_own(name)
        spec = importlib.util.find_spec(_top(name))
        if spec is None:
            return False
        return not any(_installed(p) for p in [spec.origin or "", *(spec.submodule_search_locations or ())])

    def _module(self, module: types.ModuleType, attributes: set[str]) -> None:
        """A module that code refers to: what it may use of it, where the module is the user's own."""
        self.feed("module", module.__name__)
        if not self._is_own(module.__name__):
            return
        for name in sorted(attributes & set(vars(module))):
            value = vars(module)[name]
            self.feed("name", name)
            if isinstance(value, types.ModuleType) and value is not module and _top(value.__name__) in self._own:
                self._module(value, attributes)
            else:
                self.value(value)

    def _class(self, kind: type) -> None:
        own = self._is_own(kind.__module__)
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
        for name, field in sorted(vars(kind).get("__pydantic_fields__", {}).items()):
            self.feed("field", name, _text(field))
        for name, value in sorted(vars(kind).items()):
            if name in _CLASS_ASIDE or (name.startswith("__") and _generated(value, fields)):
                continue
            plain = not (name.startswith("__") or name.startswith("_abc_"))
            if plain or isinstance(value, types.FunctionType | classmethod | staticmethod | property):
                self.feed("name", name)
                self.value(value)

    def _instance(self, value: Any) -> None:
        kind = type(value)
        top = _top(kind.__module__)
        self.feed("instance", "" if self._is_own(kind.__module__) else kind.__module__, kind.__qualname__)
        if _is_pregel(value):
            self._pregel(value)
        elif type(getattr(kind, "__wrapped__", None)) is not property and hasattr(value, "__wrapped__"):
            self.value(value.__wrapped__)  # functools.cache and decorators written as classes
            self._state(value, skip={"__wrapped__"})
        elif self._is_own(kind.__module__):
            self.value(kind)
            self._state(value)
        elif top == "numpy" and hasattr(value, "tobytes"):
            self.feed(_text(getattr(value, "dtype", "")), _text(getattr(value, "shape", "")), value.tobytes())
        elif "RemoteGraph" in (k.__name__ for k in kind.__mro__):
            self.unknown(value)
        elif {"BaseCheckpointSaver", "BaseStore"} & {k.__name__ for k in kind.__mro__}:
            pass  # what it keeps is no code
        elif _framework(top) or top == PACKAGE or hasattr(kind, "__pydantic_fields__"):
            self._state(value)
        elif dataclasses.is_dataclass(value) or isinstance(value, BaseException):
            self._state(value)
        elif top in sys.stdlib_module_names:
            self.feed(_text(value) if kind.__module__ in ("typing", "types") else "")
            if isinstance(value, list | tuple | dict):  # defaultdict, Counter, deque, OrderedDict
                self.value(dict(value) if isinstance(value, dict) else list(value))
        else:
            self.unknown(value)

    def _state(self, value: Any, skip: Iterable[str] = ()) -> None:
        """The attributes of an object that hold its state; no property is evaluated."""
        state = dict(getattr(value, "__dict__", {}))
        for kind in type(value).__mro__:
            slots = vars(kind).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and isinstance(
                    vars(kind).get(name), types.MemberDescriptorType
                ):
                    state.setdefault(name, getattr(value, name, None))
        fields = getattr(type(value), "__pydantic_fields__", {})
        lazy = {n for k in type(value).__mro__ for n, v in vars(k).items() if isinstance(v, functools.cached_property)}
        outside = not self._is_own(type(value).__module__)
        for name, held in sorted(state.items()):
            hidden = getattr(fields.get(name), "exclude", None) or (outside and name in _ASIDE)
            if hidden or name in skip or name in lazy:
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
                    self._read(_top(_module_of(function)))
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

    def _is_own(self, module: str) -> bool:
        """Whether a module's code is the user's: neither akrasia's nor an installed package's nor Python's."""
        top = _top(module)
        if _shipped(module) or top in sys.stdlib_module_names or _framework(top):
            return False
        if top in self._own or top in ("__main__", ""):
            return True
        loaded = sys.modules.get(module) or sys.modules.get(top)
        place = getattr(loaded, "__file__", None)
        if place is None:
            paths = list(getattr(loaded, "__path__", ()))
            return not any(_installed(p) for p in paths)
        return not _installed(place)


def _installed(place: str) -> bool:
    return any(part in _INSTALLED for part in Path(place).parts) or (
        _STDLIB is not None and Path(place).is_relative_to(_STDLIB)
    )


def _text(value: Any) -> str:
    return _ADDRESS.sub("", repr(value))


def _order(value: Any) -> tuple[str, str]:
    name = getattr(value, "__qualname__", None)
    return type(value).__qualname__, name if isinstance(name, str) else _text(value)


def _is_pregel(value: Any) -> bool:
    return any(k.__module__.startswith("langgraph.pregel") and k.__name__ == "Pregel" for k in type(value).__mro__)


def _generated(value: Any, fields: Any) -> bool:
    """Whether a method was written by `dataclass`, from the fields alone."""
    code = getattr(value, "__code__", None)
    return bool(fields) and code is not None and code.co_filename == "<string>"


def _names(code: types.CodeType) -> tuple[set[str], set[str], set[tuple[int, str]]]:
    """(global names, attribute names, imports as (level, module)) of code and of all code in it."""
    names: set[str] = set()
    attributes: set[str] = set()
    imports: set[tuple[int, str]] = set()
    instructions = list(dis.get_instructions(code))
    for i, step in enumerate(instructions):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names.add(step.argval)
        elif step.opname == "IMPORT_NAME":
            level = instructions[i - 2].argval if i > 1 and isinstance(instructions[i - 2].argval, int) else 0
            imports.add((level, step.argval))
        elif "ATTR" in step.opname or step.opname in ("IMPORT_FROM", "LOAD_METHOD"):
            attributes.add(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner_names, inner_attributes, inner_imports = _names(constant)
            names |= inner_names
            attributes |= inner_attributes
            imports |= inner_imports
    return names, attributes, imports
