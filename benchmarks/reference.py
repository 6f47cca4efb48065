"""The references of the documentation, made from the code: command line, settings, columns, Python, papers.

    python benchmarks/reference.py           say whether they are up to date; exit code 1 where they are not
    python benchmarks/reference.py --write   make them anew

Invariant: they follow from the code alone; whatever an option is called, defaults to and does is said once, where it is
declared, and a test compares the pages with what this makes.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from textwrap import wrap
from typing import Any

from reference_columns import COLUMNS_INTRO, HEADLINE, NEEDED, TYPES, column_meanings

from akrasia.cli import program
from akrasia.experiments.settings import ExperimentSettings
from akrasia.graphs.reason_act import GRAPHS
from akrasia.interventions.base import INTERVENTIONS
from akrasia.ledger import step_columns
from akrasia.models.budget import Budget
from akrasia.models.providers.remote import RemoteModel
from akrasia.models.resolve import MODELS
from akrasia.tasks.base import TASKS
from akrasia.training.recipe import TrainingConfig
from akrasia.training.rlft import RLFTConfig

DOCS = Path(__file__).parents[1] / "docs"
MADE = "*Made by `make reference` from the code; edit the code.*"
_SEVERAL = re.compile(r"; (\w+: (?:P\())")  # several rates in one line
_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)+)", re.MULTILINE)


def cli_page() -> str:
    """The page of the command line."""
    lines = ["# The command line", "", MADE, "", *_program()]
    for name, command in program().commands.items():
        for verb, sub in getattr(command, "commands", {"": command}).items():
            lines += _command(f"{name} {verb}".strip(), sub.loaded)
    return "\n".join(lines) + "\n"


def _program() -> list[str]:
    return [
        "`akrasia -h` lists the commands by what they are for; `akrasia COMMAND -h` explains one. `python -m akrasia`",
        "is the same program, `akrasia --version` says which, and `akrasia --install-completion` teaches your shell",
        "its commands and names. `--json` prints JSON on stdout and nothing else there; `--wide` shows the columns",
        "that a narrow terminal leaves out. In a pipe the tables are 140 columns wide, or as many as `COLUMNS` says.",
        "",
        "Exit codes: 0 done; 1 something failed; 2 bad usage, nothing was written; 3 the run stopped early and can be",
        "resumed; 130 interrupted. An error that nobody expected is one sentence; with `AKRASIA_TRACEBACK=1` in the",
        "environment it shows where it came from.",
    ]


def _command(name: str, command: Any) -> list[str]:
    context = command.context_class(command, info_name=f"akrasia {name}")
    usage = " ".join([f"akrasia {name}", *command.collect_usage_pieces(context)])
    lines = ["", f"## akrasia {name}", "", " ".join(inspect.cleandoc(command.help or "").split()), "", f"`{usage}`", ""]
    rows = [_parameter(p) for p in command.params if not getattr(p, "hidden", False)]
    return [*lines, "| | default | what it does |", "| --- | --- | --- |", *rows] if rows else lines[:-1]


def _parameter(parameter: Any) -> str:
    named = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.param_type_name == "argument":
        named = (parameter.metavar or parameter.name.upper()).strip("[]")
    default = "required" if parameter.required else _default(parameter.default)
    return f"| `{named}` | {default} | {_cell(getattr(parameter, 'help', '') or '')} |"


def settings_page() -> str:
    """The page of what an experiment file may hold."""
    lines = ["# What an experiment file may hold", "", MADE, "", *_intro()]
    lines += ["", "## Settings", "", *_table(("key", "what it means"), _described(ExperimentSettings))]
    lines += ["", "## `[budget]`", "", *_table(("key", "what it means"), _described(Budget))]
    lines += [
        "",
        "## `[task]`",
        "",
        "The options of each task, behind `name`. `akrasia tasks show NAME` shows what an agent sees.",
    ]
    lines += _entries(TASKS, "###")
    lines += ["", "## `[models.NAME]`", "", '`slots = { critic = "simulated" }` lets another model play one role.']
    lines += _entries(MODELS, "###")
    lines += ["", "### a provider's model, such as `openai/gpt-4o-mini`", "", *_options(RemoteModel, skip=("name",))]
    lines += ["", "## `[variants]`", "", _VARIANTS]
    lines += ["", "### Graphs", "", *_table(("graph", "how it decides"), _calls(GRAPHS))]
    lines += ["", "### Interventions", "", *_table(("intervention", "what it does"), _calls(INTERVENTIONS))]
    lines += ["", "## Files of `akrasia train`", "", "[Training](training.md) describes them."]
    lines += ["", *_table(("key", "what it means"), _described(TrainingConfig)), "", "### `[rlft]`", ""]
    lines += _options(RLFTConfig)
    return "\n".join(lines) + "\n"


_VARIANTS = (
    'A graph, then interventions: `"reason_act | critique(rounds=2)"`. One of your own by its file: '
    "`\"reason_act | own('./mine.py:brief', sentences=2)\"` ([interventions](interventions.md#your-own))."
)


def _intro() -> list[str]:
    return [
        "[Configuration](configuration.md) shows a whole file and how the command line changes it. Every key that is",
        "given is used or refused, with the nearest name. The same settings are the keywords of `akrasia.run`.",
    ]


def _entries(registry: Any, level: str) -> list[str]:
    """A section for each entry of a registry with its options; only of those that ship with the package."""
    lines = []
    for name in registry:
        factory = registry.factory(name)
        if factory.__module__.startswith("akrasia."):
            lines += ["", f"{level} `{name}`", "", _cell(registry.about(name)), "", *_options(factory)]
    return lines


def _options(factory: Callable[..., Any], skip: tuple[str, ...] = ()) -> list[str]:
    meanings = dict(_described(factory))
    rows = [
        (f"`{p.name}`", _default(p.default), meanings.get(p.name, ""))
        for p in inspect.signature(factory).parameters.values()
        if p.name not in skip and not p.name.startswith("_")
    ]
    return _table(("option", "default", "what it means"), rows) if rows else ["It has no options."]


def _calls(registry: Any) -> Iterator[tuple[str, str]]:
    """Each entry with its options and their defaults, as it is called in a variant."""
    for name in registry:
        factory = registry.factory(name)
        if factory.__module__.startswith("akrasia."):
            taken = [p for p in inspect.signature(factory).parameters.values() if p.name != "plan"]
            inside = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in taken)
            yield f"`{name}({inside})`" if inside else f"`{name}`", registry.about(name)


def _described(thing: Any) -> Iterator[tuple[str, str]]:
    """(name, meaning) of each argument or attribute that a docstring describes; several names may share a meaning."""
    section = _SECTION.search((inspect.getdoc(thing) or "") + "\n")
    entries: list[tuple[str, str]] = []
    text = inspect.cleandoc(section[1]) if section else ""
    for line in _SEVERAL.sub(r"\n\1", text).splitlines():
        begins = re.match(r"((?:\w+, )*\w+): (.*)", line)
        if begins and not line.startswith(" "):
            entries.append((begins[1], begins[2]))
        elif entries:
            entries[-1] = entries[-1][0], f"{entries[-1][1]} {line.strip()}"
    for names, meaning in entries:
        for name in names.split(", "):
            yield name, meaning


def columns_page() -> str:
    """The page of what an export holds."""
    meanings = column_meanings()
    rows = [(f"`{name}`", TYPES[kind], meanings.get(name, "")) for name, kind in step_columns.SCHEMA.items()]
    lines = [
        "# The columns of an export",
        "",
        MADE,
        "",
        *wrap(COLUMNS_INTRO, 118, break_on_hyphens=False, break_long_words=False),
    ]
    lines += ["", "## The ones that one needs", "", *_table(("column", "what it holds"), NEEDED), *HEADLINE]
    return "\n".join([*lines, *_table(("column", "type", "what it holds"), rows)]) + "\n"


def api_page() -> str:
    """The page of Python: what each room offers, with the first sentence of its documentation."""
    import akrasia

    lines = [
        "# The Python interface",
        "",
        MADE,
        "",
        *wrap(_API_INTRO, 118, break_on_hyphens=False, break_long_words=False),
        "",
        "## `akrasia`",
        "",
    ]
    rooms = [name for name in akrasia.__all__ if inspect.ismodule(getattr(akrasia, name))]
    lines += _names(akrasia, [name for name in akrasia.__all__ if name not in rooms])
    for room in sorted(rooms):
        module = getattr(akrasia, room)
        lines += ["", f"## `akrasia.{room}`", "", _first_sentence(module), "", *_names(module, sorted(module.__all__))]
    return "\n".join(lines) + "\n"


_API_INTRO = (
    "`import akrasia as ak` loads no room: each loads when it is first used. `help(ak.run)` prints the whole "
    "documentation of a name with its arguments, errors and sources; this page lists what there is."
)


def _names(module: Any, names: list[str]) -> list[str]:
    rows = [(f"`{name}{_call(getattr(module, name))}`", _first_sentence(getattr(module, name))) for name in names]
    return _table(("name", "what it is"), rows)


def _call(thing: Any) -> str:
    """The arguments of a function, without their types; nothing for a class or a value."""
    if not inspect.isroutine(thing):
        return ""
    inside = ", ".join(p.name for p in inspect.signature(thing).parameters.values() if not p.name.startswith("_"))
    return f"({inside})"


def _first_sentence(thing: Any) -> str:
    if not (inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing)):
        return f"a value of type `{type(thing).__name__}`"
    text = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", text)[0]


def papers_page() -> str:
    """The page of papers that can be reproduced: what each example's own comment says."""
    lines = [
        "# Papers that can be reproduced",
        "",
        MADE,
        "",
        *wrap(_PAPERS_INTRO, 118, break_on_hyphens=False, break_long_words=False),
    ]
    for path in sorted((DOCS.parent / "examples" / "papers").glob("*.toml")):
        comment = takewhile(lambda line: line.startswith("#"), path.read_text("utf-8").splitlines())
        lines += ["", f"## {path.stem.replace('_', ' ')}", ""]
        lines += [line.lstrip("# ") for line in comment if "What it costs" not in line]
        lines += ["", "```", *(f"akrasia {verb} examples/papers/{path.name}" for verb in ("plan", "run")), "```"]
    return "\n".join(lines) + "\n"


_PAPERS_INTRO = (
    "Each is an experiment file with the design of a paper, the numbers that it reports, and where to look for "
    "ours. From a wheel, `akrasia init mine.toml --example papers/greedy_agents` copies one. `plan` says what it "
    "costs and asks nobody; add `--model NAME` for another model, `--model simulated` to try it without any."
)


def _table(headings: tuple[str, ...], rows: Any) -> list[str]:
    lines = [f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}"]
    return lines + [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "required"
    if value is None or value == () or value == "":
        return ""
    return f"`{_cell(str(value).lower() if isinstance(value, bool) else str(value))}`"


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "columns.md": columns_page,
    "api.md": api_page,
    "papers.md": papers_page,
}


def main() -> int:
    stale = [name for name, make in PAGES.items() if not _same(DOCS / name, make())]
    if "--write" in sys.argv:
        for name in stale:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"written: {', '.join(stale) or 'nothing, all are up to date'}")
        return 0
    print(f"not up to date: {', '.join(stale)}" if stale else "up to date")
    return int(bool(stale))


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
