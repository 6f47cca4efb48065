"""Variants as text: `reason_act | critique(rounds=2) | self_consistency(3)` and back.

Invariant: `parse(str(plan)) == plan`. Only names and literal arguments are read; nothing is evaluated.
"""

from __future__ import annotations

import ast
from typing import Any

from ..errors import BadOption
from ..graphs.plan import Plan
from ..graphs.reason_act import GRAPHS
from .base import INTERVENTIONS, Intervention

__all__ = ["parse", "parse_changes", "parse_graph"]


def parse(expression: str) -> Plan:
    """The plan that an expression names.

    Raises:
        UnknownName: a graph, an intervention or an option does not exist; the nearest is named.
        BadOption: the text is not of the form `graph | intervention(option=value) | ...`.
        PlanError: the interventions do not fit the graph.
    """
    first, *steps = _steps(expression)
    plan = _graph(expression, first)
    for step in steps:
        plan = plan | _change(expression, step)
    return plan


def parse_graph(expression: str) -> Plan:
    """The graph that an expression without interventions names."""
    (first,) = _steps(expression)
    return _graph(expression, first)


def parse_changes(expression: str) -> list[Intervention]:
    """The interventions of an expression without a graph: `critique(rounds=2) | self_consistency(3)`."""
    return [_change(expression, step) for step in _steps(expression)]


def _steps(expression: str) -> list[ast.expr]:
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, AttributeError) as error:
        raise _malformed(str(expression), getattr(error, "msg", None) or str(error)) from None
    steps: list[ast.expr] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        steps.insert(0, tree.right)
        tree = tree.left
    return [tree, *steps]


def _graph(expression: str, step: ast.expr) -> Plan:
    name, args, options = _step(expression, step)
    return GRAPHS.make(name, *args, **options)


def _change(expression: str, step: ast.expr) -> Intervention:
    name, args, options = _step(expression, step)
    return INTERVENTIONS.make(name, *args, **options)


def _step(expression: str, node: ast.expr) -> tuple[str, list[Any], dict[str, Any]]:
    if isinstance(node, ast.Name):
        return node.id, [], {}
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise _malformed(expression, f"{ast.unparse(node)!r} is neither a name nor a name with options")
    try:
        args = [ast.literal_eval(a) for a in node.args]
        if any(k.arg is None for k in node.keywords):
            raise ValueError("a mapping of options has no names to read")
        options = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    except (ValueError, TypeError):
        raise _malformed(expression, f"the options of {node.func.id!r} are not plain values") from None
    return node.func.id, args, options


def _malformed(expression: str, why: str) -> BadOption:
    return BadOption(
        f"{expression!r} is not a variant", why, "Write: reason_act | critique(rounds=2) | self_consistency(3)."
    )
