"""What is sent to the providers of today: only what was asked for, in their words, with room to think."""

import json
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import BadOption, Denied, UnknownName, UsageError
from akrasia.experiments import assemble
from akrasia.experiments.planning.forecast import forecast_run
from akrasia.ledger import read_ledger
from akrasia.models import Budget, Gateway, key_of, resolve
from akrasia.models.providers.lessons import lesson_of, room_in_context
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import Draw, Message, Request, Response, Sampling

BANDIT = {"name": "bandit", "arms": 3, "horizon": 2}


async def ask(model: RemoteModel, times: int = 1, budget: Budget = Budget(), **sampling: Any) -> list[Response]:  # noqa: B008
    gateway = Gateway([model], budget=budget)
    asked = model.info.request((Message("user", "Which?"),), model.info.sampling(Sampling(**sampling)))
    try:
        return [await gateway.complete(asked, Draw(1, 0, sample)) for sample in range(times)]
    finally:
        await gateway.close()


# Only what was asked for.


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("openai/gpt-4o-mini", {"max_tokens"}),
        ("openai/gpt-5.5", {"max_completion_tokens"}),
        ("openai/gpt-5-mini", {"max_completion_tokens"}),
        ("anthropic/claude-sonnet-4-5", {"max_tokens"}),
        ("anthropic/claude-sonnet-5", {"max_tokens"}),
        ("deepseek/deepseek-reasoner", {"max_tokens"}),
        ("groq/openai/gpt-oss-120b", {"max_tokens"}),
        ("mistral/mistral-large-latest", {"max_tokens", "temperature"}),  # its own default is another
        ("hosted_vllm/q", {"max_tokens", "temperature", "seed"}),  # so is that of a server of one's own
    ],
)
async def test_defaults_are_left_out(providers: Any, name: str, sent: set[str]) -> None:
    (said,) = await ask(providers.model(name), max_tokens=64)
    [body] = providers.bodies
    assert (
        set(body) - {"model", "messages", "system"} - {k for k, v in body.items() if v in (None, False, {}, [])} == sent
    )
    assert (said.text, said.status, said.reported["not_sent"]) == ("ACTION=Red", "ok", "")


@pytest.mark.parametrize(
    ("name", "sampling", "refused", "not_sent"),
    [
        ("openai/house-model", {"temperature": 0.0}, 2, "temperature"),  # its maximum has another name, too
        ("openai/house-model", {"temperature": 0.5, "top_p": 0.9, "stop": ("END",)}, 4, "stop,temperature,top_p"),
        ("anthropic/claude-house", {"temperature": 0.3}, 1, "temperature"),
        ("anthropic/claude-3-house", {"temperature": 0.3, "top_p": 0.9}, 1, "temperature"),
    ],
)
async def test_a_refusal_is_understood_once_per_model(
    providers: Any, name: str, sampling: dict[str, Any], refused: int, not_sent: str
) -> None:
    """No table knows these models: each parameter is refused once, and then left out."""
    said = await ask(providers.model(name), times=3, **sampling)
    if "3-house" in name:  # one of the two is enough to leave out, without asking
        assert len(providers.bodies) == 3 + 1 and {"temperature", "top_p"} - set(providers.bodies[-1])
        return
    assert len(providers.bodies) == 3 + refused
    assert {s.status for s in said} == {"ok"} and {s.reported["not_sent"] for s in said} == {not_sent}
    assert not [s.attempts for s in said if s.attempts]


@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_a_known_model_is_not_asked_what_it_does_not_take(providers: Any, transport: str) -> None:
    model = providers.model("openai/gpt-5-mini", transport=transport)
    (said,) = await ask(model, temperature=0.0, max_tokens=64)
    assert len(providers.bodies) == 1 and said.reported["not_sent"] == "temperature"


async def test_what_somebody_requires_is_never_dropped(providers: Any) -> None:
    for name in ("openai/house-model", "anthropic/claude-house"):
        with pytest.raises(Denied, match="temperature"):
            await ask(providers.model(name), temperature=0.0, required=("temperature",))
    with pytest.raises(Denied, match="top_k"):
        await ask(providers.model("openai/house-model", top_k=5))


