"""All checks of an arm, in the order in which they are said."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ..run_tables import RunTables
from ..step_table import baseline_name
from .agents import agent_cautions, agent_faults, constant_agents
from .arms import (
    ExpectedArm,
    expected_arm,
    missing_faults,
    same_requests,
    unrecorded_cautions,
    unsent_cautions,
    unsent_faults,
)
from .faults import IntegrityFault
from .steps import decision_cautions, decision_faults


def integrity_faults(
    steps: pl.DataFrame, base: pl.DataFrame | None = None, expected: ExpectedArm | None = None
) -> tuple[IntegrityFault, ...]:
    """The faults of one arm, in the order in which they are said.

    Args:
        steps: its rows of the table made by `akrasia.evals.step_table`.
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
    faults = integrity_faults(
        steps.filter(variant=variant),
        None if before is None or before.is_empty() else before,
        expected_arm(run, str(steps["task"][0]), str(steps["model"][0]), variant),
    )
    return (*faults, *_leading_faults(run, steps, variant))


def _leading_faults(run: RunTables, steps: pl.DataFrame, variant: str) -> list[IntegrityFault]:
    """In a fork one arm decides which situations the others meet: where it was not measured, they say nothing of the
    task. It is the baseline that the run was played with, of the leading model if the experiment names one.
    """
    if steps.is_empty() or steps["design"][0] != "fork" or run.imported is not None:  # where no arm led another
        return []
    task, model, leader = str(steps["task"][0]), str(steps["model"][0]), str(run.experiment.get("leader") or "")
    led = bool(leader) and leader != model
    leading = run.steps.filter(task=task, model=leader) if led else steps
    if leading.is_empty() or not leading["baseline"].any():
        return []
    name = baseline_name(leading, None)
    if not led and name == variant:
        return []
    who = f"{name} of {leader}" if led else name
    said = f"its situations are those that {who} led to, which was not measured"
    return [
        replace(f, check="leading", cause=f"{said} ({f.cause})")
        for f in decision_faults(leading.filter(variant=name))[:1]
    ]


def arm_cautions(steps: pl.DataFrame, turns: pl.DataFrame | None = None) -> tuple[str, ...]:
    """What is odd about an arm, though it was measured; each is a sentence that goes on from its name.

    Args:
        steps: its rows of the table made by `akrasia.evals.step_table`.
        turns: its rows of the table made by `akrasia.evals.turns`; None where they were not read.
    """
    constant = [] if turns is None else constant_agents(turns)
    return (
        *decision_cautions(steps),
        *agent_cautions(steps),
        *constant,
        *unsent_cautions(steps),
        *unrecorded_cautions(steps),
    )
