"""`akrasia init`: an experiment file to start from, with a word on every line that a user may want to change.

Invariant: what is written assembles: `akrasia plan` takes it as it is. A file that is there is kept unless told else.
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import BadOption
from ..files import write_file
from .arguments import AsJson, ModelName, TaskName, Variants, names_of
from .examples import example_file
from .output import echo_json

VARIANTS = (
    "reason_then_act",
    "reason_then_act | re_evaluate",
    "reason_then_act | critique",
    "reason_then_act | self_consistency(n=3)",
    "reason_then_act | placebo",
)
TEMPLATE = """\
# {name}: does another look, a critic or a vote close the gap between what the model knows and what it does?
#
#     akrasia plan {file}                 calls, tokens and dollars; asks nobody
#     akrasia plan {file} --effect 0.1    how many episodes find a difference of 0.1
#     akrasia run {file}                  play it, into runs/{name}
#     akrasia run {file} --resume         go on where it stopped; what was answered is not asked again
#
# Every key is explained in docs/configuration.md. One that is unknown is refused, with the nearest name.
name = {name_toml}

# Who answers: akrasia list models. "embedded" runs in this process; "simulated" has rates that you plant;
# "openai/gpt-4o-mini" and other provider names need the provider's key in the environment.
# Several: model = ["embedded", "openai/gpt-4o-mini"]
model = {model}

# Seeded plays per task and model. Intervals and tests count what they are about: a question asked twice is one. How
# many are needed: akrasia plan --effect 0.1
episodes = 32
seed = 0

# fork: every variant decides the situations of the baseline's episodes. rollout: each plays episodes of its own.
design = "fork"

# Stop before `episodes`, once this is known:
# until = "gap +- 0.05"

# The first variant is the baseline. Interventions are chained with "|": akrasia list interventions; list graphs.
# A placebo changes the form of the prompt alone: what it moves is no effect of a second look.
[variants]
{variants}

# What is decided: akrasia list tasks; akrasia tasks show {task} shows what an agent sees.
[task]
name = {task_toml}
{options}

# The run stops before it would pay more, and can be resumed. Any of: calls, tokens, dollars.
[budget]
calls = 20000
"""


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; its name names the experiment.")] = Path(
        "experiment.toml"
    ),
    task: TaskName = None,
    model: ModelName = None,
    variant: Variants = None,
    example: Annotated[
        str | None,
        typer.Option(help="Copy this example instead: akrasia list examples.", autocompletion=names_of("examples")),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented experiment file to start from: what is decided, by which model, and what is changed."""
    from ..experiments.config import assemble

    if file.suffix != ".toml":
        raise BadOption(f"{str(file)!r} is no .toml file", remedy=f"Write: akrasia init {file.stem or 'mine'}.toml.")
    if file.exists() and not force:
        raise BadOption(f"{str(file)!r} is there already", remedy="Choose another name, or add --force to replace it.")
    if example is None:
        text = _experiment_text(file, task or "bandit", model or "embedded", variant or VARIANTS)
    elif task or model or variant:
        remedy = "Copy it, and change it in the file; or, for once, with akrasia run FILE --model NAME."
        raise BadOption(
            "an example is copied as it is: --example excludes --task, --model and --variant", remedy=remedy
        )
    else:
        text = re.sub(
            r'^name = ".*"', f"name = {_toml(file.stem)}", example_file(example).read_text("utf-8"), flags=re.M, count=1
        )
    assemble(tomllib.loads(text))
    write_file(file, text.encode())
    if as_json:
        echo_json({"file": str(file)})
        return
    typer.echo(f"Wrote {file}. What it would do and cost: akrasia plan {file}")
    typer.echo(f"Run it: akrasia run {file}")


def _experiment_text(file: Path, task: str, model: str, variants: Sequence[str]) -> str:
    """The text of an experiment file.

    Args:
        file: where it will lie; its name names the experiment.

    Raises:
        UnknownName: there is no such task.
    """
    return TEMPLATE.format(
        name=file.stem,
        file=file,
        name_toml=_toml(file.stem),
        model=_toml(model),
        task=task,
        task_toml=_toml(task),
        variants="\n".join(f"{_toml(_label(v, variants))} = {_toml(v)}" for v in variants),
        options=_options(task),
    )


def _options(task: str) -> str:
    """The options of a task, each at its default and commented out."""
    from ..registry import bind
    from ..tasks.base import TASKS

    factory = TASKS.factory(task)
    try:
        options: dict[str, Any] = dict(bind("task", task, factory, (), {}).options)
    except BadOption as error:  # it needs an option, such as the file of its questions
        return textwrap.fill(f"{error}", 110, initial_indent="# ", subsequent_indent="# ")
    lines = [f"{key} = {_toml(value)}" for key, value in options.items() if value is not None]
    return "\n".join([f"# {TASKS.about(task)} Its options, as they are by default:", *(f"# {line}" for line in lines)])


def _label(variant: str, variants: Sequence[str]) -> str:
    """A short name of a variant, if no other has the same."""
    short = variant.rpartition("| ")[2]
    return short if [v.rpartition("| ")[2] for v in variants].count(short) == 1 else variant


def _toml(value: Any) -> str:
    """A value in TOML, which writes texts, numbers, truth values and lists of them as JSON does."""
    return json.dumps(value, ensure_ascii=False)
