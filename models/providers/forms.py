"""How one sampling of a model is sent: only what was asked for, in the provider's own words.

Invariants: a setting that equals the provider's default is left out. One that the model is known not to take, by
litellm's table or by what it refused, is left out and named as not sent; if somebody requires it, the call is denied.
Parameters of the model's own table are always sent: it is the provider that may refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import Denied
from ...records import Sampling
from ..account_faults import PARAMETER
from ..known_models import KnownModel
from ..sampling import asked_for, lost_on_the_way
from .lessons import Lessons, lesson_of
from .litellm import LitellmTransport, litellm_error
from .openai_http import SEED, OpenAIHTTP, RequestTemplate


@dataclass(frozen=True)
class Form:
    """How one sampling is sent.

    Attributes:
        settings: what the provider takes, by OpenAI's names; for litellm.
        own: the model's own parameters, as litellm takes them; extra: the names of what else stands in the body.
        seed: the name of the seed that is to be filled in; empty if there is none.
        limited, limit: the provider's name for the limit of tokens, and the limit; empty and 0 if there is none.
        not_sent: the names of what was asked for and is not sent.
        template: the body for the direct transport; None where litellm must carry it.
    """

    settings: dict[str, Any]
    own: dict[str, Any]
    extra: frozenset[str]
    seed: str
    limited: str
    limit: int
    not_sent: frozenset[str]
    template: dict[str, Any] | None

    @property
    def sent(self) -> frozenset[str]:
        """The names of all that a refusal may speak of."""
        names = {*self.settings, *self.own, *self.extra, *(["seed"] if self.seed else [])}
        return frozenset(names | ({"max_tokens"} if self.limited else set()))


@dataclass
class OpenModel:
    """An open model: what is known about it, what it has taught, and its transports.

    Attributes:
        module: litellm.
        name: as the user calls it; model, provider: as litellm does.
        accepts: the settings of OpenAI's protocol that litellm can carry to it.
        own: parameters of the model's own table, as the provider calls them.
        account: key and address, as litellm resolves them.
        responses: whether it is asked through OpenAI's Responses API.
        seeded: whether each call is sent a seed that names its draw; a number is sent as it is.
    """

    module: Any
    name: str
    model: str
    provider: str
    accepts: frozenset[str]
    known: KnownModel
    own: Mapping[str, Any]
    extra_body: Mapping[str, Any]
    seeded: bool | int
    direct: OpenAIHTTP | None
    account: tuple[str | None, str | None] = (None, None)
    responses: bool = False
    litellm: LitellmTransport | None = None
    lessons: Lessons = field(default_factory=Lessons)
    forms: dict[tuple[Sampling, str], Form] = field(default_factory=dict)


def form_of(opened: OpenModel, sampling: Sampling, mode: str) -> Form:
    """How a sampling is sent, by all that is known of the model now.

    Raises:
        Denied: the model does not take a setting that is required.
    """
    wanted = asked_for(sampling, opened.known.usual)
    if "max_tokens" not in wanted and opened.known.needs_limit:
        wanted["max_tokens"] = opened.known.most or sampling.most_tokens
    asked = set(wanted)
    if opened.lessons.most:
        wanted["max_tokens"] = min(wanted.get("max_tokens", opened.lessons.most), opened.lessons.most)
    own = {k: v for k, v in opened.own.items() if k not in opened.lessons.left_out or _deny(opened, k)}
    for name in _left_out(opened, sampling, wanted):
        if name in sampling.required and opened.known.usual.get(name) != wanted[name]:
            _deny(opened, name)
        del wanted[name]
    if opened.seeded is not False and "seed" not in opened.lessons.left_out:
        wanted["seed"] = SEED if opened.seeded is True else opened.seeded
        if opened.seeded is not True:
            asked.add("seed")
    while True:
        try:
            return _translated(opened, sampling, wanted, own, asked, mode)
        except opened.module.exceptions.UnsupportedParamsError as error:
            lesson = lesson_of(str(error), wanted)
            if lesson is None or lesson.name not in wanted or lesson.name in sampling.required:
                raise litellm_error(opened.module, opened.name, error) from None
            del wanted[lesson.name]


def _left_out(opened: OpenModel, sampling: Sampling, wanted: Mapping[str, Any]) -> set[str]:
    """What is asked for and is not sent: what the model does not take, and one of two that exclude each other."""
    known = opened.known
    effort = sampling.reasoning_effort
    thinks = known.thinking is not None and known.thinking.thinks(effort)
    lacking = known.lacks | known.lacks_while_thinking if thinks else known.lacks
    out = {name for name in wanted if name in opened.lessons.left_out}
    out |= {name for name in wanted if name in lacking and not (name == "temperature" and wanted[name] == 1.0)}
    for name in wanted:
        takes = {name} if name != "max_tokens" else {"max_tokens", "max_completion_tokens"}
        if takes.isdisjoint(opened.accepts) and name not in sampling.required:
            out.add(name)
    for first, second in opened.lessons.apart | ({("temperature", "top_p")} if "claude" in opened.name else set()):
        if {first, second} <= set(wanted) - out:
            out.add(first if second in sampling.required and first not in sampling.required else second)
    return out


def _deny(opened: OpenModel, name: str) -> bool:
    said = opened.lessons.left_out.get(name, "")
    if name == "reasoning_effort":
        same = said or "low and high are the same to it"
        raise Denied(f"{opened.name} takes no reasoning effort", same, "Leave it out, or set thinking = true or false.")
    if name not in ("temperature", "top_p"):
        raise Denied(f"{opened.name} does not take {name}", said, f"Leave out {name}.")
    raise Denied(PARAMETER.what.format(opened.name), said or f"it takes no {name}", PARAMETER.remedy)


def _translated(
    opened: OpenModel, sampling: Sampling, wanted: dict[str, Any], own: dict[str, Any], asked: set[str], mode: str
) -> Form:
    """The form of settings that are to be sent, in the words of the transport."""
    settings = dict(wanted)
    limit = opened.lessons.renamed.get("max_tokens", "max_tokens")
    if limit not in opened.accepts and "max_completion_tokens" in opened.accepts:
        limit = "max_completion_tokens"
    if limit != "max_tokens" and "max_tokens" in settings:
        settings[limit] = settings.pop("max_tokens")
    carried = {k: v for k, v in settings.items() if k in opened.accepts}
    forced = {k: v for k, v in settings.items() if k not in opened.accepts and k != "seed"}
    template, seed = None, ""
    if opened.direct is not None and mode == "completion":
        template, seed = {"model": opened.model, **carried}, "seed" if "seed" in carried else ""
    elif opened.direct is not None:
        made = RequestTemplate.of(opened.module, opened.model, opened.provider, carried)
        template, seed = (None, "") if made is None else (dict(made.body), made.seed or "")
    if template is not None:
        sent: Mapping[str, Any] = template
        template = {**template, **forced, **_flat(own, opened.provider), **opened.extra_body}
    else:
        sent, seed = _mapped(opened, carried), "seed" if carried.get("seed") == SEED else ""
    lost = lost_on_the_way({k: v for k, v in carried.items() if k != "seed"}, sent)
    if "reasoning_effort" in lost and _effort_matters(opened, carried):
        lost.discard("reasoning_effort")
    if lost & set(sampling.required):
        _deny(opened, sorted(lost & set(sampling.required))[0])
    arrives = {*(carried.keys() - lost), *forced, *own}
    if limit in arrives:
        arrives.add("max_tokens")
    if "seed" in carried and (seed or opened.seeded is not True):
        arrives.add("seed")
    if carried.get("seed") == SEED:
        del carried["seed"]
    body = template if template is not None else carried
    limited = next((k for k in (limit, "max_tokens", "max_completion_tokens") if k in body), "")
    return Form(
        settings={**carried, **forced},
        own=own,
        extra=frozenset(opened.extra_body),
        seed=seed,
        limited=limited,
        limit=int(settings.get(limit, 0)),
        not_sent=frozenset(asked - arrives),
        template=template,
    )


def _effort_matters(opened: OpenModel, carried: Mapping[str, Any]) -> bool:
    """Whether another effort is another request: each provider has its own form for it, and some have one for all."""
    others = (e for e in ("low", "high") if e != carried["reasoning_effort"])
    keys = carried.keys()
    return any(
        {k: v for k, v in _mapped(opened, {**carried, "reasoning_effort": other}).items() if k not in keys}
        != {k: v for k, v in _mapped(opened, carried).items() if k not in keys}
        for other in others
    )


def _flat(own: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """The model's own parameters as they stand in a body of OpenAI's form."""
    body = dict(own)
    thinking = body.pop("thinking", None)
    if thinking is not None and provider in ("hosted_vllm", "vllm"):
        body["chat_template_kwargs"] = {"enable_thinking": thinking.get("type") != "disabled"}
    elif thinking is not None:
        body["thinking"] = thinking
    return body


def _mapped(opened: OpenModel, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """What litellm makes of the settings.

    Raises:
        Exception: litellm's UnsupportedParamsError, where the model does not take one of them.
    """
    try:
        mapped: Mapping[str, Any] = opened.module.utils.get_optional_params(
            model=opened.model, custom_llm_provider=opened.provider, **settings
        )
    except opened.module.exceptions.UnsupportedParamsError:
        raise
    except Exception:  # noqa: BLE001  (litellm cannot say: the request itself will tell)
        return settings
    return mapped
