"""What is known of a provider's model before anybody asks it: price, how it thinks, what it takes.

The facts are those of litellm's table, which is read as the file that it is: litellm itself is not imported, so a
forecast costs no seconds, and what is said of a model is the same before and after its first call. The table lags
behind the providers, so families that think are known by their names too.

Invariant: a model that the table knows is described by the table alone, save for what it does not say: whether a model
thinks unless it is asked to. What nobody knows is left to the provider, whose refusals are understood
(`providers/lessons.py`).
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from .base import Price
from .thinking import EFFORTS, Allowance, Thinking

_TABLE = "model_prices_and_context_window_backup.json"
LOCAL = frozenset("ollama ollama_chat hosted_vllm vllm lm_studio llamafile docker_model_runner xinference".split())
"""Providers that are a server of one's own."""

# Providers whose models sample at temperature 1 where a request names none, by their API references.
_AT_ONE = frozenset(
    "openai azure azure_ai anthropic gemini vertex_ai deepseek groq openrouter xai bedrock bedrock_converse".split()
)
_HOTTEST = {"anthropic": 1.0, "bedrock": 1.0, "cohere": 1.0, "cohere_chat": 1.0, "mistral": 1.5}

_OPENAI_THINKS = re.compile(r"(?:^|[/.])(?:o\d|gpt-(?:[5-9]|\d\d))(?!.*-chat)")
_OPENAI_AT_REST = re.compile(r"(?:^|[/.])gpt-5\.[124](?!\d)(?!.*(?:codex|pro))")  # their default effort is "none"
_CLAUDE_THINKS = re.compile(r"claude-(?:(?:opus|sonnet|haiku)-(?:[5-9]|\d\d)(?!\d)|fable|mythos)")
_CLAUDE_BARE = re.compile(r"claude-(?:opus-4-[789]|(?:opus|sonnet)-[5-9](?!\d)|fable|mythos|haiku-[5-9](?!\d))")
_FAMILIES = re.compile(
    r"deepseek-?(?:r\d|reasoner|v[4-9])|(?:^|[/\-_])r1\b|qwq|qwen-?3|qwen-?[4-9]|magistral|gpt-oss|kimi-k[2-9]|glm-?(?:4\.[5-9]|"
    r"4p[5-9]|[5-9])|minimax-m|grok-(?:3-mini|[4-9])|gemini-(?:2\.5|[3-9]|flash-latest|pro-latest)|nemotron|"
    r"phi-4-(?:mini-)?reasoning|nova-2|think|reason|gemma-?4|seed-?(?:oss|1\.6|2)|ernie-.*-x|hunyuan-.*t1"
)
_NOT_THINKING = re.compile(r"non-?(?:reasoning|thinking)|no-?think|instruct|gemini-2\.5-flash-lite")


@dataclass(frozen=True)
class KnownModel:
    """The facts.

    Attributes:
        listed: whether litellm's table knows the model.
        thinking: how it thinks, None if it does not.
        lacks: the fields of `Sampling` that it does not take.
        lacks_while_thinking: those that it does not take while it thinks.
        hottest: the highest temperature that its provider takes.
        usual: the provider's defaults of settings, by the names of OpenAI's protocol.
        price: US dollars per token; None where it is not known.
        most: the most tokens of one answer, 0 where it is not known.
        needs_limit: whether a request without a limit of tokens is refused.
        always_thinks: whether it cannot be told not to think.
        calls_tools, sees_images: whether it takes tools and images; one that nobody knows is sent them.
    """

    listed: bool
    thinking: Thinking | None
    lacks: frozenset[str]
    lacks_while_thinking: frozenset[str]
    hottest: float
    usual: Mapping[str, Any]
    price: Price | None
    most: int
    needs_limit: bool
    always_thinks: bool
    calls_tools: bool
    sees_images: bool


def known_model(name: str, allowance: Allowance = "auto", thinks: bool | None = None, tier: str = "") -> KnownModel:
    """What is known of a model of litellm's name.

    Args:
        allowance: of its thinking, see `Thinking`.
        thinks: whether it is told to think (True) or not to (False); None leaves it to the model.
        tier: of service, by which it is priced.
    """
    provider, _, rest = name.partition("/")
    entry = _entry(name)
    base = rest.lower()
    claude = "claude" in base
    most = _count(entry.get("max_output_tokens"))
    bare = entry.get("supports_sampling_params") is False or (claude and _CLAUDE_BARE.search(base))
    openai = bool(_OPENAI_THINKS.search(base))
    return KnownModel(
        listed=bool(entry),
        thinking=_thinking(entry, base, thinks, allowance, most),
        lacks=frozenset(("temperature", "top_p")) if bare else frozenset(),
        lacks_while_thinking=frozenset(
            ("temperature", "top_p", "stop") if openai else ("temperature",) if claude else ()
        ),
        hottest=1.0 if claude else _HOTTEST.get(provider, 2.0),
        usual={"top_p": 1.0, **({"temperature": 1.0} if provider in _AT_ONE or claude else {})},
        price=_price(_own_entry(name), tier),
        most=most,
        needs_limit=claude,
        always_thinks=bool(entry.get("thinking_always_on")),
        calls_tools=not entry or bool(entry.get("supports_function_calling") or claude or openai),
        sees_images=not entry or bool(entry.get("supports_vision")),
    )


