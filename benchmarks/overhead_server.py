"""An OpenAI-compatible provider that answers every request after a fixed time, and takes as little CPU as can be.

It prints its port, serves the loopback, and ends when its standard input does.
"""

import asyncio
import json
import re
import sys

TEXT = "The mean of that one is the highest so far.\nBEST={label}\nACTION={label}\nCONFIDENCE=80"
BUTTONS = re.compile(rb"You face \d+ \w+: ([^,.]+)")


def answer(label: str) -> bytes:
    """The whole HTTP answer that names `label`."""
    text = TEXT.format(label=label)
    body = json.dumps(
        {
            "id": "bench",
            "object": "chat.completion",
            "created": 1,
            "model": "bench",
            "system_fingerprint": "fp",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Provider(asyncio.Protocol):
    """One connection: whole requests in, the answer that names the first button of the prompt out."""

    answers: dict[bytes, bytes] = {}

    def __init__(self, latency: float) -> None:
        self.latency, self.read = latency, b""
        self.loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        while (end := self.read.find(b"\r\n\r\n")) >= 0:
            head = self.read[:end].lower()
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self.read) < end + 4 + length:
                return
            button = BUTTONS.search(self.read, end)
            self.read = self.read[end + 4 + length :]
            self.loop.call_later(self.latency, self.respond, button[1] if button else b"none")

    def respond(self, label: bytes) -> None:
        if label not in self.answers:
            self.answers[label] = answer(label.decode())
        if not self.transport.is_closing():
            self.transport.write(self.answers[label])  # type: ignore[attr-defined]


async def main(latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(latency), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
