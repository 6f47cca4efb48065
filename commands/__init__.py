"""What single commands of the command line print: catalogue, plan, progress, doctor. Only `cli` imports this room."""

__all__: list[str] = []
