"""`akrasia tasks show`: one task as an agent meets it: what is seen, what may be done, and what would be right."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.panel import Panel
from rich.text import Text

from ..errors import BadOption
from ..options import MOST_SEED, whole
from .arguments import AsJson
from .output import echo_json, terminal

if TYPE_CHECKING:
    from ..records import Oracle, Situation
    from ..tasks.base import Task

MOST_STEPS = 10_000


def tasks_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A task; its options follow as --option value.")],
    seed: Annotated[int, typer.Option(help="Which episode.")] = 0,
    steps: Annotated[int, typer.Option(help="How many steps to show, taking an optimal action in between.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Show what an agent sees, the legal actions and the oracle: akrasia tasks show bandit --arms 5 --seed 0."""
    from ..agents.rendering import render_situation
    from ..tasks.base import TASKS

    task = TASKS.make(name, **_options(context.args))
    whole("the seed", seed, 0, MOST_SEED)
    whole("steps", steps, 1, MOST_STEPS)
    if as_json:
        shown = [{"situation": s, "oracle": o, "reward": reward} for s, o, reward in _played(task, seed, steps)]
        echo_json({"task": name, "options": task.options, "steps": shown})
        return
    console = terminal()
    console.print(Text(f"{name}({', '.join(f'{k}={v!r}' for k, v in task.options.items())})", style="bold"))
    for situation, oracle, reward in _played(task, seed, steps):
        console.print(Panel(Text(render_situation(situation)), title=_title(situation), title_align="left"))
        console.print(_right(situation, oracle))
        if reward is not None:
            console.print(Text(f"taking {oracle.optimal[0]} pays {reward:g}", style="dim"))


def _played(task: Task, seed: int, steps: int) -> Iterator[tuple[Situation, Oracle, float | None]]:
    """Situation, oracle, and what the optimal action that is taken pays; None where no action is taken."""
    from ..tasks.base import Graded

    state, over = task.start(seed), False
    for _ in range(steps):
        situation, oracle = task.situation(state), task.oracle(state)
        if isinstance(task, Graded) and not situation.actions:
            yield situation, oracle, None  # an open answer that is graded has no canonical right one to go on with
            return
        state, reward, over = task.step(state, oracle.optimal[0])
        yield situation, oracle, reward
        if over:
            return


def _title(situation: Situation) -> str:
    kind = f"probe: {situation.probe}" if situation.probe else "what the agent sees"
    return f"{kind} ({situation.item})" if situation.item else kind


def _right(situation: Situation, oracle: Oracle) -> Text:
    legal = ", ".join(situation.actions) or f"any {situation.answer}"
    values = ", ".join(f"{a} {'inf' if v is None else f'{v:.3g}'}" for a, v in oracle.values.items())
    text = Text(f"legal actions: {legal}\n")
    text.append(
        f"oracle ({oracle.rule}): optimal {{{', '.join(oracle.optimal)}}}, greedy {{{', '.join(oracle.greedy)}}}"
    )
    return text.append(f"\nvalues: {values}")


def _options(words: Sequence[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, sep, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise BadOption(f"{word!r} is not an option", remedy="Write --option value, such as --arms 5.")
        if name.replace("-", "_") in options:
            raise BadOption(f"{name} is given twice", "it holds one value", "Give it once.")
        if not sep:
            text = rest.pop(0) if rest and not rest[0].startswith("--") else "True"
        try:
            options[name.replace("-", "_")] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            options[name.replace("-", "_")] = {"true": True, "false": False}.get(text.casefold(), text)
    return options
