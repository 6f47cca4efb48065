"""Anthropic's batch endpoint: it takes the requests themselves, and has no place for a name.

A batch whose id is not known is found by the ids of its requests. These stand in its results alone, so one that may be
it is waited for: nothing is submitted before it is sure that it is another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .batch import POLL_GROWTH, SLOWEST_POLL, WAIT, BatchItem, BatchState, Submitted
from .batch_apis import MOST_OUTPUT, PAGE, PATIENCE, SKEW, id_of, lines_of
from .openai_http import OpenAIHTTP

_PATH = "/v1/messages/batches"


class AnthropicBatches:
    """`/v1/messages/batches`."""

    most = 100_000

    def __init__(self, http: OpenAIHTTP, wait: float = WAIT) -> None:
        self._http, self._wait = http, wait

    async def submit(self, name: str, items: Sequence[BatchItem]) -> str:
        body = {"requests": [{"custom_id": i.key, "params": i.body} for i in items]}
        return id_of(await self._http.request("POST", _PATH, body, name, PATIENCE))

    async def find(self, batch: Submitted, known: Collection[str]) -> str:
        """By the ids of its requests, among the batches of its time and size."""
        candidates = [id async for id in self._candidates(batch) if id not in known]
        wait = self._wait
        while candidates:
            for id in list(candidates):
                results = (await self.look(id)).results
                if results is None:
                    continue
                if results.keys() == set(batch.keys):
                    return id
                candidates.remove(id)
            if candidates:
                await asyncio.sleep(wait)
                wait = min(wait * POLL_GROWTH, SLOWEST_POLL)
        return ""

    async def look(self, id: str) -> BatchState:
        batch = await self._http.request("GET", f"{_PATH}/{id}", None, "", PATIENCE)
        if not isinstance(batch, dict) or batch.get("processing_status") != "ended":
            return BatchState()
        data = await self._http.request("GET", f"{_PATH}/{id}/results", None, "", PATIENCE, most=MOST_OUTPUT)
        return BatchState(dict(_result(line) for line in lines_of(data)))

    async def close(self) -> None:
        await self._http.close()

    async def _candidates(self, batch: Submitted) -> AsyncIterator[str]:
        after = ""
        while True:
            more = f"&after_id={after}" if after else ""
            listed = await self._http.request("GET", f"{_PATH}?limit={PAGE}{more}", None, "", PATIENCE)
            page = [one for one in listed.get("data") or () if isinstance(one, dict)] if listed else []
            for one in page:
                made = _seconds(one.get("created_at"))
                if made < batch.began - SKEW:
                    return
                counts = one.get("request_counts") or {}
                size = sum(n for n in counts.values() if isinstance(n, int))
                if size == len(batch.keys) and made < batch.began + PATIENCE + SKEW:
                    yield id_of(one)
            if not page or not listed.get("has_more"):
                return
            after = id_of(page[-1])


_STATUS_OF = {
    "invalid_request_error": 400, "authentication_error": 401, "permission_error": 403, "not_found_error": 404,
    "request_too_large": 413, "rate_limit_error": 429, "api_error": 500, "overloaded_error": 529,
}  # fmt: skip


def _result(line: Mapping[str, Any]) -> tuple[str, tuple[int, Any]]:
    key, result = str(line["custom_id"]), line.get("result") or {}
    if result.get("type") == "succeeded":
        return key, (200, result.get("message"))
    error = result.get("error") or {}
    nested = error.get("error")
    inner: Mapping[str, Any] = nested if isinstance(nested, dict) else error
    if result.get("type") == "errored":
        return key, (_STATUS_OF.get(str(inner.get("type")), 500), {"error": inner})
    return key, (0, {"error": f"it {result.get('type') or 'was not served'}"})


def _seconds(text: Any) -> float:
    try:
        when = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()
