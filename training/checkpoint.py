"""The state of a training as one file: weights, optimiser, schedule, random state and learning curve.

Invariant: the file is written as a whole or not at all, so whatever kills a training, the last good state remains. It
holds the settings and a digest of the initial weights, so that a training is never continued from another one.
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
from .weights import import_torch

CHECKPOINT_FILE, CURVE_FILE = "checkpoint.pt", "curve.jsonl"


@dataclass
class Checkpoint:
    """A training after some updates.

    Attributes:
        update: how many were done.
        settings: of the training, as JSON.
        initial_digest: of the weights that the training began with.
        weights: the trained parameters by name.
        optimiser, schedule, rng_state: their states in torch's format.
        curve: the metrics of each update.
    """

    update: int
    settings: Mapping[str, Any]
    initial_digest: str
    weights: dict[str, Any]
    optimiser: dict[str, Any]
    schedule: dict[str, Any]
    rng_state: Any
    curve: list[dict[str, float]] = field(default_factory=list)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint, and the file of its curve, which has one line per update."""
    torch = import_torch()
    folder.mkdir(parents=True, exist_ok=True)
    lines = b"".join(orjson.dumps(line) + b"\n" for line in checkpoint.curve)
    with replacing(folder / CHECKPOINT_FILE) as part:
        torch.save(vars(checkpoint), part)
    write_file(folder / CURVE_FILE, lines)


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The folder's checkpoint, or None if it has none.

    Raises:
        RunFolderError: the file cannot be read.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return None
    torch = import_torch()
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file may raise anything
        raise RunFolderError(
            f"{str(path)!r} is not a checkpoint",
            f"{type(error).__name__}: {error}".split("\n")[0],
            "Remove it to start over.",
        ) from error


def weights_digest(weights: Mapping[str, Any]) -> str:
    """A hash of named tensors."""
    digest = blake2b(digest_size=16)
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
