"""Tools, forms of answers and log-probabilities: on the wire, in the identity, in words for models that have none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tool_server import ToolServer, serving_tools

from akrasia.errors import BadOption, Denied, UnknownName
from akrasia.models import Gateway, ModelRoles, Scripted, key_of
from akrasia.models.base import Offer, prompt_digest, request_digest
from akrasia.models.payment import upper_bound
from akrasia.models.prompted_tools import in_words
from akrasia.models.providers.remote import RemoteModel
from akrasia.models.secrets import without_keys
from akrasia.records import (
    Draw,
    Message,
    Part,
    Request,
    Response,
    Sampling,
    TokenLogprob,
    Tool,
    ToolCall,
    decode,
    encode,
)

DRAW, PLAIN = Draw(1, 2, 3), Sampling()
SCHEMA = '{"properties":{"a":{"type":"integer"}},"required":["a"],"type":"object","additionalProperties":false}'
MAGIC, WEATHER = Tool("magic", "Does magic.", SCHEMA), Tool("weather", "Tells the weather.")
QUESTION = (Message("user", "Use the tool on 3."),)
CONVERSATION = (
    *QUESTION,
    Message("assistant", "", tool_calls=(ToolCall("magic", '{"a":3}', "c1"),), reasoning="I must call."),
    Message("tool", "5", tool_call_id="c1", name="magic"),
)
ACTIONS = '{"properties":{"action":{"enum":["Red","Blue"],"type":"string"}},"required":["action"],"type":"object",'
ACTIONS += '"additionalProperties":false}'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToolServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    with serving_tools() as script:
        yield script


async def ask(
    model: Any, messages: tuple[Message, ...] = QUESTION, sampling: Sampling = PLAIN, **offer: Any
) -> Response:
    gateway = Gateway([model])
    try:
        roles = ModelRoles(gateway, {"default": model.info.id})
        return (await roles.ask("default", messages, sampling, DRAW, Offer(**offer)))[1]
    finally:
        await gateway.close()


def test_a_plain_request_is_called_what_it_always_was() -> None:
    plain = Request("m", (Message("system", "a"), Message("user", "bé")), Sampling(stop=("x",)))
    assert key_of(plain, DRAW) == "46b887cec4d6011644fdc88c17781508"  # as ledgers of format 4 call it


@pytest.mark.parametrize(
    "change",
    [
        {"tools": (MAGIC,)},
        {"tool_choice": "none"},
        {"parallel_tool_calls": False},
        {"response_format": '{"type":"json_object"}'},
        {"sampling": Sampling(logprobs=3)},
        {"messages": (Message("user", "?", name="ann"),)},
        {"messages": (Message("user", "?", parts=(Part("text", "?"), Part("image", url="u"))),)},
        {"messages": (Message("tool", "?", tool_call_id="1"),)},
        {"messages": (Message("assistant", "?", tool_calls=(ToolCall("f"),)),)},
        {"messages": (Message("assistant", "?", blocks='{"x":1}'),)},
    ],
)
def test_whatever_may_change_an_answer_names_it(change: dict[str, Any]) -> None:
    plain = Request("m", (Message("user", "?"),))
    other = replace(plain, **change)
    assert key_of(plain, DRAW) != key_of(other, DRAW)
    assert request_digest(plain) != request_digest(other) and prompt_digest(plain) != prompt_digest(other)
    assert decode(Request, encode(other)) == other


def test_a_response_with_calls_survives_the_ledger_and_hides_keys() -> None:
    token = TokenLogprob("R", -0.1, (("R", -0.1), ("B", -2.5)))
    told = Response("", tool_calls=(ToolCall("f", '{"k":"sk-12345678"}', "1"),), blocks="{}", logprobs=(token,))
    assert decode(Response, encode(told)) == told
    old = {k: v for k, v in json.loads(encode(told)).items() if k not in ("tool_calls", "blocks", "logprobs")}
    assert decode(Response, encode(old)) == Response("")  # as ledgers of format 4 hold it
    assert without_keys(told, {"sk-12345678": "KEY"}).tool_calls[0].arguments == '{"k":"[key]"}'


def test_the_bound_of_a_call_counts_all_that_is_sent() -> None:
    plain = Request("m", QUESTION)
    with_tools = replace(plain, messages=CONVERSATION, tools=(MAGIC,))
    image = replace(plain, messages=(Message("user", "?", parts=(Part("image", url="https://x/y.png"),)),))
    assert upper_bound(plain, None).tokens < upper_bound(with_tools, None).tokens
    assert upper_bound(image, None).tokens > 6_000


@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_calls_and_results_go_over_either_transport(server: ToolServer, transport: Any) -> None:
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base, transport=transport)
    called = await ask(model, tools=(MAGIC, WEATHER), tool_choice="required", parallel_tool_calls=False)
    assert (called.status, called.text, called.finish_reason) == ("ok", "", "tool_calls")
    assert [(c.name, c.parsed()) for c in called.tool_calls] == [("magic", {"a": 3})]
    sent = server.bodies[0]
    assert sent["tool_choice"] == "required" and sent["parallel_tool_calls"] is False
    assert sent["tools"][0]["function"] == {
        "name": "magic", "description": "Does magic.", "parameters": json.loads(SCHEMA),
    }  # fmt: skip
    answered = await ask(model, CONVERSATION, tools=(MAGIC,), tool_choice="magic")
    assert server.bodies[1]["tool_choice"] == {"type": "function", "function": {"name": "magic"}}
    assert server.bodies[1]["messages"][1]["tool_calls"][0]["id"] == "c1" and answered.tool_calls
    both = await ask(model, (Message("user", "Use both tools."),), tools=(MAGIC, WEATHER))
    assert [c.name for c in both.tool_calls] == ["magic", "weather"]


@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_an_image_is_sent_by_reference(server: ToolServer, transport: Any) -> None:
    parts = (Part("text", "What is it?"), Part("image", url="https://x/y.png", detail="low"))
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base, transport=transport)
    await ask(model, (Message("user", "What is it?", parts=parts),))
    assert server.bodies[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
    ]


@pytest.mark.parametrize(
    ("refuses", "bound_by", "not_sent"),
    [
        (set(), "response_format", ""),
        ({"response_format"}, "tools", ""),
        ({"response_format", "tool_choice"}, "", "choices,schema"),
    ],
)
async def test_a_schema_is_bound_by_what_the_model_takes(
    server: ToolServer, refuses: set[str], bound_by: str, not_sent: str
) -> None:
    server.refuses = refuses
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base)
    said = await ask(model, sampling=Sampling(choices=("Red", "Blue"), schema=ACTIONS))
    assert said.reported["not_sent"] == not_sent and said.tool_calls == ()
    if bound_by:
        assert bound_by in server.bodies[-1] and json.loads(said.text) == {"action": "Red"}
    else:
        assert not {"tools", "response_format"} & server.bodies[-1].keys()


@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_what_is_encoded_is_read_off_the_tokens(server: ToolServer, transport: Any) -> None:
    server.probs = {"Red": 0.2, "Bl": 0.6, "Green": 0.1, "I": 0.1}
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base, transport=transport)
    said = await ask(model, sampling=Sampling(choices=("Red", "Blue"), schema=ACTIONS))
    assert said.probs == {"Red": 0.25, "Blue": 0.75} and said.mass == pytest.approx(0.8)
    assert json.loads(said.text) == {"action": "Blue"} and said.logprobs == ()
    kept = await ask(model, sampling=Sampling(choices=("Red", "Blue"), schema=ACTIONS, logprobs=4))
    assert server.bodies[-1]["top_logprobs"] == 4 and kept.logprobs[3].token == "Bl"
    server.refuses = {"logprobs"}
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base, transport=transport)
    without = await ask(model, sampling=Sampling(choices=("Red", "Blue"), schema=ACTIONS))
    assert without.probs is None and json.loads(without.text) == {"action": "Blue"}


async def test_tools_that_a_model_refuses_end_the_run_with_its_sentence(server: ToolServer) -> None:
    server.refuses = {"tools"}
    with pytest.raises(Denied, match="takes no tools.*'tools' is not supported"):
        await ask(RemoteModel("openai/gpt-4o-mini", api_base=server.base), tools=(MAGIC,))


@pytest.mark.parametrize(
    ("offer", "error", "said"),
    [
        ({"tools": (Tool("a b"),)}, BadOption, "called 'a b'"),
        ({"tools": (Tool("auto"),)}, BadOption, "called 'auto'"),
        ({"tools": (MAGIC, MAGIC)}, BadOption, "two tools"),
        ({"tools": (Tool("f", "", '{"type":"strin"}'),)}, BadOption, "no JSON schema"),
        ({"tools": (Tool("f", "", '{"type":"array"}'),)}, BadOption, "no object"),
        ({"tools": (Tool("f", "", "{"),)}, BadOption, "no JSON"),
        ({"tools": (MAGIC,), "tool_choice": "majic"}, UnknownName, "magic"),
        ({"tool_choice": "required"}, BadOption, "no tool is offered"),
        ({"response_format": '{"type":"xml"}'}, UnknownName, "json"),
        ({"response_format": '{"type":"json_schema","json_schema":{"schema":7}}'}, BadOption, "no JSON schema"),
    ],
)
async def test_an_offer_that_is_none_is_refused_before_anything_is_asked(
    offer: dict[str, Any], error: type[Exception], said: str
) -> None:
    asked: list[Request] = []
    with pytest.raises(error, match=said):
        await ask(Scripted(lambda r, d: asked.append(r) or "x"), **offer)  # type: ignore[func-returns-value]
    assert not asked


async def test_a_model_without_tools_is_asked_in_words_and_its_calls_are_read() -> None:
    asked: list[Request] = []
    answers = iter(
        [
            'I will. {"tool_calls": [{"name": "magic", "arguments": {"a": 3}}]}',
            '{"answer": "It is 5."}',
            "It is 5.",
            '{"tool_calls": [{"name": "unknown", "arguments": {}}]}',
        ]
    )

    def script(request: Request, draw: Draw) -> str:
        asked.append(request)
        return next(answers)

    model = Scripted(script, native_tools=False)
    first = await ask(model, tools=(MAGIC, WEATHER))
    assert [(c.name, c.parsed()) for c in first.tool_calls] == [("magic", {"a": 3})] and first.text == ""
    assert first.tool_calls[0].id.startswith("call_") and not asked[0].tools
    assert "Does magic." in asked[0].messages[0].content and "weather" in asked[0].sampling.schema
    second = await ask(model, CONVERSATION, tools=(MAGIC, WEATHER))
    assert (second.text, second.tool_calls) == ("It is 5.", ())
    assert [m.role for m in asked[1].messages] == ["system", "user", "assistant", "user"]
    assert "The tool magic returned:\n5" in asked[1].messages[-1].content
    assert (await ask(model, tools=(MAGIC,))).text == "It is 5."
    unknown = await ask(model, tools=(MAGIC,))
    assert unknown.tool_calls == () and "unknown" in unknown.text


def test_words_bind_what_is_asked_for() -> None:
    nested = Tool("f", "", '{"$defs":{"P":{"type":"object"}},"properties":{"p":{"$ref":"#/$defs/P"}},"type":"object"}')
    request = Request("m", QUESTION, tools=(nested, MAGIC), tool_choice="f", parallel_tool_calls=False)
    schema = json.loads(in_words(request).sampling.schema)
    (call,) = schema["properties"].values()
    assert call["maxItems"] == 1 and call["items"]["properties"]["name"] == {"const": "f"}
    assert call["items"]["properties"]["arguments"]["properties"]["p"] == {"type": "object"}
    assert in_words(replace(request, tool_choice="none")) == Request("m", QUESTION)
    itself = Tool("f", "", '{"$defs":{"P":{"properties":{"p":{"$ref":"#/$defs/P"}}}},"$ref":"#/$defs/P"}')
    with pytest.raises(BadOption, match="refers to itself"):
        in_words(Request("m", QUESTION, tools=(itself,)))


@pytest.mark.parametrize(
    ("sentence", "left_out"),
    [
        ("Logprobs is not enabled for models/gemini-9", "logprobs"),
        ("top_logprobs must be less than or equal to 8", "logprobs"),
        ("We do not do grammars here: json schema constraint rejected", "response_format"),
        ("Thinking may not be enabled when tool_choice forces tool use.", "response_format"),
    ],
)
async def test_what_we_add_ourselves_is_dropped_whatever_the_words_of_a_refusal(
    server: ToolServer, sentence: str, left_out: str
) -> None:
    server.sentence, server.refuses = sentence, {left_out}
    server.probs = {"Red": 0.6, "Blue": 0.4}
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base)
    said = await ask(model, sampling=Sampling(choices=("Red", "Blue"), schema=ACTIONS))
    assert said.status == "ok" and left_out in server.bodies[0] and left_out not in server.bodies[-1]
