"""Tools that a task offers to agents: pure functions of its state.

A task offers tools with a method `tools(state) -> tuple[TaskTool, ...]`; bandits offer counts and index values,
question sets a calculator. Whether an agent may call them is up to its plan (`use_tools`).

Invariant: what a tool returns follows from the state and the arguments alone, so a replay needs no record of it. A call
with arguments that do not fit is answered by an error, never corrected.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import orjson

from ..errors import BadOption
from ..records import Situation, Tool, ToolCall, ToolUse

LONGEST = 200  # characters of an expression
LARGEST = 1e15
_OPERATORS: Mapping[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


@dataclass(frozen=True)
class TaskTool:
    """A tool of a task.

    Args:
        tool: what a model is told of it.
        call: the arguments, which fit the schema, to JSON.
    """

    tool: Tool
    call: Callable[[dict[str, Any]], Any]


@runtime_checkable
class OffersTools(Protocol):
    """A task that offers tools."""

    def tools(self, state: Any) -> tuple[TaskTool, ...]:
        """The tools in this state; pure functions of it."""
        ...


def tools_of(task: Any, state: Any) -> tuple[TaskTool, ...]:
    """The tools that a task offers in a state; none where it offers none."""
    offered: tuple[TaskTool, ...] = task.tools(state) if hasattr(task, "tools") else ()
    return offered


def shown_tools(tools: tuple[TaskTool, ...], situation: Situation) -> tuple[TaskTool, ...]:
    """The tools with the names of the actions that agents are shown, where an intervention renamed them."""
    if not situation.own:
        return tools
    own = dict(zip(situation.actions, situation.own, strict=True))
    shown = {true: name for name, true in own.items()}
    return tuple(
        TaskTool(
            replace(one.tool, parameters=orjson.dumps(_renamed(orjson.loads(one.tool.parameters), shown)).decode()),
            _translated(one.call, own, shown),
        )
        for one in tools
    )


def _translated(
    call: Callable[[dict[str, Any]], Any], own: Mapping[str, str], shown: Mapping[str, str]
) -> Callable[[dict[str, Any]], Any]:
    return lambda arguments: _renamed(call(_renamed(arguments, own)), shown)


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with labels replaced, wherever a whole text or key is one."""
    if isinstance(value, Mapping):
        return {names.get(k, k): _renamed(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


def call_tool(tools: tuple[TaskTool, ...], call: ToolCall) -> ToolUse:
    """What a call comes to: its result as JSON, or the error that says what was wrong with it."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (loads at first use)

    use = ToolUse(call.name, call.arguments, id=call.id)
    named = next((one for one in tools if one.tool.name == call.name), None)
    if named is None:
        known = ", ".join(one.tool.name for one in tools)
        return replace(use, error=f"there is no tool named {call.name!r}; there are: {known}")
    arguments = call.parsed()
    if arguments is None:
        return replace(use, error="the arguments are no JSON object")
    wrong = next(iter(Draft202012Validator(orjson.loads(named.tool.parameters)).iter_errors(arguments)), None)
    if wrong is not None:
        return replace(use, error=f"the arguments do not fit: {wrong.message}"[:300])
    try:
        result = named.call(arguments)
    except BadOption as error:
        return replace(use, error=str(error))
    return replace(use, result=orjson.dumps(result).decode())


def labels_schema(name: str, labels: tuple[str, ...], what: str) -> str:
    """The schema of a tool that takes some of these labels."""
    items = {"type": "string", "enum": list(labels)}
    several = {"type": "array", "items": items, "minItems": 1, "description": what}
    schema = {"type": "object", "properties": {name: several}, "required": [name], "additionalProperties": False}
    return orjson.dumps(schema).decode()


def calculate(expression: str) -> float | int:
    """The value of an arithmetic expression of numbers, + - * / // % ** and parentheses.

    Raises:
        BadOption: it is none, or its value is out of range.
    """
    if len(expression) > LONGEST:
        raise BadOption(f"the expression has {len(expression)} characters", remedy=f"Use at most {LONGEST}.")
    try:
        value = _value(ast.parse(expression.replace("^", "**").strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise BadOption(f"{expression!r} cannot be calculated", f"{type(error).__name__}: {error}") from None
    if not abs(value) <= LARGEST:
        raise BadOption(f"{expression!r} is too large", remedy="Use smaller numbers.")
    return round(value, 10) if isinstance(value, float) else value


def _value(node: ast.AST) -> float | int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 1e6):
            raise ValueError("the power is too large")
        value: float | int = _OPERATORS[type(node.op)](left, right)
        if isinstance(value, complex) or not abs(value) <= LARGEST:
            raise ValueError("the value is out of range")
        return value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        value = _OPERATORS[type(node.op)](_value(node.operand))
        return value
    raise ValueError("only numbers, + - * / // % ** and parentheses are understood")


CALCULATOR = TaskTool(
    Tool(
        "calculator",
        "The value of an arithmetic expression: numbers, + - * / // % ** and parentheses.",
        orjson.dumps(
            {
                "type": "object",
                "properties": {"expression": {"type": "string", "description": "such as (4 * 6) - 5"}},
                "required": ["expression"],
                "additionalProperties": False,
            }
        ).decode(),
    ),
    lambda arguments: {"value": calculate(arguments["expression"])},
)
