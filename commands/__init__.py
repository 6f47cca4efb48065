"""The commands of the command line: `akrasia score` is `score.py`, and `command_table.py` lists them all.

Invariant: a command's file imports nothing at its top that takes long to load; what it works with it imports once it is
called. Files that are no command hold what several of them share. Only `cli` imports this room.
"""

__all__: list[str] = []
