"""Which models are tried: of each provider, the newest of each family in litellm's own table.

A family is a pattern whose groups are the version. Where litellm's table names no models of a provider (a router, a
server of one's own), it serves the newest of others.
"""

import re
from collections.abc import Mapping
from typing import Any

_V = r"(\d+(?:[.\-p]\d+)*)"

# What litellm calls the provider in its table, and the families.
FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "openai": ("openai", (
        rf"gpt-{_V}-sol", rf"gpt-{_V}-astra", rf"gpt-{_V}-luna", rf"gpt-{_V}-mini", rf"gpt-{_V}-pro", rf"o{_V}",
        rf"gpt-{_V}", r"gpt-(4\.\d+)",
    )),
    "azure": ("azure", (rf"azure/gpt-{_V}-sol", rf"azure/gpt-{_V}-mini", r"azure/gpt-(4\.\d+)")),
    "anthropic": ("anthropic", (
        rf"claude-opus-{_V}", rf"claude-sonnet-{_V}", rf"claude-haiku-{_V}", rf"claude-fable-{_V}",
        r"claude-sonnet-(4-\d)",
    )),
    "bedrock": ("bedrock_converse", (
        rf"us\.anthropic\.claude-opus-{_V}", r"amazon\.nova-pro-v(\d):0", r"openai\.gpt-oss-(120)b-1:0",
    )),
    "gemini": ("gemini", (
        rf"gemini/gemini-{_V}-flash", rf"gemini/gemini-{_V}-flash-lite", rf"gemini/gemini-{_V}-pro(?:-preview)?",
        rf"gemini/gemini-{_V}-argon", r"gemini/gemini-(2\.\d)-flash",
    )),
    "mistral": ("mistral", (
        rf"mistral/mistral-large-{_V}", rf"mistral/mistral-medium-{_V}", r"mistral/magistral-medium-(latest)",
    )),
    "deepseek": ("deepseek", (rf"deepseek/deepseek-v{_V}-pro", rf"deepseek/deepseek-v{_V}-flash")),
    "xai": ("xai", (rf"xai/grok-{_V}", rf"xai/grok-{_V}-non-reasoning")),
    "groq": ("groq", (r"groq/openai/gpt-oss-(\d+)b", rf"groq/qwen/qwen{_V}-27b")),
    "cohere_chat": ("cohere_chat", (r"command-a-(plus)-\d+-\d+", r"command-(a)-\d+-\d+")),
    "together_ai": ("together_ai", (
        rf"together_ai/moonshotai/Kimi-K{_V}", rf"together_ai/zai-org/GLM-{_V}",
        rf"together_ai/deepseek-ai/DeepSeek-V{_V}-Flash",
    )),
    "fireworks_ai": ("fireworks_ai", (rf"fireworks_ai/minimax-m{_V}", rf"fireworks_ai/deepseek-v{_V}-flash")),
    "moonshot": ("moonshot", (rf"moonshot/kimi-k{_V}", rf"moonshot/kimi-k{_V}-code")),
    "zai": ("zai", (rf"zai/glm-{_V}", rf"zai/glm-{_V}-flash")),
    "minimax": ("minimax", (rf"minimax/MiniMax-M{_V}",)),
    "cerebras": ("cerebras", (r"cerebras/gpt-oss-(\d+)b", rf"cerebras/qwen-{_V}-27b")),
    "perplexity": ("perplexity", (r"perplexity/(sonar)-pro", r"perplexity/(sonar)-reasoning-pro")),
    "dashscope": ("dashscope", (rf"dashscope/qwen{_V}-max", rf"dashscope/qwen{_V}-flash")),
    "nebius": ("nebius", (rf"nebius/nvidia/Nemotron-{_V}-Ultra-550b-a55b", rf"nebius/MiniMaxAI/MiniMax-M{_V}")),
    "sambanova": ("sambanova", (rf"sambanova/DeepSeek-V{_V}", r"sambanova/Meta-Llama-(3\.\d)-70B-Instruct")),
    "ollama_chat": ("ollama", (r"ollama/gpt-oss:(20)b-cloud", r"ollama/llama(3\.1)")),
}  # fmt: skip
BORROWED = {
    "openrouter": ("openai/gpt-*-sol", "anthropic/claude-sonnet-*", "moonshot/kimi-k*"),
    "hosted_vllm": ("nebius/MiniMaxAI/MiniMax-M*", "sambanova/Meta-Llama-*-70B-Instruct"),
}
# The path of each provider's API, behind its host.
PATHS = {
    "openai": "/v1", "gemini": "/v1beta", "mistral": "/v1", "xai": "/v1", "groq": "/openai/v1", "openrouter": "/api/v1",
    "cohere_chat": "/v2/chat", "together_ai": "/v1", "fireworks_ai": "/inference/v1", "moonshot": "/v1",
    "zai": "/api/paas/v4", "minimax": "/v1", "cerebras": "/v1", "dashscope": "/compatible-mode/v1", "nebius": "/v1",
    "sambanova": "/v1", "hosted_vllm": "/v1",
}  # fmt: skip


def newest(table: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The models' names, by provider and family."""
    found: dict[str, list[str]] = {}
    for provider, (listed, families) in FAMILIES.items():
        keys = [
            k
            for k, v in table.items()
            if v.get("litellm_provider") == listed and v.get("mode") in ("chat", "responses")
        ]
        for family in families:
            matches = [(m, k) for k in keys if (m := re.fullmatch(family, k)) and not _is_date(m[1])]
            if matches:
                _, key = max(matches, key=lambda pair: _version(pair[0][1]))
                bare = key.removeprefix(f"{listed}/")
                found.setdefault(provider, []).append(f"{provider}/{bare}")
    names = [name for several in found.values() for name in dict.fromkeys(several)]
    for provider, patterns in BORROWED.items():
        for pattern in patterns:
            match = next((n for n in names if re.fullmatch(re.escape(pattern).replace(r"\*", r"[\w.\-]+"), n)), None)
            if match:
                names.append(f"{provider}/{match if provider == 'openrouter' else match.partition('/')[2]}")
    return names


def _version(text: str) -> tuple[int, list[str]]:
    """A version to compare: 4.20 is before 4.3, as xAI counts."""
    first, *rest = re.findall(r"\d+", text) or ["0"]
    return int(first), rest


def _is_date(version: str) -> bool:
    """Whether a version is that of a snapshot, such as 4-5-20250929 or 4.20-0309."""
    return any(len(n) >= 4 for n in re.findall(r"\d+", version))
