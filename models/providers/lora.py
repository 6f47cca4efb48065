"""LoRA adapters as GGUF files: what a file says of itself, and the one that ships.

An adapter names in its own metadata the weights that it was trained on (sha256 of their file) and the prompt style that
it was trained in, so it cannot be put on other weights or be asked in another form without anybody noticing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import Any, cast

from ...errors import MissingExtra, MissingWeights
from ..base import Style

__all__ = ["KEYS", "ORGANISM", "LoraAdapter", "is_adapter", "organism", "read_adapter"]

ORGANISM = "organism"
KEYS = {"base": "akrasia.base.sha256", "style": "akrasia.style", "note": "akrasia.note", "name": "general.name"}
STYLES = ("chat", "completion", "tuned")


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    """An adapter file.

    Attributes:
        path: the file; sha256: of its bytes.
        name: its name, by default that of the file.
        base: sha256 of the weights that it was trained on, empty where it does not say.
        style: the prompt style that it was trained in.
        note: what a reader of a report must know about it.
    """

    path: Path
    sha256: str
    name: str
    base: str = ""
    style: Style = "completion"
    note: str = ""


def organism() -> Path:
    """The adapter that ships with the package.

    Raises:
        MissingWeights: the package was installed without it.
    """
    path = Path(__file__).parents[1] / "organism.gguf"
    if not path.is_file():
        raise MissingWeights("the organism's adapter is not installed", remedy="Build it with: make organism.")
    return path


def is_adapter(path: Path) -> bool:
    """Whether a GGUF file is a LoRA adapter rather than whole weights; False for what is no GGUF file at all."""
    with path.open("rb") as file:
        head = file.read(4096)
    return head[:4] == b"GGUF" and b"adapter.type" in head


def read_adapter(path: Path) -> LoraAdapter:
    """What an adapter file says of itself.

    Raises:
        MissingWeights: it is no LoRA adapter.
    """
    found = path.stat()
    return _read(path.resolve(), found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, changed: int, size: int) -> LoraAdapter:
    try:
        from gguf import GGUFReader
    except ImportError:
        raise MissingExtra.of("gguf", "embedded") from None
    wrong = MissingWeights(f"{path.name!r} is no LoRA adapter", remedy="Give a GGUF adapter, such as training writes.")
    try:
        fields = GGUFReader(str(path)).fields
    except (ValueError, IndexError, OSError) as error:
        raise wrong from error
    if "adapter.type" not in fields:
        raise wrong

    def said(key: str) -> str:
        entry: Any = fields.get(KEYS[key])
        return str(entry.contents()) if entry is not None else ""

    with path.open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    style = said("style") if said("style") in STYLES else "completion"
    return LoraAdapter(path, sha256, said("name") or path.stem, said("base"), cast(Style, style), said("note"))
