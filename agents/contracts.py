"""What a role must return, checked where it returns it.

Invariant: whatever a role of the user's own does wrong ends the run as a `PlanError` that names the role, the node, the
contract and what came instead. A mistake in akrasia's own roles is raised as it is.
"""

from __future__ import annotations

from typing import Any, get_args

from ..errors import AkrasiaError, PlanError
from ..records import Message, Sampling, Situation, Status, Turn
from ..tasks.numbers import canonical_number
from .answers.parsing import holds_recommendation, read_answer, read_recommendation

CONTRACTS = {
    "prompt": "prompt(agent, situation, reads, style) must return a Prompt(messages, sampling): a tuple of Message "
    "and a Sampling",
    "read": "read(agent, situation, text, response) must return a ParsedAnswer(rationale, stated, action): a text, "
    "(labels, status) and (label, status), each or None",
    "conclude": "conclude(agent, situation, reads, draw) must return a Turn",
    "reveal": "reveal(oracle) must return a Turn",
}
MISREAD = "misread"
REMEDY = "Correct the role and run again: every answer so far is kept."
LONGEST = 80
_STATUSES = get_args(Status)


class calling:  # noqa: N801  (used as a function)
    """A context in which a method of a role is called: an error of the user's own code gets a name and a place.

    A class, since a generator's context costs five times as much, and every turn of an agent enters two.

    Raises:
        PlanError: the method of a role that is not akrasia's own raised something else than an `AkrasiaError`.
    """

    __slots__ = ("_method", "_node", "_role")

    def __init__(self, role: Any, node: str, method: str) -> None:
        self._role, self._node, self._method = role, node, method

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        role = self._role
        if not isinstance(error, Exception) or isinstance(error, AkrasiaError):
            return
        if type(role).__module__.startswith(f"{__package__}."):
            return
        raise PlanError(
            f"role {role.name!r} at node {self._node!r} raised {type(error).__name__}: {error} in {self._method}",
            CONTRACTS[self._method],
            REMEDY,
        ) from error


def lacks_method(role: Any, node: str) -> PlanError | None:
    """The error of a role that has neither what a speaker has nor what a rule has; None where it has."""
    name = getattr(role, "name", type(role).__name__)
    if not isinstance(getattr(role, "name", None), str):
        return PlanError(f"role {name!r} at node {node!r} has no name", "`name` must be a text", REMEDY)
    missing = [m for m in ("prompt", "read") if not callable(getattr(role, m, None))]
    if not missing or callable(getattr(role, "conclude", None)):
        return None
    return PlanError(
        f"role {name!r} at node {node!r} has no method {missing[0]!r}",
        "a role that asks a model has prompt and read, one that asks none has conclude",
        REMEDY,
    )


def check_prompt(role: str, node: str, prompt: Any, kind: type) -> None:
    """Refuse what is no prompt.

    Raises:
        PlanError: naming the role, the node and what came.
    """
    if not isinstance(prompt, kind):
        raise _broken(role, node, "prompt", _named(prompt))
    messages: Any = prompt.messages  # type: ignore[attr-defined]
    sampling: Any = prompt.sampling  # type: ignore[attr-defined]
    if not isinstance(messages, tuple | list) or not messages or not all(isinstance(m, Message) for m in messages):
        raise _broken(role, node, "prompt", f"a Prompt whose messages are {_named(messages)}")
    if not isinstance(messages, tuple):
        raise _broken(role, node, "prompt", "a Prompt whose messages are a list, not a tuple")
    if not isinstance(sampling, Sampling):
        raise _broken(role, node, "prompt", f"a Prompt whose sampling is {_named(sampling)}")


def check_parsed(role: str, node: str, answer: Any, kind: type, situation: Situation) -> None:
    """Refuse what is no parsed answer, and labels that are not among the situation's.

    Raises:
        PlanError: naming the role, the node and what came.
    """
    if not isinstance(answer, kind):
        raise _broken(role, node, "read", _named(answer))
    parsed: Any = answer
    if parsed.rationale is not None and not isinstance(parsed.rationale, str):
        raise _broken(role, node, "read", f"a rationale that is {_named(parsed.rationale)}")
    for what in ("stated", "action"):
        value = getattr(parsed, what)
        if value is None:
            continue
        if not isinstance(value, tuple) or len(value) != 2:
            raise _broken(role, node, "read", f"{what}={_short(value)}, which is no pair")
        _check_pair(role, node, "read", what, value[0], value[1], situation)


def is_misread(role: Any, parsed: Any, text: str, situation: Situation) -> bool:
    """Whether a role of the user's own reads another label than the answer gives in the form that is asked for.

    Args:
        parsed: what its `read` returned, checked by `check_parsed`; text: the answer.
    """
    if type(role).__module__.startswith(f"{__package__}.") or situation.answer == "text":
        return False
    action, stated = parsed.action or (None, "absent"), parsed.stated or ((), "absent")
    given, status = read_answer(text, situation)
    label = action[0] if action[1] == "ok" else None
    if label is not None and status == "ok" and given != _canonical(label, situation):
        return True
    named, said = read_recommendation(text, situation)[0], {_canonical(label, situation) for label in stated[0]}
    return stated[1] == "ok" and holds_recommendation(text, situation) and not said <= set(named)


def _canonical(label: str, situation: Situation) -> str | None:
    return canonical_number(label) if situation.answer == "number" else label


def check_turn(role: str, node: str, method: str, turn: Any, situation: Situation) -> None:
    """Refuse what is no turn, and labels that are not among the situation's.

    Raises:
        PlanError: naming the role, the node and what came.
    """
    if not isinstance(turn, Turn):
        raise _broken(role, node, method, _named(turn))
    for what, status in (("text", turn.text), ("rationale", turn.rationale)):
        if not isinstance(status, str):
            raise _broken(role, node, method, f"a {what} that is {_named(status)}")
    _check_pair(role, node, method, "stated", turn.stated, turn.stated_status, situation)
    _check_pair(role, node, method, "action", turn.action, turn.status, situation)


def _check_pair(role: str, node: str, method: str, what: str, labels: Any, status: Any, situation: Situation) -> None:
    came = f"{what}=({_short(labels)}, {_short(status)})"
    if not isinstance(status, str) or status not in _STATUSES:
        raise _broken(role, node, method, f"{came}, whose status is none of {', '.join(_STATUSES)}")
    if what == "stated":
        if not isinstance(labels, tuple) or not all(isinstance(label, str) for label in labels):
            raise _broken(role, node, method, f"{came}, whose labels are no tuple of texts")
    elif labels is not None and not isinstance(labels, str):
        raise _broken(role, node, method, f"{came}, whose label is neither a text nor None")
    if status != "ok":
        return
    if not labels:
        raise _broken(role, node, method, f"{came}, which is 'ok' without a label")
    if situation.answer == "action":
        wrong = next((x for x in (labels if what == "stated" else (labels,)) if x not in situation.actions), None)
        if wrong is not None:
            raise _broken(role, node, method, f"{came}, where {wrong!r} is none of {', '.join(situation.actions)}")


def _broken(role: str, node: str, method: str, came: str) -> PlanError:
    return PlanError(f"{method} of role {role!r} at node {node!r} returned {came}", CONTRACTS[method], REMEDY)


def _named(value: Any) -> str:
    return "None" if value is None else f"{type(value).__name__} {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
