"""One word per thing: no two public classes share a name, and a public function's name has one meaning in all rooms."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import akrasia

ROOT = Path(akrasia.__file__).parent
OUTSIDE = {"tests", "examples", "benchmarks", "docs", "plugins", "runs", "build", "dist"}

ALLOWED: dict[str, set[str]] = {
    # Two conformance kits, of tasks and of graphs from elsewhere, which do the same and are called alike.
    "check": {"graphs/conformance.py"},
    "problems": {"graphs/conformance.py"},
    # The interventions of these names, in the shape in which an agent of LangChain takes them.
    **{
        name: {"middleware/look_again.py"}
        for name in ("critique", "re_evaluate", "reflect", "self_consistency", "self_correct")
    },
}
"""Function name -> the files that may define it once more, each with its reason in a comment."""


CLASSES = (ast.ClassDef,)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def defined() -> list[tuple[str, str, bool]]:
    """(file, name, whether it is a class) of what stands at the top level of every module of the package."""
    rooms = [p for p in ROOT.iterdir() if p.name not in OUTSIDE and not p.name.startswith(".")]
    paths = [path for room in rooms for path in (room.rglob("*.py") if room.is_dir() else [room])]
    return [
        (path.relative_to(ROOT).as_posix(), node.name, isinstance(node, CLASSES))
        for path in sorted(paths)
        if path.suffix == ".py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, CLASSES + FUNCTIONS)
    ]


def public_names(classes: bool) -> dict[str, set[str]]:
    """Name -> files that define a class, or a function, of that name at their top level."""
    names: dict[str, set[str]] = defaultdict(set)
    for file, name, is_class in defined():
        if is_class is classes and not name.startswith("_"):
            names[name].add(file)
    return names


def test_no_two_public_classes_share_a_name() -> None:
    assert {name: files for name, files in public_names(classes=True).items() if len(files) > 1} == {}


def test_a_public_function_s_name_has_one_meaning() -> None:
    doubles = {}
    for name, files in public_names(classes=False).items():
        # A command may be called as what it calls.
        homes = {f for f in files if f != "cli.py" and not f.startswith("commands/")} - ALLOWED.get(name, set())
        if len(homes) > 1:
            doubles[name] = homes
    assert doubles == {}


def test_no_function_is_called_as_a_class_is() -> None:
    assert public_names(classes=False).keys() & public_names(classes=True).keys() == set()


def test_every_exception_is_still_needed() -> None:
    names = public_names(classes=False)
    assert all(files < names[name] for name, files in ALLOWED.items())
