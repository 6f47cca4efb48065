"""What a request adds to the settings of its sampling: tools, the form of its answer, log-probabilities.

A form is bound by the first of these that the model takes: OpenAI's `json_schema`, or one tool that must be called and
whose arguments are the answer. A model that takes neither answers in the form that its prompt asks for, which is named
as not sent.

Invariant: tools are never left out: a model that does not take them is denied, with the provider's own sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ...errors import Denied
from ...records import CHOICES_OF_TOOLS, Request, Response, Tool
from ..offers import json_schema_format, schema_of
from .choice_probs import choice_probs
from .forms import OpenModel
from .lessons import Lesson
from .openai_format import function_tool

ANSWER = "answer"
MOST_LOGPROBS = 20  # that OpenAI and vLLM give for each token of a chat
MOST_OF_A_TEXT = 5  # that OpenAI gives for each token of a completion


@dataclass(frozen=True)
class Binding:
    """What is added to a body in OpenAI's form.

    Attributes:
        by_tool: whether the answer is the arguments of the tool `ANSWER`.
        not_sent: the fields of the request that are not sent.
    """

    body: dict[str, Any] = field(default_factory=dict)
    by_tool: bool = False
    not_sent: frozenset[str] = frozenset()


NOTHING = Binding()


def binding_of(opened: OpenModel, request: Request) -> Binding:
    """What a request adds, by all that is known of the model now.

    Raises:
        Denied: the model takes no tools.
    """
    sampling = request.sampling
    if not (request.tools or request.response_format or sampling.schema or sampling.choices or sampling.logprobs):
        return NOTHING
    if request.mode == "completion":
        return _of_a_text(opened, request)
    body: dict[str, Any] = {}
    not_sent: set[str] = set()
    if request.tools:
        _add_tools(opened, request, body, not_sent)
    by_tool = _add_form(opened, request, body, not_sent)
    most = sampling.logprobs or (
        MOST_LOGPROBS if sampling.choices and not by_tool and not _thinks(opened, request) else 0
    )
    if most and _takes(opened, "logprobs") and _takes(opened, "top_logprobs"):
        given = opened.lessons.most_logprobs
        body |= {"logprobs": True, "top_logprobs": min(most, given or most) if not sampling.logprobs else most}
    elif sampling.logprobs:
        not_sent.add("logprobs")
    return Binding(body, by_tool, frozenset(not_sent))


def _takes(opened: OpenModel, name: str) -> bool:
    return name in opened.accepts and name not in opened.lessons.left_out


def _thinks(opened: OpenModel, request: Request) -> bool:
    thinking = opened.known.thinking
    return thinking is not None and thinking.thinks(request.sampling.reasoning_effort)


def _of_a_text(opened: OpenModel, request: Request) -> Binding:
    """Of a model that continues texts: log-probabilities, by which a choice is measured; no form is bound."""
    sampling = request.sampling
    not_sent = {name for name in ("schema", "choices") if getattr(sampling, name)}
    most = sampling.logprobs or (MOST_OF_A_TEXT if sampling.choices else 0)
    if most and "logprobs" not in opened.lessons.left_out and opened.direct is not None:
        return Binding({"logprobs": most}, not_sent=frozenset(not_sent))
    return Binding(not_sent=frozenset(not_sent | ({"logprobs"} if sampling.logprobs else set())))


def _add_tools(opened: OpenModel, request: Request, body: dict[str, Any], not_sent: set[str]) -> None:
    if not _takes(opened, "tools"):
        raise Denied(
            f"{opened.name} takes no tools",
            opened.lessons.left_out.get("tools", "its provider has no parameter for them"),
            "Offer it none, or ask another model.",
        )
    body["tools"] = [function_tool(tool) for tool in request.tools]
    choice = request.tool_choice
    if choice and _takes(opened, "tool_choice"):
        body["tool_choice"] = choice if choice in CHOICES_OF_TOOLS else _named(choice)
    elif choice not in ("", "auto"):
        not_sent.add("tool_choice")
    if request.parallel_tool_calls is not None:
        if _takes(opened, "parallel_tool_calls"):
            body["parallel_tool_calls"] = request.parallel_tool_calls
        else:
            not_sent.add("parallel_tool_calls")


def _add_form(opened: OpenModel, request: Request, body: dict[str, Any], not_sent: set[str]) -> bool:
    """Bind the answer to the form that is asked for; returns whether a tool binds it."""
    name = "response_format" if request.response_format else "schema"
    if not (request.response_format or request.sampling.schema):
        if request.sampling.choices:
            not_sent.add("choices")
        return False
    if request.response_format:
        form, schema = orjson.loads(request.response_format), schema_of(request.response_format)
    else:
        schema = orjson.loads(request.sampling.schema)
        form = json_schema_format(schema)
    if _takes(opened, "response_format"):
        body["response_format"] = form
        return False
    if schema is not None and not request.tools and _takes(opened, "tools") and _takes(opened, "tool_choice"):
        body["tools"] = [function_tool(Tool(ANSWER, "Your answer.", orjson.dumps(schema).decode()))]
        body["tool_choice"] = _named(ANSWER)
        return True
    not_sent |= {name, "choices"} if request.sampling.choices else {name}
    return False


def refused_of(said: str, binding: Binding, request: Request) -> Lesson | None:
    """What nobody asked for by name, and a refusal speaks of: it is left out from then on. None where there is none.

    Of log-probabilities as many are asked for as there are, where it says that. Log-probabilities and the binding of a
    schema are ours to add, so no wording of a refusal need be known.
    """
    plain = said.casefold()
    if "logprobs" in binding.body and not request.sampling.logprobs and re.search(r"log[ _]?prob", plain):
        most = _MOST.search(plain)
        fewer = most is not None and 0 < int(most[1]) < binding.body.get("top_logprobs", 0)
        return Lesson("top_logprobs", most=int(most[1])) if most is not None and fewer else Lesson("logprobs")
    if not request.response_format and re.search(r"response[ _]?format|schema|structured|json|grammar|guided", plain):
        return Lesson("response_format") if "response_format" in binding.body else None
    return Lesson("tool_choice") if binding.by_tool and re.search(r"tool|function", plain) else None


_MOST = re.compile(
    r"(?:at most|less than or equal to|max(?:imum)?(?: value)?(?: allowed)?(?: is| of)?:?|between \d+ and|<=) "
    r"`?(\d{1,4})\b"
)


def _named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def read_bound(response: Response, binding: Binding, request: Request) -> Response:
    """The response with its answer where a tool carried it, and with the probabilities of the request's choices."""
    if binding.by_tool and response.tool_calls:
        response = replace(response, text=response.tool_calls[0].arguments, tool_calls=(), finish_reason="stop")
    choices = request.sampling.choices
    if not choices or not response.logprobs:
        return response
    probs, mass = choice_probs(response.logprobs, choices)
    kept = response.logprobs if request.sampling.logprobs else ()
    return replace(response, probs=probs, mass=mass, logprobs=kept)
