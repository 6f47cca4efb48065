"""The wire formats of providers, one function each: (server, call) -> (what is answered, its body).

Those of OpenAI's form stand here, all others in `provider_formats_own.py`.

Rules and sentences follow the providers' public references: which parameters a model takes, what is counted in which
field, and whether its thought is shown.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from provider_formats_own import anthropic, bedrock, cohere, gemini, ollama
from provider_server import Call, Made, Providers, Refused, Served, check_bearer, text_of


def _chat(
    call: Call,
    served: Served,
    shown_as: str = "",
    inline: bool = False,
    beside: bool = False,
    usage: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A chat completion in OpenAI's form.

    Args:
        shown_as: the field of the message that holds the thought; inline: it stands in the text, between signs.
        beside: whether the tokens of the thought are counted beside those of the answer.
        usage: further counts.
    """
    text: str | None = served.text
    if inline and served.shown:
        text = f"<think>\n{served.shown}" + (f"\n</think>\n\n{text}" if text else "")
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if shown_as and served.shown:
        message[shown_as] = served.shown
    counted = {
        "prompt_tokens": served.prompt,
        "completion_tokens": served.completion - (served.thought if beside else 0),
        "total_tokens": served.prompt + served.completion,
        "prompt_tokens_details": {"cached_tokens": served.cached},
        "completion_tokens_details": {"reasoning_tokens": served.thought},
    }
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": call.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": served.finish}],
        "usage": {**counted, **(usage or {})},
    }  # fmt: skip


# OpenAI and Azure


def _openai_error(message: str, code: str | None, name: str | None, status: int = 400) -> Refused:
    error = {"message": message, "type": "invalid_request_error", "param": name, "code": code}
    return Refused(status, {"error": error})


def _openai_effort(call: Call) -> str | None:
    """The effort in force; None where the model does not think. GPT-5.1 to 5.4 do not think unless they are asked."""
    if not re.match(r"o\d|gpt-[5-9]", call.model) or "chat" in call.model:
        return None
    asked = call.body.get("reasoning_effort") or (call.body.get("reasoning") or {}).get("effort")
    at_rest = bool(re.match(r"gpt-5\.[1-4](?!.*(?:pro|codex))", call.model))
    if asked == "minimal" and re.match(r"gpt-(5\.|[6-9])", call.model):
        raise _openai_error(
            f"Unsupported value: 'minimal' is not supported with the '{call.model}' model. Supported values are: "
            "'none', 'low', 'medium', and 'high'.", "unsupported_value", "reasoning_effort",
        )  # fmt: skip
    effort = asked or ("none" if at_rest else "medium")
    return str(effort)


def openai(server: Providers, call: Call) -> Made:
    """Chat completions and responses; a model that has the second only says so."""
    check_bearer(call)
    if call.path.endswith("/responses"):
        return _responses(server, call)
    if re.search(r"-pro|codex|deep-research", call.model):
        raise _openai_error(
            "This model is only supported in v1/responses and not in v1/chat/completions.", None, "model", 404
        )
    return _openai_chat(server, call)


def _openai_chat(server: Providers, call: Call) -> Made:
    body, effort = call.body, _openai_effort(call)
    if effort is not None and "max_tokens" in body:
        raise _openai_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.", "unsupported_parameter", "max_tokens",
        )  # fmt: skip
    if effort not in (None, "none"):
        if body.get("temperature", 1) != 1:
            raise _openai_error(
                f"Unsupported value: 'temperature' does not support {body['temperature']} with this model. Only the "
                "default (1) value is supported.", "unsupported_value", "temperature",
            )  # fmt: skip
        for name in ("top_p", "logprobs", "stop", "presence_penalty"):
            if name in body:
                raise _openai_error(
                    f"Unsupported parameter: '{name}' is not supported with this model.", "unsupported_parameter", name
                )
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    served = server.say(body["messages"], most, effort, body.get("seed", 0), cached=True)
    return served, _chat(call, served)


