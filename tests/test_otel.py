"""Spans follow the run: one tree, OpenInference's names, no texts unless asked for, and nothing left open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import Unavailable
from akrasia.events import EventBus
from akrasia.models import Gateway, Scripted
from akrasia.records import Draw, Message, Request
from akrasia.telemetry.otel import OpenTelemetry

pytest.importorskip("opentelemetry.sdk")
TASK = {"name": "bandit", "arms": 4, "horizon": 2}
VARIANTS = ["reason_act", "reason_act | re_evaluate"]


def tracing(texts: bool = False) -> tuple[OpenTelemetry, Any]:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return OpenTelemetry(provider, texts), kept


@pytest.mark.parametrize("workers", [1, 2])
def test_the_spans_of_a_run_are_one_tree(tmp_path: Path, workers: int) -> None:
    listener, kept = tracing()
    result = ak.run(
        task=TASK, model="simulated", variants=VARIANTS, episodes=2, workers=workers, out=tmp_path / "run",
        on_event=listener,
    )  # fmt: skip
    spans = {s.context.span_id: s for s in kept.get_finished_spans()}

    def path(span: Any) -> list[str]:
        above = [] if span.parent is None else path(spans[span.parent.span_id])
        return [*above, span.attributes["openinference.span.kind"]]

    paths = [tuple(path(s)) for s in spans.values()]
    assert paths.count(("CHAIN",)) == 1 and paths.count(("CHAIN", "CHAIN")) == 2
    assert paths.count(("CHAIN", "CHAIN", "AGENT")) == 2 * 2 * 2
    calls = [s for s in spans.values() if s.attributes["openinference.span.kind"] == "LLM"]
    assert result.outcome is not None and len(calls) == result.outcome.run_usage.made
    assert {tuple(path(c)) for c in calls} == {("CHAIN", "CHAIN", "AGENT", "LLM")}
    assert sum(c.attributes["llm.token_count.prompt"] for c in calls) == result.outcome.run_usage.usage.prompt_tokens
    assert all(c.attributes["llm.model_name"] == "simulated" for c in calls)
    assert not any("messages" in name for c in calls for name in c.attributes)
    shared = sum(e.name == "answer shared" for s in spans.values() for e in s.events)
    assert shared == result.outcome.run_usage.shared
    for s in spans.values():
        assert s.status.is_ok and s.start_time <= s.end_time
        if s.parent is not None:
            assert spans[s.parent.span_id].start_time <= s.start_time


def test_prompts_and_answers_only_if_asked_for(tmp_path: Path) -> None:
    listener, kept = tracing(texts=True)
    ak.run(task=TASK, model="simulated", variants=["act"], episodes=1, out=tmp_path / "run", on_event=listener)
    (call, *_) = [s for s in kept.get_finished_spans() if s.attributes["openinference.span.kind"] == "LLM"]
    assert call.attributes["llm.input_messages.0.message.role"] in ("system", "user")
    assert "ACTION" in call.attributes["llm.output_messages.0.message.content"]


async def test_a_call_that_is_given_up_is_an_error_with_its_attempts_and_no_key() -> None:
    def script(request: Request, draw: Draw) -> str:
        raise Unavailable("no answer for sk-0123456789abcdef", fault="timeout")

    async def nap(seconds: float) -> None:
        return None

    listener, kept = tracing()
    model = Scripted(script)
    await Gateway([model], sleep=nap, emit=EventBus([listener])).complete(
        Request(model.info.id, (Message("user", "hello"),)), Draw(0, 0)
    )
    (span,) = kept.get_finished_spans()
    assert not span.status.is_ok and [e.name for e in span.events] == ["attempt failed"] * 6
    assert "0123456789" not in span.to_json() and "[key]" in span.to_json()


def test_what_broke_off_is_closed(tmp_path: Path) -> None:
    listener, kept = tracing()
    ak.run(
        task=TASK, model="simulated", variants=VARIANTS, episodes=4, budget={"calls": 3}, out=tmp_path / "run",
        on_event=listener,
    )  # fmt: skip
    spans = kept.get_finished_spans()
    (run,) = [s for s in spans if s.parent is None]
    assert not run.status.is_ok and run.status.description == "BudgetSpent"
    assert any(e.name == "stop began" for e in run.events)
    assert {s.parent.span_id for s in spans if s.parent} <= {s.context.span_id for s in spans}


class Collector(BaseHTTPRequestHandler):
    """Takes what an OTLP exporter posts, as a collector on the loopback does."""

    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Silent."""


def test_the_command_sends_its_spans_over_http_to_a_collector(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.posted = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    plain = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_") and not k.lower().endswith("_proxy")}
    try:
        asked = "run --task bandit --model simulated --variant reason_act --episodes 2 --out run --otel --otel-texts"
        done = subprocess.run(
            [sys.executable, "-c", "from akrasia.cli import main; main()", *asked.split()],
            cwd=tmp_path, capture_output=True, text=True,
            env={**plain, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}"},
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    posted = server.posted  # type: ignore[attr-defined]
    assert {(path, kind) for path, kind, _ in posted} == {("/v1/traces", "application/x-protobuf")}
    resources = [r for _, _, body in posted for r in ExportTraceServiceRequest.FromString(body).resource_spans]
    names = {a.value.string_value for r in resources for a in r.resource.attributes if a.key == "service.name"}
    spans = [s for r in resources for scope in r.scope_spans for s in scope.spans]
    kinds = [a.value.string_value for s in spans for a in s.attributes if a.key == "openinference.span.kind"]
    assert names == {"akrasia"} and len({s.trace_id for s in spans}) == 1
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"CHAIN": 1 + 2, "AGENT": 2 * 10, "LLM": 2 * 10}
    ids = {s.span_id for s in spans}
    assert sum(not s.parent_span_id for s in spans) == 1
    assert all(s.parent_span_id in ids for s in spans if s.parent_span_id)
    assert any(a.key == "llm.output_messages.0.message.content" for s in spans for a in s.attributes)
