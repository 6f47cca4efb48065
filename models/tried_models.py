"""The current models that are tried on their providers' wire formats (`make test-providers`), and what each takes.

They are the newest of each family in litellm's table; a test says when that has newer ones.
"""

from __future__ import annotations

from .known_models import known_model

TRIED = (
    "openai/gpt-6.1-sol",
    "openai/gpt-6-astra",
    "openai/gpt-6-luna",
    "openai/gpt-5.4-mini",
    "openai/gpt-5.5-pro",
    "openai/o3",
    "openai/gpt-5.6",
    "openai/gpt-4.1",
    "azure/gpt-6.1-sol",
    "azure/gpt-5.4-mini",
    "azure/gpt-4.1",
    "anthropic/claude-opus-5-5",
    "anthropic/claude-sonnet-5-5",
    "anthropic/claude-haiku-5-5",
    "anthropic/claude-fable-5-1",
    "anthropic/claude-sonnet-4-6",
    "bedrock/us.anthropic.claude-opus-5-5",
    "bedrock/amazon.nova-pro-v1:0",
    "bedrock/openai.gpt-oss-120b-1:0",
    "gemini/gemini-3.8-flash",
    "gemini/gemini-3.5-flash-lite",
    "gemini/gemini-3.1-pro-preview",
    "gemini/gemini-4-argon",
    "gemini/gemini-2.5-flash",
    "mistral/mistral-large-4-0",
    "mistral/mistral-medium-3-5",
    "mistral/magistral-medium-latest",
    "deepseek/deepseek-v4-pro",
    "deepseek/deepseek-v4-flash",
    "xai/grok-4.7",
    "xai/grok-4.20-non-reasoning",
    "groq/openai/gpt-oss-120b",
    "groq/qwen/qwen3.8-27b",
    "cohere_chat/command-a-plus-05-2026",
    "cohere_chat/command-a-03-2025",
    "together_ai/moonshotai/Kimi-K3",
    "together_ai/zai-org/GLM-5.3",
    "together_ai/deepseek-ai/DeepSeek-V4.1-Flash",
    "fireworks_ai/minimax-m3",
    "fireworks_ai/deepseek-v4p1-flash",
    "moonshot/kimi-k3",
    "moonshot/kimi-k2.7-code",
    "zai/glm-5.3",
    "zai/glm-5.3-flash",
    "minimax/MiniMax-M3",
    "cerebras/gpt-oss-120b",
    "cerebras/qwen-3.8-27b",
    "perplexity/sonar-pro",
    "perplexity/sonar-reasoning-pro",
    "dashscope/qwen3.8-max",
    "dashscope/qwen3.8-flash",
    "nebius/nvidia/Nemotron-3-Ultra-550b-a55b",
    "nebius/MiniMaxAI/MiniMax-M3",
    "sambanova/DeepSeek-V3.2",
    "sambanova/Meta-Llama-3.3-70B-Instruct",
    "ollama_chat/gpt-oss:20b-cloud",
    "ollama_chat/llama3.1",
    "openrouter/openai/gpt-6.1-sol",
    "openrouter/anthropic/claude-sonnet-5-5",
    "openrouter/moonshot/kimi-k3",
    "hosted_vllm/MiniMaxAI/MiniMax-M3",
    "hosted_vllm/Meta-Llama-3.3-70B-Instruct",
)


def accepted_settings(name: str) -> str:
    """What a model takes of what a run may ask for, in a few words, by litellm's table."""
    known = known_model(name)
    thinking = known.thinking
    lacks = known.lacks | (known.lacks_while_thinking if thinking is not None and thinking.thinks("") else frozenset())
    words = []
    if "temperature" not in lacks:
        words.append(f"temperature to {known.hottest:g}")
    words += [setting for setting in ("top_p", "stop") if setting not in lacks]
    if thinking is not None and thinking.efforts:
        words.append(f"effort {', '.join(thinking.efforts)}")
    words.append("thinks" if thinking is not None and thinking.thinks("") else "does not think by itself")
    return "; ".join(words)
