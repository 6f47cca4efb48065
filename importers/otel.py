"""The importer `otel`: spans of OpenTelemetry as OTLP JSON, with the attributes of OpenInference or of `gen_ai`.

A trace is a decision: its root span (or the one whose kind is AGENT, CHAIN or LLM) says what was asked and answered,
the spans of models below it are its calls. What is right is in no convention: name the attributes that hold it, `--map
item=metadata.id,right=metadata.gold`. Attributes are columns by their names; so is the root span's `name`.

A line that holds one span of Phoenix (`context.trace_id`, `attributes.*`) is read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..records import Message
from .base import IMPORTERS, Intake
from .cells import CellImporter, LocatedRow, flattened, named_cells
from .grading import as_text
from .sources import beginning, files_of, json_rows, refuse_empty
from .transcripts import Transcript, transcript_of

_MODELS = ("LLM", "chat", "generate_content", "text_completion")


@dataclass(frozen=True)
class OtelImporter(CellImporter):
    """Traces of OpenTelemetry and OpenInference, one decision a trace."""

    def recognises(self, source: Path) -> bool:
        """Spans with their traces."""
        head = beginning(source) if source.is_file() else b""
        return b'"resourceSpans"' in head or (b"trace_id" in head and (b"openinference" in head or b"gen_ai." in head))

    def located(self, source: Path, intake: Intake) -> Iterator[LocatedRow]:
        """One row for each trace, in the order in which traces begin."""
        traces: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        seen: set[tuple[str, str]] = set()
        for path in files_of(source, self.suffixes, intake):
            refuse_empty(path)
            for where, value in json_rows(path, intake):
                spans = list(_spans(value)) if isinstance(value, dict) else []
                if not spans:
                    intake.leave_out(where, "it holds no span")
                for span in spans:
                    if (span["trace"], span["id"]) in seen:
                        intake.leave_out(where, "its trace holds a span of the same id already")
                        continue
                    seen.add((span["trace"], span["id"]))
                    traces.setdefault(span["trace"], []).append((where, span))
        for name, found in traces.items():
            yield found[0][0], *_decision(name, [span for _, span in found])


def _decision(name: str, spans: list[dict[str, Any]]) -> tuple[dict[str, str], Transcript]:
    ids = {span["id"] for span in spans}
    root = next((s for s in spans if not s["parent"]), next((s for s in spans if s["parent"] not in ids), spans[0]))
    calls = [s for s in spans if _is_model(s["attributes"])]
    told = root["attributes"]
    last = calls[-1]["attributes"] if calls else told
    talk = _talk(last)
    answer = as_text(told.get("output.value")) or ("" if talk is None else talk.answer)
    tokens = [_summed(calls, names) for names in _TOKENS]
    own = {
        "done": answer,
        "prompt": None if talk else told.get("input.value"),
        "model": last.get("llm.model_name") or last.get("gen_ai.response.model") or last.get("gen_ai.request.model"),
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        "calls": len(calls) or None,
        "time": None if root["seconds"] is None else root["seconds"],
    }
    asked = as_text(told.get("input.value"))
    plain = Transcript((Message("user", asked),) if asked else (), answer, (), "", len(calls) or 1, asked)
    rest = {**told, "trace": name, "span": root["name"]}
    return named_cells(own, rest), talk or plain


_TOKENS = (
    ("llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    ("llm.token_count.completion", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
)


def _summed(calls: list[dict[str, Any]], names: tuple[str, ...]) -> int | None:
    """The tokens of all calls; None where one does not say."""
    found = [next((c["attributes"][n] for n in names if n in c["attributes"]), None) for c in calls]
    return int(sum(map(float, found))) if found and None not in found else None  # type: ignore[arg-type]


def _is_model(attributes: Mapping[str, Any]) -> bool:
    return attributes.get("openinference.span.kind") == "LLM" or attributes.get("gen_ai.operation.name") in _MODELS


def _talk(attributes: Mapping[str, Any]) -> Transcript | None:
    """The conversation of a call: numbered attributes of OpenInference, or the JSON of `gen_ai`."""
    messages = [*_numbered(attributes, "llm.input_messages"), *_numbered(attributes, "llm.output_messages")]
    for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
        value = attributes.get(name)
        try:
            listed = orjson.loads(value) if isinstance(value, str) else value
        except ValueError:
            listed = None
        messages += [_of_parts(m) for m in listed if isinstance(m, dict)] if isinstance(listed, list) else []
    return transcript_of(messages) if messages else None


def _numbered(attributes: Mapping[str, Any], before: str) -> list[dict[str, Any]]:
    """Messages whose fields are attributes: llm.input_messages.0.message.role."""
    found: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[int, dict[str, Any]]] = {}
    for name, value in attributes.items():
        if not name.startswith(f"{before}."):
            continue
        number, _, field = name[len(before) + 1 :].partition(".message.")
        if not number.isdigit():
            continue
        message = found.setdefault(int(number), {})
        if field.startswith("tool_calls."):
            _, nth, *_, last = field.split(".")
            calls.setdefault(int(number), {}).setdefault(int(nth), {})[last] = value
        else:
            message[field] = value
    for place, made in calls.items():
        found[place]["tool_calls"] = [{"function": call} for _, call in sorted(made.items())]
    return [message for _, message in sorted(found.items())]


def _of_parts(message: dict[str, Any]) -> dict[str, Any]:
    parts = message.get("parts")
    return {"role": message.get("role"), "content": parts if isinstance(parts, list) else message.get("content", "")}


def _spans(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The spans of an OTLP object, or the one that a line is."""
    if "resourceSpans" in value:
        for resource in value["resourceSpans"]:
            for scope in resource.get("scopeSpans", resource.get("instrumentationLibrarySpans", ())):
                for span in scope.get("spans", ()):
                    yield _otlp_span(span)
        return
    context = value.get("context") if isinstance(value.get("context"), dict) else {}
    assert isinstance(context, dict)
    trace = context.get("trace_id") or value.get("context.trace_id") or value.get("trace_id")
    if not trace:
        return
    told = value.get("attributes")
    attributes = _dotted(told) if isinstance(told, dict) else {
        k.removeprefix("attributes."): v for k, v in value.items() if k.startswith("attributes.")
    }  # fmt: skip
    span_id = context.get("span_id") or value.get("context.span_id") or value.get("span_id")
    yield _span(trace, span_id, value.get("parent_id"), value, attributes, None)


def _otlp_span(span: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {a["key"]: _value(a.get("value", {})) for a in span.get("attributes", ()) if "key" in a}
    start, end = span.get("startTimeUnixNano"), span.get("endTimeUnixNano")
    seconds = (int(end) - int(start)) / 1e9 if start and end else None
    return _span(span.get("traceId"), span.get("spanId"), span.get("parentSpanId"), span, attributes, seconds)


def _span(
    trace: Any, name: Any, parent: Any, span: Mapping[str, Any], attributes: dict[str, Any], seconds: float | None
) -> dict[str, Any]:
    return {
        "trace": str(trace),
        "id": str(name),
        "parent": str(parent) if parent else "",
        "name": str(span.get("name", "")),
        "attributes": attributes,
        "seconds": seconds,
    }


def _dotted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values, **flattened(values)} if any(isinstance(v, dict) for v in values.values()) else dict(values)


def _value(value: Mapping[str, Any]) -> Any:
    """An attribute's value out of OTLP's {"stringValue": ...}."""
    kind, held = next(iter(value.items()), ("", None))
    if kind == "arrayValue":
        return [_value(v) for v in (held or {}).get("values", ())]
    return int(held) if kind == "intValue" and held is not None else held


IMPORTERS.register("otel", OtelImporter)
