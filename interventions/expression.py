"""Variants as text: `reason_act | critique(rounds=2) | self_consistency(3)` and back.

Invariant: `parse(str(plan)) == plan`. Only names and literal arguments are read; nothing is evaluated.
"""

from __future__ import annotations

import ast

from ..graphs.call_text import call_of, malformed, steps_of
from ..graphs.expression import made_graph, parse_graph
from ..graphs.plan import Plan
from .base import INTERVENTIONS, OWN, Intervention, own

__all__ = ["parse", "parse_changes", "parse_graph"]


def parse(expression: str) -> Plan:
    """The plan that an expression names.

    Raises:
        UnknownName: a graph, an intervention or an option does not exist; the nearest is named.
        BadOption: the text is not of the form `graph | intervention(option=value) | ...`.
        PlanError: the interventions do not fit the graph.
    """
    first, *steps = steps_of(expression)
    plan = made_graph(expression, first)
    for step in steps:
        plan = plan | _change(expression, step)
    return plan


def parse_changes(expression: str) -> list[Intervention]:
    """The interventions of an expression without a graph: `critique(rounds=2) | self_consistency(3)`."""
    return [_change(expression, step) for step in steps_of(expression)]


def _change(expression: str, step: ast.expr) -> Intervention:
    name, args, options = call_of(expression, step)
    if name == OWN:
        places = [*args, *(options[name] for name in ["where"] if name in options)]
        if len(places) != 1 or not isinstance(places[0], str):
            raise malformed(expression, "own takes one place, './file.py:name', and then options by their names")
        return own(*args, **options)
    return INTERVENTIONS.make(name, *args, **options)
