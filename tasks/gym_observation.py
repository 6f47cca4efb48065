"""What a Gymnasium environment shows, as plain data and as a picture in text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isnan
from typing import Any

import numpy as np

from ..errors import BadOption

_COLOURED = re.compile(r"\x1b\[[\d;]*m(.*?)\x1b\[0m")  # text renderings mark a place by its colour


def picture_of(env: Any) -> str:
    """How the environment draws itself as text, a coloured place in brackets; empty where it is not drawn."""
    if env.render_mode != "ansi":
        return ""
    text = str(env.render())
    return _COLOURED.sub(lambda match: f"[{match[1]}]", text).strip("\n")


def plain_data(value: Any) -> Any:
    """An observation as plain, hashable data.

    Raises:
        BadOption: it holds something else, or no number.
    """
    if isinstance(value, np.ndarray):
        return plain_data(value.tolist())
    if isinstance(value, np.generic):
        return plain_data(value.item())
    if isinstance(value, Mapping):
        return tuple((str(k), plain_data(v)) for k, v in sorted(value.items()))
    if isinstance(value, list | tuple):
        return tuple(plain_data(v) for v in value)
    if isinstance(value, float) and isnan(value):
        raise BadOption(
            "an observation holds NaN, which is no number",
            "what cannot be compared with itself cannot be replayed and checked",
            "Wrap the environment in one that says what is missing, such as None or a word.",
        )
    if value is None or isinstance(value, str | int | float):
        return value
    raise BadOption(
        f"an observation holds {type(value).__name__}",
        "it is not a number, text, array, or mapping of these",
        "Wrap the environment in one with such observations.",
    )
