"""A setting of `Sampling` is declared once: every field is kept, sent and changed wherever a sampling passes."""

import asyncio
from dataclasses import fields, replace
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.errors import BadOption, UnknownName
from akrasia.experiments import assemble
from akrasia.graphs import act
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.models.base import ModelInfo, request_digest
from akrasia.models.parameters import PARAMETERS, SETTINGS
from akrasia.models.providers.langchain import GatewayChatModel
from akrasia.models.providers.remote import RemoteModel
from akrasia.models.sampling import (
    ABOUT,
    NOT_SENT,
    SET_BY_NAME,
    as_sent,
    asked_in_text,
    lost_on_the_way,
    sampling_from_kwargs,
    to_wire,
    with_settings,
)
from akrasia.records import Message, Request, Sampling

NAMES = [f.name for f in fields(Sampling)]
ANOTHER: dict[type, Any] = {float: 0.25, int: 7, tuple: ("X", "Y"), str: '{"type": "object"}'}
UNUSUAL = Sampling(**{f.name: ANOTHER[type(f.default)] for f in fields(Sampling)} | {"reasoning_effort": "low"})


def required(sampling: Sampling, name: str, value: Any) -> Sampling:
    """The sampling with one setting as somebody sets it."""
    return replace(sampling, **{name: value, "required": tuple(sorted({*sampling.required, name}))})


def test_every_field_is_declared_once() -> None:
    assert {*SETTINGS, *NOT_SENT, *ABOUT} == set(NAMES) and len(SETTINGS) + len(NOT_SENT | ABOUT) == len(NAMES)
    assert all(getattr(UNUSUAL, name) != getattr(Sampling(), name) for name in NAMES)
    assert set(to_wire(UNUSUAL)) == {setting.wire_name for setting in SETTINGS.values()}


def test_every_parameter_can_be_set_on_a_model_and_by_name_on_a_chat_model_where_it_has_a_type() -> None:
    assert set(PARAMETERS) <= {f.name for f in fields(RemoteModel)}
    assert set(SET_BY_NAME) <= set(ak.ChatModel.model_fields)


def test_every_field_but_what_is_required_is_part_of_an_answer_s_identity() -> None:
    asked = Request("m", (Message("user", "Which?"),), Sampling())
    for name in NAMES:
        other = replace(asked, sampling=replace(Sampling(), **{name: getattr(UNUSUAL, name)}))
        assert (request_digest(other) == request_digest(asked)) == (name == "required"), name


def test_what_is_not_sent_makes_no_other_form() -> None:
    assert as_sent(replace(UNUSUAL, choices=("A",), schema="")) == as_sent(UNUSUAL)
    for name in SETTINGS:
        assert as_sent(replace(UNUSUAL, **{name: getattr(Sampling(), name)})) != as_sent(UNUSUAL)


def test_what_only_the_prompt_asks_for_and_what_is_lost_on_the_way_is_named() -> None:
    assert asked_in_text(UNUSUAL) == NOT_SENT and asked_in_text(Sampling()) == set()
    settings = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 64, "stop": ["X"], "seed": 7}
    google = {"temperature": 0.0, "top_p": 1.0, "max_output_tokens": 64, "stop_sequences": ["X"], "x": {"seed": 7}}
    assert lost_on_the_way(settings, google) == set()
    assert lost_on_the_way(settings, {**google, "temperature": 0.01, "stream": False}) == {"temperature"}
    assert lost_on_the_way(settings, {"top_p": 1.0, "stop": "X"}) == {"temperature", "max_tokens", "stop", "seed"}


@pytest.mark.parametrize("name", [n for n, setting in SETTINGS.items() if setting.kind])
def test_changing_one_setting_keeps_every_other_field(name: str) -> None:
    value = "high" if name == "reasoning_effort" else 1
    changed = with_settings(UNUSUAL, {name: str(value)})
    assert changed == required(UNUSUAL, name, value) and getattr(changed, name) != getattr(UNUSUAL, name)
    assert sampling_from_kwargs(UNUSUAL, {}, None) == UNUSUAL
    assert sampling_from_kwargs(UNUSUAL, {}, ["END"]) == replace(UNUSUAL, stop=("END",))


