"""What a graph keeps beside its state is a decision's own: checkpointer, store and cache.

Invariant: no decision reads what another wrote. Otherwise results would depend on who came first, and a resumed run
would not end with the same bytes. A store that cannot be copied is refused before anything is asked.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ..errors import PlanError


def isolated(graph: Any, store: Any, *, resumes: bool) -> Any:
    """The graph with a checkpointer, a store and a cache of its own, of whatever kind its user compiled it with.

    Args:
        graph: a `Pregel`.
        store: what takes the place of its store; None: its own.
        resumes: whether an interrupt will be answered, which needs a checkpointer.
    """
    from langgraph.cache.memory import InMemoryCache  # noqa: PLC0415  (LangGraph loads at first use)
    from langgraph.checkpoint.base import BaseCheckpointSaver  # noqa: PLC0415
    from langgraph.checkpoint.memory import InMemorySaver  # noqa: PLC0415

    own: dict[str, Any] = {}
    if isinstance(graph.checkpointer, BaseCheckpointSaver) or (resumes and not graph.checkpointer):
        own["checkpointer"] = InMemorySaver()
    kept = store if store is not None else graph.store
    if kept is not None:
        own["store"] = kept() if callable(kept) else _copied(kept)
    if graph.cache is not None:
        own["cache"] = InMemoryCache()
    return graph.copy(own) if own else graph


def check_store(name: str, store: Any) -> None:
    """Refuse a store of which no decision can have a copy.

    Raises:
        PlanError: naming its class.
    """
    from langgraph.store.memory import InMemoryStore  # noqa: PLC0415

    if store is None or callable(store) or isinstance(store, InMemoryStore):
        return
    raise PlanError(
        f"the store {type(store).__name__} of {name!r} cannot be copied for each decision",
        "what one decision writes, another would read: results would depend on who came first",
        "Give a function that makes one: store=lambda: InMemoryStore().",
    )


def _copied(store: Any) -> Any:
    from langgraph.store.memory import InMemoryStore  # noqa: PLC0415

    made = InMemoryStore(index=store.index_config)
    made._data = deepcopy(store._data)
    made._vectors = deepcopy(store._vectors)
    return made
