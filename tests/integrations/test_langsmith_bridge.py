"""Data sets of LangSmith are question sets and records its experiments, by its client's own requests to a loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse
from uuid import NAMESPACE_URL, uuid5

import pytest
from langsmith import Client

import akrasia as ak
from akrasia.errors import BadOption
from akrasia.integrations import langsmith_experiments, langsmith_questions
from akrasia.models import Scripted

DATASET = str(uuid5(NAMESPACE_URL, "dataset"))
EXAMPLES = [
    {"inputs": {"question": "Which is prime?", "options": ["9", "13"]}, "outputs": {"answer": "B"}},
    {"inputs": {"question": "Which is even?", "options": ["4", "7"]}, "outputs": {"answer": "A"}},
]
TIME = "2026-01-01T00:00:00+00:00"


def example(place: int) -> dict[str, Any]:
    name = str(uuid5(NAMESPACE_URL, f"example {place}"))
    return {"id": name, "dataset_id": DATASET, "created_at": TIME, "modified_at": TIME, **EXAMPLES[place]}


class Smith(ThreadingHTTPServer):
    """LangSmith, as far as its client asks: what it holds, and what was posted to it."""

    runs: dict[str, dict[str, Any]]
    feedback: dict[str, dict[str, Any]]
    projects: list[dict[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Smith

    def do_GET(self) -> None:
        url = urlparse(self.path)
        query = parse_qs(url.query)
        if url.path == "/datasets":
            known = query.get("name") == ["primes"]
            self._say([{"id": DATASET, "name": "primes", "created_at": TIME, "modified_at": TIME}] if known else [])
        elif url.path == "/examples":
            first = int(query.get("offset", ["0"])[0])
            self._say([example(i) for i in range(len(EXAMPLES))][first:])
        else:
            self._say({"version": "0.10.0"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
        path = urlparse(self.path).path
        if path == "/sessions":
            self.server.projects.append(body)
            known = {"id": body.get("id") or DATASET, "tenant_id": DATASET, "start_time": TIME}
            self._say({**known, "name": body["name"], "reference_dataset_id": body.get("reference_dataset_id")})
        elif path == "/runs":
            if body["id"] in self.server.runs:
                self._say({"detail": "the run is there"}, 409)
                return
            self.server.runs[body["id"]] = body
            self._say({})
        elif path == "/feedback":
            self.server.feedback[body["id"]] = body
            self._say(body)
        else:
            self._say({"detail": f"nothing at {path}"}, 404)

    def _say(self, what: Any, status: int = 200) -> None:
        data = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def smith() -> Iterator[Smith]:
    server = Smith(("127.0.0.1", 0), _Handler)
    server.runs, server.feedback, server.projects = {}, {}, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(smith: Smith) -> Client:
    return Client(f"http://127.0.0.1:{smith.server_port}", api_key="none", auto_batch_tracing=False)


def test_a_data_set_is_asked_and_its_answers_are_experiments(tmp_path: Path, smith: Smith, client: Client) -> None:
    path = langsmith_questions("primes", tmp_path / "primes.jsonl", client=client)
    result = ak.run(
        task={"name": "questions", "path": str(path)},
        model=Scripted(lambda request, draw: "It is B.\nBEST=B\nACTION=A"),
        variants=["reason_act", "reason_act | critique"],
        episodes=2,
        out=tmp_path / "run",
    )
    assert set(result.records["knows"]) == {True, False}

    def long(record: ak.records.Record) -> bool:
        return len(record.decision.rationale) > 1000

    names = langsmith_experiments(tmp_path / "run", "primes", client=client, evaluators=[long])
    assert [n.split(" (")[0] for n in names] == ["run: reason_act", "run: reason_act | critique"]
    assert {p["reference_dataset_id"] for p in smith.projects} == {DATASET}
    runs = list(smith.runs.values())
    assert len(runs) == 4 and {r["reference_example_id"] for r in runs} == {example(0)["id"], example(1)["id"]}
    prime = next(r for r in runs if r["reference_example_id"] == example(0)["id"])
    assert prime["outputs"]["action"] == "A" and prime["outputs"]["recommendation"] == ["B"]
    assert "Which is prime?" in prime["inputs"]["messages"][0]["content"] and prime["session_name"] in names
    assert "optimal" not in json.dumps(prime)
    scores = {f["key"]: f["score"] for f in smith.feedback.values() if f["run_id"] == prime["id"]}
    assert scores == {"knowing": 1, "doing": 0, "gap": 1, "long": 0}
    before = (dict(smith.runs), set(smith.feedback))
    assert langsmith_experiments(tmp_path / "run", "primes", client=client, evaluators=[long]) == names
    assert (smith.runs, set(smith.feedback)) == before  # sent again, it adds nothing


def test_what_is_no_data_set_of_langsmith_is_refused(tmp_path: Path, client: Client) -> None:
    path = langsmith_questions("primes", tmp_path / "p.jsonl", client=client, columns={"query": "question"})
    assert json.loads(path.read_text().splitlines()[0])["query"] == "Which is prime?"
    with pytest.raises(BadOption, match="no field 'label'"):
        langsmith_questions("primes", tmp_path / "q.jsonl", client=client, columns={"answer": "label"})
    assert not (tmp_path / "q.jsonl").exists()
    ak.run(task="bandit", model="simulated", variants=["act"], episodes=1, out=tmp_path / "bandit")
    with pytest.raises(BadOption, match="is no example of LangSmith"):
        langsmith_experiments(tmp_path / "bandit", "primes", client=client)