def gateway() -> tuple[list[Request], Gateway, str]:
    """(the requests that a model was asked, a gateway to it, its id)."""
    requests: list[Request] = []
    backend = Scripted(lambda request, draw: requests.append(request) or "ACTION=Red")
    return requests, Gateway([backend]), backend.info.id


async def test_a_chat_model_of_a_gateway_loses_no_field() -> None:
    requests, asked, model = gateway()
    await GatewayChatModel(asked, model=model, sampling=UNUSUAL).bind(temperature=1.5).ainvoke("hello")
    assert requests[0].sampling == required(UNUSUAL, "temperature", 1.5)


async def test_the_chat_model_of_the_run_and_a_plan_lose_no_field() -> None:
    requests, asked, model = gateway()
    roles = ModelRoles(asked, {"default": model})
    chat_model = ak.ChatModel(sampling=UNUSUAL)

    async def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await chat_model.bind(top_p=0.5).ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    task = ak.tasks.bandit(arms=3, horizon=1)
    situation = task.situation(task.start(0))
    variant = ak.Variant.from_langgraph("graph", graph.compile(), ak.graphs.MessagesAdapter())
    await variant.decide(situation, roles, 0, 0)
    assert requests.pop().sampling == required(UNUSUAL, "top_p", 0.5)
    plan = ak.graphs.act() | ak.interventions.INTERVENTIONS.make("constrain_action")
    await ak.Variant("plain", plan).decide(situation, roles, 0, 0)
    await ak.Variant("warm", replace(plan, sampling={"temperature": 0.25})).decide(situation, roles, 0, 0)
    plain, warm = (request.sampling for request in requests)
    assert plain.choices and plain.schema and warm == required(plain, "temperature", 0.25)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"temprature": 0}, UnknownName, "Did you mean 'temperature'"),
        ({"choices": ("A",)}, UnknownName, "no sampling setting named 'choices'"),
        ({"temperature": "hot"}, BadOption, "temperature is 'hot'"),
        ({"reasoning_effort": "hgih"}, UnknownName, "Did you mean 'high'"),
    ],
)
def test_a_setting_that_is_none_is_refused_where_it_is_made(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    """In a plan before anything runs; in a chat model before anything is asked."""
    with pytest.raises(error, match=message):
        replace(act(), sampling=settings)
    requests, asked, model = gateway()
    with pytest.raises(error, match=message):
        asyncio.run(GatewayChatModel(asked, model=model).bind(**settings).ainvoke("hello"))
    assert not requests


def test_a_misspelt_setting_of_a_variant_is_refused_as_toml_and_the_command_line_write_it() -> None:
    with pytest.raises(UnknownName, match="'t'"):
        assemble({"task": "bandit", "model": "simulated", "variants": ["act | temperature(tt=0)"]})


class Warm(Scripted):
    """A scripted model with a temperature of its own."""

    @property
    def info(self) -> ModelInfo:
        return replace(super().info, temperature=0.7)


async def test_the_models_own_temperature_yields_to_what_a_graph_sets() -> None:
    requests: list[Request] = []
    asked = Gateway([backend := Warm(lambda request, draw: requests.append(request) or "yes")])
    chat = GatewayChatModel(asked, model=backend.info.id)
    for chat_model in (chat, chat.at(step=1), chat.at(step=2).bind(temperature=0.1)):
        await chat_model.ainvoke("hello")
    await GatewayChatModel(asked, model=backend.info.id, sampling=Sampling(temperature=0.4)).ainvoke("hello")
    assert [request.sampling.temperature for request in requests] == [0.7, 0.7, 0.1, 0.4]
