"""From a name to a backend: `embedded`, `simulated`, or any litellm string such as `openai/gpt-4o-mini`.

A name may carry options after a colon: `simulated:knowing=0.87,greedy=0.64`, `embedded:/models/other.gguf`. Nothing
heavy is imported here; weights and client libraries are loaded when the gateway opens a backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import BadOption, UnknownName
from ..registry import bind
from .base import Backend, Price

__all__ = ["MODELS", "resolve"]

MODELS = {
    "embedded": "a small language model inside this process (SmolLM2-135M-Instruct), or any GGUF: embedded:FILE",
    "simulated": "an agent with planted rates: simulated:knowing=0.87,greedy=0.64,optimal=0.24",
    "PROVIDER/MODEL": "any litellm string, such as openai/gpt-4o-mini, anthropic/..., ollama/llama3",
}


def resolve(model: Any, **options: Any) -> Backend:
    """The backend that `model` names.

    Args:
        model: a name, a backend, or a LangChain `BaseChatModel`.
        options: options of the backend, as in a TOML table: `api_base`, `price`, `temperature`, ...

    Raises:
        UnknownName: no such model or option, with the nearest.
        BadOption: an option is out of range.
    """
    if not isinstance(model, str):
        return _from_object(model)
    name, _, detail = model.partition(":")
    if name == "simulated":
        from .providers.simulated import Planted, Simulated

        return Simulated(bind("model", "simulated", Planted, (), {**_pairs(detail), **options}))
    if name == "embedded":
        from .providers.embedded import Embedded

        given = {"weights": detail, **options} if detail else options
        backend: Backend = bind("model", "embedded", Embedded, (), given)
        return backend
    if "/" in model:
        from .providers.remote import RemoteModel

        return _with_price(bind, model, RemoteModel, options)
    raise UnknownName.among("model", model, ["embedded", "simulated", "openai/gpt-4o-mini", "anthropic/claude"])


def _with_price(make: Any, model: str, kind: Any, options: Mapping[str, Any]) -> Backend:
    given = dict(options)
    if isinstance(given.get("price"), Mapping):
        per_million = given["price"]
        try:
            given["price"] = Price(per_million["prompt"] / 1e6, per_million["completion"] / 1e6)
        except (KeyError, TypeError):
            raise BadOption(
                f"the price of {model!r} is {per_million!r}",
                remedy="Write price = { prompt = 0.15, completion = 0.60 } (US dollars per million tokens).",
            ) from None
    backend: Backend = make("model", model, kind, (model,), given)
    return backend


def _from_object(model: Any) -> Backend:
    if all(hasattr(model, a) for a in ("info", "open", "generate", "close")):
        backend: Backend = model
        return backend
    if hasattr(model, "ainvoke") and hasattr(model, "_llm_type"):
        from .providers.langchain import LangChainModel

        return LangChainModel(model)
    raise BadOption(f"{model!r} is not a model", remedy="Use a name, a backend, or a LangChain BaseChatModel.")


def _pairs(text: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, sep, value = part.partition("=")
        try:
            pairs[key.strip()] = float(value)
        except ValueError:
            sep = ""
        if not sep:
            raise BadOption(f"{part!r} is not an option", remedy="Write NAME=NUMBER, separated by commas.")
    return pairs
