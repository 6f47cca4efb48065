"""Calls as text: `reason_act`, `society(agents=5) | critique`, `structured(action='choice')`.

Invariant: only names and literal arguments are read; nothing is evaluated.
"""

from __future__ import annotations

import ast
from typing import Any

from ..errors import BadOption


def steps_of(expression: str) -> list[ast.expr]:
    """The parts of an expression between its bars.

    Raises:
        BadOption: the text is no expression.
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, AttributeError) as error:
        raise malformed(str(expression), getattr(error, "msg", None) or str(error)) from None
    steps: list[ast.expr] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        steps.insert(0, tree.right)
        tree = tree.left
    return [tree, *steps]


def call_of(expression: str, node: ast.expr) -> tuple[str, list[Any], dict[str, Any]]:
    """(name, arguments, options) of one part.

    Raises:
        BadOption: it is no name with plain values.
    """
    if isinstance(node, ast.Name):
        return node.id, [], {}
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise malformed(expression, f"{ast.unparse(node)!r} is neither a name nor a name with options")
    try:
        args = [ast.literal_eval(a) for a in node.args]
        if any(k.arg is None for k in node.keywords):
            raise ValueError("a mapping of options has no names to read")
        options = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
    except (ValueError, TypeError):
        raise malformed(expression, f"the options of {node.func.id!r} are not plain values") from None
    return node.func.id, args, options


def malformed(expression: str, why: str) -> BadOption:
    """The error of a text that is no variant."""
    return BadOption(
        f"{expression!r} is not a variant", why, "Write: reason_act | critique(rounds=2) | self_consistency(3)."
    )
