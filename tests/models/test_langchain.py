"""LangChain both ways: its chat models behind the gateway, and the gateway as one of its chat models."""

import asyncio
import functools
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import TypeAdapter

import akrasia
from akrasia.errors import BadOption, BudgetSpent, Denied, RateLimited, Rejected, Unavailable, UnknownName
from akrasia.models import Gateway, Price, Scripted, Simulated, key_of, resolve
from akrasia.models.known_models import known_model
from akrasia.models.langchain_calls import bound_tools
from akrasia.models.providers.langchain import GatewayChatModel, LangChainModel
from akrasia.models.providers.langchain_loop import in_lasting_loop
from akrasia.models.providers.langchain_messages import from_langchain
from akrasia.records import Draw, Message, Record, Request, Response, Sampling, Usage, decode

DRAW = Draw(0, 0, 0)


class Pupil(BaseChatModel):
    """A LangChain chat model that answers like the simulated agent, or raises what it is given."""

    raises: Any = None
    finish: str = "stop"
    counts: bool = True
    heard: list[Any] = []
    model_name: str = "pupil-1"

    @property
    def _llm_type(self) -> str:
        return "pupil"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "api_key": "sk-never-shown-123", "tool": object.__repr__(self)}

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **given: Any
    ) -> ChatResult:
        self.heard.append((messages, stop))
        if self.raises is not None:
            raise self.raises
        request = Request("pupil", tuple(Message("user", str(m.text)) for m in messages))
        said = await Simulated().generate(request, DRAW, key_of(request, DRAW))
        message = AIMessage(
            said.text,
            usage_metadata={"input_tokens": 7, "output_tokens": 3, "total_tokens": 10} if self.counts else None,
            response_metadata={"finish_reason": self.finish, "model_name": "pupil-1-2026"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(self, *args: Any, **given: Any) -> ChatResult:
        raise NotImplementedError


class HttpError(Exception):
    """Shaped as the errors of the providers' clients are."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}: key sk-secret-0123456789")
        self.status_code = status
        self.response = type("Response", (), {"status_code": status, "headers": headers or {}})()


def request(*messages: Message, **sampling: Any) -> Request:
    return Request("x", messages or (Message("user", "hello"),), Sampling(**sampling))


def test_a_whole_run_on_a_langchain_model(tmp_path: Path) -> None:
    result = akrasia.run(
        task={"name": "bandit", "arms": 3, "horizon": 3}, model=Pupil(), variants=["reason_act", "reason_then_act"],
        episodes=2, out=tmp_path,
    )  # fmt: skip
    assert result.outcome is not None and result.outcome.stopped is None
    with akrasia.ledger.read_ledger(tmp_path) as ledger:
        records = [decode(Record, data) for data in ledger.raw_records()]
    assert len(records) == 2 * 2 * 3
    assert {(r.model, r.decision.status) for r in records} == {("pupil/pupil-1", "ok")}
    assert {r.usage for r in records if r.calls == 1} == {Usage(7, 3)}
    assert {r.cost for r in records} == {None}


async def test_messages_keep_their_roles_and_what_is_not_sent_is_named() -> None:
    pupil = Pupil(heard=[])
    said = await LangChainModel(pupil).generate(
        request(Message("system", "be brief"), Message("user", "hello"), Message("assistant", "hi"), stop=("END",)),
        DRAW,
        "key",
    )
    [(messages, stop)] = pupil.heard
    assert [(type(m), m.content) for m in messages] == [
        (SystemMessage, "be brief"), (HumanMessage, "hello"), (AIMessage, "hi"),
    ]  # fmt: skip
    assert stop == ["END"]
    assert said.usage == Usage(7, 3)
    assert said.reported == {"model": "pupil-1-2026", "not_sent": "max_tokens,temperature,top_p"}


async def test_an_answer_cut_off_is_truncated() -> None:
    said = await LangChainModel(Pupil(finish="length")).generate(request(), DRAW, "key")
    assert (said.status, said.finish_reason) == ("truncated", "length")


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (HttpError(429, {"retry-after": "4"}), RateLimited),
        (HttpError(401), Denied),
        (HttpError(404), Denied),
        (HttpError(400), Rejected),
        (HttpError(500), Unavailable),
        (ConnectionResetError("reset"), Unavailable),
        (TimeoutError("late"), Unavailable),
        (ValueError("bad message"), Rejected),
    ],
)
async def test_errors_become_ours_whatever_client_is_behind(raised: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        await LangChainModel(Pupil(raises=raised)).generate(request(), DRAW, "key")
    assert type(caught.value) is kind
    assert "sk-secret" not in str(caught.value)
    assert getattr(caught.value, "retry_after", None) == (4.0 if kind is RateLimited else None)


def refused() -> Exception:
    """As clients raise it: an error of their own, made from the system's."""
    own = Exception("Connection error.")
    own.__cause__ = ConnectionRefusedError("refused")
    return own


def half_a_body() -> Exception:
    try:
        return AssertionError(json.loads('{"choices": [{"mess'))
    except ValueError as error:
        return error


def another_form() -> Exception:
    try:
        return AssertionError(TypeAdapter(int).validate_python("many"))
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    ("raised", "fault", "lost"),
    [
        (half_a_body(), "malformed", True),
        (another_form(), "malformed", True),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "malformed", True),
        (ConnectionResetError("reset"), "reset", True),
        (TimeoutError("late"), "timeout", True),
        (RuntimeError("who knows"), "unavailable", True),
        (HttpError(502), "server error", True),
        (HttpError(500), "server error", False),
        (refused(), "unreachable", False),
        (socket.gaierror("no such host"), "unreachable", False),
    ],
)
async def test_an_attempt_that_may_have_been_served_is_lost_and_tried_again(
    raised: Exception, fault: str, lost: bool
) -> None:
    with pytest.raises(Unavailable) as caught:
        await LangChainModel(Pupil(raises=raised)).generate(request(), DRAW, "key")
    assert (caught.value.fault, caught.value.lost) == (fault, lost)


