"""The batch endpoints of OpenAI's form, and Anthropic's.

OpenAI's takes a file of lines and names a batch in its `metadata`; results are two more files. Anthropic's takes the
requests themselves and has no place for a name: a batch that may have been submitted is known by when it was made and
by how many requests it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from ...errors import Unavailable
from .batch import BatchItem, BatchState, Submitted
from .openai_http import OpenAIHTTP

__all__ = ["AnthropicBatches", "OpenAIBatches"]

PATIENCE = 300.0
MOST_OUTPUT = 2**30  # bytes of the results of a batch
_OVER = ("completed", "expired", "cancelled", "failed", "cancelling")


class OpenAIBatches:
    """`/files` and `/batches`, as OpenAI, Groq, Together and servers in their form have them."""

    most = 50_000

    def __init__(self, http: OpenAIHTTP) -> None:
        self._http = http

    async def submit(self, name: str, items: Sequence[BatchItem]) -> str:
        url = "/v1" + items[0].path  # the paths of the file are those of OpenAI, whatever the address
        lines = b"\n".join(
            orjson.dumps({"custom_id": i.key, "method": "POST", "url": url, "body": i.body}) for i in items
        )
        kind = f"multipart/form-data; boundary={name}"
        file = await self._http.request("POST", "/files", _form(name, lines), f"{name}-file", PATIENCE, kind=kind)
        made = await self._http.request(
            "POST",
            "/batches",
            {
                "input_file_id": _text(file, "id"),
                "endpoint": url,
                "completion_window": "24h",
                "metadata": {"akrasia": name},
            },
            name,
            PATIENCE,
        )
        return _text(made, "id")

    async def find(self, batch: Submitted) -> str:
        """By its name, among the newest batches of the account."""
        listed = await self._http.request("GET", "/batches?limit=100", None, "", PATIENCE)
        for one in listed.get("data") or () if isinstance(listed, dict) else ():
            if (one.get("metadata") or {}).get("akrasia") == batch.name:
                return _text(one, "id")
        return ""

    async def look(self, id: str) -> BatchState:
        batch = await self._http.request("GET", f"/batches/{id}", None, "", PATIENCE)
        status = batch.get("status") if isinstance(batch, dict) else None
        if status not in _OVER or status == "cancelling":
            return BatchState()
        errors = [e for e in (batch.get("errors") or {}).get("data") or () if isinstance(e, dict)]
        files = [batch[k] for k in ("output_file_id", "error_file_id") if batch.get(k)]
        if not files and status == "failed":
            told = "; ".join(str(e.get("message")) for e in errors[:3]) or "it failed"
            return BatchState(failed=told, codes=" ".join(str(e.get("code")) for e in errors[:3]))
        results: dict[str, tuple[int, Any]] = {}
        for file in files:
            data = await self._http.request("GET", f"/files/{file}/content", None, "", PATIENCE, most=MOST_OUTPUT)
            results |= dict(_openai_result(line) for line in _lines(data))
        return BatchState(results)

    async def close(self) -> None:
        await self._http.close()


class AnthropicBatches:
    """`/v1/messages/batches`."""

    most = 100_000

    def __init__(self, http: OpenAIHTTP) -> None:
        self._http = http

    async def submit(self, name: str, items: Sequence[BatchItem]) -> str:
        body = {"requests": [{"custom_id": i.key, "params": i.body} for i in items]}
        return _text(await self._http.request("POST", "/v1/messages/batches", body, name, PATIENCE), "id")

    async def find(self, batch: Submitted) -> str:
        """By when it was made and how many requests it holds."""
        listed = await self._http.request("GET", "/v1/messages/batches?limit=100", None, "", PATIENCE)
        for one in listed.get("data") or () if isinstance(listed, dict) else ():
            counts = one.get("request_counts") or {}
            held = sum(n for n in counts.values() if isinstance(n, int))
            if held == len(batch.keys) and _seconds(one.get("created_at")) >= batch.began - 60:
                return _text(one, "id")
        return ""

    async def look(self, id: str) -> BatchState:
        batch = await self._http.request("GET", f"/v1/messages/batches/{id}", None, "", PATIENCE)
        if not isinstance(batch, dict) or batch.get("processing_status") != "ended":
            return BatchState()
        path = f"/v1/messages/batches/{id}/results"
        data = await self._http.request("GET", path, None, "", PATIENCE, most=MOST_OUTPUT)
        return BatchState(dict(_anthropic_result(line) for line in _lines(data)))

    async def close(self) -> None:
        await self._http.close()


def _form(name: str, data: bytes) -> bytes:
    """A file and its purpose as a form, whose boundary is the name of the batch."""
    parts = (
        f'--{name}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
        f'--{name}\r\nContent-Disposition: form-data; name="file"; filename="{name}.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n",
    )
    return "".join(parts).encode() + data + f"\r\n--{name}--\r\n".encode()


def _lines(data: Any) -> list[dict[str, Any]]:
    if isinstance(data, dict):
        return [data]  # a single line is JSON itself
    try:
        lines = [orjson.loads(line) for line in data.splitlines() if line.strip()]
    except (ValueError, AttributeError):
        raise Unavailable("the results of a batch are no lines of JSON", fault="malformed") from None
    return [line for line in lines if isinstance(line, dict) and isinstance(line.get("custom_id"), str)]


def _openai_result(line: Mapping[str, Any]) -> tuple[str, tuple[int, Any]]:
    response = line.get("response")
    if isinstance(response, dict) and isinstance(response.get("status_code"), int):
        return str(line["custom_id"]), (response["status_code"], response.get("body"))
    return str(line["custom_id"]), (0, {"error": line.get("error") or "it was not served"})


_STATUS_OF = {
    "invalid_request_error": 400, "authentication_error": 401, "permission_error": 403, "not_found_error": 404,
    "request_too_large": 413, "rate_limit_error": 429, "api_error": 500, "overloaded_error": 529,
}  # fmt: skip


def _anthropic_result(line: Mapping[str, Any]) -> tuple[str, tuple[int, Any]]:
    key, result = str(line["custom_id"]), line.get("result") or {}
    if result.get("type") == "succeeded":
        return key, (200, result.get("message"))
    error = result.get("error") or {}
    nested = error.get("error")
    inner: Mapping[str, Any] = nested if isinstance(nested, dict) else error
    if result.get("type") == "errored":
        return key, (_STATUS_OF.get(str(inner.get("type")), 500), {"error": inner})
    return key, (0, {"error": f"it {result.get('type') or 'was not served'}"})


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise Unavailable("the batch endpoint's answer holds no id", fault="malformed", lost=True)
    return value


def _seconds(text: Any) -> float:
    try:
        when = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()
