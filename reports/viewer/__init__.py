"""The viewer: a run in a browser, its situations with all variants side by side.

Invariants: a ledger is opened for reading alone; whatever a model wrote reaches a page as text; a page names its
situation in its address, so that a link to it can be kept.
"""

__all__: list[str] = []