def unresolved() -> Exception:
    own = Exception("Connection error.")
    own.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return own


def test_a_host_whose_name_nobody_knows_ends_the_run_at_its_first_call(tmp_path: Path) -> None:
    result = akrasia.run(model=Pupil(raises=unresolved()), variants=["reason_act"], episodes=4, out=tmp_path)
    assert result.outcome is not None and isinstance(result.outcome.stopped, Denied)
    assert "is not known" in str(result.outcome.stopped) and result.outcome.run_usage.retried == 0


def test_a_model_that_counts_no_tokens_is_booked_with_the_bound_and_reaches_its_budget(tmp_path: Path) -> None:
    result = akrasia.run(
        task={"name": "bandit", "arms": 3, "horizon": 5}, model=Pupil(counts=False), variants=["reason_act"],
        episodes=40, budget={"tokens": 9000}, out=tmp_path,
    )  # fmt: skip
    assert result.outcome is not None and isinstance(result.outcome.stopped, BudgetSpent)
    assert 1 <= result.outcome.run_usage.made < 20


def test_identity_is_the_models_own_in_every_process_and_holds_no_key() -> None:
    first, second = LangChainModel(Pupil()), LangChainModel(Pupil())
    assert first.info.id == second.info.id
    assert LangChainModel(Pupil(model_name="pupil-2")).info.id != first.info.id
    assert "sk-never" not in repr(first.info)
    assert isinstance(resolve(Pupil()), LangChainModel)


def test_models_that_differ_in_a_field_have_different_answers() -> None:
    class Mine(FakeListChatModel):
        bias: int = 0

        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {}

    ids = {resolve(Mine(responses=["x"], bias=b)).info.id for b in (0, 3)}
    assert len(ids) == 2


@pytest.fixture
def scripted() -> Scripted:
    def script(asked: Request, draw: Draw) -> Response:
        text = f"{asked.messages[-1].content}/{draw.step}/{draw.sample}/{asked.sampling.temperature:g}"
        return Response(text, usage=Usage(11, 4), reported={"stop": ",".join(asked.sampling.stop)})

    return Scripted(script)


async def test_the_gateway_as_a_chat_model_answers_by_its_draw(scripted: Scripted) -> None:
    gateway = Gateway([scripted])
    model = GatewayChatModel(gateway, model=scripted.info.id, draw=Draw(1, 0, 0))
    first, again = await asyncio.gather(model.ainvoke("hello"), model.ainvoke("hello"))
    assert first.text == again.text == "hello/0/0/1"
    assert (await model.at(sample=1).ainvoke("hello")).text == "hello/0/1/1"
    assert (await model.at(step=2).ainvoke("hello")).text == "hello/2/0/1"
    assert (await model.bind(temperature=0.5).ainvoke("hello")).text == "hello/0/0/0.5"
    assert (gateway.run_usage.asked, gateway.run_usage.made) == (5, 4)
    assert isinstance(first, AIMessage)
    assert first.usage_metadata == {"input_tokens": 11, "output_tokens": 4, "total_tokens": 15}
    assert first.response_metadata["status"] == "ok"
    assert model.at(sample=1).draw == Draw(1, 0, 1)


