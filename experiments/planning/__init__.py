"""What a run will take and what it can show: forecast of calls and dollars, power, context length."""

__all__: list[str] = []
