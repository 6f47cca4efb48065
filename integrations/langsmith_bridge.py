"""Data sets of LangSmith as question sets, and records of ours as its experiments.

    path = langsmith_questions("my data set", "questions.jsonl")
    result = ak.run(task={"name": "questions", "path": path}, model=..., variants=[...], out="runs/mine")
    langsmith_experiments("runs/mine", "my data set")

Invariants
- A question file names the example behind each of its rows, so a record finds its example by the row that it answers.
- Runs of an experiment have identifiers that follow from the record: what is sent again replaces nothing and adds
  nothing, and an experiment that was cut off is sent to its end.
- Nothing is sent but by these functions, and nothing of the oracle beside the scores.

Source: langsmith 0.15 (`Client.list_examples`, `create_project`, `create_run`, `create_feedback`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from ..errors import BadOption
from ..evals import Reason
from ..evals.evaluator import Evaluator, checked_value, error_text, select_evaluators
from ..files import write_file
from ..ledger import LedgerReader, read_ledger
from ..records import Record
from .openevals_bridge import METRICS_OF_ONE, as_openevals
from .trajectories import trajectory

EXAMPLE = "example_id"


def langsmith_questions(
    dataset: str, path: Path | str, *, client: Any = None, columns: Mapping[str, str] | None = None
) -> Path:
    """Write a data set of LangSmith as a question file, which the task `questions` reads.

    Args:
        dataset: its name.
        path: the file, `*.jsonl`; one row an example, in the order in which LangSmith lists them.
        client: a `langsmith.Client`; by default one that its own variables set up (`LANGSMITH_API_KEY`, ...).
        columns: where fields are called otherwise than in a question file: {"question": "query", "answer": "label"}.

    Raises:
        BadOption: there are no examples, or one lacks a field that is asked for.
    """
    renamed = dict(columns or {})
    rows = []
    for example in (client or _client()).list_examples(dataset_name=dataset):
        fields: dict[str, Any] = {**(example.inputs or {}), **(example.outputs or {})}
        missing = [name for name in renamed.values() if name not in fields]
        if missing:
            raise BadOption(
                f"an example of {dataset!r} has no field {missing[0]!r}",
                f"the example {example.id} has {', '.join(sorted(fields)) or 'none'}",
            )
        row = {ours: fields.pop(theirs) for ours, theirs in renamed.items()}
        rows.append({**row, **fields, EXAMPLE: str(example.id)})
    if not rows:
        raise BadOption(f"the data set {dataset!r} holds no examples", remedy="Give the name that LangSmith shows.")
    target = Path(path)
    lines = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    write_file(target, lines.encode())
    return target


def langsmith_experiments(
    run: Path | str,
    dataset: str,
    *,
    client: Any = None,
    prefix: str = "",
    evaluators: Sequence[str | Evaluator | Any] = (),
) -> list[str]:
    """Send a run's records to LangSmith: an experiment for each variant and model, with what was known and done.

    Every decision is a run of its experiment, at its example of the data set, with its transcript and tokens; its
    feedback is `knowing`, `doing` and `gap`, and what `evaluators` say.

    Args:
        run: the run's folder, of a question file that `langsmith_questions` wrote.
        dataset: the data set's name.
        client: a `langsmith.Client`; by default one that its own variables set up.
        prefix: stands before the names of the experiments; by default the folder's name.
        evaluators: more evaluators of records.

    Returns:
        The names of the experiments.

    Raises:
        BadOption: the run asked no such question file.
        RunFolderError, LedgerError: the folder holds no run, or one that cannot be read.
    """
    sender = client or _client()
    judges = select_evaluators(list(evaluators))
    with read_ledger(run) as ledger:
        examples = _examples(ledger)
        records = [record for record in ledger.records() if "probe" not in record.tags]
        unknown = next((record.item for record in records if record.item not in examples), None)
        if unknown is not None:
            raise BadOption(
                f"the run {str(run)!r} asked {unknown!r}, which is no example of LangSmith",
                remedy="Write the question file with langsmith_questions, and run on it.",
            )
        reference = sender.read_dataset(dataset_name=dataset)
        projects: dict[str, Any] = {}
        for record in records:
            name = f"{prefix or Path(run).name}: {record.variant} ({record.model})"
            if name not in projects:
                metadata = {"variant": record.variant, "model": record.model, "task": record.task}
                projects[name] = sender.create_project(
                    name, reference_dataset_id=reference.id, metadata=metadata, upsert=True
                )
            _send(sender, projects[name], record, examples[record.item], ledger, judges)
        sender.flush()
    return list(projects)


def _client() -> Any:
    from langsmith import Client  # noqa: PLC0415  (loads at first use)

    return Client()


def _examples(ledger: LedgerReader) -> dict[str, str]:
    """The example behind each item of the run: "row 3" -> its identifier."""
    settings = ledger.stored("experiment") or {}
    found: dict[str, str] = {}
    for path in _paths(settings):
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        except (OSError, ValueError):
            continue
        for number, row in enumerate(rows, 1):
            if isinstance(row, dict) and row.get(EXAMPLE):
                found[f"row {number}"] = str(row[EXAMPLE])
    return found


def _paths(value: Any) -> Iterator[str]:
    """The question files that an experiment names."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "path" and isinstance(part, str) and part:
                yield part
            else:
                yield from _paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from _paths(part)


def _send(
    client: Any, project: Any, record: Record, example: str, ledger: LedgerReader, judges: Sequence[Evaluator]
) -> None:
    place = (project.name, record.task, record.model, record.variant, record.episode, record.step)
    identity = uuid5(NAMESPACE_URL, "akrasia:" + json.dumps(place))
    messages = trajectory(record, ledger)
    asked = [m for m in messages if m["role"] in ("system", "user")]
    decision, usage = record.decision, record.usage
    start = datetime.now(UTC)
    outputs = {
        "action": decision.done,
        "recommendation": list(decision.stated),
        "rationale": decision.rationale,
        "status": decision.status,
        "messages": messages[len(asked) :],
        "usage_metadata": {
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
    }
    metadata = {"episode": record.episode, "step": record.step, "item": record.item, "ls_model_name": record.model}
    _once(
        lambda: client.create_run(
            record.variant,
            {"messages": asked},
            "chain",
            id=identity,
            project_name=project.name,
            reference_example_id=UUID(example),
            start_time=start,
            end_time=start + timedelta(milliseconds=1),
            outputs=outputs,
            error=None if decision.status in ("ok", "abstained") else decision.status,
            extra={"metadata": {**metadata, **record.tags}},
        )
    )
    for name, value, why in _feedback(record, judges):
        key = uuid5(identity, name)
        client.create_feedback(identity, name, score=value, comment=why, feedback_id=key, session_id=project.id)


def _once(send: Any) -> None:
    """Send a run; that it is there already is no failure."""
    from langsmith.utils import LangSmithConflictError  # noqa: PLC0415

    try:
        send()
    except LangSmithConflictError:
        return


def _feedback(record: Record, judges: Sequence[Evaluator]) -> Iterator[tuple[str, float | None, str | None]]:
    for name in METRICS_OF_ONE:
        result = as_openevals(name)(outputs=record)
        yield name, result["score"], result["comment"]
    for judge in judges:
        try:
            value, why = checked_value(judge(record), judge.unit)
        except Exception as error:  # somebody else's code: said, and the rest goes on
            value, why = checked_value(Reason(None, f"failed: {error_text(error)}"), judge.unit)
        yield judge.name, value, why
