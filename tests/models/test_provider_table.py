"""Some rows of the table of providers (`make test-providers`), and what all its providers have in common."""

import sys
from pathlib import Path
from typing import Any

import pytest

from akrasia.errors import BadOption, Denied
from akrasia.models import Price, resolve
from akrasia.models.base import WRITTEN, key_of
from akrasia.models.known_models import known_model, litellm_table
from akrasia.models.tried_models import TRIED, accepted_settings
from akrasia.records import Draw, Message, Request, Response, Sampling, Usage

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark's modules, with a key for each provider."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import provider_formats
    import provider_models
    import provider_server
    import providers

    for key in providers.KEYS:
        monkeypatch.setenv(f"{key}_API_KEY", f"sk-loopback-{key.lower()}-0123456789")
    for name, value in (
        ("ACCESS_KEY_ID", "AKIALOOPBACK"),
        ("SECRET_ACCESS_KEY", "l" * 40),
        ("REGION_NAME", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    yield type("Benches", (), {
        "formats": provider_formats, "models": provider_models, "server": provider_server, "table": providers,
    })  # fmt: skip
    for name in [n for n in sys.modules if n.startswith("provider")]:
        del sys.modules[name]


def test_the_table_holds_current_models_of_many_providers(benches: Any) -> None:
    names = benches.models.newest(litellm_table())
    assert len(names) >= 40 and len({n.partition("/")[0] for n in names}) >= 15
    assert len(names) == len(set(names))
    assert tuple(names) == TRIED and all(accepted_settings(name) for name in TRIED)
    assert "temperature" not in accepted_settings("openai/gpt-6-sol") and "effort" in accepted_settings(
        "openai/gpt-6-sol"
    )


@pytest.mark.parametrize(
    "name",
    [
        "openai/gpt-5.5-pro",  # has the Responses API alone
        "anthropic/claude-opus-5-5",
        "gemini/gemini-3.5-flash-lite",  # thinks a little
        "cohere_chat/command-a-plus-05-2026",  # thought in parts, billed in units of its own
        "xai/grok-4.7",  # thoughts counted beside the answer, its own price
        "perplexity/sonar-reasoning-pro",  # its own price is a table
        "deepseek/deepseek-v4-pro",  # cached tokens
    ],
)
def test_a_row_is_right(benches: Any, name: str, tmp_path: Path) -> None:
    with benches.server.running(benches.formats.FORMATS) as server:
        row = benches.table.played(server, name, tmp_path / "run")
    assert row.faults == [] and row.answers


async def ask(name: str, base: str, path: str, **options: Any) -> Response:
    model = resolve(name, api_base=base + path, **options)
    request = Request(model.info.id, (Message("user", "Which?"),), Sampling(max_tokens=64), "chat")
    await model.open()
    try:
        return await model.generate(model.info.completed(request), Draw(0, 0), key_of(request, Draw(0, 0)))
    finally:
        await model.close()


async def test_no_provider_is_followed_to_another_address(benches: Any) -> None:
    """A key is sent to its own address only, whichever of litellm's clients asks."""

    def moved(server: Any, call: Any) -> Any:
        raise benches.server.Refused(307, {"error": "moved"}, {"Location": f"{server.base}/elsewhere{call.path}"})

    names = {n.partition("/")[0]: n for n in benches.models.newest(litellm_table())}
    with benches.server.running(dict.fromkeys(names, moved)) as server:
        for provider, name in names.items():
            more = {"api_version": "2024-10-21"} if provider == "azure" else {}
            server.clear()
            with pytest.raises(Denied, match="has moved"):
                await ask(name, f"{server.base}/{provider}", benches.models.PATHS.get(provider, ""), **more)
            assert {call.provider for call in server.calls} == {provider}, name


async def test_a_model_that_says_that_it_has_the_responses_api_alone_is_asked_there(benches: Any) -> None:
    with benches.server.running(benches.formats.FORMATS) as server:
        said = await ask("openai/gpt-9-pro", f"{server.base}/openai", "/v1")
    asked = [call.path for call in server.calls if not call.path.startswith("/v1/models/")]
    assert asked == ["/v1/chat/completions", "/v1/responses"]
    assert said.status == "ok" and said.text and server.calls[-1].body["store"] is False


def test_cached_tokens_are_priced_as_they_are_billed() -> None:
    price = Price(1e-6, 2e-6, cached=1e-7, written=1.25e-6)
    assert price.of(Usage(100, 10, 60)) == pytest.approx(40e-6 + 60e-7 + 20e-6)
    read = Response("x", usage=Usage(100, 10, 60), reported={WRITTEN: "20"})
    assert price.of_response(read) == pytest.approx(20e-6 + 60e-7 + 20 * 1.25e-6 + 20e-6)
    assert price.most(Usage(100, 10)) == pytest.approx(125e-6 + 20e-6)
    assert Price(1e-6, 2e-6).of(Usage(100, 10, 60)) == pytest.approx(120e-6)
    known = known_model("anthropic/claude-opus-5-5").price
    assert known is not None and known.cached is not None and known.cached < known.prompt < (known.written or 0)
    flex, usual = known_model("openai/gpt-6-sol", tier="flex").price, known_model("openai/gpt-6-sol").price
    assert flex is not None and usual is not None and flex.prompt == pytest.approx(usual.prompt / 2)


@pytest.mark.parametrize(
    "price", [{"prompt": -1, "completion": 1}, {"prompt": 1, "completion": float("nan")}, {"prompt": 1},
              {"prompt": 1, "completion": 1, "cache": 1}, {"prompt": 1, "completion": 1, "cached": -0.1}],
)  # fmt: skip
def test_a_price_that_is_none_is_refused(price: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="price"):
        resolve("openai/gpt-4o-mini", price=price)


def test_a_conversation_with_tools_has_a_form_in_the_responses_api() -> None:
    from akrasia.models.providers.responses import as_completion, responses_body

    function = {"name": "press", "description": "Press.", "parameters": {"type": "object"}}
    call = {"id": "c1", "type": "function", "function": {"name": "press", "arguments": "{}"}}
    sent = responses_body(
        {
            "model": "m", "max_completion_tokens": 4, "reasoning_effort": "low", "seed": 3,
            "messages": [
                {"role": "user", "content": "Which?"}, {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "done", "tool_call_id": "c1"},
            ],
            "tools": [{"type": "function", "function": function}], "tool_choice": {"function": {"name": "press"}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
        }
    )  # fmt: skip
    assert sent == {
        "store": False, "model": "m", "max_output_tokens": 16, "reasoning": {"effort": "low"},
        "input": [
            {"role": "user", "content": "Which?"},
            {"type": "function_call", "call_id": "c1", "name": "press", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
        ],
        "tools": [{"type": "function", **function}], "tool_choice": {"type": "function", "name": "press"},
        "text": {"format": {"type": "json_schema", "name": "a", "schema": {}}},
    }  # fmt: skip
    output = [{"type": "function_call", "call_id": "c2", "name": "press", "arguments": '{"x": 1}'}]
    (choice,) = as_completion({"status": "completed", "output": output})["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "press", "arguments": '{"x": 1}'}
    cut = as_completion({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []})
    assert cut["choices"][0]["finish_reason"] == "content_filter"
