"""`akrasia doctor`: what a machine has and lacks, said before a run finds out."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ..errors import AkrasiaError
from ..reports.tables import PROSE, RowNamedTable, TableColumn
from .arguments import AsJson
from .output import echo_json, terminal
from .waiting import waiting

if TYPE_CHECKING:
    from rich.console import Console

    from ..models.base import ModelInfo
    from ..records import Response

QUESTION = "Answer with the one word: ready."

NEEDED = ("filelock", "langgraph", "langchain-core", "litellm", "networkx", "pydantic", "polars")
COMPROMISED = {"1.82.7", "1.82.8", "1.107.0"}  # of litellm
OK, WARN, BAD = "ok", "note", "missing"


def doctor(
    model: Annotated[str | None, typer.Option(help="Ask this model one tiny question, which is billed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine: versions, weights, native libraries, and which provider keys are set; or one model."""
    console = terminal()
    if model is not None:
        well = ask_once(console, model, as_json)
    else:
        findings = list(_findings())
        _show("akrasia doctor", findings, console, as_json)
        well = all(state != BAD for _, state, _ in findings)
    if not well:
        raise typer.Exit(1)


def ask_once(console: Console, model: str, as_json: bool = False) -> bool:
    """Ask a model one tiny question and print what it takes; True if it answered. It is billed like any other call.

    Raises:
        UsageError, Denied: the model cannot be used here, and why.
    """
    from ..blocking import blocking
    from ..models.near_names import warnings_of_names
    from ..models.resolve import resolve
    from .settings import tell

    tell(warnings_of_names([resolve(model)]))
    with waiting(f"asking {model}, which loads its weights or connects first", in_pipes=True):
        info, response = blocking(lambda: _ask(model))
    _show(f"akrasia doctor --model {model}", _answers(info, response), console, as_json)
    return response.status == "ok"


async def _ask(model: str) -> tuple[ModelInfo, Response]:
    from ..models.gateway import Gateway
    from ..models.resolve import resolve
    from ..records import Draw, Message, Sampling

    gateway = Gateway([backend := resolve(model)])
    try:
        await gateway.open()
        info = gateway.info(backend.info.id)
        request = info.request((Message("user", QUESTION),), info.sampling(Sampling(max_tokens=16)))
        return info, await gateway.complete(request, Draw(0, 0))
    finally:
        await gateway.close()


def _answers(info: ModelInfo, response: Response) -> Iterator[tuple[str, str, str]]:
    yield "model", OK, f"{info.label}, reported as {response.reported.get('model') or 'nothing'}"
    said = response.error or response.text.strip() or "(nothing)"
    yield "answer", OK if response.status == "ok" else BAD, f"{response.status}: {said[:200]}"
    used = response.usage
    counted = f"{used.prompt_tokens} of the prompt, {used.completion_tokens} of the answer"
    yield "tokens", OK, counted + (f", {used.reasoning_tokens} of them thought" if used.reasoning_tokens else "")
    left_out = response.reported.get("not_sent", "")
    yield "not taken", WARN if left_out else OK, left_out or "nothing that was asked for"
    lacks = sorted(info.lacking())
    yield "settings it lacks", WARN if lacks else OK, ", ".join(lacks) or "none is known"
    thinking = info.thinking
    if thinking is None:
        yield "thinking", OK, "none; no reasoning effort"
    else:
        room = thinking.room("", 16)
        efforts = ", ".join(thinking.efforts) or "none"
        rest = "no limit" if room is None else f"{room} tokens beside an answer"
        yield "thinking", OK, f"effort {thinking.default} unless asked; takes {efforts}; {rest}"
    price = info.price
    if price is None:
        yield "price", WARN, "not known: give price = { prompt = ..., completion = ... }"
    else:
        yield "price", OK, f"${price.prompt * 1e6:g} and ${price.completion * 1e6:g} per million tokens"
    yield "cost of this call", OK, "not known" if response.cost is None else f"${response.cost:.6f}"


def _show(title: str, findings: Iterable[tuple[str, str, str]], console: Console, as_json: bool) -> None:
    """Print (what, state, detail) as a table, or as JSON."""
    rows = list(findings)
    if as_json:
        echo_json([dict(zip(("what", "state", "detail"), row, strict=True)) for row in rows])
        return
    states = [Text(state, style={OK: "green", WARN: "yellow", BAD: "red"}[state]) for _, state, _ in rows]
    details = TableColumn("detail", [detail for *_, detail in rows], wraps=PROSE)
    console.print(RowNamedTable(title, "what", [what for what, *_ in rows], [TableColumn("state", states), details]))


def _findings() -> Iterator[tuple[str, str, str]]:
    """(what, state, detail) of this machine; no key is ever given away."""
    from ..models.providers.preflight import KEY_VARIABLES
    from ..models.providers.shipped_weights import default_weights

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
    known = sorted({key for keys in KEY_VARIABLES.values() for key in keys if os.environ.get(key)})
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