def _responses(server: Providers, call: Call) -> Made:
    body, effort = call.body, _openai_effort(call)
    for name in ("seed", "stop", "max_tokens", "max_completion_tokens", "messages"):
        if name in body:
            raise _openai_error(f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    if effort not in (None, "none") and "temperature" in body:
        said = "Unsupported parameter: 'temperature' is not supported with this model."
        raise _openai_error(said, "unsupported_parameter", "temperature")
    said = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    messages = [{"role": m["role"], "content": text_of(m["content"])} for m in said]
    if body.get("instructions"):
        messages.insert(0, {"role": "system", "content": body["instructions"]})
    shows = bool((body.get("reasoning") or {}).get("summary"))
    served = server.say(messages, body.get("max_output_tokens"), effort, show=shows, cached=True)
    summary = [{"type": "summary_text", "text": served.shown}] if served.shown else []
    output: list[Any] = [{"id": "rs_1", "type": "reasoning", "summary": summary}] if served.thought else []
    if served.text:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": served.text}
        output.append({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]})
    whole = served.finish == "stop"
    return served, {
        "id": "resp_1", "object": "response", "created_at": 1, "model": call.model, "error": None, "output": output,
        "status": "completed" if whole else "incomplete",
        "incomplete_details": None if whole else {"reason": "max_output_tokens"},
        "instructions": None, "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto",
        "tools": [], "top_p": 1.0,
        "usage": {
            "input_tokens": served.prompt, "input_tokens_details": {"cached_tokens": served.cached},
            "output_tokens": served.completion, "output_tokens_details": {"reasoning_tokens": served.thought},
            "total_tokens": served.prompt + served.completion,
        },
    }  # fmt: skip


def azure(server: Providers, call: Call) -> Made:
    """OpenAI's chat under a deployment's address."""
    deployment = re.fullmatch(r"/openai/deployments/([^/]+)/chat/completions", call.path)
    if deployment is None or "api-version=" not in call.query:
        raise Refused(404, {"error": {"code": "404", "message": "Resource not found"}})
    if not call.headers.get("api-key", "").startswith("sk-"):
        raise Refused(401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}})
    inner = Call(call.provider, call.path, call.query, call.headers, {**call.body, "model": deployment[1]})
    return _openai_chat(server, inner)


# Providers of OpenAI's form, with rules of their own

_MISTRAL_TAKES = frozenset(
    "model messages temperature top_p max_tokens stream stop random_seed response_format tools tool_choice n "
    "presence_penalty frequency_penalty prediction parallel_tool_calls prompt_mode reasoning_effort safe_prompt "
    "metadata".split()
)


def mistral(server: Providers, call: Call) -> Made:
    """A thought is a part of the content."""
    check_bearer(call)
    body = call.body
    extra = [
        {"type": "extra_forbidden", "loc": ["body", k], "msg": "Extra inputs are not permitted"}
        for k in body.keys() - _MISTRAL_TAKES
    ]
    if extra:
        raise Refused(422, {"object": "error", "message": {"detail": extra}, "type": "invalid_request_error"})
    if body.get("temperature", 0) > 1.5:
        said = {"loc": ["body", "temperature"], "msg": "Input should be less than or equal to 1.5"}
        raise Refused(422, {"object": "error", "message": {"detail": [said]}, "type": "invalid_request_error"})
    effort = "medium" if "magistral" in call.model else body.get("reasoning_effort")
    served = server.say(body["messages"], body.get("max_tokens"), effort, body.get("random_seed", 0), show=True)
    made = _chat(call, served)
    if served.shown:
        parts: list[Any] = [{"type": "thinking", "thinking": [{"type": "text", "text": served.shown}], "closed": True}]
        parts += [{"type": "text", "text": served.text}] if served.text else []
        made["choices"][0]["message"]["content"] = parts
    del made["usage"]["completion_tokens_details"]
    return served, made


def xai(server: Providers, call: Call) -> Made:
    """Thoughts are counted beside the answer, and the price is said."""
    check_bearer(call)
    thinks = "non-reasoning" not in call.model
    for name in ("stop", "presence_penalty", "frequency_penalty"):
        if thinks and name in call.body:
            raise Refused(
                400,
                {
                    "code": "Client specified an invalid argument",
                    "error": f"Argument not supported on this model: {name}",
                },
            )
    effort = (call.body.get("reasoning_effort") or "low") if thinks else None
    most = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
    served = server.say(call.body["messages"], most, effort, call.body.get("seed", 0), cached=True)
    cost = 1234e-7
    served = replace(served, cost=cost)
    return served, _chat(call, served, beside=True, usage={"cost_in_usd_ticks": round(cost * 1e10)})


