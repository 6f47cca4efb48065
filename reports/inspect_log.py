"""A run as logs of Inspect, one for each arm, which `inspect view` opens (extra `inspect`).

A sample is a decision. Its scores are `done` and, where a rationale was asked for, `stated`: C where it is optimal, I
where it is not. The metadata hold what Inspect has no place for: variant, episode, step, status, regret, tags. A
decision that failed is a sample with its score, since it counts as wrong, and its status stands in the score's
explanation.

Invariant: read back, the scores are those of the table of records, one for one.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import MissingExtra
from ..ledger import LedgerReader, read_ledger
from ..records import Message, Record

try:
    from inspect_ai import log, model, scorer
except ImportError:
    raise MissingExtra(
        "logs of Inspect are written by the package inspect-ai", remedy="Install it: pip install 'akrasia[inspect]'."
    ) from None

_UNFIT = re.compile(r"[^A-Za-z0-9.-]+")
_WHERE = ("task", "model", "variant", "episode", "step")


def inspect_logs(folder: Path, table: pl.DataFrame) -> dict[str, bytes]:
    """The log of every arm, by the name of its file.

    Args:
        table: the records as a table (columns: `akrasia.evals.step_table`).
    """
    judged = {row[:5]: row[5:] for row in table.select(*_WHERE, "does", "asked", "knows").iter_rows()}
    logs: dict[str, bytes] = {}
    with read_ledger(folder) as ledger:
        started = _started(ledger)
        for arm, records in groupby(ledger.records(), key=lambda r: (r.task, r.model, r.variant)):
            samples = list(_samples(ledger, records, judged))
            if samples:
                name = _UNFIT.sub("-", "_".join(arm)).strip("-")[:120]
                logs[f"{name}_{len(logs) + 1}.eval"] = _written(_log(arm, samples, started))
    return logs


def _samples(
    ledger: LedgerReader, records: Iterator[Record], judged: Mapping[tuple[Any, ...], tuple[Any, ...]]
) -> Iterator[Any]:
    for record in records:
        found = judged.get((record.task, record.model, record.variant, record.episode, record.step))
        if found is not None:  # else it is a probe, and is no decision of its own
            yield _sample(ledger, record, *found)


def _sample(ledger: LedgerReader, record: Record, does: bool, asked: bool, knows: bool) -> Any:
    decision = record.decision
    key = next((turn.key for turn in reversed(decision.turns) if turn.key), "")
    answer = ledger.answer(key) if key else None
    text = answer.response.text if answer else decision.turns[-1].text if decision.turns else ""
    before = [_message(m) for m in answer.request.messages] if answer else []
    output = model.ModelOutput.from_content(record.model, text)
    usage = record.usage
    output.usage = model.ModelUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_tokens_cache_read=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )
    counted = "tokens" not in record.tags.get("absent", "")
    scores = {"done": scorer.Score(value=_letter(does), answer=decision.done, explanation=decision.status)}
    if asked:
        stated = "|".join(decision.stated) or None
        scores["stated"] = scorer.Score(value=_letter(knows), answer=stated, explanation=decision.stated_status)
    imported = "imported" in record.tags
    trial = int(record.tags.get("trial", "0")) if imported else 0
    name = record.item if imported and not record.step else f"episode {record.episode}, step {record.step}"
    return log.EvalSample(
        id=name,
        epoch=trial + 1,
        input=before or record.item or name,
        target=list(record.oracle.optimal),
        messages=[*before, *([output.message] if text else [])],
        output=output,
        scores=scores,
        model_usage={record.model: output.usage} if counted else {},
        metadata={
            "variant": record.variant,
            "episode": record.episode,
            "step": record.step,
            "item": record.item,
            "status": decision.status,
            "stated_status": decision.stated_status,
            "stated": list(decision.stated),
            "regret": record.regret,
            "tags": dict(record.tags),
        },
    )


def _message(message: Message) -> Any:
    kinds = {
        "system": model.ChatMessageSystem,
        "assistant": model.ChatMessageAssistant,
        "tool": model.ChatMessageTool,
    }
    return kinds.get(message.role, model.ChatMessageUser)(content=message.shown)


def _log(arm: tuple[str, str, str], samples: Sequence[Any], started: str) -> Any:
    task, whose, variant = arm
    scores = []
    for name in ("done", "stated"):
        values = [s.scores[name].value == "C" for s in samples if name in s.scores]
        if values:
            accuracy = log.EvalMetric(name="accuracy", value=sum(values) / len(values))
            scores.append(log.EvalScore(name=name, scorer=name, metrics={"accuracy": accuracy}))
    ids = list(dict.fromkeys(s.id for s in samples))
    return log.EvalLog(
        status="success",
        eval=log.EvalSpec(
            created=started,
            task=task,
            model=whose,
            solver=variant,
            dataset=log.EvalDataset(name=task, samples=len(ids), sample_ids=ids),
            config=log.EvalConfig(epochs=max(s.epoch for s in samples)),
            metadata={"exported_by": "akrasia", "variant": variant},
        ),
        plan=log.EvalPlan(steps=[log.EvalPlanStep(solver=variant)]),
        results=log.EvalResults(total_samples=len(samples), completed_samples=len(samples), scores=scores),
        stats=log.EvalStats(started_at=started, completed_at=started),
        samples=list(samples),
    )


def _written(made: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.eval"
        log.write_eval_log(made, str(path), format="eval")
        return path.read_bytes()


def _started(ledger: LedgerReader) -> str:
    """When the run was played first, or imported."""
    imported, sessions = ledger.imported(), ledger.sessions()
    return imported.at if imported else sessions[0].started if sessions else "1970-01-01T00:00:00+00:00"


def _letter(right: bool) -> str:
    return "C" if right else "I"
