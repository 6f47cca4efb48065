"""The commands that there are, one line each, in the order in which help and completion name them.

Invariant: nothing of a command is imported for its line. `akrasia score` is the function `score` of `score.py`, unless
its line names another; the function's signature is what the command takes, its docstring the help.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

EXPERIMENTS, RESULTS, WHAT_THERE_IS, TRAINING = "Experiments", "Results", "What there is", "Training"


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands, as it is listed.

    Attributes:
        name: as the user writes it; in a group, behind the group's name.
        section: of the help; "" inside of a group.
        sentence: what it does, as the opening paragraph of its docstring says it.
        function: where it is, as "module:function"; "" where both are called as the command.
        takes_any_option: options that it does not declare are handed to it as they are.
        group: the commands of a group, which has no function of its own.
    """

    name: str
    section: str
    sentence: str
    function: str = ""
    takes_any_option: bool = False
    group: tuple[Command, ...] = ()

    @property
    def module(self) -> str:
        """The file of the command in this room, without its ending."""
        return self.function.partition(":")[0] or self.name

    def load(self) -> Callable[..., None]:
        """The function of the command; its module is imported here."""
        module = import_module(f".{self.module}", __package__)
        found: Callable[..., None] = getattr(module, self.function.partition(":")[2] or self.name)
        return found


COMMANDS = (
    Command(
        "demo",
        EXPERIMENTS,
        "Ask whether another look, a critic, a vote or a debate closes the gap of a small model in this process.",
    ),
    Command(
        "init",
        EXPERIMENTS,
        "Write a commented experiment file to start from: what is decided, by which model, and what is changed.",
    ),
    Command(
        "plan",
        EXPERIMENTS,
        "Show what an experiment would do and cost, and how many episodes an effect needs, without asking any model.",
    ),
    Command("run", EXPERIMENTS, "Run an ablation and show its scorecard."),
    Command("score", RESULTS, "Score a stored run again; needs no model, no network and no key."),
    Command(
        "compare", RESULTS, "Compare two variants of a run, or a variant in two runs: RUN A B, or RUN1 RUN2 [VARIANT]."
    ),
    Command(
        "check",
        RESULTS,
        "Check figures of a run: exit code 0 all hold, 1 one does not, 3 one cannot be said, 2 bad input.",
    ),
    Command(
        "show",
        RESULTS,
        "Show one situation of a run: what was seen, what was right, what every agent said; or with --gap the steps "
        "where a variant knew and did not do; without either, where, when and with which versions the run was played.",
    ),
    Command(
        "view", RESULTS, "Look at runs in a browser: every situation with all variants side by side (extra: viewer)."
    ),
    Command(
        "judge",
        RESULTS,
        "Let other models read the recommendations that the parser could not, and measure their agreement with it.",
    ),
    Command(
        "report", RESULTS, "Write the self-contained HTML report of a stored run; --files needs the extra figures."
    ),
    Command("export", RESULTS, "Write a run's records to a file."),
    Command(
        "import",
        RESULTS,
        "Make a run of what was run elsewhere: a table, logs of other tools, published outputs.",
        "import_run:import_run",
    ),
    Command("list", WHAT_THERE_IS, "List what is known by name, or the runs of this folder.", "list:list_"),
    Command(
        "doctor",
        WHAT_THERE_IS,
        "Check this machine: versions, weights, native libraries, and which provider keys are set; or one model.",
    ),
    Command(
        "train",
        TRAINING,
        "Fine-tune a model by reinforcement on its own turns, and evaluate it before and after (extra: train).",
    ),
    Command(
        "data",
        TRAINING,
        "Write training data: of a run (its good answers, or its gap corrected), or of an expert with its rationale.",
    ),
    Command(
        "clone",
        TRAINING,
        "Fine-tune the embedded model on an expert's play, with or without its rationale (extra: train).",
    ),
    Command(
        "tasks",
        WHAT_THERE_IS,
        "The decision problems; akrasia list tasks names them.",
        group=(
            Command(
                "show",
                "",
                "Show what an agent sees, the legal actions and the oracle: "
                "akrasia tasks show bandit --arms 5 --seed 0.",
                "tasks:tasks_show",
                takes_any_option=True,
            ),
        ),
    ),
    Command(
        "graphs",
        WHAT_THERE_IS,
        "The agent graphs; akrasia list graphs names them.",
        group=(
            Command(
                "show",
                "",
                "Show a variant's agents, who reads whom, and what a decision costs in calls.",
                "graphs:graphs_show",
            ),
        ),
    ),
)