async def test_roles_stops_and_limits_reach_the_model() -> None:
    heard: list[Request] = []
    scripted = Scripted(lambda asked, draw: heard.append(asked) or "x")
    model = GatewayChatModel(Gateway([scripted]), model=scripted.info.id, sampling=Sampling(max_tokens=9))
    await model.ainvoke([SystemMessage("s"), HumanMessage("u"), AIMessage("a")], stop=["END"])
    assert heard[0].messages == (Message("system", "s"), Message("user", "u"), Message("assistant", "a"))
    assert (heard[0].sampling.stop, heard[0].sampling.max_tokens) == (("END",), 9)
    await model.ainvoke([ToolMessage("result", tool_call_id="1")])
    assert heard[1].messages == (Message("tool", "result", tool_call_id="1"),)
    with pytest.raises(Rejected, match="'function'"):
        await model.ainvoke([FunctionMessage("result", name="f")])
    with pytest.raises(BadOption, match="response_format"):
        await model.bind(response_format="json").ainvoke("hello")
    assert len(heard) == 2


def test_what_a_graph_draws_at_random_is_no_part_of_a_request() -> None:
    def handed_back() -> tuple[Message, ...]:
        """As langgraph-supervisor writes it, in any process."""
        call = {"name": "transfer_back_to_supervisor", "args": {}, "id": str(uuid4())}
        told = ToolMessage("Back", tool_call_id=call["id"], name=call["name"])
        own = AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "call_1"}])
        return from_langchain([own, ToolMessage("3", tool_call_id="call_1"), AIMessage("", tool_calls=[call]), told])

    first, second = handed_back(), handed_back()
    assert first == second and first[0].tool_calls[0].id == first[1].tool_call_id == "call_1"
    assert first[2].tool_calls[0].id == first[3].tool_call_id != ""
    twice = from_langchain([AIMessage("", tool_calls=[{"name": "a", "args": {}, "id": str(uuid4())}]) for _ in "ab"])
    assert twice[0].tool_calls[0].id != twice[1].tool_calls[0].id


def test_tools_that_hand_over_have_one_order_and_all_others_their_own() -> None:
    def named(name: str, **metadata: Any) -> StructuredTool:
        return StructuredTool.from_function(lambda: "", name=name, description="d", metadata=metadata)

    to = {name: named(f"to_{name}", __handoff_destination=name) for name in "ab"}
    for tools in ([named("z"), to["b"], named("c"), to["a"]], [named("z"), to["a"], named("c"), to["b"]]):
        assert [t["function"]["name"] for t in bound_tools(tools, None)] == ["z", "to_a", "c", "to_b"]


