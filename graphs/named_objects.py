"""Objects by where they are found: "package.module:object", or "./file.py:object", as `langgraph.json` names graphs.

Invariant: nothing is imported but what is named. A module that lies in the working folder is found there.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import BadOption, PlanError

_FORM = 'Write "package.module:object" or "./file.py:object".'


def graph_named(text: str) -> Any:
    """The graph that is found under a name: itself, compiled where it is a builder, or made by a function.

    A function is called without arguments; one that takes a `model` is given `ak.ChatModel()`.

    Raises:
        BadOption: nothing is found there.
        PlanError: the function asks for other arguments, or fails.
    """
    found = object_named(text)
    if inspect.isfunction(found) or inspect.isclass(found):
        found = _made(text, found)
    if not callable(getattr(found, "ainvoke", None)) and callable(getattr(found, "compile", None)):
        found = found.compile()
    return found


def object_named(text: str) -> Any:
    """The object that is found under a name.

    Raises:
        BadOption: the text is no such name, the module cannot be imported, or it holds no such object.
    """
    place, colon, path = text.rpartition(":")
    if not colon or not place or not path:
        raise BadOption(f"{text!r} names no object", remedy=_FORM)
    found: Any = _module_of(text, place)
    for part in path.split("."):
        if not hasattr(found, part):
            raise BadOption(f"there is no {path!r} in {place!r}", f"{text!r} names it", _FORM)
        found = getattr(found, part)
    return found


def _module_of(text: str, place: str) -> ModuleType:
    is_file = place.endswith(".py")
    try:
        return _loaded(Path(place).resolve()) if is_file else _imported(place)
    except Exception as error:  # whatever the import of the user's module raises
        raise BadOption(
            f"the module of {text!r} cannot be loaded",
            f"{type(error).__name__}: {error}",
            _FORM if isinstance(error, ImportError | OSError) else "Correct it.",
        ) from error


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        here = os.getcwd()
        if error.name is None or not name.startswith(error.name) or here in sys.path:
            raise
        sys.path.append(here)  # a console script does not look there
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            sys.path.remove(here)
            raise


@cache
def _loaded(path: Path) -> ModuleType:
    """The module of a file; one that is loaded already, such as the script that runs, is not loaded twice."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    for loaded in list(sys.modules.values()):
        file = Path(getattr(loaded, "__file__", None) or "")
        if file.name == path.name and file.exists() and path.samefile(file):
            return loaded
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    known = sys.modules.setdefault(name, module)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if known is module:
            del sys.modules[name]
        raise
    return module


def _made(text: str, build: Any) -> Any:
    needed = [p.name for p in inspect.signature(build).parameters.values() if p.default is p.empty and _is_named(p)]
    arguments: dict[str, Any] = {}
    if needed == ["model"] or needed == ["llm"]:
        from ..models.chat_model import ChatModel  # noqa: PLC0415  (LangChain loads at first use)

        arguments = {needed[0]: ChatModel()}
    elif needed:
        raise PlanError(
            f"the function {text!r} cannot make a graph by itself",
            f"it asks for {', '.join(needed)}",
            "Let it take nothing, or its model alone: def build(model): ...",
        )
    try:
        return build(**arguments)
    except Exception as error:
        raise PlanError(
            f"the function {text!r} raised {type(error).__name__}: {error}", "it must make a graph", "Correct it."
        ) from error


def _is_named(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY, parameter.POSITIONAL_ONLY)
