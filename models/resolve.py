"""From a name to a backend: a registered name such as `embedded` or `simulated`, or any litellm string.

A name may be followed by a colon and options: `simulated:knowing=0.87,greedy=0.64`. Text without `NAME=` is the
factory's first option: `embedded:/models/other.gguf`. A litellm string takes options by name alone, since it may hold
colons of its own: `openai/gpt-5-mini:temperature=1`. A third party registers its backends in the entry-point group
`akrasia.models`, or with `MODELS.register`; a factory takes options by name and returns a backend.

Invariant: nothing heavy is imported here. Weights and client libraries are loaded when the gateway opens a backend.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import BadOption, UnknownName
from ..registry import Registry, bind
from .base import Backend, Price
from .providers.embedded import Embedded
from .providers.simulated import Planted, Simulated
from .providers.simulated_tools import PlantedTools, SimulatedToolUser

MODELS: Registry[Backend] = Registry("model", "akrasia.models")

LITELLM_NAMES = ("PROVIDER/MODEL", "any litellm string: openai/gpt-4o-mini, anthropic/..., ollama_chat/llama3.1")
"""The form of the names that are not registered, and what they stand for."""

_EXAMPLES = ("openai/gpt-4o-mini", "anthropic/claude")
_OPTION = re.compile(r"\s*([A-Za-z_]\w*)\s*=(.*)", re.DOTALL)


def _planted(kind: Callable[[Any], Backend], rates: type[Any], about: str) -> Callable[..., Backend]:
    """A factory of simulated agents, whose options are the rates that can be planted."""

    def make(*args: float, **options: float) -> Backend:
        return kind(rates(*args, **options))

    meanings = (inspect.getdoc(rates) or "").partition("\n\n")[2]
    make.__doc__ = f"{about}\n\n{meanings}"
    make.__qualname__ = kind.__name__
    make.__signature__ = inspect.signature(rates)  # type: ignore[attr-defined]
    return make


MODELS.register("embedded", Embedded)
MODELS.register(
    "simulated",
    _planted(Simulated, Planted, "An agent with planted rates: simulated:knowing=0.87,greedy=0.64,optimal=0.24."),
)
MODELS.register(
    "simulated_tools",
    _planted(
        SimulatedToolUser,
        PlantedTools,
        "An agent that calls tools at planted rates, on bandits: simulated_tools:hard=0.5,admits=0.9.",
    ),
)


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
        return _from_object(model, _with_price(repr(model), options))
    name, _, text = model.partition(":")
    options = _with_price(model, options)
    if name in MODELS:
        return MODELS.make(name, **_joined(model, _options_of(name, text), options))
    if "/" in name:
        from .providers.remote import RemoteModel

        remote, text = _remote_name(model)
        backend: Backend = bind(
            "model", model, RemoteModel, (remote,), _joined(model, _options_of(name, text), options)
        )
        return backend
    raise UnknownName.among("model", name, [*MODELS.names(), *_EXAMPLES])


def _with_price(model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a price as a value, if they hold it as a table in US dollars per million tokens."""
    per_million = options.get("price")
    if per_million is None or isinstance(per_million, Price):
        return dict(options)
    kinds = ("prompt", "completion", "cached", "written")
    try:
        if not isinstance(per_million, Mapping) or per_million.keys() - set(kinds):
            raise KeyError
        if any(isinstance(value, bool) for value in per_million.values()):
            raise TypeError
        dollars = {kind: per_million[kind] / 1e6 for kind in kinds if kind in per_million or kind in kinds[:2]}
    except (KeyError, TypeError):
        raise BadOption(
            f"the price of {model!r} is {per_million!r}",
            remedy="Write price = { prompt = 0.15, completion = 0.60 } (US dollars per million tokens); cached and "
            "written are what tokens of a prompt cost that the provider has kept, and that it keeps.",
        ) from None
    return {**options, "price": Price(**dollars)}


def _options_of(name: str, text: str) -> dict[str, Any]:
    """The options that stand behind the colon of a name."""
    parts = [part for part in text.split(",") if part.strip()]
    matches = [_OPTION.match(part) for part in parts]
    if not parts or not all(matches):
        if text and name not in MODELS:
            raise BadOption(f"the options of {name!r} are {text!r}", remedy="Write NAME=VALUE, separated by commas.")
        return {_first_option(name): text} if text else {}
    found: dict[str, Any] = {}
    for match in filter(None, matches):
        found = _joined(f"{name}:{text}", found, {match[1]: _value(match[2].strip())})
    return found


def _joined(model: str, behind: dict[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Options behind the colon of a name with those beside it; refuses two values for one option."""
    for option in behind.keys() & beside.keys():
        if behind[option] != beside[option]:
            raise BadOption(
                f"{option} of {model!r} is given twice", f"{behind[option]!r} and {beside[option]!r}", "Give it once."
            )
    return {**behind, **beside}


def _remote_name(model: str) -> tuple[str, str]:
    """(litellm's model string, the options behind it). A colon is part of the string, unless NAME= follows it."""
    match = re.match(r"(.+?):(\s*[A-Za-z_]\w*\s*=.*)", model, re.DOTALL)
    return (match[1], match[2]) if match else (model, "")


def _first_option(name: str) -> str:
    parameters = list(inspect.signature(MODELS.factory(name)).parameters)
    if not parameters:
        raise BadOption(f"the model {name!r} takes no options", remedy=f"Write {name!r} alone.")
    return parameters[0]


def _value(text: str) -> Any:
    """A number, true, false, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text, text)


def _from_object(model: Any, options: Mapping[str, Any]) -> Backend:
    """A backend or a LangChain model as a backend.

    Raises:
        UnknownName: an option that is not used: what a model samples with is set on the model itself.
    """
    if all(hasattr(model, a) for a in ("info", "open", "generate", "close")):
        if options:
            raise BadOption(
                f"{sorted(options)[0]} is given beside a model object", remedy="Set it where the object is made."
            )
        backend: Backend = model
        return backend
    if hasattr(model, "ainvoke") and hasattr(model, "_llm_type"):
        from .providers.langchain import LangChainModel

        named = f"{type(model).__name__} (its own settings are set on it)"
        made: Backend = bind("model", named, LangChainModel, (model,), dict(options))
        return made
    raise BadOption(f"{model!r} is not a model", remedy="Use a name, a backend, or a LangChain BaseChatModel.")