async def test_the_most_tokens_that_a_provider_names_are_kept_to(providers: Any) -> None:
    said = "max_tokens is too large: 25064. This model supports at most 16384 completion tokens, whereas you provided"
    providers.script.append((400, {"error": {"message": said, "param": "max_tokens", "code": None}}, {}))
    answers = await ask(providers.model("deepseek/deepseek-reasoner"), times=2, max_tokens=64)
    assert [b["max_tokens"] for b in providers.bodies] == [25064, 16384, 16384]
    assert [a.reported["max_tokens"] for a in answers] == ["16384"] * 2


async def test_room_to_think_yields_to_the_context_of_a_server(providers: Any) -> None:
    said, later = await ask(providers.model("hosted_vllm/Qwen3-8B"), times=2, max_tokens=64)
    limits = [b["max_tokens"] for b in providers.bodies]
    assert limits[:2] == [25064, 8192 - 9] and len(limits) == 3 and 8000 < limits[2] <= 8192 - 9
    assert (said.status, said.text, said.reasoning) == ("ok", "ACTION=Red", providers.thought)
    assert (said.reported["max_tokens"], later.reported["max_tokens"]) == (str(limits[1]), str(limits[2]))


SENT = {"temperature", "top_p", "max_tokens", "stop", "seed", "reasoning_effort", "thinking", "top_k"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Unsupported parameter: 'top_p' is not supported with this model.", "top_p"),
        (
            "Unsupported value: 'temperature' does not support 0.1 with this model. Only the default (1) value",
            "temperature",
        ),
        ("`temperature` is deprecated for this model.", "temperature"),
        ("body.seed: Extra inputs are not permitted extra_forbidden", "seed"),
        ("Thinking level is not supported for this model. INVALID_ARGUMENT", "reasoning_effort"),
        ('"llama3" does not support thinking', "reasoning_effort"),
        ("Argument not supported on this model: stop", "stop"),
        ("Model grok-4 does not support parameter reasoningEffort.", "reasoning_effort"),
        ("extraneous key [top_k] is not permitted", "top_k"),
        (
            "`temperature` may only be set to 1 when thinking is enabled. Please consult our documentation",
            "temperature",
        ),
        ("property 'seed' is unsupported", "seed"),
        ("invalid temperature: only 1 is allowed for this model", "temperature"),
        ("max_tokens: 50000 > 8192, which is the maximum allowed number of output tokens", "max_tokens"),
        ("temperature: range: 0..1", None),
        ("body.temperature: Input should be less than or equal to 1.5", None),
        ("Your credit balance is too low", None),
        ("This model's maximum context length is 8192 tokens. Please reduce the length of the messages.", None),
    ],
)
def test_a_refusal_teaches_what_it_says_and_no_more(said: str, name: str | None) -> None:
    lesson = lesson_of(said, SENT)
    assert (None if lesson is None else lesson.name) == name
    assert lesson_of(said, set()) is None
    assert room_in_context(said) == (0, 0)


# Room to think.


THINKERS = [
    "openai/gpt-5-mini", "openai/gpt-5.5", "anthropic/claude-sonnet-5", "gemini/gemini-2.5-flash",
    "deepseek/deepseek-reasoner", "groq/openai/gpt-oss-120b", "openrouter/openai/gpt-5", "ollama_chat/qwen3:8b",
    "mistral/magistral-medium-latest",
]  # fmt: skip


@pytest.mark.parametrize("name", THINKERS)
async def test_no_role_is_starved_by_thinking_and_the_ledger_says_what_was_sent(providers: Any, name: str) -> None:
    model = providers.model(name)
    asked = model.info.request((Message("user", "?"),), Sampling(max_tokens=64))
    assert asked.sampling.thinking_tokens == 25_000
    (said,) = await ask(model, max_tokens=64)
    assert (said.text, said.status, said.error) == ("ACTION=Red", "ok", "")
    body = providers.bodies[-1]
    flat = {**body, **(body.get("options") or {}), **(body.get("generationConfig") or {})}
    limits = ("max_tokens", "max_completion_tokens", "num_predict", "maxOutputTokens", "max_output_tokens")
    assert [flat[k] for k in limits if k in flat] == [25_064]


