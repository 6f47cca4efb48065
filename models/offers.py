"""Tools and forms of answers that a request offers: checked before anything is sent.

Invariant: what is refused here is refused for what it says, whichever provider would be asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ..errors import BadOption, UnknownName
from ..options import one_of
from ..records import CHOICES_OF_TOOLS, Request, Tool
from .base import ModelInfo

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def check_offer(info: ModelInfo, request: Request) -> Request:
    """The request, if its tools and its form can be offered to the model.

    Raises:
        BadOption, UnknownName: they cannot; the message says why.
    """
    if not request.tools and request.tool_choice not in ("", "none", "auto"):
        raise BadOption(
            f"tool_choice is {request.tool_choice!r}", "no tool is offered", "Offer tools, or leave it out."
        )
    if request.tools and info.tools == "none":
        raise BadOption(
            f"{info.label} is offered the tool {request.tools[0].name!r}",
            "it answers in the one form that its weights were tuned on",
            "Ask another model.",
        )
    names = [tool.name for tool in request.tools]
    for tool in request.tools:
        _check_tool(tool, names)
    if request.tools and request.tool_choice:
        one_of("tool_choice", request.tool_choice, [*CHOICES_OF_TOOLS, *names])
    if request.response_format:
        schema_of(request.response_format)
    images = [p for m in request.messages for p in m.parts if p.type == "image"]
    if images and not info.images:
        raise BadOption(f"{info.label} cannot be sent an image", "it reads text only", "Put what it shows into a text.")
    return request


def _check_tool(tool: Tool, names: list[str]) -> None:
    if not _NAME.fullmatch(tool.name) or tool.name in CHOICES_OF_TOOLS:
        raise BadOption(
            f"a tool is called {tool.name!r}",
            remedy="Use up to 64 letters, digits, _ and -, and none of: " + ", ".join(CHOICES_OF_TOOLS) + ".",
        )
    if names.count(tool.name) > 1:
        raise BadOption(f"two tools are called {tool.name!r}", remedy="Give each a name of its own.")
    check_schema(f"the parameters of the tool {tool.name!r}", _parsed(f"the tool {tool.name!r}", tool.parameters))


def check_schema(what: str, schema: Any) -> None:
    """Check that a value is a JSON schema of an object.

    Raises:
        BadOption: it is not, with where.
    """
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415  (loads at first use)

    if not isinstance(schema, Mapping):
        raise BadOption(f"{what} are no JSON schema", remedy='Use {"type": "object", "properties": {...}}.')
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path))
        raise BadOption(f"{what} are no JSON schema", f"{where}: {error.message}"[:300]) from None
    if schema.get("type", "object") != "object":
        raise BadOption(f"{what} describe no object", f"their type is {schema['type']!r}", 'Use {"type": "object"}.')


def schema_of(response_format: str) -> dict[str, Any] | None:
    """The JSON schema that a form of answers holds; None where any JSON object will do, or any text.

    Raises:
        BadOption, UnknownName: it is no form of answers.
    """
    form = _parsed("response_format", response_format)
    kinds = ("json_schema", "json_object", "text")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in kinds:
        raise UnknownName.among("type of response_format", str(kind), kinds)
    if kind != "json_schema":
        return None
    inner = form.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    check_schema("the schemas of response_format", schema)
    assert isinstance(schema, dict)
    return schema


def json_schema_format(schema: Any, name: str = "answer") -> dict[str, Any]:
    """A JSON schema as a form of answers, in OpenAI's words.

    It is strict where the schema is of the kind that strict binding takes: every property is required, and no other is
    allowed.
    """
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": _is_strict(schema)}}


def _is_strict(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if "properties" in schema:
        whole = set(schema.get("required", ())) == set(schema["properties"])
        if not whole or schema.get("additionalProperties") is not False:
            return False
    return all(map(_is_strict, schema.values()))


def _parsed(what: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise BadOption(f"{what} holds no JSON", str(error)) from None
