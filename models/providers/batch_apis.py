"""The batch endpoints of OpenAI's form, Azure's and Mistral's: a file of lines, a batch of it, and a file of results.

A batch is named in its `metadata`, by which one whose id is not known is found again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

import orjson

from ...errors import Unavailable
from .batch import BatchItem, BatchState, Submitted
from .openai_http import OpenAIHTTP

PATIENCE = 300.0
MOST_OUTPUT = 2**30  # bytes of the results of a batch
SKEW = 900.0  # seconds by which the provider's clock may differ from ours
PAGE = 100
_OVER = ("completed", "expired", "cancelled", "failed")


class OpenAIBatches:
    """`/files` and `/batches`, as OpenAI, Azure, Groq and servers in their form have them.

    Args:
        prefix: what stands before the path of a request in the file and in the batch, whatever the address.
        query: what every address ends with, such as "api-version=2024-10-21".
    """

    most = 50_000
    _path = "/batches"

    def __init__(self, http: OpenAIHTTP, prefix: str = "/v1", query: str = "") -> None:
        self._http, self._prefix, self._query = http, prefix, query

    async def submit(self, name: str, items: Sequence[BatchItem]) -> str:
        url = self._prefix + items[0].path
        lines = b"\n".join(orjson.dumps(self._line(item, url)) for item in items)
        kind = f"multipart/form-data; boundary={name}"
        file = await self._ask("POST", "/files", _form(name, lines), f"{name}-file", kind=kind)
        return id_of(await self._create(id_of(file), url, name, items))

    async def find(self, batch: Submitted, known: Collection[str]) -> str:
        """By its name, among the batches of the account since it was begun."""
        async for one in self._newest():
            if (one.get("metadata") or {}).get("akrasia") == batch.name:
                return id_of(one)
            made = one.get("created_at")
            if isinstance(made, int | float) and made < batch.began - SKEW:
                break
        return ""

    async def look(self, id: str) -> BatchState:
        batch = self._state(await self._ask("GET", f"{self._path}/{id}"))
        status = batch.get("status")
        if status not in _OVER:
            return BatchState()
        told = (batch.get("errors") or {}).get("data") or ()
        errors = [e for e in told if isinstance(e, dict)]
        files = [batch[k] for k in ("output_file_id", "error_file_id") if batch.get(k)]
        if not files and status == "failed":
            why = "; ".join(str(e.get("message")) for e in errors[:3]) or "it failed"
            return BatchState(failed=why, codes=" ".join(str(e.get("code")) for e in errors[:3]))
        results: dict[str, tuple[int, Any]] = {}
        for file in files:
            data = await self._ask("GET", f"/files/{file}/content", most=MOST_OUTPUT)
            results |= dict(_result(line) for line in lines_of(data))
        return BatchState(results)

    async def close(self) -> None:
        await self._http.close()

    def _line(self, item: BatchItem, url: str) -> dict[str, Any]:
        return {"custom_id": item.key, "method": "POST", "url": url, "body": item.body}

    async def _create(self, file: str, url: str, name: str, items: Sequence[BatchItem]) -> Any:
        order = {"input_file_id": file, "endpoint": url, "completion_window": "24h", "metadata": {"akrasia": name}}
        return await self._ask("POST", self._path, order, name)

    async def _newest(self) -> AsyncIterator[dict[str, Any]]:
        """The batches of the account, newest first."""
        after = ""
        while True:
            listed = await self._ask("GET", f"{self._path}?limit={PAGE}" + (f"&after={after}" if after else ""))
            page = [one for one in listed.get("data") or () if isinstance(one, dict)] if listed else []
            for one in page:
                yield one
            if not page or not listed.get("has_more"):
                return
            after = id_of(page[-1])

    def _state(self, batch: Any) -> dict[str, Any]:
        """A batch in the words of OpenAI."""
        return batch if isinstance(batch, dict) else {}

    async def _ask(self, method: str, path: str, body: Any = None, key: str = "", **more: Any) -> Any:
        if self._query:
            path += ("&" if "?" in path else "?") + self._query
        return await self._http.request(method, path, body, key, PATIENCE, **more)


class MistralBatches(OpenAIBatches):
    """`/files` and `/batch/jobs`: a job names its model, and a page of the list is asked for by its number."""

    _path = "/batch/jobs"

    def _line(self, item: BatchItem, url: str) -> dict[str, Any]:
        return {"custom_id": item.key, "body": item.body}

    async def _create(self, file: str, url: str, name: str, items: Sequence[BatchItem]) -> Any:
        order = {"input_files": [file], "endpoint": url, "model": items[0].body["model"], "metadata": {"akrasia": name}}
        return await self._ask("POST", self._path, order, name)

    async def _newest(self) -> AsyncIterator[dict[str, Any]]:
        page, seen = 0, 0
        while True:
            listed = await self._ask("GET", f"{self._path}?page={page}&page_size={PAGE}")
            jobs = [one for one in listed.get("data") or () if isinstance(one, dict)] if listed else []
            for one in sorted(jobs, key=lambda job: -(job.get("created_at") or 0)):
                yield one
            page, seen = page + 1, seen + len(jobs)
            if not jobs or seen >= (listed.get("total") or 0):
                return

    def _state(self, batch: Any) -> dict[str, Any]:
        if not isinstance(batch, dict):
            return {}
        files = {"output_file_id": batch.get("output_file"), "error_file_id": batch.get("error_file")}
        status = _OF_MISTRAL.get(str(batch.get("status")), "in_progress")
        return {"status": status, "errors": {"data": batch.get("errors") or []}, **files}


_OF_MISTRAL = {"SUCCESS": "completed", "FAILED": "failed", "TIMEOUT_EXCEEDED": "expired", "CANCELLED": "cancelled"}


def _form(name: str, data: bytes) -> bytes:
    """A file and its purpose as a form, whose boundary is the name of the batch."""
    parts = (
        f'--{name}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
        f'--{name}\r\nContent-Disposition: form-data; name="file"; filename="{name}.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n",
    )
    return "".join(parts).encode() + data + f"\r\n--{name}--\r\n".encode()


def lines_of(data: Any) -> list[dict[str, Any]]:
    """The lines of a file of results.

    Raises:
        Unavailable: they are no JSON.
    """
    if isinstance(data, dict):
        return [data]  # a single line is JSON itself
    try:
        lines = [orjson.loads(line) for line in data.splitlines() if line.strip()]
    except (ValueError, AttributeError):
        raise Unavailable("the results of a batch are no lines of JSON", fault="malformed") from None
    return [line for line in lines if isinstance(line, dict) and isinstance(line.get("custom_id"), str)]


def _result(line: Mapping[str, Any]) -> tuple[str, tuple[int, Any]]:
    response = line.get("response")
    if isinstance(response, dict) and isinstance(response.get("status_code"), int):
        return str(line["custom_id"]), (response["status_code"], response.get("body"))
    return str(line["custom_id"]), (0, {"error": line.get("error") or "it was not served"})


def id_of(body: Any) -> str:
    """The id in an answer of a batch endpoint.

    Raises:
        Unavailable: there is none.
    """
    value = body.get("id") if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise Unavailable("the batch endpoint's answer holds no id", fault="malformed", lost=True)
    return value