def openrouter(server: Providers, call: Call) -> Made:
    """A router: thought in `reasoning`, and its own price."""
    check_bearer(call)
    told = call.body.get("reasoning") or {}
    thinks = bool(re.search(r"gpt-[5-9]|claude-\w+-5|gemini|kimi|glm|grok|deepseek|qwen", call.model))
    effort = (told.get("effort") or call.body.get("reasoning_effort") or "medium") if thinks else None
    served = server.say(call.body["messages"], call.body.get("max_tokens"), effort, show=True, cached=True)
    served = replace(served, cost=0.00123)
    made = _chat(call, served, "reasoning", usage={"cost": 0.00123, "is_byok": False})
    made["provider"] = "A provider"
    if served.shown:
        detail = {"type": "reasoning.text", "text": served.shown, "format": "unknown", "index": 0}
        made["choices"][0]["message"]["reasoning_details"] = [detail]
    return served, made


def perplexity(server: Providers, call: Call) -> Made:
    """Thoughts stand in the text; what a request cost is a table."""
    check_bearer(call)
    effort = "medium" if "reasoning" in call.model else None
    served = server.say(call.body["messages"], call.body.get("max_tokens"), effort, show=True)
    cost = {"input_tokens_cost": 0.001, "output_tokens_cost": 0.002, "request_cost": 0.005, "total_cost": 0.008}
    served = replace(served, cost=0.008)
    return served, _chat(call, served, inline=True, usage={"search_context_size": "low", "cost": cost})


def vllm(server: Providers, call: Call) -> Made:
    """A server of one's own whose context is small: a prompt and its answer together."""
    body = call.body
    prompt = sum(len(text_of(m["content"])) // 4 + 5 for m in body["messages"])
    most = body.get("max_tokens") or 0
    if prompt + most > 32768:
        said = (
            f"This model's maximum context length is 32768 tokens. However, you requested {prompt + most} tokens "
            f"({prompt} in the messages, {most} in the completion). Please reduce the length of the messages or "
            "completion."
        )
        raise Refused(400, {"error": {"message": said, "type": "BadRequestError", "param": None, "code": 400}})
    told = (body.get("chat_template_kwargs") or {}).get("enable_thinking")
    effort = "medium" if _thinks(call.model) and told is not False else None
    served = server.say(body["messages"], body.get("max_tokens"), effort, body.get("seed", 0), show=True)
    made = _chat(call, served, inline=True)
    made["usage"] |= {"prompt_tokens_details": None, "completion_tokens_details": None}
    return served, made


def _thinks(model: str) -> bool:
    """Whether a model with open weights thinks."""
    pattern = (
        r"deepseek-(r\d|v4|flash|reasoner)|gpt-oss|kimi-k[2-9]|glm-(4\.[5-9]|[5-9])|minimax-m|qwen-?[3-9]|thinking"
    )
    return bool(re.search(pattern, model.lower())) and "instruct" not in model.lower()


def plain(
    shown_as: str = "reasoning_content", inline: bool = False, refuses: tuple[str, ...] = ()
) -> Callable[..., Made]:
    """A provider of OpenAI's form without more rules than the parameters that it refuses."""

    def made(server: Providers, call: Call) -> Made:
        check_bearer(call)
        for name in refuses:
            if name in call.body:
                raise Refused(
                    400, {"error": {"message": f"property '{name}' is unsupported", "type": "invalid_request_error"}}
                )
        off = (call.body.get("thinking") or {}).get("type") == "disabled"
        effort = (call.body.get("reasoning_effort") or "medium") if _thinks(call.model) and not off else None
        most = call.body.get("max_completion_tokens") or call.body.get("max_tokens")
        served = server.say(call.body["messages"], most, effort, call.body.get("seed", 0), show=True, cached=True)
        return served, _chat(call, served, shown_as, inline)

    return made


FORMATS: dict[str, Callable[..., Made]] = {
    "openai": openai, "azure": azure, "anthropic": anthropic, "bedrock": bedrock, "gemini": gemini,
    "cohere_chat": cohere, "ollama_chat": ollama, "mistral": mistral, "xai": xai, "openrouter": openrouter,
    "perplexity": perplexity, "hosted_vllm": vllm, "deepseek": plain(), "moonshot": plain(), "zai": plain(),
    "minimax": plain(), "dashscope": plain(), "nebius": plain(), "fireworks_ai": plain(),
    "groq": plain("reasoning", refuses=("logprobs", "logit_bias")), "cerebras": plain("reasoning"),
    "together_ai": plain("reasoning"), "sambanova": plain("", inline=True),
}  # fmt: skip
