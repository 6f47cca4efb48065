"""What a run will cost and what it can show: forecast of calls and dollars, power analysis, context length."""

__all__: list[str] = []
