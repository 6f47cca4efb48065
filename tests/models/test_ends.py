"""How answers end, by every provider's own words, and what a quota of a day is."""

import json
from typing import Any

import pytest

from akrasia.errors import Denied, Unavailable
from akrasia.models import Gateway
from akrasia.models.account_faults import DAILY, account_fault
from akrasia.models.providers.openai_format import BROKEN_OFF, status_of
from akrasia.records import Draw, Message, Request, Response, Sampling

TEXT = "I think that"


def chat(finish: str, text: str = TEXT, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish, **more}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def claude(reason: str) -> dict[str, Any]:
    usage = {"input_tokens": 9, "output_tokens": 3}
    content = [{"type": "text", "text": TEXT}]
    return {"id": "m", "type": "message", "role": "assistant", "model": "c", "stop_reason": reason, "content": content,
            "usage": usage}  # fmt: skip


def google(reason: str) -> dict[str, Any]:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}
    content = {"role": "model", "parts": [{"text": TEXT}]}
    return {"candidates": [{"content": content, "finishReason": reason, "index": 0}], "usageMetadata": usage}


def llama(reason: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": TEXT}
    return {"model": "llama3", "message": message, "done": True, "done_reason": reason, "prompt_eval_count": 9,
            "eval_count": 3}  # fmt: skip


CASES = [
    ("openai/gpt-4o", chat("length"), "truncated"),
    ("openai/gpt-4o", chat("content_filter"), "refused"),
    ("openrouter/openai/gpt-4o", chat("stop", native_finish_reason="MAX_TOKENS"), "truncated"),
    ("openrouter/openai/gpt-4o", chat("error", error={"code": 502, "message": "died"}), "broken off"),
    ("mistral/mistral-large-latest", chat("model_length"), "truncated"),
    ("mistral/mistral-large-latest", chat("error"), "broken off"),
    ("deepseek/deepseek-chat", chat("insufficient_system_resource"), "broken off"),
    ("hosted_vllm/q", chat("abort"), "broken off"),
    ("anthropic/claude-sonnet-4-5", claude("max_tokens"), "truncated"),
    ("anthropic/claude-sonnet-4-5", claude("model_context_window_exceeded"), "truncated"),
    ("anthropic/claude-sonnet-4-5", claude("refusal"), "refused"),
    ("anthropic/claude-sonnet-4-5", claude("stop_sequence"), "ok"),
    ("gemini/gemini-2.5-flash", google("MAX_TOKENS"), "truncated"),
    ("gemini/gemini-2.5-flash", google("SAFETY"), "refused"),
    ("gemini/gemini-2.5-flash", google("RECITATION"), "refused"),
    ("gemini/gemini-2.5-flash", google("LANGUAGE"), "refused"),
    ("gemini/gemini-2.5-flash", google("MALFORMED_FUNCTION_CALL"), "broken off"),
    ("gemini/gemini-2.5-flash", google("OTHER"), "refused"),
    ("ollama_chat/llama3", llama("length"), "truncated"),
    ("ollama_chat/llama3", llama("stop"), "ok"),
]


@pytest.mark.parametrize(("name", "body", "ends"), CASES)
async def test_an_answer_ends_as_its_provider_says(providers: Any, name: str, body: Any, ends: str) -> None:
    providers.script.append((200, body, {}))
    said = await ask(providers.model(name), providers)
    if ends == "broken off":
        assert isinstance(said, Unavailable) and said.lost
    else:
        assert isinstance(said, Response) and said.status == ends
        assert said.text == TEXT or ends == "refused"  # litellm keeps no text that Gemini withholds


async def test_a_prompt_that_gemini_blocks_is_a_refusal(providers: Any) -> None:
    blocked = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}
    providers.script.append((200, blocked, {}))
    said = await ask(providers.model("gemini/gemini-2.5-flash"), providers)
    assert isinstance(said, Response) and said.status == "refused"