def _thinking(
    entry: Mapping[str, Any], base: str, thinks: bool | None, allowance: Allowance, most: int
) -> Thinking | None:
    likely = bool(_FAMILIES.search(base) or _OPENAI_THINKS.search(base) or _CLAUDE_THINKS.search(base))
    if entry and not entry.get("supports_reasoning") and not (likely and not _NOT_THINKING.search(base)):
        return None if allowance == "auto" and thinks is None else Thinking("none", (), allowance, most)
    if thinks is not None:
        default = "high" if thinks else "none"
    elif entry.get("default_reasoning_effort"):
        default = str(entry["default_reasoning_effort"])
    elif _OPENAI_AT_REST.search(base) or _NOT_THINKING.search(base) or ("claude" in base and "claude-3" in base):
        default = "none"
    elif "flash-lite" in base:
        default = "minimal"
    elif "claude" in base:
        default = "high" if _CLAUDE_THINKS.search(base) else "none"
    else:
        default = "medium" if likely or entry else "none"
    return Thinking(default, _efforts(entry, base), allowance, most)


def _efforts(entry: Mapping[str, Any], base: str) -> tuple[str, ...]:
    """The efforts that a model takes; all of them where the table does not know it."""
    if not entry:
        return EFFORTS
    levels = entry.get("reasoning_effort_levels")
    if isinstance(levels, list):
        return tuple(e for e in EFFORTS if e in levels)
    known = {"low", "medium", "high"}
    for effort in ("none", "minimal", "low", "xhigh", "max"):
        says = entry.get(f"supports_{effort}_reasoning_effort")
        known = known | {effort} if says else known - {effort} if says is False else known
    if "gemini" in base or "claude" in base:
        known |= {"none", "minimal"} - {e for e in EFFORTS if entry.get(f"supports_{e}_reasoning_effort") is False}
    return tuple(e for e in EFFORTS if e in known)


def _price(entry: Mapping[str, Any], tier: str) -> Price | None:
    """Dollars per token at a tier of service ("flex", "priority", "batches"), or the usual ones where it has none.

    Long prompts have prices of their own: the table holds them as `..._above_200k_tokens`, or as a list of ranges.
    """
    ranges = entry.get("tiered_pricing")
    if isinstance(ranges, list) and ranges and all(isinstance(r, Mapping) and r.get("range") for r in ranges):
        steps = [(int(r["range"][0]), _price_of(r, tier)) for r in ranges]
    else:
        lengths = sorted(int(found[1]) for name in entry if (found := _ABOVE.fullmatch(name)))
        above = [(1000 * n, _price_of(entry, tier, f"_above_{n}k_tokens")) for n in lengths]
        steps = [(0, _price_of(entry, tier)), *above]
    base, *longer = steps
    if base[1] is None:
        return None
    tiers = tuple((tokens, price) for tokens, price in longer if price is not None and price != base[1])
    return replace(base[1], tiers=tiers)


def _price_of(entry: Mapping[str, Any], tier: str, above: str = "") -> Price | None:
    def cost(name: str) -> float | None:
        names = (f"{name}{above}_{tier}" if tier else "", f"{name}{above}", f"{name}_{tier}" if tier else "", name)
        value = next((v for n in names if (v := entry.get(n)) is not None), None)
        return None if value is None else float(value)

    prompt = cost("input_cost_per_token")
    if prompt is None:
        return None
    completion, thoughts = cost("output_cost_per_token") or 0.0, cost("output_cost_per_reasoning_token")
    cached = cost("cache_read_input_token_cost")
    written = cost("cache_creation_input_token_cost")
    return Price(prompt, completion, cached, written or None, None if thoughts == completion else thoughts)


_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _own_entry(name: str) -> Mapping[str, Any]:
    """The entry of a model at its own provider: by its whole name, or by the name without the provider."""
    for table in (_registered(), litellm_table()):
        entry: Mapping[str, Any] | None = table.get(name) or table.get(name.partition("/")[2])
        if entry:
            return entry
    return {}


def _entry(name: str) -> Mapping[str, Any]:
    """The entry of a model, at whichever provider: what a model takes, it takes behind a router too."""
    own = _own_entry(name)
    rest = name.partition("/")[2]
    while not own and "/" in rest:
        rest = rest.partition("/")[2]
        own = litellm_table().get(rest) or {}
    return own


def _registered() -> Mapping[str, Any]:
    """litellm's table as this process has it, with what the user has registered, if litellm is loaded."""
    table: Mapping[str, Any] = getattr(sys.modules.get("litellm"), "model_cost", None) or {}
    return table


@cache
def litellm_table() -> Mapping[str, Any]:
    """The table that comes with litellm; empty if litellm is not installed, or keeps it elsewhere."""
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None:
        return {}
    try:
        table = orjson.loads((Path(found.origin).parent / _TABLE).read_bytes())
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
