"""Each format of transcripts: a small source in its real form, and what a run of it says."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from akrasia.ledger import read_ledger
from akrasia.result import Result

Importing = Callable[..., Result]


def lines(*rows: Any) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def steps(run: Result) -> dict[tuple[str, str], tuple[bool, str | None, str]]:
    rows = run.records.select("variant", "item", "does", "done", "status").rows()
    return {(variant, item): (does, done, status) for variant, item, does, done, status in rows}


TALK = [
    {"role": "system", "content": "Help."},
    {"role": "user", "content": [{"type": "text", "text": "What is 6 x 7?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "multiply", "arguments": '{"a":6,"b":7}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "42"},
    {"role": "assistant", "content": "The answer is 42."},
]


def test_chat_transcripts_with_calls_of_tools(imported: Importing) -> None:
    wrong = [*TALK[:-1], {"role": "assistant", "content": "The answer is 41."}]
    rows = [
        {"task_id": f"t{i}", "model": m, "messages": talk, "target": "42"}
        for i in range(3)
        for m, talk in (("a", TALK), ("b", wrong))
    ]
    run = imported("chat", "talks.jsonl", lines(*rows))
    assert steps(run)["a", "t0"] == (True, "42", "ok") and steps(run)["b", "t1"] == (False, "41", "ok")
    assert run.records["calls"].to_list() == [2] * 6 and run.records["prompt_tokens"].null_count() == 6
    with read_ledger(run.folder) as ledger:
        record = next(ledger.records())
        stored = ledger.answer(record.decision.turns[-1].key)
    assert stored is not None and [m.role for m in stored.request.messages] == ["system", "user", "assistant", "tool"]
    assert stored.request.messages[2].tool_calls[0].name == "multiply"
    assert stored.response.text == "The answer is 42." and "multiply" in record.decision.turns[0].text
    told = run.score().reading
    assert told and told[0].readers, "what was read here is told with its reader"


def test_a_batch_output_by_its_custom_ids(imported: Importing) -> None:
    body = {"model": "gpt", "choices": [{"message": {"role": "assistant", "content": "yes"}}], "usage": {
        "prompt_tokens": 5, "completion_tokens": 1}}  # fmt: skip
    rows = [
        {"custom_id": f"q{i}", "response": {"status_code": 200, "body": body}, "gold": g}
        for i, g in enumerate(("yes", "no"))
    ]
    run = imported("chat", "batch.jsonl", lines(*rows))
    assert [does for does, *_ in steps(run).values()] == [True, False]
    assert run.records["prompt_tokens"].to_list() == [5, 5] and run.records["model"][0] == "gpt"


def test_lm_eval_samples(imported: Importing) -> None:
    def row(doc: int, answer: str, right: float, filter_name: str = "strict-match") -> dict[str, Any]:
        return {
            "doc_id": doc, "doc": {"question": "?"}, "target": "4", "arguments": {"gen_args_0": {"arg_0": f"Q{doc}"}},
            "resps": [[f"So {answer}"]], "filtered_resps": [answer], "filter": filter_name, "exact_match": right,
        }  # fmt: skip

    text = lines(row(0, "4", 1.0), row(0, "4", 1.0, "flexible"), row(1, "5", 0.0), row(1, "5", 0.0, "flexible"))
    run = imported("lm-eval", "org__model/samples_gsm8k_2025-01-01T00-00-00.1.jsonl", text)
    assert run.records.height == 2 and run.records["does"].to_list() == [True, False]
    assert (run.records["task"][0], run.records["model"][0]) == ("gsm8k", "org/model")
    assert run.imported is not None and any("strict-match" in note for note in run.imported.notes)


def test_promptfoo_results(imported: Importing) -> None:
    def result(test: int, provider: str, success: bool, **more: Any) -> dict[str, Any]:
        return {
            "testIdx": test, "promptIdx": 0, "provider": {"id": provider}, "prompt": {"raw": f"Q{test}", "label": "p"},
            "vars": {"q": f"{test}"}, "success": success, "score": float(success), "latencyMs": 500, "cost": 0.01,
            "response": {"output": "x", "tokenUsage": {"prompt": 3, "completion": 2}}, **more,
        }  # fmt: skip

    failed = result(2, "b", False, response={"error": "429"}, error="429", failureReason=2)
    rows = [result(t, p, t != 1 or p == "a") for t in range(2) for p in "ab"] + [result(2, "a", True), failed]
    run = imported("promptfoo", "out.json", json.dumps({"evalId": "e", "results": {"version": 3, "results": rows}}))
    found = steps(run)
    assert found["b", "test 1"][0] is False and found["a", "test 1"][0] is True
    assert found["b", "test 2"][1:] == (None, "error"), "an error is a decision that failed"
    assert run.records["cost"].to_list() == [0.01] * 6 and run.compare("a", "b")[0].episodes == 3


def test_mallm_debates(imported: Importing) -> None:
    memory = [{"persona": "Ann", "contribution": "draft", "message": "B?", "turn": 1}]
    rows = [
        {"exampleId": f"e{i}", "dataset": "mmlu.json", "paradigm": p, "input": [f"Q{i}"], "finalAnswer": a,
         "references": ["B"], "globalMemory": memory, "clockSeconds": 2.5, "turns": 1}
        for i in range(2) for p, a in (("memory", "B"), ("relay", "C"))
    ]  # fmt: skip
    run = imported("mallm", "debates.json", json.dumps(rows))
    assert steps(run)["memory", "e0"][0] is True and steps(run)["relay", "e1"][0] is False
    assert run.turns.filter(agent="Ann.1").height == 4


def test_verifiers_rollouts(imported: Importing) -> None:
    rows = [
        {"example_id": i, "task": "math", "prompt": [{"role": "user", "content": "?"}], "reward": float(r),
         "completion": [{"role": "assistant", "content": "4"}], "answer": "4", "timing": {"total_ms": 1500}}
        for i in range(2) for r in (1, 0)
    ]  # fmt: skip
    run = imported("verifiers", "results.jsonl", lines(*rows))
    card = run.score()
    (arm,) = card.arms
    assert (arm.items, arm.episodes) == (2, 4) and arm.metrics["pass_at_k"].value == 1
    assert arm.metrics["latency"].value == pytest.approx(1.5)


def test_langsmith_runs(imported: Importing) -> None:
    def run_of(example: str, experiment: str, score: float | None, **more: Any) -> dict[str, Any]:
        return {
            "id": f"{example}{experiment}", "run_type": "chain", "trace_id": "t", "session_name": experiment,
            "reference_example_id": example, "inputs": {"question": "?"}, "outputs": {"output": "x"},
            "feedback_stats": {} if score is None else {"correctness": {"n": 1, "avg": score}},
            "start_time": "2025-01-01T00:00:00", "end_time": "2025-01-01T00:00:02", "total_tokens": 7,
            "prompt_tokens": 5, "completion_tokens": 2, **more,
        }  # fmt: skip

    rows = [run_of(e, x, float(e != "e1" or x == "new")) for e in ("e0", "e1") for x in ("old", "new")]
    rows += [run_of("e2", "old", None, error="TimeoutError"), run_of("e2", "new", 1.0)]
    rows.append({**run_of("e0", "old", None), "parent_run_id": "e0old", "run_type": "llm"})
    run = imported("langsmith", "runs.jsonl", lines(*rows))
    found = steps(run)
    assert found["old", "e1"][0] is False and found["new", "e1"][0] is True
    assert found["old", "e2"][2] == "error" and run.imported is not None and not run.imported.left_out
    assert run.records["completion_tokens"].to_list() == [2] * 6


def test_otel_traces_with_a_key_among_their_attributes(imported: Importing) -> None:
    def attribute(name: str, value: Any) -> dict[str, Any]:
        kind = "intValue" if isinstance(value, int) else "stringValue"
        return {"key": name, "value": {kind: str(value) if kind == "intValue" else value}}

    def trace(number: int, answer: str) -> list[dict[str, Any]]:
        root = {"input.value": "6 x 7?", "output.value": answer, "item": f"q{number}", "gold": "42"}
        call = {
            "openinference.span.kind": "LLM", "llm.model_name": "gpt", "llm.token_count.prompt": 9,
            "llm.token_count.completion": 3, "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "6 x 7?", "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": answer,
        }  # fmt: skip
        times = {"startTimeUnixNano": "0", "endTimeUnixNano": "2000000000"}
        return [
            {"traceId": f"t{number}", "spanId": "1", "name": "agent", **times,
             "attributes": [attribute(k, v) for k, v in root.items()]},
            {"traceId": f"t{number}", "spanId": "2", "parentSpanId": "1", "name": "llm", **times,
             "attributes": [attribute(k, v) for k, v in call.items()]},
        ]  # fmt: skip

    spans = [span for n, a in enumerate(("It is 42.\nANSWER=42", "41", "42")) for span in trace(n, a)]
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    run = imported("otel", "traces.json", text, map="right=gold")
    assert run.records["does"].to_list() == [True, False, True] and run.records["model"][0] == "gpt"
    assert run.records["prompt_tokens"].to_list() == [9] * 3 and run.records["calls"].to_list() == [1] * 3
