"""A server on the loopback with the batch endpoints of OpenAI, Azure, Mistral and Anthropic, by their references."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from loopback import HTTPRequest, Reply, serving

Answer = tuple[int, Any]


@dataclass
class BatchServer:
    """What was submitted, and how it is answered.

    Attributes:
        answer: what a request is answered, by its messages and its key as a number.
        held: batches stay pending while it is set.
        failing: how many requests of the next batch are not served.
        refuse: (status, sentence) with which each request of the next batch that is sent more than it takes is refused.
        drop: the connection breaks after that many submissions, once each is taken.
        stop_at: the point at which requests hang from now on: "upload" (before anything is taken), "taken" (once a
            batch is), or "results"; `reached` is set when one does, and `released` lets them go.
        batches: every batch in the order of arrival: its id, its name, and its requests by key.
    """

    answer: Callable[[list[dict[str, Any]], int], str]
    base: str = ""
    held: threading.Event = field(default_factory=threading.Event)
    failing: int = 0
    refuse: dict[str, str] = field(default_factory=dict)
    drop: int = 0
    stop_at: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def keys(self) -> list[str]:
        """Every request that was submitted."""
        return [key for batch in self.batches for key in batch["requests"]]

    def reply(self, method: str, path: str, data: bytes) -> Answer | None:
        """(status, body) of a request; None breaks the connection."""
        url, _, query = path.partition("?")
        stages = _stages(method, url)
        if self.stop_at == "upload" and "upload" in stages:
            return self._hang()
        with self.lock:
            made = self._reply(method, url, query, data)
        return self._hang() if self.stop_at in stages else made

    def _hang(self) -> None:
        self.reached.set()
        self.released.wait(60)

    def _reply(self, method: str, url: str, query: str, data: bytes) -> Answer | None:
        if url.startswith("/v1/messages/batches"):
            return self._anthropic(method, url, query, data)
        if url.startswith("/openai/"):
            assert query.endswith("api-version=2024-10-21")
            url = "/v1" + url.removeprefix("/openai")
        url = url.removeprefix("/mistral")
        if url == "/v1/files":
            found = re.search(rb'filename="[^"]+"\r\n[^\r]*\r\n\r\n(.*)\r\n--[^\r]+--\r\n$', data, re.DOTALL)
            assert found is not None and b'name="purpose"\r\n\r\nbatch\r\n' in data
            name = f"file-{len(self.files)}"
            self.files[name] = found[1]
            return 200, {"id": name, "object": "file", "purpose": "batch"}
        if url.startswith("/v1/files/"):
            return 200, self.files[url.split("/")[3]]
        if url.startswith("/v1/batch/jobs"):
            return self._mistral(method, url, query, data)
        return self._openai(method, url, query, data)

    def _mistral(self, method: str, url: str, query: str, data: bytes) -> Answer | None:
        if method == "POST":
            order = json.loads(data)
            lines = [json.loads(line) for line in self.files[order["input_files"][0]].splitlines()]
            requests = {line["custom_id"]: line["body"] for line in lines}
            assert {body["model"] for body in requests.values()} == {order["model"]}
            assert order["endpoint"] == "/v1/chat/completions" and "metadata" in order
            return self._take(requests, order["metadata"]["akrasia"], self._job)
        if query:
            page, size = (int(part.split("=")[1]) for part in query.split("&"))
            jobs = [self._job(b) for b in self.batches]
            return 200, {"object": "list", "data": jobs[page * size : (page + 1) * size], "total": len(jobs)}
        return 200, self._job(self._seen(url))

    def _job(self, batch: dict[str, Any]) -> dict[str, Any]:
        over = "output_file_id" in batch
        return {"id": batch["id"], "object": "batch", "status": "SUCCESS" if over else "RUNNING", "errors": [],
                "created_at": int(batch["at"]), "metadata": {"akrasia": batch["name"]},
                "output_file": batch.get("output_file_id"), "error_file": batch.get("error_file_id")}  # fmt: skip

    def _seen(self, url: str) -> dict[str, Any]:
        batch = next(b for b in self.batches if url.endswith(b["id"]))
        if not self.held.is_set() and "output_file_id" not in batch:
            self._finish(batch)
        return batch

    def _openai(self, method: str, url: str, query: str, data: bytes) -> Answer | None:
        if method == "POST":
            order = json.loads(data)
            lines = [json.loads(line) for line in self.files[order["input_file_id"]].splitlines()]
            assert {line["url"] for line in lines} == {order["endpoint"]} and order["completion_window"] == "24h"
            requests = {line["custom_id"]: line["body"] for line in lines}
            return self._take(requests, order["metadata"]["akrasia"], self._shown)
        if query.startswith("limit="):
            newest = [self._shown(b) for b in reversed(self.batches)]
            after = re.search(r"after=(\w+)", query)
            first = 1 + [b["id"] for b in newest].index(after[1]) if after else 0
            return 200, {"object": "list", "data": newest[first : first + 2], "has_more": first + 2 < len(newest)}
        return 200, self._shown(self._seen(url))

    def _finish(self, batch: dict[str, Any]) -> None:
        good, bad = [], []
        for key, body in batch["requests"].items():
            status, answer = self._served(batch, key, body, _chat)
            line = {"id": "r", "custom_id": key, "error": None}
            if status:
                (good if status == 200 else bad).append({**line, "response": {"status_code": status, "body": answer}})
            else:
                bad.append({**line, "response": None, "error": {"code": "batch_expired", "message": "not in time"}})
        for name, lines in (("output_file_id", good), ("error_file_id", bad)):
            batch[name] = f"{batch['id']}-{name}" if lines else None
            if lines:
                self.files[batch[name]] = b"\n".join(json.dumps(line).encode() for line in lines)

    def _shown(self, batch: dict[str, Any]) -> dict[str, Any]:
        over = "output_file_id" in batch
        files = {name: batch.get(name) for name in ("output_file_id", "error_file_id")}
        return {"id": batch["id"], "object": "batch", "status": "completed" if over else "in_progress",
                "created_at": int(batch["at"]), "errors": None,
                "metadata": {"akrasia": batch["name"]}, **files}  # fmt: skip

    def _anthropic(self, method: str, url: str, query: str, data: bytes) -> Answer | None:
        if method == "POST":
            requests = {r["custom_id"]: r["params"] for r in json.loads(data)["requests"]}
            return self._take(requests, "", self._told)
        if query:
            newest = [self._told(b) for b in reversed(self.batches)]
            after = re.search(r"after_id=(\w+)", query)
            first = 1 + [b["id"] for b in newest].index(after[1]) if after else 0
            return 200, {"data": newest[first : first + 2], "has_more": first + 2 < len(newest)}
        batch = next(b for b in self.batches if f"/{b['id']}/" in f"{url}/")
        if not url.endswith("/results"):
            return 200, self._told(batch)
        results = []
        for key, params in batch["requests"].items():
            status, answer = self._served(batch, key, params, _message)
            kind = {200: "succeeded", 0: "expired"}.get(status, "errored")
            more = {"message": answer} if status == 200 else {"error": {"type": "error", **answer}} if status else {}
            results.append({"custom_id": key, "result": {"type": kind, **more}})
        return 200, b"\n".join(json.dumps(line).encode() for line in results) + b"\n"

    def _told(self, batch: dict[str, Any]) -> dict[str, Any]:
        over, n = not self.held.is_set(), len(batch["requests"])
        counts = {"processing": 0 if over else n, "succeeded": n if over else 0, "errored": 0, "canceled": 0}
        made = datetime.fromtimestamp(batch["at"], UTC).isoformat().replace("+00:00", "Z")
        return {"id": batch["id"], "type": "message_batch", "processing_status": "ended" if over else "in_progress",
                "request_counts": counts, "created_at": made, "results_url": None}  # fmt: skip

    def _take(self, requests: dict[str, Any], name: str, shown: Callable[[dict[str, Any]], Any]) -> Answer | None:
        lost = list(requests)[: self.failing]
        batch = {"id": f"batch_{len(self.batches)}", "name": name, "requests": requests, "lost": lost}
        batch["at"] = time.time()
        self.failing = 0
        self.batches.append(batch)
        if self.drop:
            self.drop -= 1
            return None
        return 200, shown(batch)

    def _served(
        self, batch: dict[str, Any], key: str, body: dict[str, Any], form: Callable[[dict[str, Any], str], Any]
    ) -> Answer:
        if key in batch["lost"]:
            return 0, None
        for name, said in self.refuse.items():
            if name in body:
                return 400, {"error": {"type": "invalid_request_error", "message": said, "param": name, "code": None}}
        messages = body["messages"]
        return 200, form(body, self.answer([_plain(m) for m in messages], int(key[:7], 16)))


def _stages(method: str, url: str) -> set[str]:
    """Which points of a batch's life a request is."""
    if method == "GET":
        return {"results"} if url.endswith(("/content", "/results")) else set()
    if url.endswith("/files"):
        return {"upload"}
    return {"upload", "taken"} if url.startswith("/v1/messages") else {"taken"}


def _plain(message: dict[str, Any]) -> dict[str, str]:
    content = message["content"]
    text = content if isinstance(content, str) else "".join(p.get("text", "") for p in content)
    return {"role": message["role"], "content": text}


def _chat(body: dict[str, Any], text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return {"id": "c", "object": "chat.completion", "model": body["model"], "choices": [choice], "usage": usage}


def _message(params: dict[str, Any], text: str) -> dict[str, Any]:
    content, usage = [{"type": "text", "text": text}], {"input_tokens": 100, "output_tokens": 10}
    return {"id": "m", "type": "message", "role": "assistant", "model": params["model"], "stop_reason": "end_turn",
            "content": content, "usage": usage}  # fmt: skip


@contextmanager
def serving_batches(answer: Callable[[list[dict[str, Any]], int], str]) -> Iterator[BatchServer]:
    """The server, while it runs."""
    state = BatchServer(answer)

    def reply(request: HTTPRequest) -> Reply:
        made = state.reply(request.method, request.path, request.data)
        if made is None:
            return None
        status, body = made
        return status, body if isinstance(body, bytes) else json.dumps(body).encode(), {}

    with serving(reply) as state.base:
        yield state
