"""Prompts that are marked to be kept: where the marks stand, what they cost, and that they change no answer."""

from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import UsageError
from akrasia.models import Gateway, resolve
from akrasia.models.base import Price
from akrasia.models.known_models import known_model
from akrasia.models.providers.cache_marks import marked
from akrasia.records import Draw, Message, Request, Response, Usage

CLAUDE = "anthropic/claude-sonnet-4-5"
LONG = "Answer by the rules of the house. " * 200  # 1,700 tokens of the server's
PROMPT, COMPLETION, READ, WRITTEN = 3e-6, 15e-6, 0.3e-6, 3.75e-6


async def ask(model: Any, *questions: str, system: str = LONG) -> list[Response]:
    gateway = Gateway([model])
    try:
        return [
            await gateway.complete(
                model.info.completed(Request(model.info.id, (Message("system", system), Message("user", text)))),
                Draw(1, 0, sample),
            )
            for sample, text in enumerate(questions)
        ]
    finally:
        await gateway.close()


def counts(response: Response) -> tuple[int, int]:
    """(tokens read, tokens written)"""
    return response.usage.cached_tokens, int(response.reported.get("cache_written", 0))


async def test_nothing_is_marked_unless_it_is_asked_for(providers: Any) -> None:
    for option in ({}, {"prompt_cache": False}):
        first, second = await ask(providers.model(CLAUDE, **option), "Which?", "Which?")
        assert counts(first) == counts(second) == (0, 0)
    assert not any("cache_control" in str(body) for body in providers.bodies)


async def test_instructions_are_written_once_and_then_read_and_priced_as_billed(providers: Any) -> None:
    answers = await ask(providers.model(CLAUDE, prompt_cache="system"), "Which?", "And now?", "Which?")
    size = len(LONG) // 4
    assert [counts(a) for a in answers] == [(0, size), (size, 0), (size, 0)]
    spoken = [a.usage.completion_tokens * COMPLETION for a in answers]
    assert [a.usage.prompt_tokens for a in answers] == [9 + size] * 3
    billed = [9 * PROMPT + size * WRITTEN, 9 * PROMPT + size * READ, 9 * PROMPT + size * READ]
    assert [a.cost for a in answers] == pytest.approx([b + s for b, s in zip(billed, spoken, strict=True)])
    assert providers.bodies[0]["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in str(providers.bodies[0]["messages"])


async def test_a_conversation_is_read_where_the_same_prompt_comes_again(providers: Any) -> None:
    first, same, other = await ask(providers.model(CLAUDE, prompt_cache="conversation"), "Which?", "Which?", "Now?")
    whole, size = len(LONG + "Which?") // 4, len(LONG) // 4
    assert counts(first) == (0, whole) and counts(same) == (whole, 0)
    assert counts(other)[0] == size and counts(other)[1] <= 2


async def test_a_prompt_that_is_too_short_to_be_kept_costs_as_much_as_without(providers: Any) -> None:
    plain, marks = providers.model(CLAUDE), providers.model(CLAUDE, prompt_cache="conversation")
    [one], [other] = await ask(plain, "Which?", system="Be brief."), await ask(marks, "Which?", system="Be brief.")
    assert one.usage == other.usage and one.cost == other.cost
    assert one.cost == pytest.approx(9 * PROMPT + one.usage.completion_tokens * COMPLETION)


def test_marks_are_no_part_of_an_answers_identity(providers: Any, tmp_path: Path) -> None:
    plain, marks = providers.model(CLAUDE), providers.model(CLAUDE, prompt_cache="conversation")
    assert plain.info.id == marks.info.id and plain.info.label == marks.info.label
    run: dict[str, Any] = {"task": "bandit", "variants": ["reason_act"], "episodes": 2, "out": tmp_path / "run"}
    ak.run(model=plain, **run)
    asked = len(providers.bodies)
    resumed = ak.run(model=marks, **run | {"episodes": 3})
    assert resumed.outcome is not None and resumed.outcome.missing == 0
    new = providers.bodies[asked:]
    assert 0 < len(new) < asked and all("cache_control" in str(body) for body in new)


@pytest.mark.parametrize("name", ["openai/gpt-4o", "gemini/gemini-2.5-flash", "openrouter/openai/gpt-4o"])
def test_a_provider_that_wants_no_marks(name: str) -> None:
    with pytest.raises(UsageError, match="without marks"):
        resolve(name, prompt_cache="system")
    resolve(name, prompt_cache=False)


def test_a_place_that_is_none() -> None:
    for place in ("sytem", True, 3):
        with pytest.raises(UsageError, match="system"):
            resolve(CLAUDE, prompt_cache=place)


def test_every_kind_of_message_can_bear_a_mark() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}
    for last, place in (
        ({"role": "user", "content": "Hi"}, "content"),
        ({"role": "user", "content": [{"type": "text", "text": "Hi"}, image]}, "content"),
        ({"role": "tool", "content": "7", "tool_call_id": "c"}, "message"),
    ):
        *_, made = marked([{"role": "system", "content": ""}, last], "conversation")
        bearer = made["content"][-1] if place == "content" else made
        assert bearer["cache_control"] == {"type": "ephemeral"} and "cache_control" not in str(last)


def test_long_prompts_have_a_price_of_their_own() -> None:
    price = known_model("gemini/gemini-2.5-pro").price
    assert price is not None
    usual, long = Usage(200_000, 10, 1000), Usage(200_001, 10, 1000)
    assert price.of(usual) == pytest.approx(199_000 * 1.25e-6 + 1000 * 0.125e-6 + 10 * 10e-6)
    assert price.of(long) == pytest.approx(199_001 * 2.5e-6 + 1000 * 0.25e-6 + 10 * 15e-6)
    assert price.most(long) >= price.of(long) and price.most(usual) >= price.of(usual)


def test_prices_that_stand_in_ranges_and_thoughts_with_a_price_of_their_own() -> None:
    price = known_model("dashscope/qwen-plus-2025-07-28").price
    assert price is not None
    assert price.of(Usage(1000, 100, 0, 40)) == pytest.approx(1000 * 0.4e-6 + 60 * 1.2e-6 + 40 * 4e-6)
    assert price.of(Usage(256_001, 100, 0, 40)) == pytest.approx(256_001 * 1.2e-6 + 60 * 3.6e-6 + 40 * 12e-6)
    assert price.most(Usage(1000, 100)) == pytest.approx(1000 * 0.4e-6 + 100 * 4e-6)
    assert Price(1.0, 1.0, 0.1, 2.0).most(Usage(10, 1)) == 21.0
