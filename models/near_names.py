"""A model's name that litellm's table does not know, and the names in it that it is nearest to.

A new model cannot be told from a mistyped one, so this is a warning and no refusal: the provider alone knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from .base import Backend
from .known_models import known_model, litellm_table

LIKE = 0.8  # the share of two names that must be alike
MOST = 3
_ASKED = ("chat", "responses", "completion")


def near_names(name: str) -> list[str]:
    """The models of the same provider whose names are like `name`, nearest first; none where the table knows it."""
    provider, _, model = name.partition("/")
    if known_model(name).listed:
        return []
    known = (
        key.removeprefix(f"{provider}/")
        for key, entry in litellm_table().items()
        if entry.get("litellm_provider") == provider and entry.get("mode") in _ASKED
    )
    return [f"{provider}/{near}" for near in get_close_matches(model, sorted(set(known)), n=MOST, cutoff=LIKE)]


def warnings_of_names(models: Iterable[Backend]) -> list[str]:
    """A sentence for each model at its provider's own address whose name may be mistyped."""
    names = (getattr(m, "name", "") for m in models if getattr(m, "at_its_provider", False))
    return [
        f"litellm's table knows no model {name!r}: it may be new, or mistyped for {' or '.join(near)}"
        for name in dict.fromkeys(names)
        if (near := near_names(name))
    ]
