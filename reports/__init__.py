"""How it is shown: terminal, HTML report, exports."""
