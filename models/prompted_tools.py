"""Tools for models that have none of their own: described in words, with an answer that is bound to JSON.

Invariants: what is asked is what is kept: the request in words is the one that has a key and stands in the ledger, and
the calls are read out of its answer, so a replay reads the same. An answer in plain text is an answer that calls
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from json import JSONDecodeError, JSONDecoder
from typing import Any

import orjson

from ..errors import BadOption
from ..records import Message, Request, Response, Tool, ToolCall, encode
from .offers import schema_of

_CALLS, _ANSWER = "tool_calls", "answer"
_INTRODUCTION = "You can call tools. Each is given with the JSON schema of its arguments:"
_CALL = (
    "To call {several}, answer with one JSON object and nothing else: "
    '{{"tool_calls": [{{"name": NAME, "arguments": {{...}}}}]}}'
)
_NO_CALL = 'To answer without calling a tool, answer with: {"answer": "..."}'
_BOUND_ANSWER = 'To answer without calling a tool, answer with: {"answer": ANSWER}, where ANSWER has the JSON schema:\n'
_FORM = "Answer with one JSON object and nothing else. It has the JSON schema:\n"
_ANY_OBJECT = "Answer with one JSON object and nothing else."


def in_words(request: Request) -> Request:
    """The request without tools, calls and forms: all of them in words, and the answer bound to JSON.

    Raises:
        BadOption: it holds a schema that cannot stand in another.
    """
    form = schema_of(request.response_format) if request.response_format else None
    tools = request.tools if request.tool_choice != "none" else ()
    if request.tool_choice in (tool.name for tool in tools):
        tools = tuple(tool for tool in tools if tool.name == request.tool_choice)
    must = request.tool_choice not in ("", "auto", "none")
    instruction, schema = _instruction(request, tools, must, form)
    messages = tuple(map(_as_text, request.messages))
    if instruction:
        messages = _with_instruction(messages, instruction)
    sampling = replace(request.sampling, schema=encode(schema).decode()) if schema else request.sampling
    return Request(request.model, messages, sampling, request.mode)


def _instruction(
    request: Request, tools: Sequence[Tool], must: bool, form: dict[str, Any] | None
) -> tuple[str, dict[str, Any] | None]:
    """(what the model is told, the schema of its answer); empty and None where there is nothing to tell."""
    if not tools:
        if form is not None:
            return _FORM + encode(form).decode(), form
        anything = orjson.loads(request.response_format).get("type") if request.response_format else "text"
        return (_ANY_OBJECT, {"type": "object"}) if anything == "json_object" else ("", None)
    several = "a tool" if request.parallel_tool_calls is False else "one or more tools"
    lines = [_INTRODUCTION, *(f"- {t.name}: {t.description}\n  {t.parameters}" for t in tools)]
    lines.append(_CALL.format(several=several))
    if not must:
        lines.append(_NO_CALL if form is None else _BOUND_ANSWER + encode(form).decode())
    return "\n".join(lines), _schema(tools, must, form, request.parallel_tool_calls is False)


def _whole(schema: Any, definitions: Mapping[str, Any] | None = None, within: tuple[str, ...] = ()) -> Any:
    """A schema with its definitions in the place of references to them, so that it can stand within another.

    Raises:
        BadOption: a definition refers to itself.
    """
    if isinstance(schema, list):
        return [_whole(one, definitions, within) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    if definitions is None:
        definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    reference = str(schema.get("$ref", ""))
    name = reference.rpartition("/")[2]
    if name in within:
        raise BadOption(
            f"the schema of {name!r} refers to itself",
            "this model has no tools of its own, and its answers are bound to one schema",
            "Write the schema without circles.",
        )
    if name in definitions and reference.startswith(("#/$defs/", "#/definitions/")):
        return _whole(definitions[name], definitions, (*within, name))
    return {k: _whole(v, definitions, within) for k, v in schema.items() if k not in ("$defs", "definitions")}


def _schema(tools: Sequence[Tool], must: bool, form: dict[str, Any] | None, single: bool) -> dict[str, Any]:
    """The schema of an answer that calls tools or answers."""
    calls = [
        _object({"name": {"const": tool.name}, "arguments": _whole(orjson.loads(tool.parameters))}) for tool in tools
    ]
    several: dict[str, Any] = {
        "type": "array",
        "minItems": 1,
        "items": calls[0] if len(calls) == 1 else {"anyOf": calls},
    }
    if single:
        several["maxItems"] = 1
    calling = _object({_CALLS: several})
    return calling if must else {"anyOf": [calling, _object({_ANSWER: _whole(form) if form else {"type": "string"}})]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _as_text(message: Message) -> Message:
    """A message as a model without tools reads it."""
    if message.role == "tool":
        name = f" {message.name}" if message.name else ""
        return Message("user", f"The tool{name} returned:\n{message.content}")
    if message.tool_calls:
        calls = [{"name": c.name, "arguments": c.parsed() or {}} for c in message.tool_calls]
        written = encode({_CALLS: calls}).decode()
        return Message("assistant", f"{message.content}\n{written}" if message.content else written)
    if message.is_plain:
        return message
    return Message(message.role, message.content)


def _with_instruction(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    if messages and messages[0].role == "system":
        first = Message("system", f"{messages[0].content}\n\n{instruction}")
        return (first, *messages[1:])
    return (Message("system", instruction), *messages)


def read_calls(response: Response, tools: Sequence[Tool], key: str) -> Response:
    """The response with the calls that its text makes, and with its answer in the place of the JSON around it.

    Args:
        key: of the answer: the calls are named by it, so that they are called the same in a replay.
    """
    found = _object_in(response.text)
    if found is None or response.status not in ("ok", "truncated"):
        return response
    calls = found.get(_CALLS)
    known = {tool.name for tool in tools}
    if isinstance(calls, list) and calls and all(_is_call(c, known) for c in calls):
        made = tuple(
            ToolCall(c["name"], _arguments(c.get("arguments")), f"call_{key[:12]}_{i}") for i, c in enumerate(calls)
        )
        return replace(response, text="", tool_calls=made, finish_reason="tool_calls")
    if set(found) == {_ANSWER}:
        answer = found[_ANSWER]
        return replace(response, text=answer if isinstance(answer, str) else encode(answer).decode())
    return response


def _is_call(call: Any, known: set[str]) -> bool:
    return isinstance(call, dict) and call.get("name") in known


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else encode({} if value is None else value).decode()


def _object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or holds between other words; None where there is none."""
    decoder = JSONDecoder()
    place = text.find("{")
    while place >= 0:
        try:
            value, _ = decoder.raw_decode(text, place)
        except (JSONDecodeError, RecursionError):
            place = text.find("{", place + 1)
            continue
        if isinstance(value, dict) and (_CALLS in value or _ANSWER in value):
            return value
        place = text.find("{", place + 1)
    return None
