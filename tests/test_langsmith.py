"""What LangSmith's own client sends, to a server on the loopback, when its variables are set."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PLAN_AND_RUN = """
import os, sys, urllib.request
import akrasia as ak
from akrasia.cli import app
from langchain_core.tracers.langchain import wait_for_all_tracers

app(["plan", sys.argv[1], "--set", "model=simulated", "--set", "episodes=2"], standalone_mode=False)
wait_for_all_tracers()
urllib.request.urlopen(os.environ["LANGSMITH_ENDPOINT"], b"PLANNED").close()
ak.run(task="bandit", variants=["reason_act", "reason_then_act"], model="simulated", episodes=1, out=sys.argv[2])
wait_for_all_tracers()
"""
DEBATE = Path(__file__).parents[1] / "examples" / "debate.toml"


class Smith(ThreadingHTTPServer):
    """Keeps the body of every request."""

    bodies: list[bytes]


class _Handler(BaseHTTPRequestHandler):
    server: Smith

    def do_GET(self) -> None:
        self._say({"version": "0.10.0"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self._say({})

    do_PATCH = do_POST

    def _say(self, what: Any) -> None:
        said = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def smith() -> Iterator[Smith]:
    with Smith(("127.0.0.1", 0), _Handler) as server:
        server.bodies = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_langsmith_hears_of_decisions_their_nodes_and_calls_and_not_of_a_plan(smith: Smith, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LANGSMITH", "LANGCHAIN"))} | {
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_API_KEY": "ls-nobody",
        "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{smith.server_port}",
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
    }
    args = [sys.executable, "-c", PLAN_AND_RUN, DEBATE, tmp_path / "run"]
    done = subprocess.run(args, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    of_plan, planned, heard = b"".join(smith.bodies).partition(b"PLANNED")
    assert of_plan == b"" and planned
    for name in (b"reason_then_act", b'"act"', b'"run_type":"llm"', b"simulated", b"BEST="):
        assert name in heard, name
    for path in (tmp_path / "run").iterdir():
        assert b"ls-nobody" not in path.read_bytes()
    assert b"ls-nobody" not in heard
