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


@cache
def sources() -> dict[str, list[ast.stmt]]:
    """File -> what stands at its top level, of every module of the package."""
    rooms = [p for p in ROOT.iterdir() if p.name not in OUTSIDE and not p.name.startswith(".")]
    paths = [path for room in rooms for path in (room.rglob("*.py") if room.is_dir() else [room])]
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")).body
        for path in sorted(paths)
        if path.suffix == ".py"
    }


def public_names(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> dict[str, set[str]]:
    """Name -> files that define it at their top level."""
    names: dict[str, set[str]] = defaultdict(set)
    for file, body in sources().items():
        for node in body:
            if isinstance(node, kind) and not node.name.startswith("_"):  # type: ignore[attr-defined]
                names[node.name].add(file)  # type: ignore[attr-defined]
    return names


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_no_two_public_classes_share_a_name() -> None:
    assert {name: files for name, files in public_names(ast.ClassDef).items() if len(files) > 1} == {}


def test_a_public_function_s_name_has_one_meaning() -> None:
    doubles = {}
    for name, files in public_names(FUNCTIONS).items():
        # A command may be called as what it calls.
        homes = {f for f in files if f != "cli.py" and not f.startswith("commands/")} - ALLOWED.get(name, set())
        if len(homes) > 1:
            doubles[name] = homes
    assert doubles == {}


def test_no_function_is_called_as_a_class_is() -> None:
    assert public_names(FUNCTIONS).keys() & public_names(ast.ClassDef).keys() == set()


def test_every_exception_is_still_needed() -> None:
    names = public_names(FUNCTIONS)
    assert all(files < names[name] for name, files in ALLOWED.items())
