"""Whether an arm was measured at all: what stands between its estimates and a verdict.

Invariant: everything here follows from the stored rows and the stored experiment, so any ledger can be asked. A fault
says which share it touches, whose it is, where to look at the first example, and what to do; an arm with a fault has no
verdict and no place on a front, and neither has an arm that is compared with it.

Checks, and the share from which each is a fault:
    model     a graph called another chat model (any step), or never asked the run's       20 % of the steps
    answer    what a graph decided or recommended is in no answer of the run's model       20 % of the steps
    failed    the decision is an error, refused or truncated                              20 % of the steps
    unread    no legal action could be read from an answer, or a vote had no winner        50 % of the steps
    agent     an agent's own answers are empty, cut off before what they were to hold,
              refused, failed, or read as another label than they give                     20 % of its answers
    rationale a rationale was asked for and failed, or none could be read or was stated    50 % of those asked for
    settings  what the arm changes was asked for and not sent to the model                 any step
    slot      an agent of the plan, or a slot that a graph declares, asked at no step      every step
    unchanged every request equals the baseline's, and so does every decision              every step
    missing   episodes that the experiment asks for are not there                          20 % of the episodes
"""

from __future__ import annotations

import polars as pl

from ..frame import baseline_name
from ..run_tables import RunTables
from .agents import agent_cautions, agent_faults, constant_agents
from .arms import ExpectedArm, expected_arm, missing_faults, same_requests, unsent_cautions, unsent_faults
from .faults import IntegrityFault, unmeasured_contrast
from .steps import FAILED, decision_cautions, decision_faults

__all__ = [
    "FAILED",
    "ExpectedArm",
    "IntegrityFault",
    "arm_cautions",
    "arm_faults",
    "integrity_faults",
    "same_requests",
    "unmeasured_contrast",
]


def integrity_faults(
    steps: pl.DataFrame, base: pl.DataFrame | None = None, expected: ExpectedArm | None = None
) -> tuple[IntegrityFault, ...]:
    """The faults of one arm, the gravest first.

    Args:
        steps: its rows of the table made by `akrasia.evals.frame`.
        base: those of the baseline of the same run; None for the baseline itself.
        expected: what the experiment asks of the arm; None where that is not known.
    """
    expected = expected or ExpectedArm()
    faults = [*decision_faults(steps), *agent_faults(steps, expected.agents)]
    if base is not None:
        faults += [*unsent_faults(steps, base), *same_requests(steps, base)]
    return (*faults, *missing_faults(steps, expected))


def arm_faults(
    run: RunTables, steps: pl.DataFrame, variant: str, baseline: str | None = None
) -> tuple[IntegrityFault, ...]:
    """The faults of an arm, with all that is known of its run.

    Args:
        steps: the rows of its task and model, of all variants.
        baseline: the variant to compare with; by default the run's own.
    """
    base = baseline_name(steps, baseline)
    before = None if base == variant else steps.filter(variant=base)
    return integrity_faults(
        steps.filter(variant=variant),
        None if before is None or before.is_empty() else before,
        expected_arm(run.experiment, run.stopped, variant),
    )


def arm_cautions(steps: pl.DataFrame, turns: pl.DataFrame | None = None) -> tuple[str, ...]:
    """What is odd about an arm, though it was measured; each is a sentence that goes on from its name.

    Args:
        steps: its rows of the table made by `akrasia.evals.frame`.
        turns: its rows of the table made by `akrasia.evals.turns`; None where they were not read.
    """
    constant = [] if turns is None else constant_agents(turns)
    return (*decision_cautions(steps), *agent_cautions(steps), *constant, *unsent_cautions(steps))
