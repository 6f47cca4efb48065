"""Where a training stands, as one file: weights, optimiser, schedule, random state, and what it has shown so far.

Invariant: the file is written whole or not at all, so that whatever kills a training, the last good state is there;
and it says with which settings and from which weights it began, so that it is never continued from others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from ..errors import RunFolderError
from ..files import replacing, write_file
from .weights import torch_of

__all__ = ["CURVE", "FILE", "State", "digest_of", "read", "write"]

FILE, CURVE = "checkpoint.pt", "curve.jsonl"


@dataclass
class State:
    """A training after some updates.

    Attributes:
        update: how many were done.
        settings: of the training, as JSON; start: a digest of the weights that it began from.
        weights: the trained parameters by name; optimiser, schedule, random: as torch tells them.
        curve: what each update showed.
    """

    update: int
    settings: Mapping[str, Any]
    start: str
    weights: dict[str, Any]
    optimiser: dict[str, Any]
    schedule: dict[str, Any]
    random: Any
    curve: list[dict[str, float]] = field(default_factory=list)


def write(folder: Path, state: State) -> None:
    """Keep a state, in the place of the one before it; its curve lies beside it, a line an update."""
    torch = torch_of()
    lines = b"".join(orjson.dumps(line) + b"\n" for line in state.curve)
    with replacing(folder / FILE) as part:
        torch.save(vars(state), part)
    write_file(folder / CURVE, lines)


def read(folder: Path) -> State | None:
    """The state that a folder holds, or None.

    Raises:
        RunFolderError: the file cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    torch = torch_of()
    try:
        return State(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever a damaged file makes of the reader
        raise RunFolderError(
            f"{str(path)!r} is no checkpoint", f"{type(error).__name__}: {error}".split("\n")[0],
            "Remove it to start over.",
        ) from error  # fmt: skip


def digest_of(weights: Mapping[str, Any]) -> str:
    """A hash of named tensors."""
    found = blake2b(digest_size=16)
    for name in sorted(weights):
        found.update(name.encode())
        found.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
