"""Readers and scorers of response files that others have published."""

__all__: list[str] = []