async def test_what_does_not_think_keeps_the_limit_of_its_role(providers: Any) -> None:
    await ask(providers.model("openai/gpt-4o-mini"), max_tokens=64)
    await ask(providers.model("anthropic/claude-sonnet-4-5"), max_tokens=64)
    assert [b["max_tokens"] for b in providers.bodies] == [64, 64]


@pytest.mark.parametrize("name", ["openai/gpt-5-mini", "anthropic/claude-sonnet-5", "gemini/gemini-2.5-flash"])
async def test_an_answer_that_thinking_starved_names_a_remedy_that_works(providers: Any, name: str) -> None:
    providers.thinks = 30_000
    (starved,) = await ask(providers.model(name), max_tokens=64)
    assert (starved.status, starved.text) == ("truncated", "")
    assert "thinking_tokens = 50" in starved.error or "thinking_tokens = 60" in starved.error
    more = int(starved.error.partition("thinking_tokens = ")[2].split()[0])
    for room in (more, "unlimited"):
        (said,) = await ask(providers.model(name, thinking_tokens=room), max_tokens=64)
        assert (said.text, said.status) == ("ACTION=Red", "ok")


async def test_the_budget_counts_thinking(providers: Any) -> None:
    with pytest.raises(ak.errors.BudgetSpent):
        await ask(providers.model("openai/gpt-5-mini"), budget=Budget(tokens=20_000), max_tokens=64)
    assert providers.bodies == []
    (said,) = await ask(providers.model("openai/gpt-5-mini", thinking_tokens=1000), budget=Budget(tokens=20_000))
    cached = 4 * 0.025e-6  # of the nine
    assert said.usage.reasoning_tokens == 300 and said.cost == pytest.approx(5 * 0.25e-6 + cached + 310 * 2e-6)


def test_a_forecast_counts_thinking_by_effort() -> None:
    variants = ["reason_act", "reason_act | effort(level='minimal')", "reason_act | effort(level='high')"]
    experiment = assemble({"task": BANDIT, "model": "openai/gpt-5-mini", "variants": variants})
    usual, minimal, high = forecast_run(experiment).rows
    assert minimal.alone.completion_tokens < usual.alone.completion_tokens < high.alone.completion_tokens
    assert high.alone_at_most.completion_tokens >= 50_000 > usual.alone_at_most.completion_tokens > 25_000
    assert high.alone.dollars is not None and usual.alone.dollars is not None
    assert high.alone.dollars > 2 * usual.alone.dollars


# Parameters of a provider.


