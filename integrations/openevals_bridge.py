"""Evaluators of the form `(inputs, outputs, reference_outputs) -> {key, score, comment}`, in and out.

openevals, agentevals and LangSmith share this form. `from_openevals` makes one of theirs an evaluator of our records;
`as_openevals` makes a metric or an evaluator of ours one of theirs, for a served plan or a data set of LangSmith.

Invariants
- What an evaluator returns is its value or a fault: a score that is no number is never read as one.
- What cannot be read out of an output counts as an answer that could not be read, as in a run.

Source: openevals 0.2 (`openevals.types.SimpleEvaluator`), agentevals 0.0.9, langsmith 0.15 (`evaluate`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..agents.answers import read_answer, read_recommendation
from ..errors import BadOption
from ..evals import Reason
from ..evals.evaluator import EVALUATORS, Evaluator, checked_value
from ..ledger import LedgerReader, read_ledger
from ..options import one_of
from ..records import Decision, Oracle, Record, Situation, Status, Usage, normal_form
from .trajectories import trajectory

READS = ("text", "done", "trajectory")
METRICS_OF_ONE = ("knowing", "doing", "gap")


def from_openevals(
    evaluator: Callable[..., Any],
    *,
    name: str = "",
    outputs: str | Callable[[Record], Any] = "text",
    reference: Any = None,
    run: Path | str | None = None,
    unit: str = "share",
    key: str = "",
) -> Evaluator:
    """An evaluator of openevals, agentevals or LangSmith as an evaluator of records.

    Args:
        evaluator: takes any of `inputs`, `outputs`, `reference_outputs` by name, and returns `{key, score, comment}`,
            a list of such, a number or a truth value. It may ask a model of its own: its calls are neither kept nor
            paid for by akrasia, and are made again whenever it is asked.
        name: how it is asked for; by default the evaluator's own name.
        outputs: what it is shown: "text", the last words of the decision; "done", the action taken, None where there is
            none; "trajectory", the chat messages with the calls of tools; or a function of the record.
        reference: what it is compared with, or a function of the record. By default an optimal action: the one that
            was taken, where it is optimal. A trajectory has no such default.
        run: the run's folder, where it is to be shown what was asked (`inputs`, and the beginning of a trajectory):
            records hold no prompts. Without it `inputs` is the name of the item.
        unit: what its score counts; "share" promises true or false or a number from 0 to 1.
        key: which of several results is read, where it returns a list.

    Raises:
        BadOption: it is a coroutine, or an option does not fit.
    """
    if not callable(evaluator):
        raise BadOption(f"{evaluator!r} is no evaluator", remedy="Give a function of outputs and reference_outputs.")
    if inspect.iscoroutinefunction(evaluator):
        raise BadOption("the evaluator is a coroutine function", remedy="Give the evaluator that is not async.")
    own = name or key or str(getattr(evaluator, "__name__", "")) or type(evaluator).__name__
    if not callable(outputs):
        one_of(f"outputs of the evaluator {own!r}", outputs, READS)
    if outputs == "trajectory" and reference is None and _takes(evaluator, "reference_outputs"):
        raise BadOption(
            f"the evaluator {own!r} compares trajectories and is given none to compare with",
            remedy="Give reference=[...], a list of messages, or a function of the record.",
        )
    shown = _Shown(outputs, None if run is None else Path(run))

    def judge(record: Record) -> Any:
        expected = _expected(record) if reference is None else reference(record) if callable(reference) else reference
        offered = {
            "inputs": shown.inputs(record),
            "outputs": shown.outputs(record),
            "reference_outputs": expected,
        }
        taken = {what: value for what, value in offered.items() if _takes(evaluator, what)}
        return _value(evaluator(**taken), own, key)

    judge.__name__ = own
    return Evaluator(own, judge, unit, f"{getattr(evaluator, '__module__', 'elsewhere')} through akrasia.integrations")


def as_openevals(evaluator: str | Evaluator | Callable[[Record], Any]) -> Callable[..., dict[str, Any]]:
    """A metric or an evaluator of ours in the form of openevals, for `langsmith.evaluate` and its like.

    It is called with `outputs`, what `plan.compile()` returns (`action`, `recommendation`, `rationale`, `status`), a
    state with `messages`, a text with `BEST=X` and `ACTION=X`, or a `Record`; with `inputs`, the question and its
    `options`; and with `reference_outputs`, the right answer or answers ("answer", "action" or "optimal" of a table).

    Args:
        evaluator: "knowing" (an optimal action is recommended), "doing" (one is done), "gap" (one is recommended and
            not done), the name of a registered evaluator, or an evaluator of records.

    Raises:
        BadOption: it judges no single record.
        UnknownName: there is no evaluator of that name.
    """
    if isinstance(evaluator, str) and evaluator in METRICS_OF_ONE:
        name, judge, unit = evaluator, _METRICS[evaluator], "share"
    else:
        made = EVALUATORS.make(evaluator) if isinstance(evaluator, str) else evaluator
        if isinstance(made, Evaluator) and made.of != "record":
            raise BadOption(f"the evaluator {made.name!r} judges a table", remedy="Give one of single records.")
        name = made.name if isinstance(made, Evaluator) else str(getattr(made, "__name__", "evaluator"))
        judge, unit = made, made.unit if isinstance(made, Evaluator) else ""

    def judged(*, inputs: Any = None, outputs: Any, reference_outputs: Any = None, **_: Any) -> dict[str, Any]:
        record = outputs if isinstance(outputs, Record) else _record(inputs, outputs, reference_outputs)
        returned = judge(record)
        value, why = checked_value(returned, unit)
        said = returned.value if isinstance(returned, Reason) else returned
        return {"key": name, "score": said if isinstance(said, bool) else value, "comment": why}

    judged.__name__ = name
    judged.__doc__ = f"{name!r} of akrasia: (inputs, outputs, reference_outputs) -> {{key, score, comment}}."
    return judged


class _Shown:
    """What an evaluator from elsewhere is shown of a record."""

    def __init__(self, outputs: str | Callable[[Record], Any], run: Path | None) -> None:
        self._outputs, self._run = outputs, run

    @cached_property
    def _ledger(self) -> LedgerReader | None:
        return None if self._run is None else read_ledger(self._run)

    def inputs(self, record: Record) -> str:
        """What the first agent was asked, where the run is there."""
        if self._ledger is None:
            return record.item or record.situation
        asked = trajectory(record, self._ledger)
        return "\n\n".join(str(m["content"]) for m in asked if m["role"] in ("system", "user"))

    def outputs(self, record: Record) -> Any:
        """What is judged."""
        if callable(self._outputs):
            return self._outputs(record)
        if self._outputs == "trajectory":
            return trajectory(record, self._ledger)
        decision = record.decision
        if self._outputs == "done":
            return decision.done
        return next((t.answer or t.text for t in reversed(decision.turns) if t.answer or t.text), "")


def _expected(record: Record) -> str | None:
    optimal = record.oracle.optimal
    return record.decision.done if record.decision.done in optimal else next(iter(optimal), None)


def _takes(function: Callable[..., Any], parameter: str) -> bool:
    parameters = inspect.signature(function).parameters
    return parameter in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _value(returned: Any, name: str, key: str) -> Any:
    """What an evaluator from elsewhere said, as a value of ours.

    Raises:
        TypeError, ValueError: it is none, or one of several that nobody chose.
    """
    if isinstance(returned, Sequence) and not isinstance(returned, str):
        named = {str(_part(one, "key")): one for one in returned}
        if key not in named and len(returned) != 1:
            raise ValueError(f"it returned {', '.join(named) or 'nothing'}: say which with key=")
        returned = named[key] if key in named else returned[0]
    if isinstance(returned, bool | int | float) or returned is None:
        return returned
    score = _part(returned, "score")
    if score is not None and not isinstance(score, bool | int | float):
        raise TypeError(f"the score of {name!r} is {score!r}, which is no number")
    comment = _part(returned, "comment")
    return Reason(score, str(comment)) if comment else score


def _part(result: Any, field: str) -> Any:
    if isinstance(result, Mapping):
        return result.get(field)
    if not hasattr(result, "score"):
        raise TypeError(f"it returned {result!r}, which has no score")
    return getattr(result, field, None)


def _right(record: Record) -> tuple[bool, bool]:
    optimal = record.oracle.optimal
    return bool(set(record.decision.stated) & set(optimal)), record.decision.done in optimal


def _knowing(record: Record) -> Reason:
    asked = record.decision.stated_status != "absent"
    said = ", ".join(record.decision.stated) or "nothing that could be read"
    return Reason(_right(record)[0] if asked else None, f"recommends {said}" if asked else "no recommendation is asked")


def _doing(record: Record) -> Reason:
    return Reason(_right(record)[1], f"does {record.decision.done or 'nothing that could be read'}")


def _gap(record: Record) -> Reason:
    knows, does = _right(record)
    asked = record.decision.stated_status != "absent"
    return Reason(knows and not does if asked else None, f"{_knowing(record).why}, {_doing(record).why}")


_METRICS: dict[str, Callable[[Record], Any]] = {"knowing": _knowing, "doing": _doing, "gap": _gap}


def _record(inputs: Any, outputs: Any, reference: Any) -> Record:
    """What a served plan, or any agent, answered to one question, as a record."""
    question = inputs if isinstance(inputs, Mapping) else {"question": inputs}
    options = tuple(map(str, question.get("options") or question.get("choices") or ()))
    right = _right_answers(reference)
    text = str(question.get("question") or question.get("input") or "")
    situation = Situation("served", 0, 1, text, options, answer="action" if options else "text")
    decision = _decision(outputs, situation)
    if not options:  # texts are compared as in a question set
        same = {normal_form(answer): answer for answer in right}
        stated = tuple(same.get(normal_form(s), s) for s in decision.stated)
        done = None if decision.done is None else same.get(normal_form(decision.done), decision.done)
        decision = Decision(decision.rationale, stated, decision.stated_status, done, decision.status)
    worth: dict[str, float | None] = {a: float(a in right) for a in options or right}
    regret = {a: 1.0 - float(v or 0) for a, v in worth.items()}
    loss = 0.0 if decision.done in right else 1.0
    return Record(
        "served", "", "served", "fork", 0, 0, text, options, Oracle(right, (), worth, regret, 1.0, (), "answer"),
        decision, None, loss, 0, Usage(), None,
    )  # fmt: skip


def _right_answers(reference: Any) -> tuple[str, ...]:
    """The right answers that a reference names.

    Raises:
        ValueError: it names none.
    """
    if isinstance(reference, Mapping):
        known = ("optimal", "answer", "action", "expected", "output")
        reference = next((reference[k] for k in known if reference.get(k) is not None), None)
    if reference is None or reference in ("", [], ()):
        raise ValueError("the reference_outputs hold no answer: give the answer, or a table with 'answer'")
    several = [reference] if isinstance(reference, str | int | float) else list(reference)
    return tuple(str(answer) for answer in several)


def _decision(outputs: Any, situation: Situation) -> Decision:
    if isinstance(outputs, Mapping) and ("action" in outputs or "recommendation" in outputs):
        done, stated = outputs.get("action"), outputs.get("recommendation") or ()
        stated = (stated,) if isinstance(stated, str) else tuple(map(str, stated))
        stated_status: Status = "ok" if stated else "unparsable" if "recommendation" in outputs else "absent"
        status: Any = outputs.get("status") or ("ok" if done is not None else "unparsable")
        return Decision(
            str(outputs.get("rationale") or ""), stated, stated_status, None if done is None else str(done), status
        )
    text = _last_words(outputs)
    done, read = read_answer(text, situation)
    stated, stated_read = read_recommendation(text, situation)
    return Decision(text, stated, stated_read, done, read)


def _last_words(outputs: Any) -> str:
    """The text of an output: itself, its last message, or its answer.

    Raises:
        TypeError: it holds none.
    """
    if isinstance(outputs, str):
        return outputs
    if isinstance(outputs, Mapping):
        if outputs.get("messages"):
            last = outputs["messages"][-1]
            content = last.get("content") if isinstance(last, Mapping) else getattr(last, "text", last)
            return str(content)
        for name in ("text", "answer", "output", "response"):
            if isinstance(outputs.get(name), str):
                return str(outputs[name])
    raise TypeError(f"the outputs hold no answer: {str(outputs)[:80]!r}. Give a text, messages, or action")
