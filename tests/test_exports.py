"""What a module says it exports is what it exports, and the front door opens every room it names."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import akrasia
from akrasia.errors import MissingExtra

ROOT = Path(akrasia.__file__).parent
OUTSIDE = {"tests", "examples", "benchmarks", "docs", "runs", "build", "dist"}
MODULES = sorted(
    m.name
    for m in pkgutil.walk_packages([str(ROOT)], "akrasia.")
    if m.name.split(".")[1] not in OUTSIDE and not m.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_all_names_exist_once_and_are_what_a_star_import_brings(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except MissingExtra as error:
        pytest.skip(str(error))
    names = exported(module)
    assert len(set(names)) == len(names)
    brought: dict[str, object] = {}
    exec(f"from {name} import *", brought)
    assert brought.keys() - {"__builtins__"} == set(names)


@pytest.mark.parametrize("name", [n for n in MODULES if (ROOT / n.partition(".")[2].replace(".", "/")).is_dir()])
def test_a_room_exports_all_that_its_init_imports(name: str) -> None:
    module = importlib.import_module(name)
    imported = {
        alias.asname or alias.name
        for node in ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert imported == set(exported(module)) - (_defined(module) - imported)


def exported(module: ModuleType) -> list[str]:
    """`__all__`; a package that holds nothing but its docstring may do without."""
    if not hasattr(module, "__all__"):
        assert len(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body) == 1, (
            f"{module.__name__} does not say what it exports"
        )
    return list(getattr(module, "__all__", []))


def _defined(module: ModuleType) -> set[str]:
    """Public names that the room's `__init__` defines itself or hands out when first asked."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    own |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    lazy = "__getattr__" in own
    return {n for n in exported(module) if n in own or (lazy and hasattr(module, n))} if lazy else own


def test_front_door_opens_every_name_and_lists_it() -> None:
    for name in akrasia.__all__:
        assert getattr(akrasia, name) is not None
    assert set(akrasia.__all__) <= set(dir(akrasia))
    assert isinstance(akrasia.tasks, ModuleType)
    assert callable(akrasia.run)
    with pytest.raises(AttributeError, match="no_such_room"):
        akrasia.no_such_room  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import akrasia` and `akrasia --help` must not wait for graphs, tables or statistics."""
    heavy = ("langgraph", "polars", "scipy", "statsmodels", "numpy", "networkx", "litellm")
    code = f"import sys, akrasia; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
