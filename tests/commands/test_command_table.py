"""The table of commands: it says what the commands say, and a command is imported when it is asked for."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from akrasia.commands.command_table import COMMANDS, Command

LINES = {f"{line.name} {inner.name}": inner for line in COMMANDS for inner in line.group} | {
    line.name: line for line in COMMANDS if not line.group
}
HEAVY = ("aiohttp", "langchain_core", "langgraph", "litellm", "networkx", "numpy", "polars", "scipy")
PROGRAM = """
import contextlib, io, json, os, sys
from akrasia.cli import main
environment, loaded = dict(os.environ), []
for arguments, variables in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(environment | variables)
    before, said = set(sys.modules), io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        main(arguments)
    loaded.append([sorted(set(sys.modules) - before), said.getvalue()])
print(json.dumps(loaded))
"""


def loaded_by(folder: Path, *asked: tuple[list[str], dict[str, str]]) -> list[tuple[set[str], str]]:
    """Of some command lines, called one after the other in one process: (what each imported anew, what it printed)."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    told: list[Any] = json.loads(done.stdout)
    return [(set(modules), said) for modules, said in told]


def heavy(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules} & set(HEAVY)


def commands(modules: set[str]) -> set[str]:
    """The files of commands among some modules."""
    return {m for m in modules if m in {f"akrasia.commands.{line.module}" for line in LINES.values()}}


@pytest.mark.parametrize("words", LINES)
def test_a_line_of_the_table_leads_to_a_command_and_says_its_first_sentence(words: str) -> None:
    line: Command = LINES[words]
    opening = (inspect.getdoc(line.load()) or "").partition("\n\n")[0]
    assert line.sentence == " ".join(opening.split())


def test_every_line_is_in_a_section_and_no_name_is_given_twice() -> None:
    assert all(line.section for line in COMMANDS)
    names = [line.name for line in COMMANDS]
    assert len(names) == len(set(names))


def test_what_lists_commands_imports_none(tmp_path: Path) -> None:
    def completing(words: str) -> tuple[list[str], dict[str, str]]:
        return [], {"_AKRASIA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    asked = [*(([word], {}) for word in ("-h", "--version", "scor")), (["tasks", "-h"], {})]
    helped, version, wrong, group, completed = loaded_by(tmp_path, *asked, completing("akrasia s"))
    for modules, said in (helped, version, wrong, group, completed):
        assert commands(modules) == set() == heavy(modules), said
    assert "Score a stored run again" in helped[1] and version[1].startswith("akrasia ")
    assert "Did you mean 'score'" in wrong[1] and "Show what an agent sees" in group[1]
    assert completed[1].split() == ["score", "show"]


def test_a_command_imports_no_other_and_nothing_heavy_before_it_needs_it(tmp_path: Path) -> None:
    asked = [([*words.split(), "-h"], {}) for words in LINES]
    for line, (modules, said) in zip(LINES.values(), loaded_by(tmp_path, *asked), strict=True):
        assert commands(modules) == {f"akrasia.commands.{line.module}"}, said
        assert heavy(modules) == set(), (line.name, said)
