"""What is said before a run begins, and how long a provider asks to wait."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.cli import main
from akrasia.errors import Denied, RateLimited
from akrasia.models.near_names import warnings_of_names
from akrasia.models.providers.preflight import KEY_VARIABLES
from akrasia.models.providers.provider_errors import error_of_status, message_of, wait_in
from akrasia.models.resolve import resolve

BANDIT = {"name": "bandit", "arms": 3, "horizon": 2}


@pytest.mark.parametrize("provider", sorted(KEY_VARIABLES))
async def test_a_missing_key_is_named_before_anything_is_loaded(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in KEY_VARIABLES[provider]:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(Denied, match=f"{KEY_VARIABLES[provider][0]} is not set"):
        await resolve(f"{provider}/some-model").open()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("gemini/gemini-2.5-flash", "GEMINI_API_KEY is not set"),
        ("openai/gpt-5.5:api_key_env=NO_SUCH_KEY", "NO_SUCH_KEY is not set"),
        ("ollama/llama3:api_base=http://127.0.0.1:9", "is it running"),
        ("hosted_vllm/q:api_base=http://localhost:9/v1", "is it running"),
    ],
)
def test_it_is_said_at_once_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, message: str
) -> None:
    for variable in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "NO_SUCH_KEY"):
        monkeypatch.delenv(variable, raising=False)
    ak.run(task=BANDIT, model="simulated", variants=["reason_act"], episodes=1, out=tmp_path / "other")  # all is loaded
    began = time.monotonic()
    with pytest.raises(Denied, match=message):
        ak.run(task=BANDIT, model=model, variants=["reason_act"], episodes=2, out=tmp_path / "run")
    assert time.monotonic() - began < 3 and not (tmp_path / "run").exists()


def test_a_name_like_a_known_one_is_a_warning_and_no_refusal(
    providers: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    mistyped, known = resolve("openai/gpt-4o-mimi"), resolve("openai/gpt-4o-mini")
    (warning,) = warnings_of_names([mistyped, mistyped, known, resolve("simulated"), resolve("openai/house-model")])
    assert "'openai/gpt-4o-mimi'" in warning and "openai/gpt-4o-mini" in warning
    assert warnings_of_names([providers.model("openai/gpt-4o-mimi")]) == []  # at a server of one's own any name may do
    with pytest.raises(SystemExit):
        main(["plan", "--task", "bandit", "--model", "openai/gpt-4o-mimi"])
    assert "mistyped for openai/gpt-4o-mini" in capsys.readouterr().err


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "mistral", "ollama_chat"])
def test_a_model_that_its_provider_does_not_have_is_said_at_once_and_nothing_is_written_or_booked(
    providers: Any, tmp_path: Path, provider: str
) -> None:
    ak.run(task=BANDIT, model="simulated", variants=["reason_act"], episodes=1, out=tmp_path / "other")  # all is loaded
    began = time.monotonic()
    with pytest.raises(Denied, match="is not a model that its provider serves|has no model 'nonsense'"):
        model = providers.model(f"{provider}/nonsense")
        ak.run(task=BANDIT, model=model, variants=["reason_act"], episodes=2, out=tmp_path / "run")
    assert time.monotonic() - began < 3 and not (tmp_path / "run").exists()
    assert providers.bodies == [] and len(providers.looked_up) == 1


@pytest.mark.parametrize("name", ["openai/house-model", "anthropic/claude-house", "ollama_chat/qwen3:8b"])
async def test_a_provider_that_does_not_tell_of_its_models_is_asked_as_usual(providers: Any, name: str) -> None:
    await providers.model(name).check()
    assert len(providers.looked_up) == 1


@pytest.mark.parametrize("name", ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"])
async def test_a_provider_is_not_asked_for_a_model_that_the_table_knows(providers: Any, name: str) -> None:
    await providers.model(name).check()
    assert providers.looked_up == []


def test_an_address_of_the_environment_names_other_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(variable, raising=False)
    plain = resolve("openai/gpt-4o-mini").info.id
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.invalid/v1")
    elsewhere = resolve("openai/gpt-4o-mini").info.id
    assert plain != elsewhere == resolve("openai/gpt-4o-mini", api_base="https://proxy.invalid/v1").info.id


def test_nothing_heavy_is_loaded_before_the_first_call() -> None:
    code = """
import sys, akrasia.models
model = akrasia.models.resolve("openai/gpt-5.5", reasoning_effort="low")
assert model.info.price is not None and model.info.thinking is not None
sys.exit("litellm" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Rate limit reached for gpt-4o: Limit 500, Used 499. Please try again in 7.66s.", 7.66),
        ("Please try again in 1m2.5s. Need more tokens?", 62.5),
        ("Please try again in 640ms.", 0.64),
        ("Please retry in 34.07s.", 34.07),
        ("Please retry after 5 seconds.", 5),
        ("Requests have exceeded the call rate limit. Please wait 2 minutes", 120),
        ("try again in 120 milliseconds", 0.12),
        ("Slow down, and try again later.", None),
        ("You used 30 s of 60 s.", None),
    ],
)
def test_a_wait_may_stand_in_a_sentence(said: str, seconds: float | None) -> None:
    assert wait_in(said) == (None if seconds is None else pytest.approx(seconds))
    error = error_of_status("m", 429, said, "", {})
    assert isinstance(error, RateLimited) and error.retry_after == wait_in(said)
    headed = error_of_status("m", 429, said, "", {"Retry-After": "3"})
    assert isinstance(headed, RateLimited) and headed.retry_after == 3


def test_the_delay_in_a_field_of_gemini_is_a_wait() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
    body = {"error": {"code": 429, "message": "Quota.", "status": "RESOURCE_EXHAUSTED", "details": [info]}}
    sentence, codes = message_of(body)
    error = error_of_status("m", 429, sentence, codes, None)
    assert isinstance(error, RateLimited) and error.retry_after == 34


@pytest.mark.parametrize("name", ["gemini/gemini-2.5-flash-lite", "anthropic/claude-sonnet-4-5", "ollama_chat/llama3"])
async def test_no_key_is_carried_to_another_address(providers: Any, name: str) -> None:
    providers.script.append((307, {}, {"Location": f"{providers.base}/elsewhere"}))
    model = providers.model(name)
    await model.open()
    try:
        asked = model.info.request((ak.records.Message("user", "?"),), ak.records.Sampling(max_tokens=9))
        with pytest.raises(Denied, match="has moved"):
            await model.generate(asked, ak.records.Draw(0, 0), "0123456789abcdef")
    finally:
        await model.close()
    assert not [path for path in providers.paths if path.startswith("/elsewhere")]


def test_the_doctor_asks_a_model_once(providers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from akrasia.commands.doctor import ask_once

    name = f"openai/gpt-5-mini:api_base={providers.base}/openai/v1"
    assert ask_once(Console(width=160), name)
    told = " ".join(capsys.readouterr().out.split())
    assert len(providers.bodies) == 1
    for words in (
        "ok: ACTION=Red",
        "300 of them thought",
        "stop, temperature, top_p",
        "takes minimal, low, medium, high",
    ):
        assert words in told, told
    assert "$0.25 and $2 per million" in told
    with pytest.raises(Denied, match="is it running"):
        ask_once(Console(), "ollama/llama3:api_base=http://127.0.0.1:9")
