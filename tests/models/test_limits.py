"""What a model is known not to take is refused before the first request, in Python, in TOML and on the command line."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import UsageError
from akrasia.models import resolve

CLAUDE, GPT, THINKER = "anthropic/claude-sonnet-4-5", "openai/gpt-4o", "openai/gpt-5-mini"

CASES: list[tuple[str, dict[str, Any], str]] = [
    (GPT, {"temprature": 1}, "Did you mean 'temperature'"),
    (GPT, {"price": {"prompt": -1, "completion": 2}}, "US dollars, from 0"),
    (GPT, {"price": {"prompt": 1, "completion": 2, "cached": -1}}, "cached tokens"),
    (GPT, {"price": {"prompt": 1, "completion": 2, "cents": 3}}, "Write price"),
    (GPT, {"price": {"prompt": True, "completion": 2}}, "Write price"),
    (GPT, {"price": 3}, "Write price"),
    (GPT, {"temperature": 2.5}, "from 0 to 2"),
    (CLAUDE, {"temperature": 1.5}, "from 0 to 1"),
    ("mistral/mistral-large-latest", {"temperature": 1.8}, "from 0 to 1.5"),
    (THINKER, {"temperature": 0.2}, "takes no temperature"),
    (CLAUDE, {"temperature": 0.2, "top_p": 0.5}, "takes one of them"),
    (CLAUDE, {"seed": 4}, "takes no seed"),
    (CLAUDE, {"thinking": 200}, "1024 tokens at least"),
    (CLAUDE, {"service_tier": "flex"}, "standard_only"),
    (GPT, {"thinking": True}, "does not think"),
    (GPT, {"thinking_tokens": 5000}, "does not think"),
    (THINKER, {"thinking": True}, "Set reasoning_effort: minimal, low, medium, high"),
    ("gemini/gemini-2.5-pro", {"thinking": False}, "cannot be told not to think"),
    ("anthropic/claude-opus-5-5", {"thinking": False}, "cannot be told not to think"),
    (GPT, {"top_k": 5}, "openai has no top_k"),
    (GPT, {"max_tokens": 100_000}, "16384 tokens at most"),
    (GPT, {"service_tier": "fastest"}, "service_tier of openai"),
    (GPT, {"transport": "batch", "service_tier": "flex"}, "a batch has a price"),
    (GPT, {"stop": ["a", "b", "c", "d", "e"]}, "4 at most"),
    (THINKER, {"reasoning_effort": "low", "extra_body": {"reasoning": {"effort": "high"}}}, "says the same"),
    (GPT, {"extra_body": {"response_format": {"type": "json_shema"}}}, "json_schema"),
    (
        GPT,
        {"extra_body": {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 3}}}}},
        "no JSON schema",
    ),
]


@pytest.mark.parametrize(("name", "options", "message"), CASES)
def test_in_python(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(name, **options)


def test_what_no_file_can_hold() -> None:
    for value in (float("nan"), float("inf"), object(), {1: 2}):
        with pytest.raises(UsageError, match="no JSON"):
            resolve(GPT, extra_body={"x": value})


@pytest.mark.parametrize(("name", "options", "message"), CASES)
@pytest.mark.parametrize("place", ["toml", "--set"])
def test_in_a_file_and_on_the_command_line(
    name: str, options: dict[str, Any], message: str, place: str, tmp_path: Path
) -> None:
    written = {option: orjson.dumps(value).decode() for option, value in options.items()}
    if any(isinstance(value, dict) for value in options.values()):
        written = {option: _toml(value) for option, value in options.items()}
    lines = [f"{option} = {value}" for option, value in written.items()] if place == "toml" else []
    more = [] if lines else [f"--set=models.main.{option}={value}" for option, value in written.items()]
    file = tmp_path / "experiment.toml"
    head = 'variants = ["reason_act"]\nepisodes = 1\ntask = "bandit"\n[models.main]\n'
    file.write_text(head + "\n".join([f'name = "{name}"', *lines]))
    said = CliRunner().invoke(program(), ["run", str(file), "--out", str(tmp_path / "run"), *more])
    assert isinstance(said.exception, UsageError) and not (tmp_path / "run").exists()
    assert message.casefold() in str(said.exception).casefold()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + " }"
    return orjson.dumps(value).decode()


def test_what_another_server_may_take_is_left_to_it() -> None:
    """`openai/` at an address of one's own is any server that speaks its protocol."""
    here = {"api_base": "http://127.0.0.1:1/v1"}
    resolve("openai/house-model", top_k=5, stop=["a"] * 6, service_tier="mine", thinking=True, **here)
    with pytest.raises(UsageError, match="does not think"):
        resolve(GPT, thinking=True, **here)


def test_an_arm_that_asks_for_more_than_a_model_takes(providers: Any, tmp_path: Path) -> None:
    for name, arm, message in (
        (CLAUDE, "temperature(t=1.5)", "no temperature above 1"),
        (THINKER, "temperature(t=0.0)", "takes no temperature"),
        (GPT, "effort(level='high')", "takes no reasoning effort"),
    ):
        variants = ["reason_act", f"reason_act | {arm}"]
        with pytest.raises(UsageError, match=message):
            ak.run(task="bandit", model=providers.model(name), variants=variants, episodes=1, out=tmp_path / "run")
    assert providers.bodies == [] and not (tmp_path / "run").exists()


def test_tools_of_a_model_that_takes_none(tmp_path: Path) -> None:
    arguments = ["run", "--task", "bandit", "--variant", "reason_act | use_tools(2)", "--model", "embedded:organism"]
    said = CliRunner().invoke(program(), [*arguments, "--episodes", "1", "--out", str(tmp_path / "run")])
    assert isinstance(said.exception, UsageError) and "tools" in str(said.exception)
    assert not (tmp_path / "run").exists()
