"""The experiment files that come with the package: in a clone below `examples/`, in a wheel inside of it.

Invariant: a name is the file's path below that folder without its ending, such as "demo" or "papers/greedy_agents".
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from ..errors import UnknownName

FOLDER = Path(__file__).parents[1] / "examples"


def examples() -> dict[str, Path]:
    """Name -> file of every experiment, in the order of their names."""
    files = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.toml"))}
    return {name: path for name, path in files.items() if "rlft" not in tomllib.loads(path.read_text("utf-8"))}


def example_file(name: str) -> Path:
    """The file of an example.

    Raises:
        UnknownName: there is none of that name.
    """
    known = examples()
    if name not in known:
        raise UnknownName.among("example", name, known)
    return known[name]


def example_rows() -> Iterator[tuple[str, ...]]:
    """(name, the first sentence of its comment) of every example."""
    for name, path in examples().items():
        yield name, _opening(path.read_text("utf-8"))


def _opening(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#") or not line.strip("# "):
            break
        lines.append(line.strip("# "))
        if lines[-1].endswith((".", "?")):
            break
    return " ".join(lines)
