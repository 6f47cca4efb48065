"""Workers as processes of this machine, each at the other end of a pair of sockets.

Invariants
- A worker dies with its driver, however that ends: its socket is closed then.
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
from typing import Any

from ...errors import UsageError, WorkerLost
from .messages import ConnectionLost, WireMessage
from .worker import unpacked, work

__all__ = ["ProcessLauncher"]

_LENGTH = struct.Struct(">Q")


class _Socket:
    """One end: frames of a length and as many bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, messages: list[WireMessage]) -> None:
        data = pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)
        if not self._writer.is_closing():
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def receive(self) -> list[WireMessage]:
        try:
            (size,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            messages: list[WireMessage] = pickle.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, OSError):
            self._writer.close()
            raise ConnectionLost from None
        return messages


class _Process(_Socket):
    """The driver's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, process: Any) -> None:
        super().__init__(reader, writer)
        self._process = process

    def kill(self) -> None:
        self._process.kill()

    async def gone(self) -> str:
        await asyncio.get_running_loop().run_in_executor(None, self._process.join)
        self._writer.close()
        code = self._process.exitcode
        return f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"


class ProcessLauncher:
    """An office that starts processes, each with a fresh interpreter."""

    def pack(self, value: Any) -> bytes:
        return pickle.dumps(value)

    async def hire(self, contract: bytes) -> _Process:
        here, there = socket.socketpair()
        with there:
            process = multiprocessing.get_context("spawn").Process(target=_main, args=(there, contract), daemon=True)
            blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the child inherits it
            try:
                process.start()
            except RuntimeError as error:  # a worker that imports its script once more
                here.close()
                raise WorkerLost(
                    "a worker cannot start workers", str(error).strip().partition("\n")[0],
                    'Put the lines that call akrasia.run under `if __name__ == "__main__":`.',
                ) from None  # fmt: skip
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        reader, writer = await asyncio.open_unix_connection(sock=here, limit=2**20)
        return _Process(reader, writer, process)

    def close(self) -> None:
        """Nothing is shared."""


def _main(there: socket.socket, contract: bytes) -> None:
    async def begin() -> None:
        reader, writer = await asyncio.open_unix_connection(sock=there, limit=2**20)
        line = _Socket(reader, writer)
        try:
            await work(unpacked(contract), line)
        except ConnectionLost:
            os._exit(1)  # nobody is there any more whom anything could be told
        except UsageError as error:
            line.send([("raised", error)])
            await asyncio.wait_for(reader.read(), None)
        await writer.drain()
        writer.close()

    asyncio.run(begin())
