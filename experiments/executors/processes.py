"""Workers as processes of this machine, each connected to its driver by a pair of sockets.

Invariants
- A worker dies with its driver, however the driver ends: its socket is closed then.
- Ctrl-C reaches the driver alone, which tells its workers what to do.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, Generic, TypeVar

from ...errors import UsageError, WorkerLost
from .collecting import rare_collections
from .messages import ConnectionLost, Failed, ToDriver, ToWorker
from .worker import run_worker, unpack_spec

_LENGTH = struct.Struct(">Q")

Out = TypeVar("Out")
In = TypeVar("In")


class _Socket(Generic[Out, In]):
    """One end of a connection. A frame is the length of its pickled messages, and as many bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, messages: Sequence[Out]) -> None:
        data = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> Sequence[In]:
        try:
            (size,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            messages: Sequence[In] = pickle.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, OSError):
            self._writer.close()
            raise ConnectionLost from None
        return messages


class _Process(_Socket[ToWorker, ToDriver]):
    """The driver's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: Any) -> None:
        super().__init__(reader, writer)
        self._process = process

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> str:
        await asyncio.get_running_loop().run_in_executor(None, self._process.join)
        self._writer.close()
        code = self._process.exitcode
        return f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C is blocked, and a child that starts now inherits that; nothing where a system has no such masks."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # or the first start does it, and unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ProcessLauncher:
    """Starts workers as processes, each with a fresh interpreter."""

    def serialize(self, value: Any) -> bytes:
        return pickle.dumps(value)

    async def start(self, spec: bytes) -> _Process:
        here, there = socket.socketpair()
        with there:
            process = multiprocessing.get_context("spawn").Process(target=_main, args=(there, spec), daemon=True)
            try:
                with _interrupts_blocked():
                    process.start()
            except RuntimeError as error:  # a worker that imports its script once more
                here.close()
                raise WorkerLost(
                    "a worker cannot start workers",
                    str(error).strip().partition("\n")[0],
                    'Put the lines that call akrasia.run under `if __name__ == "__main__":`.',
                ) from None
        reader, writer = await asyncio.open_connection(sock=here, limit=2**20)
        return _Process(reader, writer, process)

    def close(self) -> None:
        """Nothing is shared."""


def _main(there: socket.socket, spec: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def main() -> None:
        reader, writer = await asyncio.open_connection(sock=there, limit=2**20)
        connection: _Socket[ToDriver, ToWorker] = _Socket(reader, writer)
        try:
            await run_worker(unpack_spec(spec), connection)
        except ConnectionLost:
            os._exit(1)  # nobody is left to report to
        except UsageError as error:
            connection.send([Failed(error)])
            await asyncio.wait_for(reader.read(), None)
        await writer.drain()
        writer.close()

    with rare_collections():  # the first decision imports as much as the worker has imported by now
        asyncio.run(main())
