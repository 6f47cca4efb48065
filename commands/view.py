"""`akrasia view`: runs in a browser, or as a folder of files."""

from __future__ import annotations

import socket
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ..errors import AkrasiaError, BadOption, MissingExtra, RunFolderError
from .arguments import AsJson
from .output import echo_json, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from ..evals.scorecard import Scorecard
    from ..reports.viewer.viewed_run import ViewedRun

RUNS = Path("runs")
READ_FIRST = 4  # runs that are read before the first page is asked for
_PLAIN = "-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def view(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders, or folders of runs; by default runs/.", metavar="[RUN]...")
    ] = None,
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free port.")] = 8642,
    host: Annotated[str, typer.Option(help="Where to listen; by default this machine alone can look.")] = "127.0.0.1",
    bundle: Annotated[
        Path | None, typer.Option(help="Write the pages into this folder instead, for a web page.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Take no labels: write nothing at all.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at runs in a browser: every situation with all variants side by side (extra: viewer)."""
    found, console = viewed_runs(runs or []), terminal(as_json)
    if bundle is not None:
        _write(found, bundle, console, as_json)
    else:
        _serve(found, console, host, port, read_only, open_page, as_json)


def viewed_runs(folders: Sequence[Path]) -> list[ViewedRun]:
    """The runs in some folders, each a run or a folder of runs, with names that are unique.

    Raises:
        RunFolderError: a folder is neither, or is not there.
    """
    from ..agents.answers import place_read, unread_place
    from ..reports.viewer.viewed_run import ViewedRun, ViewerTools

    tools = ViewerTools(_score, unread_place, place_read)
    runs: list[ViewedRun] = []
    names: set[str] = set()
    for folder in _run_folders(folders):
        plain = "".join(c if c in _PLAIN else "-" for c in folder.resolve().name).strip(".") or "run"
        name = next(n for i in range(len(names) + 2) if (n := f"{plain}-{i + 1}" if i else plain) not in names)
        names.add(name)
        runs.append(ViewedRun(name, folder, tools))
    return runs


def _run_folders(folders: Sequence[Path]) -> Iterator[Path]:
    from ..ledger import holds_run
    from ..ledger.file import FILE

    for folder in folders or [RUNS]:
        if (folder / FILE).exists() and holds_run(folder):
            yield folder
            continue
        inside = sorted(path.parent for path in folder.glob(f"*/{FILE}"))
        if not inside:
            why = "it is no run, and no folder of runs" if folder.is_dir() else "there is no such folder"
            remedy = "Give the folder that a run wrote." if folders else "Make a run first, or name its folder."
            raise RunFolderError(f"there is no run in {str(folder)!r}", why, remedy)
        yield from inside


def _score(folder: Path) -> Scorecard:
    from ..result import open_run

    run = open_run(folder)
    return run.score(by_item=not run.missing, mixed=False)  # while a run goes on it is scored again and again


def _write(runs: Sequence[ViewedRun], folder: Path, console: Console, as_json: bool) -> None:
    """Write runs as a bundle of pages, and say where; with `as_json` as one line.

    Raises:
        RunFolderError: the bundle cannot be written.
    """
    from ..reports.viewer.bundle import write_bundle

    for run in runs:
        run.state()  # says what cannot be read before anything is written
    with console.status("writing pages") as status:
        files = write_bundle(runs, folder, lambda done, of: status.update(f"writing pages: {done:,} of {of:,}"))
    if as_json:
        echo_json({"bundle": str(folder), "files": files, "runs": [run.name for run in runs]})
        return
    console.print(
        Text(f"{files:,} files in {folder}: open {folder / 'index.html'}, or put the folder on a web server.")
    )


def _serve(
    runs: Sequence[ViewedRun],
    console: Console,
    host: str,
    port: int,
    read_only: bool,
    open_page: bool,
    as_json: bool,
) -> None:
    """Show runs until the user interrupts; with `as_json` say where they are as one line.

    Raises:
        BadOption: the address cannot be listened at.
        MissingExtra: the extra `viewer` is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtra.of("uvicorn", "viewer") from error
    from ..reports.viewer.app import viewer_app
    from ..reports.viewer.links import Links
    from ..reports.viewer.pages import run_page

    app = viewer_app(runs, host, labels=not read_only)
    listener = _listen(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
    if len(runs) == 1:
        address += f"{runs[0].name}/"
    with console.status("reading the runs"):
        for run in runs[:READ_FIRST]:
            try:
                run_page(run, Links(run.name))  # what is made at the first look is made before it
            except AkrasiaError:
                if len(runs) == 1:
                    raise  # of several, the list says which cannot be read
    if host not in _LOOPBACK:
        console.print(Text(f"! Whoever reaches {host} reads these runs, and may label them.", style="yellow"))
    if as_json:
        echo_json({"address": address, "runs": [run.name for run in runs]})
        sys.stdout.flush()
    else:
        count = f"{len(runs)} run{'s' * (len(runs) > 1)}"
        console.print(Text(f"{count} at {address} (Ctrl-C ends the viewer)"), soft_wrap=True)
    if open_page:
        webbrowser.open(address)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    if not as_json:
        console.print("The viewer has ended.")


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there, so that a port in use is said before anything else."""
    if not 0 <= port < 65536:
        raise BadOption(f"--port is {port}", "ports go from 0 to 65535", "Give --port 0 for a free one.")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, UnicodeError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise BadOption(
            f"the viewer cannot listen at {host}, port {port}", why, "Give --port 0 for a free port, or another --port."
        ) from None
    return listener
