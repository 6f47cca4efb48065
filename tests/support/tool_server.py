"""An OpenAI-compatible server that calls tools: it refuses what OpenAI refuses, and answers as its rules say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jsonschema
from loopback import HTTPRequest, Reply, serving


@dataclass
class ToolServer:
    """A model that calls a tool where it must, where it is asked to by name, or where a question calls for one.

    Attributes:
        bodies: what every request asked for; refuses: parameters that it does not take; sentence: what it then says.
        most_logprobs: of how many tokens it gives the log-probability in each place.
        probs: the probability of each token that may stand in the place of a choice; text: any other answer.
    """

    base: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    probs: dict[str, float] = field(default_factory=dict)
    sentence: str = ""
    most_logprobs: int = 20
    text: str = "Hello there, friend of mine."

    def reply(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.bodies.append(body)
        problem = self._problem(body)
        if problem:
            return 400, {"error": {"message": problem, "type": "invalid_request_error", "code": None}}
        message, logprobs = self._answer(body)
        prompt = len(json.dumps(body["messages"])) // 4
        usage = {"prompt_tokens": prompt, "completion_tokens": 7, "total_tokens": prompt + 7}
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
        if logprobs is not None:
            choice["logprobs"] = {"content": logprobs}
        model = f"{body['model']}-2026-01-01"
        whole = {"id": "x", "object": "chat.completion", "created": 1, "model": model}
        return 200, {**whole, "choices": [choice], "usage": usage}

    def _problem(self, body: dict[str, Any]) -> str:
        for name in sorted(self.refuses & body.keys()):
            return self.sentence or f"Unsupported parameter: '{name}' is not supported with this model."
        if (asked := body.get("top_logprobs") or 0) > self.most_logprobs:
            return f"Requested sample logprobs of {asked}, which is greater than max allowed: {self.most_logprobs}"
        open_calls: set[str] = set()
        for message in body["messages"]:
            if message["role"] == "tool":
                if message.get("tool_call_id") not in open_calls:
                    return "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                open_calls.discard(message["tool_call_id"])
            elif open_calls:
                return "An assistant message with 'tool_calls' must be followed by tool messages."
            open_calls |= {call["id"] for call in message.get("tool_calls") or ()}
            if set(message) - {"role", "content", "name", "tool_calls", "tool_call_id"}:
                return f"Unrecognized message arguments: {sorted(message)}"
        for tool in body.get("tools", ()):
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["function"]["name"]):
                return f"Invalid 'tools[0].function.name': {tool['function']['name']!r}"
            jsonschema.Draft202012Validator.check_schema(tool["function"]["parameters"])
        if body.get("tool_choice") and not body.get("tools"):
            return "tool_choice is only allowed when tools are specified"
        return ""

    def _answer(self, body: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
        functions = [tool["function"] for tool in body.get("tools", ())]
        choice = body.get("tool_choice", "auto")
        if isinstance(choice, dict):
            functions = [f for f in functions if f["name"] == choice["function"]["name"]]
        last = body["messages"][-1]
        wants = re.search(r"tool|weather|magic|customer", _text(last), re.IGNORECASE) and last["role"] == "user"
        if functions and choice != "none" and (choice != "auto" or wants):
            several = body.get("parallel_tool_calls", True) is not False and "both" in _text(last)
            called = functions if several else functions[:1]
            calls = [
                {
                    "id": f"call_{len(self.bodies)}_{i}",
                    "type": "function",
                    "function": {
                        "name": f["name"],
                        "arguments": json.dumps(sample(f["parameters"], _text(last)), ensure_ascii=False),
                    },
                }
                for i, f in enumerate(called)
            ]
            return {"content": None, "tool_calls": calls}, None
        form = body.get("response_format") or {}
        if form.get("type") == "json_schema":
            return self._choose(body, form["json_schema"]["schema"])
        if form.get("type") == "json_object":
            return {"content": json.dumps({"setup": "Why?", "punchline": "Because."})}, None
        return {"content": self.text}, None

    def _choose(
        self, body: dict[str, Any], schema: dict[str, Any]
    ) -> tuple[dict[str, Any], list[dict[str, Any]] | None]:
        """An answer of a schema; with the probabilities of `probs` where it is one choice."""
        if not self.probs:
            return {"content": json.dumps(sample(schema, ""))}, None
        top = max(self.probs, key=self.probs.__getitem__)
        rest = next(label for label in schema["properties"]["action"]["enum"] if label.startswith(top))[len(top) :]
        tokens = ['{"', "action", '":"', top, *([rest] if rest else []), '"}']
        content = "".join(tokens)
        if not body.get("logprobs"):
            return {"content": content}, None
        told = [{"token": t, "logprob": 0.0, "bytes": None, "top_logprobs": []} for t in tokens]
        told[3] |= {
            "logprob": _log(self.probs[top]),
            "top_logprobs": [{"token": t, "logprob": _log(p), "bytes": None} for t, p in self.probs.items()],
        }
        return {"content": content}, told


def _log(p: float) -> float:
    import math

    return math.log(p)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(p.get("text", "") for p in content)


def sample(schema: dict[str, Any], text: str, whole: dict[str, Any] | None = None) -> Any:
    """A value of a JSON schema; numbers are taken from the text where there are any."""
    whole = whole or schema
    if "$ref" in schema:
        return sample(whole["$defs"][schema["$ref"].rpartition("/")[2]], text, whole)
    if "const" in schema or "enum" in schema:
        return schema.get("const", (schema.get("enum") or [None])[0])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return sample(schema[several][0], text, whole)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {name: sample(part, text, whole) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {}), text, whole)]
    if kind in ("integer", "number"):
        found = re.search(r"\d+", text)
        return int(found[0]) if found else 3
    if kind == "boolean":
        return True
    foreign = re.search(r"[^\x00-\x7f]+", text)
    return foreign[0] if foreign else "a word"


@contextmanager
def serving_tools() -> Iterator[ToolServer]:
    """A `ToolServer` on the loopback."""
    script = ToolServer()

    def reply(request: HTTPRequest) -> Reply:
        status, answer = script.reply(json.loads(request.data))
        return status, json.dumps(answer).encode(), {"Content-Type": "application/json"}

    with serving(reply) as address:
        script.base = f"{address}/v1"
        yield script
