"""Sources of answers: in-process weights, simulated agents, LangChain models, OpenAI-compatible HTTP, litellm."""

__all__: list[str] = []
