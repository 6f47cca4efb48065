"""One call of a LangChain chat model as a request of ours: its keywords become settings, tools and the form of answers.

Invariant: a keyword is carried over or refused with the nearest that there is, never dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool

from ..errors import BadOption
from ..options import whole
from ..records import CHOICES_OF_TOOLS, Sampling, Tool
from .base import Offer
from .offers import json_schema_format
from .other_models import HANDOFF
from .sampling import sampling_from_kwargs

MOST_SAMPLES = 64
_IGNORED = ("ls_structured_output_format", "stream", "strict")
"""What LangChain hands on for its tracers, or has done already."""


@dataclass(frozen=True)
class Asked:
    """What a call asks for: how it is sampled, what it is offered, and how many answers it wants."""

    sampling: Sampling
    offer: Offer
    samples: int = 1


def asked_of(own: Sampling, keywords: Mapping[str, Any], stop: Sequence[str] | None) -> Asked:
    """What a call with these keywords asks for.

    Args:
        own: the model's own sampling.

    Raises:
        UsageError: a keyword is unknown, or its value is none.
    """
    given = {k: v for k, v in keywords.items() if k not in _IGNORED and v is not None}
    samples = whole("n", given.pop("n", 1), 1, MOST_SAMPLES)
    form = given.pop("response_format", None)
    tools = tuple(_tool(one) for one in given.pop("tools", ()) or ())
    offer = Offer(
        tools,
        _choice(given.pop("tool_choice", None), tools),
        given.pop("parallel_tool_calls", None),
        "" if form is None else orjson.dumps(response_format_of(form)).decode(),
    )
    wanted, most = given.pop("logprobs", None), given.pop("top_logprobs", 0)
    sampling = sampling_from_kwargs(own, given, stop)
    if wanted or most:
        sampling = replace(sampling, logprobs=whole("top_logprobs", most or 1, 1, 20))
    return Asked(sampling, offer, samples)


def bound_tools(
    tools: Sequence[dict[str, Any] | type | Callable[..., Any] | Any], strict: bool | None
) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, of whatever form LangChain knows, in their order.

    Tools that only hand over to another agent stand in the order of their names, at the places that they have together:
    langgraph-supervisor takes them from a set, whose order is another in every process.
    """
    handovers = iter(sorted(filter(_hands_over, tools), key=lambda one: str(getattr(one, "name", ""))))
    ordered = [next(handovers) if _hands_over(one) else one for one in tools]
    return [convert_to_openai_tool(one, strict=strict) for one in ordered]


def _hands_over(one: Any) -> bool:
    return HANDOFF in (getattr(one, "metadata", None) or {})


def response_format_of(form: Any) -> dict[str, Any]:
    """The form of an answer in OpenAI's words: as it is, or of a schema of any kind that LangChain knows."""
    if isinstance(form, Mapping) and form.get("type") in ("json_schema", "json_object", "text"):
        return dict(form)
    if isinstance(form, str):
        raise BadOption(f"response_format is {form!r}", remedy='Use {"type": "json_object"} or a schema.')
    schema = convert_to_json_schema(form)
    name = str(schema.get("title") or "answer")
    return json_schema_format(schema, "".join(c if c.isalnum() or c in "_-" else "_" for c in name)[:64])


def _tool(one: Any) -> Tool:
    try:
        function = convert_to_openai_tool(one)["function"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadOption(
            f"{one!r} is no tool", str(error), "Use a function with a docstring, or a LangChain tool."
        ) from None
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    parameters = orjson.dumps(function.get("parameters") or empty, option=orjson.OPT_SORT_KEYS).decode()
    return Tool(function["name"], function.get("description") or "", parameters, bool(function.get("strict")))


def _choice(value: Any, tools: Sequence[Tool]) -> str:
    """tool_choice in our words, of whatever form LangChain and providers write it."""
    if value is None or value is False:
        return ""
    if value is True or value == "any":
        return "required"
    if isinstance(value, Mapping):
        inner = value.get("function")
        value = (inner.get("name") if isinstance(inner, Mapping) else value.get("name")) or value.get("type")
        value = "required" if value == "any" else value
    names = [tool.name for tool in tools]
    if not isinstance(value, str) or value not in (*CHOICES_OF_TOOLS, *names):
        raise BadOption(f"tool_choice is {value!r}", remedy=f"Use one of: {', '.join((*CHOICES_OF_TOOLS, *names))}.")
    return value
