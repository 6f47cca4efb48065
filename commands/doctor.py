"""What a machine has and lacks, said before a run finds out."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import AkrasiaError
from ..models.providers.shipped_weights import default_weights

__all__ = ["examine"]

NEEDED = ("filelock", "langgraph", "langchain-core", "litellm", "networkx", "pydantic", "polars", "scipy")
COMPROMISED = {"1.82.7", "1.82.8", "1.107.0"}  # of litellm
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY")
OK, WARN, BAD = "ok", "note", "missing"


def examine(console: Console) -> bool:
    """Print the findings; True if nothing that every user needs is missing. No key is ever printed."""
    table = Table("what", "state", "detail", title="akrasia doctor", title_justify="left")
    healthy = True
    for what, state, detail in _findings():
        healthy = healthy and state != BAD
        style = {OK: "green", WARN: "yellow", BAD: "red"}[state]
        table.add_row(what, Text(state, style=style), detail)
    console.print(table)
    return healthy


def _findings() -> Iterator[tuple[str, str, str]]:
    yield "python", OK if sys.version_info >= (3, 11) else BAD, platform.python_version()
    for package in NEEDED:
        yield package, *_package(package)
    yield "system", *_system()
    yield "file locks", *_locks()
    yield "cores", OK, str(os.cpu_count())
    writable = os.access(Path.cwd(), os.W_OK)
    yield "current folder", OK if writable else BAD, "writable" if writable else "runs need --out elsewhere"
    yield "xllamacpp (embedded)", *_optional("xllamacpp", "pip install 'akrasia[embedded]'")
    try:
        ctypes.CDLL("libgomp.so.1")
        yield "libgomp (embedded)", OK, "found"
    except OSError:
        yield "libgomp (embedded)", WARN, "install your system's libgomp package"
    try:
        yield "weights (embedded)", OK, default_weights().name
    except AkrasiaError as error:
        yield "weights (embedded)", WARN, str(error)
    known = [key for key in KEYS if os.environ.get(key)]
    yield "provider keys", OK if known else WARN, ", ".join(known) or "none set; the embedded model needs none"


def _system() -> tuple[str, str]:
    if os.name == "posix":
        return OK, platform.system()
    return WARN, f"{platform.system()}: not tested there; in several processes, Ctrl-C reaches the workers too"


def _locks() -> tuple[str, str]:
    """How a run folder is kept from a second process."""
    module = "msvcrt" if os.name == "nt" else "fcntl"
    try:
        importlib.import_module(module)
    except ImportError:
        return WARN, f"this Python has no {module}: a marker file names the process that holds a run folder"
    return OK, module


def _package(package: str) -> tuple[str, str]:
    try:
        found = version(package)
    except PackageNotFoundError:
        return BAD, f"pip install {package}"
    if package == "litellm" and found in COMPROMISED:
        return BAD, f"{found} is reported compromised: install another version"
    return OK, found


def _optional(module: str, remedy: str) -> tuple[str, str]:
    return (OK, "found") if importlib.util.find_spec(module) else (WARN, remedy)