@pytest.mark.parametrize(
    ("name", "options", "sent"),
    [
        ("openai/gpt-5-mini", {"reasoning_effort": "low"}, {"reasoning_effort": "low", "max_completion_tokens": 8256}),
        ("openai/gpt-5-mini", {"max_tokens": 4096}, {"max_completion_tokens": 4096}),
        ("openai/gpt-4o-mini", {"top_p": 0.9, "stop": "END", "seed": 7}, {"top_p": 0.9, "stop": ["END"], "seed": 7}),
        ("openai/gpt-4o-mini", {"service_tier": "flex"}, {"service_tier": "flex"}),
        ("openai/gpt-4o-mini", {"extra_body": {"user": "u1"}}, {"user": "u1"}),
        ("hosted_vllm/q", {"top_k": 20, "extra_body": {"min_p": 0.1}}, {"top_k": 20, "min_p": 0.1}),
        ("hosted_vllm/Qwen3-8B", {"thinking": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("deepseek/deepseek-reasoner", {"thinking": False}, {"thinking": {"type": "disabled"}, "max_tokens": 64}),
        ("anthropic/claude-sonnet-4-5", {"thinking": 2048}, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("anthropic/claude-sonnet-4-5", {"top_k": 5, "temperature": 0.5}, {"top_k": 5, "temperature": 0.5}),
        ("ollama_chat/qwen3:8b", {"thinking": False}, {"think": False}),
        ("ollama_chat/qwen3:8b", {"thinking": True}, {"think": True}),
        ("anthropic/claude-sonnet-5", {"thinking": False}, {"thinking": {"type": "disabled"}, "max_tokens": 64}),
        ("openrouter/openai/gpt-4o", {"extra_body": {"provider": {"only": ["x"]}}}, {"provider": {"only": ["x"]}}),
    ],
)
async def test_parameters_reach_the_provider(
    providers: Any, name: str, options: dict[str, Any], sent: dict[str, Any]
) -> None:
    (said,) = await ask(providers.model(name, **options), max_tokens=64)
    assert said.status == "ok" and {k: providers.bodies[-1].get(k) for k in sent} == sent
    assert said.reported["not_sent"] == ""


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("anthropic/claude-sonnet-5", "output_config"),
        ("anthropic/claude-sonnet-4-5", "thinking"),
        ("gemini/gemini-2.5-flash", "thinkingConfig"),
        ("openrouter/openai/gpt-5", "reasoning_effort"),
        ("groq/openai/gpt-oss-120b", "reasoning_effort"),
    ],
)
async def test_an_effort_is_sent_in_the_form_of_its_provider(providers: Any, name: str, where: str) -> None:
    (said,) = await ask(providers.model(name), max_tokens=64, reasoning_effort="high", required=("reasoning_effort",))
    body = providers.bodies[-1]
    assert where in {**body, **(body.get("generationConfig") or {})}
    assert (said.status, said.reported["not_sent"]) == ("ok", "")


@pytest.mark.parametrize("name", ["deepseek/deepseek-reasoner", "ollama_chat/qwen3:8b"])
async def test_an_effort_that_makes_no_other_request_is_refused(providers: Any, name: str) -> None:
    """Else two arms would be one, and their difference chance."""
    with pytest.raises(Denied, match="low and high are the same to it"):
        await ask(providers.model(name), reasoning_effort="high", required=("reasoning_effort",))
    assert providers.bodies == []


async def test_headers_reach_the_provider_and_their_secrets_stay_out_of_everything(
    providers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_PASS", "gate-pass-0123456789")
    plain, secret = {"X-Team": "blue"}, {"X-Team": "blue", "X-Gate-Key": "$GATE_PASS", "X-Other-Token": "tok-other-77"}
    one, other = (providers.model("openai/gpt-4o-mini", extra_headers=h) for h in (plain, secret))
    assert one.info.id == other.info.id != providers.model("openai/gpt-4o-mini").info.id
    ak.run(task=BANDIT, model=other, variants=["reason_act"], episodes=1, out=tmp_path / "run")
    told = providers.headers[-1]
    assert (told["x-team"], told["x-gate-key"], told["x-other-token"]) == (
        "blue",
        "gate-pass-0123456789",
        "tok-other-77",
    )
    for file in (tmp_path / "run").iterdir():
        assert not any(word in file.read_bytes() for word in (b"gate-pass-0123456789", b"tok-other-77"))
    monkeypatch.delenv("GATE_PASS")
    with pytest.raises(Denied, match="GATE_PASS is not set"):
        await ask(other)


def test_a_secret_that_stands_in_a_file_is_refused(providers: Any, tmp_path: Path) -> None:
    """The file is kept with the run."""
    from click.testing import CliRunner

    from akrasia.cli import program

    file = tmp_path / "experiment.toml"
    file.write_text(
        f"""
        variants = ["reason_act"]
        episodes = 1
        [task]
        name = "bandit"
        [models.main]
        name = "openai/gpt-4o-mini"
        api_base = "{providers.base}/openai/v1"
        extra_headers = {{ "X-Gate-Key" = "open-sesame" }}
        """
    )
    said = CliRunner().invoke(program(), ["run", str(file), "--out", str(tmp_path / "run")])
    assert said.exit_code != 0 and not (tmp_path / "run").exists()
    assert "X-Gate-Key" in str(said.exception or said.output)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("openai/gpt-5-mini", {"reasoning_effort": "hgih"}, "'high'"),
        ("openai/gpt-5-mini", {"reasoning_efort": "low"}, "'reasoning_effort'"),
        ("openai/gpt-5-mini", {"reasoning_effort": "max"}, "It takes: minimal, low, medium, high"),
        ("openai/gpt-4o-mini", {"reasoning_effort": "low"}, "takes no reasoning effort"),
        ("openai/gpt-5-mini", {"top_p": 0.9}, "takes no top_p"),
        ("openai/gpt-4o-mini", {"top_p": 1.5}, "top_p"),
        ("openai/gpt-4o-mini", {"top_p": 0}, "top_p"),
        ("openai/gpt-4o-mini", {"max_tokens": 0}, "max_tokens"),
        ("openai/gpt-4o-mini", {"top_k": 1.5}, "top_k"),
        ("openai/gpt-4o-mini", {"seed": "x"}, "draw"),
        ("openai/gpt-4o-mini", {"stop": ""}, "stop"),
        ("openai/gpt-4o-mini", {"temperature": 3}, "temperature"),
        ("anthropic/claude-sonnet-4-5", {"temperature": 1.5}, "from 0 to 1"),
        ("openai/gpt-5-mini", {"thinking_tokens": -1}, "unlimited"),
        ("anthropic/claude-sonnet-4-5", {"thinking": "yes"}, "adaptive"),
        ("anthropic/claude-sonnet-4-5", {"thinking": False, "reasoning_effort": "high"}, "Leave out one"),
        ("anthropic/claude-sonnet-4-5", {"thinking": 2048, "thinking_tokens": 100}, "at least 2048"),
        ("anthropic/claude-sonnet-4-5", {"thinking": 2048, "max_tokens": 1000}, "Raise max_tokens"),
        ("openai/gpt-4o-mini", {"extra_body": {"temperature": 0.2}}, "Set temperature itself"),
        ("openai/gpt-4o-mini", {"extra_body": 3}, "extra_body"),
        ("openai/gpt-4o-mini", {"extra_headers": {"X": 3}}, "extra_headers"),
        ("openai/gpt-4o-mini", {"extra_headers": {"X": "a\r\nb"}}, "header"),
        ("openai/gpt-4o-mini", {"region": "eu"}, "openai has no region"),
        ("anthropic/claude-sonnet-5", {"organization": "o"}, "anthropic has no organization"),
    ],
)
def test_nonsense_is_refused_when_the_model_is_named(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises((BadOption, UnknownName), match=message):
        resolve(name, **options)


def test_what_changes_an_answer_is_part_of_its_identity() -> None:
    ids = {
        resolve("openai/gpt-5-mini", **options).info.id
        for options in (
            {},
            {"reasoning_effort": "low"},
            {"thinking_tokens": 99},
            {"extra_body": {"a": 1}},
            {"max_tokens": 9},
        )
    }
    assert len(ids) == 5
    assert resolve("openai/gpt-4o-mini").info.id == "openai/gpt-4o-mini"  # as ever
    plain = Request("m", (Message("user", "?"),), Sampling())
    assert key_of(plain, Draw(0, 0)) == key_of(Request("m", plain.messages, Sampling(required=("top_p",))), Draw(0, 0))
    assert key_of(plain, Draw(0, 0)) != key_of(Request("m", plain.messages, Sampling(thinking_tokens=9)), Draw(0, 0))


def test_two_efforts_are_two_models_and_two_arms(providers: Any, tmp_path: Path) -> None:
    """In a table of models, behind a name, and as an intervention, whose cost the verdict tells."""
    base = f"{providers.base}/openai/v1"
    tables = {e: {"name": "openai/gpt-5-mini", "api_base": base, "reasoning_effort": e} for e in ("low", "high")}
    ak.run(task=BANDIT, models=tables, variants=["reason_act"], episodes=1, out=tmp_path / "tables")
    assert {b["reasoning_effort"] for b in providers.bodies} == {"low", "high"}
    providers.bodies.clear()
    ak.run(
        task=BANDIT, model=providers.model("openai/gpt-5-mini"), episodes=1, out=tmp_path / "arms",
        variants=["reason_act", "reason_act | effort(level='high')"],
    )  # fmt: skip
    assert {b.get("reasoning_effort") for b in providers.bodies} == {None, "high"}
    with read_ledger(tmp_path / "arms") as ledger:
        keys = {t.key for r in ledger.records() for t in r.decision.turns}
        requests = [a.request.sampling for k in keys if (a := ledger.answer(k)) is not None]
    assert {(s.reasoning_effort, s.thinking_tokens) for s in requests} == {("", 25_000), ("high", 50_000)}


@pytest.mark.parametrize(
    ("model", "variant", "message"),
    [
        ("openai/gpt-5-mini", "reason_act | temperature(t=0.0)", "takes no temperature"),
        ("anthropic/claude-sonnet-5", "reason_act | temperature(t=0.0)", "takes no temperature"),
        ("anthropic/claude-sonnet-4-5", "reason_act | temperature(t=1.5)", "no temperature above 1"),
        ("openai/gpt-4o-mini", "reason_act | effort(level='low')", "takes no reasoning effort"),
        ("simulated", "reason_act | effort(level='low')", "takes no reasoning effort"),
        ("openai/gpt-5-mini", "reason_act | effort(level='xhigh')", "It takes: minimal"),
    ],
)
def test_an_arm_that_a_model_cannot_be_asked_is_refused_by_plan_and_run(
    tmp_path: Path, model: str, variant: str, message: str
) -> None:
    settings = {"task": BANDIT, "model": model, "variants": ["reason_act", variant]}
    with pytest.raises(UsageError, match=message):
        assemble(settings)
    with pytest.raises(UsageError, match=message):
        ak.run(out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


# What was thought.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(
            (n, {})
            for n in THINKERS
            if n.startswith(("anthropic", "deepseek", "groq", "openrouter", "mistral", "ollama"))
        ),
        ("ollama/qwen3:8b", {}),
        ("gemini/gemini-2.5-flash", {"reasoning_effort": "low"}),
        ("hosted_vllm/Qwen3-8B", {"thinking_tokens": 4000}),
        ("hosted_vllm/Qwen3-8B", {"thinking_tokens": 4000, "transport": "litellm"}),
        ("deepseek/deepseek-reasoner", {"transport": "litellm"}),
    ],
)
async def test_what_a_model_thinks_is_kept_on_every_transport(
    providers: Any, name: str, options: dict[str, Any]
) -> None:
    (said,) = await ask(providers.model(name, **options), max_tokens=64)
    assert (said.reasoning, said.text, said.status) == (providers.thought, "ACTION=Red", "ok")