async def test_the_gateway_inside_a_langgraph_graph(scripted: Scripted) -> None:
    """A graph that akrasia did not build is cached and recorded like any agent of ours."""
    gateway = Gateway([scripted])
    model = GatewayChatModel(gateway, model=scripted.info.id)

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def check(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.at(step=1).ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("check", check)
    graph.add_edge(START, "think")
    graph.add_edge("think", "check")
    graph.add_edge("check", END)
    compiled = graph.compile()
    ends = [await compiled.ainvoke({"messages": [HumanMessage("hello")]}) for _ in range(2)]
    assert [m.text for m in ends[0]["messages"]] == ["hello", "hello/0/0/1", "hello/0/0/1/1/0/1"]
    assert [m.text for m in ends[0]["messages"]] == [m.text for m in ends[1]["messages"]]
    assert (gateway.run_usage.asked, gateway.run_usage.made) == (4, 2)


def test_without_an_event_loop_it_can_be_invoked_plainly(scripted: Scripted) -> None:
    model = GatewayChatModel(Gateway([scripted]), model=scripted.info.id)
    assert model.invoke("hello").text == model.invoke("hello").text == "hello/0/0/1"


async def test_inside_an_event_loop_a_plain_invoke_says_what_to_write(scripted: Scripted) -> None:
    with pytest.raises(BadOption, match="ainvoke"):
        GatewayChatModel(Gateway([scripted]), model=scripted.info.id).invoke("hello")


class Remote(BaseChatModel):
    """A model with a pooled client, as those of providers' packages are: shared by all its copies and all runs."""

    base: str
    model: str = "gpt-4o-mini"

    @property
    def _llm_type(self) -> str:
        return "openai-chat"

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **given: Any
    ) -> ChatResult:
        asked = {"model": self.model, "messages": [{"role": "user", "content": str(m.text)} for m in messages]}
        said = (await _pooled().post(f"{self.base}/chat/completions", json=asked)).json()
        usage = said["usage"]
        counts = {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]}
        details = {"cache_read": 3, "cache_creation": 2}
        message = AIMessage(
            said["choices"][0]["message"]["content"],
            usage_metadata={**counts, "total_tokens": sum(counts.values()), "input_token_details": details},
            response_metadata={"model_name": "gpt-4o-mini-2026"},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(self, *args: Any, **given: Any) -> ChatResult:
        raise NotImplementedError


@functools.cache
def _pooled() -> Any:
    return httpx.AsyncClient(headers={"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"})


@pytest.fixture
def pooled(openai_server: Any) -> Iterator[Any]:
    """The server, and the client of its models closed in the end."""
    yield openai_server
    asyncio.run(in_lasting_loop(_pooled().aclose))
    _pooled.cache_clear()


RUN = {"task": {"name": "bandit", "arms": 3, "horizon": 2}, "variants": ["reason_act"], "episodes": 2}


def test_a_second_run_in_one_process_uses_the_same_client(pooled: Any, tmp_path: Path) -> None:
    """Its connections belong to the event loop in which they were made, and each run has another."""
    model = Remote(base=pooled.base)
    for name in ("first", "second", "third"):
        result = akrasia.run(model=model, out=tmp_path / name, **RUN)
        assert result.outcome is not None
        assert (result.outcome.run_usage.retried, result.outcome.run_usage.failed) == (0, 0)
        assert set(result.records["status"]) == {"ok"}
    assert len(pooled.connections) <= 2  # as many as episodes at a time


async def test_cached_tokens_are_priced_and_the_price_is_that_of_the_model(pooled: Any) -> None:
    backend = resolve(Remote(base=pooled.base))
    gateway = Gateway([backend])
    said = await gateway.complete(Request(backend.info.id, (Message("user", "hello"),)), DRAW)
    await gateway.close()
    known = known_model("openai/gpt-4o-mini").price
    assert known is not None and known.cached is not None
    assert said.usage.cached_tokens == 3 and said.reported["cache_written"] == "2"
    assert said.cost == pytest.approx(known.of(said.usage))
    own = resolve(Remote(base=pooled.base), price={"prompt": 1.0, "completion": 2.0}, rpm=100)
    assert own.info.price == Price(1e-6, 2e-6) and own.info.rpm == 100


def test_options_beside_a_model_object_are_used_or_refused() -> None:
    with pytest.raises(UnknownName, match="temperature"):
        resolve(Pupil(), temperature=0.3)
    with pytest.raises(BadOption, match="beside a model object"):
        resolve(Simulated(), price={"prompt": 1, "completion": 1})
    with pytest.raises(BadOption, match="max_concurrency"):
        resolve(Pupil(), max_concurrency=0)


def test_a_usage_callback_hears_each_call_once(pooled: Any, tmp_path: Path) -> None:
    for model in (Remote(base=pooled.base), f"openai/gpt-4o-mini:api_base={pooled.base}"):
        with get_usage_metadata_callback() as heard:
            name = type(model).__name__
            result = akrasia.run(model=resolve(model), out=tmp_path / name, **RUN)
        assert result.outcome is not None
        counted = sum(u["total_tokens"] for u in heard.usage_metadata.values())
        usage = result.outcome.run_usage.usage
        assert counted == usage.prompt_tokens + usage.completion_tokens > 0


class ClientError(Exception):
    """An exception as a provider's package makes it, with what it keeps."""

    def __init__(self, text: str = "it failed", **kept: Any) -> None:
        super().__init__(text)
        self.__dict__ |= kept


def named(name: str, **kept: Any) -> Exception:
    return type(name, (ClientError,), {})(**kept)


def amazon(code: str, status: int) -> Exception:
    response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return named("ClientError", response=response)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (named("RateLimitError"), RateLimited),
        (named("AuthenticationError"), Denied),
        (named("ResourceExhausted", code=429), RateLimited),
        (named("ServerError", code=503, status="UNAVAILABLE"), Unavailable),
        (named("ClientError", code=403, status="PERMISSION_DENIED"), Denied),
        (named("NotFound"), Denied),
        (amazon("ThrottlingException", 400), RateLimited),
        (amazon("AccessDeniedException", 403), Denied),
        (amazon("ValidationException", 400), Rejected),
        (amazon("InternalServerException", 500), Unavailable),
        (named("ResponseError", status_code=404, error="model 'x' not found"), Denied),
        (named("BadRequestError", body={"message": "Your credit balance is too low"}), Denied),
        (named("APITimeoutError"), Unavailable),
    ],
)
async def test_errors_are_typed_by_the_classes_of_providers_own_clients(error: Exception, kind: type) -> None:
    with pytest.raises(kind):
        await LangChainModel(Pupil(raises=error)).generate(request(), DRAW, "k")


async def test_a_server_of_ones_own_that_is_not_up_is_said_before_anything_is_asked() -> None:
    class Ollama(Pupil):
        base_url: str = "http://127.0.0.1:9"

        @property
        def _llm_type(self) -> str:
            return "chat-ollama"

    with pytest.raises(Denied, match="is it running"):
        await LangChainModel(Ollama()).open()
