"""Events as OpenTelemetry spans with the attribute names of OpenInference, for Phoenix, Langfuse, Jaeger and the like.

run (CHAIN) > episode in a cell (CHAIN) > decision of a variant (AGENT) > call (LLM). A call that several decisions
share is a child of the one that asked first; on the others it is an event, `answer shared`.

Invariant: prompts and answers are exported only if `texts` is true; keys in the words of providers never are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import MissingExtra
from ..events import (
    AnswerShared,
    AttemptFailed,
    CallAnswered,
    CallBegan,
    CallGivenUp,
    CallStopped,
    DecisionBegan,
    DecisionEnded,
    EpisodeBegan,
    EpisodeEnded,
    Event,
    RunBegan,
    RunEnded,
    WorkerDied,
    facts,
)
from ..models.providers.provider_errors import scrubbed

_Key = tuple[Any, ...]
_RUN: _Key = ("run",)


class OpenTelemetry:
    """A listener that makes spans; for one run at a time.

    Args:
        provider: an SDK `TracerProvider`; by default one that sends by OTLP over HTTP to
            `OTEL_EXPORTER_OTLP_ENDPOINT` (http://localhost:4318), which `close` closes.
        texts: export prompts and answers too (`llm.input_messages`, `llm.output_messages`).

    Raises:
        MissingExtra: the OpenTelemetry SDK is not installed.
    """

    def __init__(self, provider: Any = None, texts: bool = False) -> None:
        try:
            from opentelemetry import trace  # noqa: PLC0415  (optional)
        except ImportError:
            raise MissingExtra.of("opentelemetry-sdk", "otel") from None
        self.texts = texts
        tracer_provider = _otlp() if provider is None else provider
        self._own = tracer_provider if provider is None else None
        self._trace, self._tracer = trace, tracer_provider.get_tracer("akrasia")
        self._spans: dict[_Key, Any] = {}

    def close(self) -> None:
        """End open spans, and send what is waiting."""
        self._end_all()
        if self._own is not None:
            self._own.shutdown()

    def __call__(self, event: Event) -> None:
        match event:
            case RunBegan():
                self._begin(event, _RUN, f"run {event.run}", "CHAIN", None, **_prefixed(event))
            case EpisodeBegan(task=task, models=models, episode=episode):
                key = ("episode", task, models, episode)
                self._begin(event, key, f"episode {episode}", "CHAIN", _RUN, **_prefixed(event))
            case DecisionBegan(where=w):
                more = {"agent.name": w.variant, **_prefixed(event)}
                parent = ("episode", w.task, w.models, w.episode)
                self._begin(event, ("decision", *w), f"{w.variant} step {w.step}", "AGENT", parent, **more)
            case CallBegan(where=where):
                parent = _RUN if where is None else ("decision", *where)
                self._begin(event, ("call", event.key), event.model, "LLM", parent, **_request_attributes(event))
            case AnswerShared(where=where):
                self._add_event(event, _RUN if where is None else ("decision", *where))
            case AttemptFailed():
                self._add_event(event, ("call", event.key))
            case CallAnswered():
                bad = event.status in ("error", "refused")
                self._end(event, ("call", event.key), event.status if bad else "", **_response_attributes(event))
            case CallGivenUp():
                self._end(event, ("call", event.key), event.why)
            case CallStopped():
                self._end(event, ("call", event.key), f"stopped: {event.kind}")
            case DecisionEnded(where=where):
                self._end(event, ("decision", *where), "" if event.status else "broke off", **_prefixed(event))
            case EpisodeEnded(task=task, models=models, episode=episode):
                broken = "" if event.complete else "not complete"
                self._end(event, ("episode", task, models, episode), broken, **_prefixed(event))
            case RunEnded():
                self._end_all(but=_RUN)
                self._end(event, _RUN, event.stopped, **_prefixed(event))
            case WorkerDied():
                self._add_event(event, _RUN)
                self._on_worker_died(event)
            case _:
                self._add_event(event, _RUN)

    def _begin(self, event: Event, key: _Key, name: str, kind: str, parent: _Key | None, **attributes: Any) -> None:
        if key in self._spans:  # played again after a worker died
            self._end(event, key, "broke off")
        parent_span = self._spans.get(parent or ()) or self._spans.get(_RUN)
        context = None if parent_span is None else self._trace.set_span_in_context(parent_span)
        self._spans[key] = self._tracer.start_span(
            name, context, attributes={"openinference.span.kind": kind, **attributes}, start_time=_ns(event)
        )

    def _add_event(self, event: Event, key: _Key) -> None:
        span = self._spans.get(key)
        if span is not None:
            span.add_event(event.name, _prefixed(event), _ns(event))

    def _end(self, event: Event | None, key: _Key, error: str = "", **attributes: Any) -> None:
        span = self._spans.pop(key, None)
        if span is None:
            return
        span.set_attributes(attributes)
        code = self._trace.StatusCode.ERROR if error else self._trace.StatusCode.OK
        span.set_status(code, scrubbed(error) if error else None)
        span.end(None if event is None else _ns(event))

    def _end_all(self, but: _Key | None = None) -> None:
        for key in [k for k in reversed(self._spans) if k != but]:
            self._end(None, key, "broke off")

    def _on_worker_died(self, event: WorkerDied) -> None:
        """End the decisions and episodes of a dead worker; its calls end with the run, or when they are made again."""
        for key in reversed(list(self._spans)):
            if key[0] in ("decision", "episode") and key[3] in event.episodes:
                self._end(event, key, "worker died")


@contextmanager
def exported(wanted: bool, texts: bool = False) -> Iterator[list[OpenTelemetry]]:
    """The listeners that send traces, if `wanted`; what is left is sent at the end."""
    if not wanted:
        yield []
        return
    exporter = OpenTelemetry(texts=texts)
    try:
        yield [exporter]
    finally:
        exporter.close()


def _otlp() -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise MissingExtra.of("opentelemetry-exporter-otlp-proto-http", "otel") from None
    provider = TracerProvider(resource=Resource.create({"service.name": "akrasia"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _ns(event: Event) -> int:
    return int(event.at * 1e9)


def _prefixed(event: Event) -> dict[str, Any]:
    return {f"akrasia.{k}": scrubbed(v) if isinstance(v, str) else v for k, v in facts(event).items()}


def _request_attributes(event: CallBegan) -> dict[str, Any]:
    attributes: dict[str, Any] = {"llm.model_name": event.model, **_prefixed(event)}
    for i, message in enumerate(event.messages or ()):
        attributes[f"llm.input_messages.{i}.message.role"] = message.role
        attributes[f"llm.input_messages.{i}.message.content"] = message.shown
    return attributes


def _response_attributes(event: CallAnswered) -> dict[str, Any]:
    usage = event.usage
    attributes: dict[str, Any] = {
        "llm.token_count.prompt": usage.prompt_tokens,
        "llm.token_count.completion": usage.completion_tokens,
        "llm.token_count.total": usage.prompt_tokens + usage.completion_tokens,
        **_prefixed(event),
    }
    if event.dollars is not None:
        attributes["llm.cost.total"] = event.dollars
    if event.text is not None:
        attributes["llm.output_messages.0.message.role"] = "assistant"
        attributes["llm.output_messages.0.message.content"] = event.text
    return attributes