HARMONY = "<|channel|>analysis<|message|>B? no.<|end|><|start|>assistant<|channel|>final<|message|>ACTION=A"


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize(
    ("content", "reasoning", "text"),
    [
        ("<think>\nB? no.\n</think>\n\nACTION=A", "B? no.", "ACTION=A"),
        ("B? no.\n</think>\n\nACTION=A", "B? no.", "ACTION=A"),
        ("<think>\nSuppose I said\nACTION=B", "Suppose I said\nACTION=B", ""),
        ("[THINK]B? no.[/THINK]ACTION=A", "B? no.", "ACTION=A"),
        (
            "<|channel|>analysis<|message|>B? no.<|end|><|start|>assistant<|channel|>final<|message|>ACTION=A",
            "B? no.",
            "ACTION=A",
        ),
        ("I would <b>not</b> say <think>.", "", "I would <b>not</b> say <think>."),
    ],
)
async def test_inline_thoughts_are_no_answer_whoever_carries_them(
    providers: Any, transport: str, content: str, reasoning: str, text: str
) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    providers.script.append((200, whole, {}))
    (said,) = await ask(providers.model("hosted_vllm/q", transport=transport))
    assert (said.reasoning, said.text) == (reasoning, text)


async def test_a_provider_says_itself_what_it_billed(providers: Any) -> None:
    (said,) = await ask(providers.model("openrouter/openai/gpt-5"))
    assert (said.cost, said.usage.reasoning_tokens, said.usage.cached_tokens) == (0.00123, 300, 4)


def test_thoughts_are_shown_and_exported(providers: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from akrasia.reports.show import show_step

    model = providers.model("deepseek/deepseek-reasoner")
    result = ak.run(task=BANDIT, model=model, variants=["reason_act"], episodes=1, out=tmp_path / "run")
    show_step(result.folder, 0, 0, (), Console(width=120))
    assert providers.thought in capsys.readouterr().out
    result.export(tmp_path / "answers.jsonl", form="answers")
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and {line["response"]["reasoning"] for line in lines} == {providers.thought}
