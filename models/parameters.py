"""The parameters of a provider, each declared once: what it may be, and what providers call it.

A new parameter is a line in `PARAMETERS` and a field of `RemoteModel` (`providers/remote.py`), and is sent as it is.
One that a role, a plan or a call may set has a `wire_name`, and is a field of `Sampling` too (`records/messages.py`);
any other belongs to the model, and every request of it carries the same.

Invariants: what changes an answer is part of the model's identity. The value of a header that may be a credential is
not, and is never stored. A parameter that a provider has no word for is refused when the model is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import orjson

from ..errors import BadOption
from ..options import one_of, real, whole
from .headers import check_headers, may_be_secret
from .offers import schema_of
from .thinking import EFFORTS, UNLIMITED

MOST_TOKENS = 10**7
_OURS = {
    "model": "the model's name", "messages": "the prompts", "prompt": "the prompts", "stream": "whole answers",
    "n": "the samples of a plan", "temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens", "stop": "stop", "seed": "seed", "reasoning_effort": "reasoning_effort",
    "service_tier": "service_tier", "top_k": "top_k",
}  # fmt: skip
_SEED = 'Use a whole number from 0, or "draw" for one that names each draw.'


def _allowance(what: str, value: Any) -> None:
    if value == UNLIMITED:
        return
    whole(what, value, 0, MOST_TOKENS, remedy=f'Use a whole number of tokens, or "{UNLIMITED}".')


def _thinking(what: str, value: Any) -> None:
    form = None if isinstance(value, float) else thinking_form(value) if _is_form(value) else None
    if form is None or form.get("type") not in ("enabled", "disabled", "adaptive"):
        raise BadOption(
            f"{what} is {value!r}",
            remedy='Use true, false, "adaptive", a number of tokens, or { type = "enabled", budget_tokens = 2048 }.',
        )
    unknown = set(form) - {"type", "budget_tokens", "display"}
    if unknown:
        raise BadOption(f"{what} holds {sorted(unknown)[0]!r}", remedy="It holds type, budget_tokens and display.")
    if "budget_tokens" in form:
        whole(f"the budget_tokens in {what}", form["budget_tokens"], 1, MOST_TOKENS)


def _is_form(value: Any) -> bool:
    return isinstance(value, bool | int | str | Mapping)


def _stop(what: str, value: Any) -> None:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, Sequence) or not words or not all(isinstance(w, str) and w.strip() for w in words):
        raise BadOption(f"{what} is {value!r}", remedy='Use a text or several, such as stop = ["END"].')


def _body(what: str, value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise BadOption(f"{what} is {value!r}", remedy="Write a table: extra_body = { NAME = VALUE }.")
    for key in value:
        if key in _OURS:
            raise BadOption(f"{what} holds {key!r}", "a request holds it already", f"Set {_OURS[key]} itself.")
    if not _is_json(value):
        raise BadOption(
            f"{what} holds a value that is no JSON", remedy="Use texts, numbers, true, false, lists, tables."
        )
    if "response_format" in value:
        schema_of(orjson.dumps(value["response_format"]).decode())


def _is_json(value: Any) -> bool:
    """Whether JSON can hold a value as it is; it has no infinite numbers."""
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _is_json(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value))


def _text(what: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise BadOption(f"{what} is {value!r}", remedy="Use a name.")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a provider.

    Attributes:
        check: refuses, by what it is of and its value, what it may not be; None where that depends on the model.
        wire_name: of a field of `Sampling`, its name in OpenAI's protocol; empty for what belongs to the model.
        kind: the type of its value, where plans and callers of a chat model may set it by name.
        names: what each provider calls it, where they have no common name; one that is not named has no such thing.
        apart: `RemoteModel` makes something else of it before anything is sent.
    """

    check: Callable[[str, Any], object] | None = None
    wire_name: str = ""
    kind: Callable[[Any], Any] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    apart: bool = False

    @property
    def as_it_is(self) -> bool:
        """Whether it is sent under its own name, as it is given."""
        return not (self.wire_name or self.names or self.apart)


def _effort(value: Any) -> str:
    return one_of("reasoning effort", value, EFFORTS)


def _effort_of(what: str, value: Any) -> None:
    one_of(what.replace("_", " ", 1), value, EFFORTS)


