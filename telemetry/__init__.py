"""Logs and OpenTelemetry traces of a run, made of its events."""

__all__: list[str] = []
