"""Where the numbers of a run come from: one `RunSession` for each time that it was played.

Invariants: a session is no part of a run's identity, nor of any record: two runs with the same answers export the same
records whoever played them, when and where. It holds no name of a host or user, and no path.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any

from ..records import READER_VERSION

PACKAGES = (
    "langgraph", "langchain-core", "litellm", "openai", "httpx", "networkx", "numpy", "polars", "pydantic",
    "orjson", "gymnasium", "xllamacpp", "torch", "transformers", "ray",
)  # fmt: skip
GIT_SECONDS = 5.0
_HEAD = "# branch.oid "
NO_END = "no end of its last session is recorded: it is still running, or was killed"
UNKNOWN_READER = "of a version that was not recorded"
PRICES = "model_prices_and_context_window_backup.json"  # litellm's own table, as it was installed


@dataclass(frozen=True, slots=True)
class RunSession:
    """One session of a run: from its start, or its resumption, to its end.

    Attributes:
        started, ended: in UTC, to the second, in ISO 8601; `ended` is "" while it runs, or where it was killed.
        end: how it ended: "complete", or why not.
        akrasia, python: versions; packages: versions of those that are installed.
        revision: of the git repository around the working folder, "" where there is none; dirty: whether files that it
            tracks differed from that.
        system, machine, cpus: the kind of host.
        reader: version of the reader of answers; "" where an older akrasia kept none.
        prices: which table of list prices was at hand; "" where none was.
        models: what the providers said of the models that answered, at the end of the session, each once.
    """

    started: str
    akrasia: str
    python: str
    packages: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    dirty: bool = False
    system: str = ""
    machine: str = ""
    cpus: int = 0
    reader: str = ""
    prices: str = ""
    ended: str = ""
    end: str = ""
    models: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> RunSession:
        """From what the ledger keeps of it; what a later akrasia adds is left out."""
        known = {k: v for k, v in stored.items() if k in cls.__dataclass_fields__}
        return cls(**known | {"models": tuple(known.get("models", ()))})


def begin_session() -> RunSession:
    """What can be told of this process, its packages, its host and the working folder's repository."""
    revision, dirty = _revision()
    return RunSession(
        started=utc_now(),
        akrasia=_version("akrasia") or "unknown",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: found for name in PACKAGES if (found := _version(name))},
        revision=revision,
        dirty=dirty,
        system=platform.system(),
        machine=platform.machine(),
        cpus=os.cpu_count() or 0,
        reader=READER_VERSION,
        prices=_prices(),
    )


def utc_now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def ended_sentence(sessions: Sequence[RunSession]) -> str:
    """How the last session ended, in words; "" where it was complete or nothing is known."""
    if not sessions or sessions[-1].end == "complete":
        return ""
    return sessions[-1].end or NO_END


def session_lines(session: RunSession) -> list[tuple[str, str]]:
    """A session for a reader: what is told, and what it is."""
    packages = ", ".join(f"{name} {found}" for name, found in session.packages.items())
    tree = f"{session.revision}{', with changes that are not committed' if session.dirty else ''}"
    said = [", ".join(f"{k} {v}" for k, v in one.items()) for one in session.models]
    lines = [
        ("played", f"{session.started} to {session.ended or 'an end that is not recorded'} ({session.end or 'open'})"),
        ("akrasia", f"{session.akrasia}, {session.python}"),
        ("answers read by", f"reader {session.reader or UNKNOWN_READER}"),
        ("host", f"{session.system} {session.machine}, {session.cpus} CPUs"),
        ("git revision", tree or "the working folder is in no repository"),
        ("packages", packages),
        ("list prices", session.prices or "no table is installed"),
        ("models as reported", "; ".join(said) or "no provider said anything of itself"),
    ]
    return [(what, text) for what, text in lines if text]


@cache
def _version(package: str) -> str:
    """The version that this process has; reading it takes milliseconds."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def _prices() -> str:
    """litellm's table of list prices, by its version and the day when it was installed here."""
    if not (found := _version("litellm")):
        return ""
    try:
        placed = os.stat(str(distribution("litellm").locate_file(f"litellm/{PRICES}"))).st_mtime
    except OSError:
        return f"of litellm {found}"
    return f"of litellm {found}, installed {datetime.fromtimestamp(placed, UTC).date().isoformat()}"


def _revision() -> tuple[str, bool]:
    """(revision of the working folder's repository, whether tracked files differ from it); ("", False) without one."""
    # `git describe --dirty` says it in one word, and takes three times as long.
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--no-ahead-behind", "-uno"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return "", False
    lines = said.stdout.splitlines()
    revision = next((line.removeprefix(_HEAD) for line in lines if line.startswith(_HEAD)), "")
    if not revision.isalnum():  # before the first commit git says "(initial)"
        return "", False
    return revision, not all(line.startswith("#") for line in lines)
