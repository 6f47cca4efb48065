"""A server on the loopback, for benchmarks and tests: what it answers is a function of the request."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class HTTPRequest:
    """One request: its path with the query, its headers with names in lower case, and its body."""

    method: str
    path: str
    headers: Mapping[str, str]
    data: bytes


Reply = tuple[int, bytes, Mapping[str, str]] | None
"""(status, body, headers); None breaks the connection."""


@contextmanager
def serving(reply: Callable[[HTTPRequest], Reply]) -> Iterator[str]:
    """Answer GET and POST on a free port, each request in a thread of its own; gives the address, without a slash."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made = reply(HTTPRequest(self.command, self.path, headers, data))
            if made is None:
                self.close_connection = True
                return
            status, body, more = made
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
