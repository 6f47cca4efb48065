"""What is registered is found by name, an unknown name gets its nearest, and a plugin that fails says whose it is."""

import math
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import akrasia.registry
from akrasia.errors import BadOption, UnknownName
from akrasia.registry import Registry

ROOT = Path(__file__).parents[1]


def test_registry_names_the_nearest_and_refuses_a_second_owner() -> None:
    table: Registry[float] = Registry("root", "akrasia.no_such_group")
    table.register("sqrt", math.sqrt)
    table.register("sqrt", math.sqrt)
    with pytest.raises(BadOption, match="registered .* already"):
        table.register("sqrt", math.cbrt if hasattr(math, "cbrt") else math.exp)
    with pytest.raises(UnknownName, match="Did you mean 'sqrt'"):
        table.make("sqr", 4.0)
    assert table.make("sqrt", 4.0) == 2.0
    assert list(table) == ["sqrt"]
    assert "cube" not in table


def test_registry_names_the_nearest_option() -> None:
    def power(base: int = 2, exponent: int = 2) -> int:
        return int(base**exponent)

    table: Registry[int] = Registry("number", "akrasia.no_such_group")
    table.register("power", power)
    assert table.make("power", exponent=3) == 8
    with pytest.raises(UnknownName, match="Did you mean 'exponent'"):
        table.make("power", exponnt=3)
    with pytest.raises(BadOption, match="power"):
        table.make("power", 1, 2, 3)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Callable[[str, str], None]]:
    """Installs a small package with the module `brought` and entry points in the group `akrasia.test_numbers`."""

    def install(module: str, points: str) -> None:
        info = tmp_path / "brought-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[akrasia.test_numbers]\n{points}\n")
        (tmp_path / "brought.py").write_text(module)

    sys.path.insert(0, str(tmp_path))
    yield install
    sys.path.remove(str(tmp_path))
    sys.modules.pop("brought", None)


def test_a_package_brings_names_by_entry_point_and_is_loaded_when_one_is_asked_for(
    installed: Callable[[str, str], None],
) -> None:
    installed(
        'def double(x: float = 1.0) -> float:\n    """Twice as much.\n\n    More."""\n    return 2 * x\nsqrt = None\n',
        "double = brought:double\nsqrt = brought:sqrt",
    )
    table: Registry[float] = Registry("number", "akrasia.test_numbers")
    table.register("sqrt", math.sqrt)
    assert table.names() == ["double", "sqrt"] and "double" in table and "brought" not in sys.modules
    assert table.make("sqrt", 4.0) == 2.0  # our own name comes first
    assert table.make("double", x=4.0) == 8.0 and table.about("double") == "Twice as much."
    with pytest.raises(UnknownName, match="Did you mean 'double'"):
        table.make("doubel")
    with pytest.raises(UnknownName, match="no option of number 'double' named 'y'"):
        table.make("double", y=1)


@pytest.mark.parametrize(
    ("module", "point", "why"),
    [
        ("import no_such_module", "bad = brought:bad", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "bad = brought:bad", "ZeroDivisionError: division by zero"),
        ("", "bad = brought:bad", "AttributeError: module 'brought' has no attribute 'bad'"),
        ("", "bad = absent:bad", "ModuleNotFoundError: No module named 'absent'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_told_with_its_package_and_spoils_no_other_name(
    installed: Callable[[str, str], None], module: str, point: str, why: str
) -> None:
    installed(module, point)
    table: Registry[float] = Registry("number", "akrasia.test_numbers")
    table.register("sqrt", math.sqrt)
    assert table.names() == ["bad", "sqrt"] and table.make("sqrt", 4.0) == 2.0
    with pytest.raises(BadOption) as refused:
        table.make("bad")
    assert refused.value.what == "the number 'bad' of the package 'brought' cannot be loaded"
    assert refused.value.why == why and "akrasia.test_numbers" in refused.value.remedy


def test_an_entry_that_cannot_be_called_is_refused(installed: Callable[[str, str], None]) -> None:
    installed("seven = 7", "seven = brought:seven")
    with pytest.raises(BadOption, match="the number 'seven' is 7. Register a function or a class"):
        Registry("number", "akrasia.test_numbers").make("seven")


def test_the_docstring_names_every_entry_point_group() -> None:
    """Of all registries in the source."""
    declared = re.compile(r'Registry\("[^"]+", "(akrasia\.\w+)"\)')
    rooms = [p for p in ROOT.iterdir() if p.is_dir() and p.name != "tests" and not p.name.startswith(".")]
    sources = [path for room in rooms for path in room.rglob("*.py")]
    used = {group for path in sources for group in declared.findall(path.read_text())}
    assert len(used) > 5
    assert used <= set(re.findall(r"akrasia\.\w+", akrasia.registry.__doc__ or ""))
