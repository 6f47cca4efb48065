"""LoRA adapters as GGUF files: their metadata, and the adapter that comes with the package.

Invariant: an adapter's metadata names the weights that it was trained on (the sha256 of their file) and the prompt
style that it was trained in, so it is never put on other weights, or asked in another style, unnoticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from typing import Any, cast

from ...errors import MissingExtra, MissingWeights
from ..base import Style

ORGANISM = "organism"
KEYS = {"base": "akrasia.base.sha256", "style": "akrasia.style", "note": "akrasia.note", "name": "general.name"}
STYLES = ("chat", "completion", "tuned")


@dataclass(frozen=True, slots=True)
class LoraAdapter:
    """An adapter file.

    Attributes:
        path: the file; sha256: of its bytes.
        name: its name, by default that of the file.
        base: sha256 of the weights that it was trained on; empty if its metadata do not name them.
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
    """The adapter that comes with the package.

    Raises:
        MissingWeights: the package was installed without it.
    """
    path = Path(__file__).parents[1] / "organism.gguf"
    if not path.is_file():
        raise MissingWeights("the organism's adapter is not installed", remedy="Build it with: make organism.")
    return path


def is_adapter(path: Path) -> bool:
    """Whether a file is a LoRA adapter; False for whole weights, and for what is no GGUF file at all."""
    with path.open("rb") as file:
        head = file.read(4096)
    return head[:4] == b"GGUF" and b"adapter.type" in head


def read_adapter(path: Path) -> LoraAdapter:
    """An adapter's metadata.

    Raises:
        MissingWeights: it is no LoRA adapter.
    """
    stat = path.stat()
    return _read(path.resolve(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, changed: int, size: int) -> LoraAdapter:
    try:
        from gguf import GGUFReader
    except ImportError:
        raise MissingExtra.of("gguf", "embedded") from None
    wrong = MissingWeights(
        f"{path.name!r} is no LoRA adapter", remedy="Give a GGUF adapter, such as akrasia train writes."
    )
    try:
        fields = GGUFReader(str(path)).fields
    except (ValueError, IndexError, OSError) as error:
        raise wrong from error
    if "adapter.type" not in fields:
        raise wrong

    def field_of(key: str) -> str:
        entry: Any = fields.get(KEYS[key])
        return str(entry.contents()) if entry is not None else ""

    with path.open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    name, style = field_of("name") or path.stem, field_of("style")
    style = style if style in STYLES else "completion"
    return LoraAdapter(path, sha256, name, field_of("base"), cast(Style, style), field_of("note"))