PARAMETERS: Mapping[str, Parameter] = {
    "temperature": Parameter(wire_name="temperature", kind=float),
    "reasoning_effort": Parameter(_effort_of, wire_name="reasoning_effort", kind=_effort),
    "thinking": Parameter(_thinking, apart=True),
    "thinking_tokens": Parameter(_allowance, apart=True),
    "max_tokens": Parameter(lambda what, v: whole(what, v, 1, MOST_TOKENS), wire_name="max_tokens", kind=int),
    "top_p": Parameter(lambda what, v: real(what, v, most=1, above=0), wire_name="top_p", kind=float),
    "top_k": Parameter(lambda what, v: whole(what, v, 1, 10**6)),
    "seed": Parameter(lambda what, v: v == "draw" or whole(what, v, 0, 2**63 - 1, remedy=_SEED), apart=True),
    "stop": Parameter(_stop, wire_name="stop"),  # LangChain hands it over as an argument of its own
    "extra_body": Parameter(_body, apart=True),
    "extra_headers": Parameter(check_headers, apart=True),
    "api_version": Parameter(
        _text, names={"azure": "api_version", "azure_ai": "api_version", "anthropic": "anthropic-version"}
    ),
    "organization": Parameter(_text, names={"openai": "organization"}),
    "project": Parameter(
        _text,
        names={
            "openai": "OpenAI-Project",
            "vertex_ai": "vertex_project",
            "vertex_ai_beta": "vertex_project",
            "watsonx": "project_id",
        },
    ),
    "region": Parameter(
        _text,
        names={
            "bedrock": "aws_region_name",
            "bedrock_converse": "aws_region_name",
            "sagemaker": "aws_region_name",
            "sagemaker_chat": "aws_region_name",
            "vertex_ai": "vertex_location",
            "vertex_ai_beta": "vertex_location",
            "watsonx": "region_name",
        },
    ),
    "service_tier": Parameter(_text),
}

SETTINGS: Mapping[str, Parameter] = {name: one for name, one in PARAMETERS.items() if one.wire_name}
"""Those that are fields of `Sampling`: where a model's table sets one, it takes the place of the roles' own."""


def check_parameters(name: str, given: Mapping[str, Any]) -> None:
    """Check the parameters of the model `name`; those that are None are not given.

    Raises:
        BadOption, UnknownName: one is out of its range, contradicts another, or is nothing to this provider.
    """
    set_here = {key: value for key, value in given.items() if value is not None}
    for key, value in set_here.items():
        check = PARAMETERS[key].check if key in PARAMETERS else None
        if check is not None:
            check(f"{key} of {name!r}", value)
    provider = name.partition("/")[0]
    for key, value in set_here.items():
        names = PARAMETERS[key].names if key in PARAMETERS else {}
        if names and provider not in names:
            raise BadOption(
                f"{key} of {name!r} is {value!r}", f"{provider} has no {key}", f"It goes with: {_some(names)}."
            )
    form, effort = thinking_form(set_here.get("thinking")), set_here.get("reasoning_effort")
    off = form is not None and form.get("type") == "disabled"
    if off and effort not in (None, "none"):
        raise BadOption(
            f"{name!r} has thinking = false and reasoning_effort = {effort!r}",
            "one says that it does not think, the other how much",
            "Leave out one of them.",
        )
    if off and set_here.get("thinking_tokens"):
        raise BadOption(f"{name!r} has thinking = false and room to think", remedy="Leave out thinking_tokens.")
    budget, whole_limit = (form or {}).get("budget_tokens"), set_here.get("max_tokens")
    if isinstance(budget, int) and whole_limit and budget >= whole_limit and not set_here.get("thinking_tokens"):
        raise BadOption(
            f"{name!r} may think {budget} tokens, and its answer may be {whole_limit} in all",
            remedy="Raise max_tokens above it, or leave max_tokens out.",
        )
    room = set_here.get("thinking_tokens")
    if isinstance(budget, int) and isinstance(room, int) and room < budget:
        raise BadOption(
            f"thinking_tokens of {name!r} is {room}, and its thinking may take {budget}",
            remedy=f"Use at least {budget}.",
        )


def thinking_form(value: Any) -> dict[str, Any] | None:
    """`thinking` as providers write it: {"type": "enabled", "budget_tokens": 2048}; None where nothing is said."""
    if value is None:
        return None
    if isinstance(value, bool):
        return {"type": "enabled" if value else "disabled"}
    if isinstance(value, int):
        return {"type": "enabled", "budget_tokens": value}
    return {"type": value} if isinstance(value, str) else dict(value)


def identity_of_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of the parameters may change an answer, as JSON; without the values of headers that may be credentials."""
    identity = {key: value for key, value in given.items() if value is not None and value != {}}
    headers = identity.pop("extra_headers", {})
    shown = {k.lower(): v for k, v in headers.items() if not may_be_secret(k, v)}
    return identity | ({"extra_headers": shown} if shown else {})


def names_of_provider(provider: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """(litellm's arguments, headers) for the parameters that every provider calls by another name."""
    arguments: dict[str, Any] = {}
    headers: dict[str, str] = {}
    for key, parameter in PARAMETERS.items():
        if given.get(key) is not None and provider in parameter.names:
            name = parameter.names[provider]
            (headers if "-" in name else arguments)[name] = str(given[key])
    return arguments, headers


def _some(names: Mapping[str, str]) -> str:
    return ", ".join(sorted(names))
