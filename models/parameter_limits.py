"""Which parameters contradict a model or its provider, by what is known before anybody asks: refused when it is named.

Limits of models are those of litellm's table. Those of providers are from their public API references. An address of
one's own may be any server that speaks OpenAI's protocol, so only what a model itself is known not to take is refused
there; a provider that refuses more is understood when it says so (`providers/lessons.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import BadOption, UnknownName
from .known_models import LOCAL, KnownModel
from .parameters import thinking_form

LEAST_BUDGET = 1024  # tokens of Claude's thinking, by Anthropic's guide to extended thinking
_OPENAI = ("openai", "custom_openai", "azure")
_NO_TOP_K = (*_OPENAI, "deepseek", "groq", "xai", "mistral", "cerebras")
_MOST_STOPS = {"openai": 4, "custom_openai": 4, "azure": 4, "groq": 4, "gemini": 5, "vertex_ai": 5}
_TIERS = {
    "openai": ("auto", "default", "flex", "priority", "scale", "ultrafast"),
    "azure": ("auto", "default", "flex", "priority"),
    "anthropic": ("auto", "standard_only"),
    "groq": ("auto", "on_demand", "flex", "performance"),
}
_GEMINI_ALWAYS = re.compile(r"gemini-(?:2\.5-pro|[3-9])")  # "thinking cannot be disabled", says Google's guide
_SAME = {  # what stands in a body, and the parameters that say the same
    "reasoning": ("reasoning_effort", "thinking"), "thinking": ("thinking", "reasoning_effort"),
    "thinkingConfig": ("thinking", "reasoning_effort"), "think": ("thinking", "reasoning_effort"),
    "output_config": ("reasoning_effort",), "chat_template_kwargs": ("thinking",), "cache_control": ("prompt_cache",),
}  # fmt: skip


def check_limits(
    name: str, given: Mapping[str, Any], known: KnownModel, *, own_address: bool = False, batched: bool = False
) -> None:
    """Check the parameters of the model `name` against what it takes.

    Args:
        given: the parameters that are set, `temperature` and `prompt_cache` among them.
        known: what is known of the model as it is, without these parameters.
        own_address: whether it is asked at an address that somebody set.

    Raises:
        BadOption, UnknownName: it is known not to take one of them, or two contradict each other.
    """
    provider = name.partition("/")[0]
    any_server = own_address and provider in ("openai", "custom_openai")
    _check_thinking(name, provider, given, known, any_server)
    hosted = (
        not any_server and provider not in LOCAL
    )  # a server of one's own may be set up for more than the table says
    if hosted and known.most and given.get("max_tokens", 0) > known.most:
        _refuse(
            name, "max_tokens", given, f"its answers have {known.most} tokens at most", f"Use at most {known.most}."
        )
    if "claude" in name.lower():
        if {"temperature", "top_p"} <= given.keys():
            raise BadOption(f"{name!r} has a temperature and a top_p", "it takes one of them", "Leave out one of them.")
        if "seed" in given:
            _refuse(name, "seed", given, "it takes no seed", "Leave it out.")
    for word, same in _SAME.items():
        twice = next((p for p in same if p in given), "")
        if word in given.get("extra_body", {}) and twice:
            raise BadOption(
                f"extra_body of {name!r} holds {word!r}", f"{twice} says the same", "Leave out one of them."
            )
    if batched and "service_tier" in given:
        _refuse(name, "service_tier", given, "a batch has a price and a pace of its own", "Leave one of them out.")
    if not any_server:
        _check_provider(name, provider, given)


def _check_thinking(name: str, provider: str, given: Mapping[str, Any], known: KnownModel, any_server: bool) -> None:
    named = next((p for p in ("thinking", "thinking_tokens") if p in given), "")
    if named and known.listed and known.thinking is None:
        _refuse(name, named, given, "it does not think", "Leave it out, or ask a model that thinks.")
    form = thinking_form(given.get("thinking"))
    if form is None:
        return
    if provider in _OPENAI and not any_server:
        efforts = known.thinking.efforts if known.thinking is not None else ()
        _refuse(name, "thinking", given, f"{provider} has no such parameter", f"Set reasoning_effort: {_some(efforts)}")
    if form["type"] == "disabled" and (known.always_thinks or _GEMINI_ALWAYS.search(name)):
        _refuse(name, "thinking", given, "it cannot be told not to think", 'Set reasoning_effort = "low" instead.')
    budget = form.get("budget_tokens")
    if "claude" in name.lower() and isinstance(budget, int) and budget < LEAST_BUDGET:
        _refuse(name, "thinking", given, f"its thinking takes {LEAST_BUDGET} tokens at least", "Use more, or false.")


def _check_provider(name: str, provider: str, given: Mapping[str, Any]) -> None:
    if provider in _NO_TOP_K and "top_k" in given:
        _refuse(name, "top_k", given, f"{provider} has no top_k", "Leave it out, or set top_p.")
    tiers = _TIERS.get(provider)
    if tiers is not None and given.get("service_tier", tiers[0]) not in tiers:
        raise UnknownName.among(f"service_tier of {provider}", str(given["service_tier"]), tiers)
    stops = given.get("stop", ())
    most = _MOST_STOPS.get(provider)
    if most is not None and not isinstance(stops, str) and len(stops) > most:
        _refuse(name, "stop", given, f"{provider} takes {most} at most", f"Use up to {most}.")


def _refuse(name: str, parameter: str, given: Mapping[str, Any], why: str, remedy: str) -> None:
    raise BadOption(f"{parameter} of {name!r} is {given[parameter]!r}", why, remedy)


def _some(efforts: tuple[str, ...]) -> str:
    return ", ".join(efforts) + "." if efforts else "it goes with models that think."