IN_TWO_HUNDRED: list[tuple[Any, str]] = [
    ({"error": {"message": "Provider returned error", "code": 502}}, "status 502: Provider returned error"),
    ({"error": "llama runner process has terminated"}, "status 500: llama runner process has terminated"),
    ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "status 500: Overloaded"),
]
EVERY_WAY = [
    "openai/gpt-4o", "mistral/mistral-large-latest", "fireworks_ai/accounts/fireworks/models/x", "ollama/llama3",
    "ollama_chat/llama3", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "openrouter/openai/gpt-4o",
]  # fmt: skip


@pytest.mark.parametrize("name", EVERY_WAY)
async def test_an_error_in_the_place_of_an_answer_is_no_empty_answer(
    providers: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIREWORKS_AI_API_KEY", "sk-loopback-of-fireworks-0")
    for body, words in IN_TWO_HUNDRED:
        providers.script.append((200, body, {}))
        said = await ask(providers.model(name), providers)
        assert isinstance(said, Unavailable) and said.fault == "server error" and words in str(said)
    providers.script.append((200, {"error": {"message": "Insufficient credits", "code": 402}}, {}))
    with pytest.raises(Denied, match="credit"):
        await ask(providers.model(name), providers)


async def ask(model: Any, providers: Any) -> Any:
    """The first answer, or the error in its place."""
    request = Request(model.info.id, (Message("user", "Which?"),), Sampling(max_tokens=64))
    await model.open()
    try:
        return await model.generate(request, Draw(0, 0), "0" * 32)
    except Unavailable as error:
        return error
    finally:
        await model.close()


def test_every_word_of_the_providers_references_is_known() -> None:
    """Bedrock, Cohere, Z.ai and servers of one's own; what is no word of theirs ends an answer as usual."""
    words = {
        "truncated": "MAX_TOKENS max_output_tokens model_context_window_exceeded pause_turn",
        "refused": "guardrail_intervened content_filtered ERROR_TOXIC sensitive PROHIBITED_CONTENT SPII BLOCKLIST",
        "ok": "COMPLETE STOP_SEQUENCE end_turn stop eos eos_token tool_use TOOL_CALL",
    }
    for status, several in words.items():
        assert {status_of(word) for word in several.split()} == {status}
    broken = "ERROR TIMEOUT malformed_model_output malformed_tool_use network_error MISSING_THOUGHT_SIGNATURE"
    assert {word.casefold() for word in broken.split()} <= BROKEN_OFF


QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "250"}],
}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}


async def test_a_quota_of_a_day_ends_the_run_though_gemini_asks_to_wait_for_seconds(providers: Any) -> None:
    error = {
        "code": 429,
        "message": "You exceeded your current quota. Please retry in 34s.",
        "status": "RESOURCE_EXHAUSTED",
    }
    providers.script.extend([(429, {"error": {**error, "details": [QUOTA, RETRY]}}, {})] * 2)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    model = providers.model("gemini/gemini-2.5-flash")
    gateway = Gateway([model], sleep=sleep)
    with pytest.raises(Denied, match="daily quota"):
        await gateway.complete(Request(model.info.id, (Message("user", "Which?"),)), Draw(0, 0))
    await gateway.close()
    assert not slept and len(providers.bodies) == 1


@pytest.mark.parametrize(
    ("said", "daily"),
    [
        ("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day", True),
        ("daily request limit reached", True),
        ("you have used up your daily free allocation of 10,000 neurons", True),
        (
            "Rate limit reached for x on tokens per day (TPD): Limit 100000, Used 99000. Please try again in 2m",
            False,
        ),
        ("Rate limit reached for gpt-4o on requests per min (RPM): Limit 3. Please try again in 20s.", False),
    ],
)
def test_a_quota_of_a_day_is_told_from_one_that_refills(said: str, daily: bool) -> None:
    assert (account_fault(json.dumps(said), 429) is DAILY) == daily
