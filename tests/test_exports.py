"""What a room says it exports is what it exports, and the front door opens every room it names."""

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


DOORS = [n for n in MODULES if (ROOT / n.partition(".")[2].replace(".", "/")).is_dir()] + [
    "akrasia.errors",
    "akrasia.events",
]


@pytest.mark.parametrize("name", DOORS)
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


def test_in_a_room_the_leading_underscore_alone_says_what_is_private() -> None:
    """Only doors list their names, and the interventions, whose files one line each makes public."""
    inside = [n for n in MODULES if n not in DOORS and not n.startswith("akrasia.interventions.")]
    texts = {n: (ROOT / f"{n.partition('.')[2].replace('.', '/')}.py").read_text(encoding="utf-8") for n in inside}
    assert [n for n, text in texts.items() if "\n__all__" in text] == []


@pytest.mark.parametrize("name", [n for n in DOORS if n not in ("akrasia.errors", "akrasia.events")])
def test_a_room_exports_all_that_its_init_imports(name: str) -> None:
    module = importlib.import_module(name)
    imported = {
        alias.asname or alias.name
        for node in _tree(module).body
        if isinstance(node, ast.ImportFrom) and node.level and node.module != "lazy"
        for alias in node.names
    }
    assert imported - {"*"} <= set(exported(module))  # of a star, the modules themselves say what is public


def exported(module: ModuleType) -> list[str]:
    """`__all__`; a package that holds nothing but its docstring may do without."""
    if not hasattr(module, "__all__"):
        assert len(_tree(module).body) == 1, f"{module.__name__} does not say what it exports"
    return list(getattr(module, "__all__", []))


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))


def test_the_front_door_is_the_rooms_and_a_few_names() -> None:
    doors = {name: getattr(akrasia, name) for name in akrasia.__all__}
    rooms = {name for name, value in doors.items() if isinstance(value, ModuleType)}
    assert {"tasks", "models", "graphs", "interventions", "evals", "training"} <= rooms
    assert doors.keys() - rooms == {
        "ChatModel", "Result", "Variant", "arun", "controls_for", "critique", "debate", "evaluator", "forecast",
        "intervention", "open_run", "placebo", "race", "re_evaluate", "recorded", "run", "self_consistency",
    }  # fmt: skip
    assert dir(akrasia) == akrasia.__all__
    with pytest.raises(AttributeError, match="no_such_room"):
        akrasia.no_such_room  # noqa: B018


def test_a_lazy_name_is_looked_up_once_and_stays_what_it_is() -> None:
    code = "import akrasia; first = akrasia.run; print('run' in vars(akrasia), akrasia.run is first)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_importing_the_package_loads_nothing_heavy() -> None:
    """`import akrasia` and `akrasia --help` must not wait for graphs, tables or statistics."""
    heavy = ("langgraph", "polars", "scipy", "statsmodels", "numpy", "networkx", "litellm")
    code = f"import sys, akrasia; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
