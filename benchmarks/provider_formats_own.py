"""The wire formats of the providers that have a protocol of their own: Anthropic, Bedrock, Google, Cohere, Ollama."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provider_server import Call, Made, Providers, Refused, Served, check_bearer, text_of

# Anthropic, on its own and behind Bedrock


def _claude_error(message: str) -> Refused:
    return Refused(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})


def _claude_effort(model: str, body: Mapping[str, Any]) -> tuple[str | None, bool]:
    """(effort, whether the thought is shown): Claude 5 thinks adaptively and shows it on demand; 5.5 thinks always."""
    thinking = body.get("thinking") or {}
    kind = thinking.get("type")
    newest = bool(re.search(r"(opus|haiku|fable|mythos)-5-[15]", model))
    adaptive = newest or bool(re.search(r"(opus|sonnet|haiku|fable|mythos)-5|opus-4-[78]", model))
    if newest and kind in ("disabled", "enabled"):
        raise _claude_error(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    if kind == "enabled" and thinking.get("budget_tokens", 0) >= body.get("max_tokens", 10**7):
        raise _claude_error("`max_tokens` must be greater than `thinking.budget_tokens`.")
    effort = str((body.get("output_config") or {}).get("effort") or "high")
    if adaptive:
        thinks = kind in ("adaptive", "enabled") or (kind is None and not re.search(r"opus-4-[78]", model))
        return (effort if thinks else None), thinking.get("display") == "summarized"
    return ("medium" if kind in ("enabled", "adaptive") else None), True


def _claude_checked(model: str, body: Mapping[str, Any]) -> None:
    new = re.search(r"opus-4-[78]|(opus|sonnet|haiku|fable|mythos)-5", model)
    sampled = body.get("temperature", 1) != 1 or body.get("top_p", 1) != 1 or "top_k" in body
    if new and sampled:
        raise _claude_error("`temperature` is deprecated for this model.")
    if not 0 <= body.get("temperature", 1) <= 1:
        raise _claude_error("temperature: range: 0..1")
    if "temperature" in body and "top_p" in body:
        raise _claude_error("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


_CLAUDE_TAKES = frozenset(
    "model messages max_tokens system temperature top_p top_k stop_sequences stream metadata thinking tools "
    "tool_choice service_tier output_config output_format cache_control".split()
)


def anthropic(server: Providers, call: Call) -> Made:
    """Messages."""
    body = call.body
    if not call.headers.get("x-api-key", "").startswith("sk-"):
        raise Refused(401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}})
    if not call.path.endswith("/v1/messages") or "anthropic-version" not in call.headers:
        raise Refused(404, {"type": "error", "error": {"type": "not_found_error", "message": "Not found"}})
    if "max_tokens" not in body:
        raise _claude_error("max_tokens: Field required")
    for name in body.keys() - _CLAUDE_TAKES:
        raise _claude_error(f"{name}: Extra inputs are not permitted")
    _claude_checked(call.model, body)
    effort, shown = _claude_effort(call.model, body)
    system = text_of(body.get("system"))
    messages = [*([{"role": "system", "content": system}] if system else []), *body["messages"]]
    marked = "cache_control" in str(body)
    served = server.say(messages, body["max_tokens"], effort, show=shown, cached=marked)
    if served.cached:  # the first request writes, the later ones read
        first = not any(s.cached or s.written for s in server.served)
        served = replace(served, written=served.cached, cached=0) if first else served
    blocks: list[Any] = []
    if served.thought:
        blocks.append({"type": "thinking", "thinking": served.shown, "signature": "EqQB"})
    if served.text:
        blocks.append({"type": "text", "text": served.text})
    usage = {
        "input_tokens": served.prompt - served.cached - served.written, "output_tokens": served.completion,
        "cache_read_input_tokens": served.cached, "cache_creation_input_tokens": served.written,
        "service_tier": "standard",
    }  # fmt: skip
    stop = "end_turn" if served.finish == "stop" else "max_tokens"
    return served, {
        "id": "msg_1", "type": "message", "role": "assistant", "model": call.model, "content": blocks,
        "stop_reason": stop, "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def bedrock(server: Providers, call: Call) -> Made:
    """Converse, of Claude, Nova and other models."""
    path = re.fullmatch(r"/model/(.+)/converse", call.path)
    if path is None or not call.headers.get("authorization"):
        raise Refused(403, {"message": "Missing Authentication Token"})
    model, body = path[1], call.body
    config, fields = body.get("inferenceConfig") or {}, body.get("additionalModelRequestFields") or {}
    effort, shown = None, True
    if "claude" in model:
        flat = {**fields, "max_tokens": config.get("maxTokens", 10**7)}
        flat |= {
            ours: config[theirs]
            for theirs, ours in (("temperature", "temperature"), ("topP", "top_p"))
            if theirs in config
        }
        try:
            _claude_checked(model, flat)
            effort, shown = _claude_effort(model, flat)
        except Refused as refused:
            raise Refused(400, {"message": refused.answer[1]["error"]["message"]}) from None
    elif re.search(r"gpt-oss|kimi-k|glm|minimax|deepseek.*r1", model):
        effort = "medium"
    system = [{"role": "system", "content": text_of(body["system"])}] if body.get("system") else []
    served = server.say([*system, *body["messages"]], config.get("maxTokens"), effort, show=shown)
    content: list[Any] = []
    if served.thought:
        content.append({"reasoningContent": {"reasoningText": {"text": served.shown, "signature": "EqQB"}}})
    if served.text:
        content.append({"text": served.text})
    return served, {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn" if served.finish == "stop" else "max_tokens",
        "usage": {
            "inputTokens": served.prompt, "outputTokens": served.completion,
            "totalTokens": served.prompt + served.completion,
        },
        "metrics": {"latencyMs": 12},
    }  # fmt: skip


# Google


def gemini(server: Providers, call: Call) -> Made:
    """generateContent."""
    path = re.search(r"models/([^:]+):generateContent", call.path)
    config = call.body.get("generationConfig") or {}
    config = {re.sub(r"_(\w)", lambda m: m[1].upper(), name): value for name, value in config.items()}

    def bad(message: str, status: int = 400, code: str = "INVALID_ARGUMENT") -> Refused:
        return Refused(status, {"error": {"code": status, "message": message, "status": code}})

    if path is None:
        raise bad("Not found", 404, "NOT_FOUND")
    if "x-goog-api-key" not in call.headers and "key=" not in call.query:
        raise bad("Method doesn't allow unregistered callers", 403, "PERMISSION_DENIED")
    thinking = config.get("thinkingConfig") or {}
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    thinks = bool(re.search(r"gemini-(2\.5|[3-9]|flash|pro)", path[1]))
    if level and not re.search(r"gemini-[3-9]|latest", path[1]):
        raise bad("Thinking level is not supported for this model.")
    if budget == 0 and "pro" in path[1]:
        raise bad("Budget 0 is invalid. This model only works in thinking mode.")
    usual = ("none" if "2.5" in path[1] else "minimal") if "lite" in path[1] else "medium"
    effort = (str(level).lower() if level else "none" if budget == 0 else usual) if thinks else None
    system = (call.body.get("systemInstruction") or call.body.get("system_instruction") or {}).get("parts")
    messages = [{"role": "system", "content": text_of(system)}] if system else []
    messages += [
        {"role": "assistant" if c["role"] == "model" else "user", "content": text_of(c["parts"])}
        for c in call.body["contents"]
    ]
    shown = bool(thinking.get("includeThoughts"))
    served = server.say(messages, config.get("maxOutputTokens"), effort, config.get("seed", 0), shown, cached=True)
    parts: list[Any] = [{"text": served.shown, "thought": True}] if served.shown else []
    if served.text:
        parts.append({"text": served.text})
    usage = {
        "promptTokenCount": served.prompt, "totalTokenCount": served.prompt + served.completion,
        "cachedContentTokenCount": served.cached, "candidatesTokenCount": served.completion - served.thought,
    }  # fmt: skip
    usage |= {"thoughtsTokenCount": served.thought} if served.thought else {}
    content = {"role": "model", **({"parts": parts} if parts else {})}
    finish = {"stop": "STOP", "length": "MAX_TOKENS"}[served.finish]
    return served, {
        "candidates": [{"content": content, "finishReason": finish, "index": 0}],
        "usageMetadata": usage, "modelVersion": path[1], "responseId": "r",
    }  # fmt: skip


# Others with a protocol of their own


def cohere(server: Providers, call: Call) -> Made:
    """Chat, version 2: what is billed and what was read are two counts."""
    check_bearer(call)
    body = call.body
    if not call.path.endswith("/v2/chat"):
        raise Refused(404, {"message": "not found"})
    if not 0 <= body.get("temperature", 0) <= 1:
        raise Refused(400, {"message": "invalid request: temperature must be between 0 and 1.0 inclusive."})
    thinks = "reasoning" in call.model or "a-plus" in call.model
    off = (body.get("thinking") or {}).get("type") == "disabled"
    effort = "medium" if thinks and not off else None
    served = server.say(body["messages"], body.get("max_tokens"), effort, body.get("seed", 0), show=True)
    content: list[Any] = [{"type": "thinking", "thinking": served.shown}] if served.shown else []
    if served.text:
        content.append({"type": "text", "text": served.text})
    counts = {"input_tokens": served.prompt, "output_tokens": served.completion}
    return served, {
        "id": "x", "finish_reason": {"stop": "COMPLETE", "length": "MAX_TOKENS"}[served.finish],
        "message": {"role": "assistant", "content": content},
        "usage": {"billed_units": counts, "tokens": {**counts, "input_tokens": served.prompt + 60}},
    }  # fmt: skip


def ollama(server: Providers, call: Call) -> Made:
    """Chat of a server of one's own."""
    body, model = call.body, call.model or str(call.body.get("name", ""))
    thinks = bool(re.search(r"qwen3|r1|gpt-oss|deepseek-v3\.1", model)) and "coder" not in model
    if call.path == "/api/show":
        about = {"template": "{{ .Prompt }}", "details": {"family": "llama"}, "model_info": {}}
        return Served("", "stop", 0, 0), {**about, "capabilities": ["completion", *(["thinking"] if thinks else [])]}
    if body.get("think") and not thinks:
        raise Refused(400, {"error": f'"{model}" does not support thinking'})
    options = body.get("options") or {}
    effort = "medium" if thinks and body.get("think") is not False else None
    served = server.say(body["messages"], options.get("num_predict"), effort, options.get("seed", 0), show=True)
    message = {"role": "assistant", "content": served.text}
    return served, {
        "model": model, "created_at": "2026-11-01T00:00:00Z", "done": True, "done_reason": served.finish,
        "total_duration": 5, "load_duration": 1, "prompt_eval_count": served.prompt, "prompt_eval_duration": 1,
        "eval_count": served.completion, "eval_duration": 1,
        "message": {**message, **({"thinking": served.shown} if served.shown else {})},
    }  # fmt: skip
