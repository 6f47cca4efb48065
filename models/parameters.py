"""The parameters of a provider that a model's table may hold: which there are, what they may be, and how they are sent.

`temperature`, `top_p`, `max_tokens`, `stop` and `reasoning_effort` are fields of a request and stand in `Sampling`;
what is here belongs to the model: every request of it carries the same.

Invariants: what changes an answer is part of the model's identity. The value of a header that may be a credential is
not, and is never stored. A parameter that a provider has no word for is refused when the model is named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import orjson

from ..errors import BadOption, Denied
from ..options import one_of, real, whole
from .offers import schema_of
from .secrets import IN_A_HEADER, keep_secret
from .thinking import EFFORTS, UNLIMITED

SAMPLED = ("top_p", "max_tokens", "stop", "reasoning_effort")
"""Parameters that take the place of the roles' own settings."""

MOST_TOKENS = 10**7
_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature", re.I)
_SECRET_VALUE = re.compile(r"^(?:Bearer|Basic)\s|(?:^|\W)(?:sk|pk|hf|gsk|xai|AIza)[-_]?\w{8}")
_OURS = {
    "model": "the model's name", "messages": "the prompts", "prompt": "the prompts", "stream": "whole answers",
    "n": "the samples of a plan", "temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens", "stop": "stop", "seed": "seed", "reasoning_effort": "reasoning_effort",
    "service_tier": "service_tier", "top_k": "top_k",
}  # fmt: skip
_OUR_HEADERS = ("content-type", "content-length", "host", "idempotency-key")
# What providers call the things that have one name here; a provider that is not named has no such thing.
_NAMES: Mapping[str, Mapping[str, str]] = {
    "api_version": {"azure": "api_version", "azure_ai": "api_version", "anthropic": "anthropic-version"},
    "organization": {"openai": "organization"},
    "project": {
        "openai": "OpenAI-Project", "vertex_ai": "vertex_project", "vertex_ai_beta": "vertex_project",
        "watsonx": "project_id",
    },
    "region": {
        "bedrock": "aws_region_name", "bedrock_converse": "aws_region_name", "sagemaker": "aws_region_name",
        "sagemaker_chat": "aws_region_name", "vertex_ai": "vertex_location", "vertex_ai_beta": "vertex_location",
        "watsonx": "region_name",
    },
}  # fmt: skip


def check_parameters(name: str, given: Mapping[str, Any]) -> None:
    """Check the parameters of the model `name`; those that are None are not given.

    Raises:
        BadOption, UnknownName: one is out of its range, contradicts another, or is nothing to this provider.
    """
    set_here = {key: value for key, value in given.items() if value is not None}
    for key, value in set_here.items():
        check = _CHECKS.get(key)
        if check is not None:
            check(f"{key} of {name!r}", value)
    provider = name.partition("/")[0]
    for key, names in _NAMES.items():
        if key in set_here and provider not in names:
            raise BadOption(
                f"{key} of {name!r} is {set_here[key]!r}", f"{provider} has no {key}", f"It goes with: {_some(names)}."
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
    shown = {k.lower(): v for k, v in headers.items() if not _may_be_secret(k, v)}
    return identity | ({"extra_headers": shown} if shown else {})


def names_of_provider(provider: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """(litellm's arguments, headers) for the parameters that every provider calls by another name."""
    arguments: dict[str, Any] = {}
    headers: dict[str, str] = {}
    for key, names in _NAMES.items():
        if given.get(key) is not None and provider in names:
            name = names[provider]
            (headers if "-" in name else arguments)[name] = str(given[key])
    return arguments, headers


def open_headers(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with the values of environment variables in the place of their names ($NAME).

    Raises:
        Denied: a variable is not set.
    """
    opened = {}
    for header, value in headers.items():
        if value.startswith("$"):
            variable = value[1:].strip("{}")
            value = os.environ.get(variable, "")
            if not value:
                raise Denied(f"{variable} is not set", f"the header {header} of {name!r} is its value", "Export it.")
            keep_secret(value, variable)
        opened[header] = value
    return opened


def hide_headers(headers: Mapping[str, str]) -> None:
    """Count the values of headers that may be credentials as keys from now on: no message and no run repeats them."""
    for header, value in headers.items():
        if _may_be_secret(header, value) and not value.startswith("$"):
            keep_secret(value, f"{IN_A_HEADER}{header} holds")


def _may_be_secret(header: str, value: str) -> bool:
    return bool(_SECRET_NAME.search(header) or _SECRET_VALUE.search(value) or value.startswith("$"))


def _effort(what: str, value: Any) -> None:
    one_of(what.replace("reasoning_effort of", "reasoning effort of"), value, EFFORTS)


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


def _headers(what: str, value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise BadOption(f"{what} are no texts", remedy='Write extra_headers = { "X-Name" = "value" }.')
    for key, text in value.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+", key) or re.search(r"[\r\n\0]", text):
            raise BadOption(f"{what} hold the name or value of no header: {key!r}", remedy="Use plain text.")
        if key.lower() in _OUR_HEADERS:
            raise BadOption(f"{what} hold {key!r}", "every request has that header already", "Take it out.")


def _text(what: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise BadOption(f"{what} is {value!r}", remedy="Use a name.")


def _some(names: Mapping[str, str]) -> str:
    return ", ".join(sorted(names))


_CHECKS: Mapping[str, Any] = {
    "reasoning_effort": _effort,
    "thinking": _thinking,
    "thinking_tokens": _allowance,
    "max_tokens": lambda what, value: whole(what, value, 1, MOST_TOKENS),
    "top_p": lambda what, value: real(what, value, most=1, above=0),
    "top_k": lambda what, value: whole(what, value, 1, 10**6),
    "seed": lambda what, value: value == "draw" or whole(what, value, 0, 2**63 - 1, remedy=_SEED),
    "stop": _stop,
    "extra_body": _body,
    "extra_headers": _headers,
    **dict.fromkeys(("api_version", "organization", "project", "region", "service_tier"), _text),
}
_SEED = 'Use a whole number from 0, or "draw" for one that names each draw.'
