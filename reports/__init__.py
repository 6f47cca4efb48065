"""How it is shown: terminal, HTML report, exports."""

__all__: list[str] = []
