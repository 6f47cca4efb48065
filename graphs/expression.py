"""Graphs as text: `reason_act`, `society(agents=5)`, `external('my_agents:graph')`."""

from __future__ import annotations

import ast

from .call_text import call_of, malformed, steps_of
from .plan import Plan
from .reason_act import GRAPHS


def parse_graph(expression: str) -> Plan:
    """The graph that an expression without interventions names.

    Raises:
        UnknownName: there is no such graph, or it has no such option.
        BadOption: the text is no name with options.
    """
    first, *more = steps_of(expression)
    if more:
        raise malformed(expression, "it holds interventions")
    return made_graph(expression, first)


def made_graph(expression: str, step: ast.expr) -> Plan:
    """The graph that the first part of an expression names."""
    name, args, options = call_of(expression, step)
    return GRAPHS.make(name, *args, **options)
