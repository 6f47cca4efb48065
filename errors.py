"""Everything that can go wrong, as one tree. Every error says what happened, why, and what to do.

What ends a run is an `EndsRun`; whoever runs a stranger's code lets `EndsRun` and `UsageError` pass and turns any other
exception into an outcome.

AkrasiaError
├── UsageError            the caller asked for something that cannot be; exit code 2, nothing written
│   ├── UnknownName       no such task, model, variant, agent, intervention, metric or key
│   ├── BadOption         a value outside its range or of the wrong type
│   ├── PlanError         a graph that cannot run: refused at composition, before any call
│   ├── MissingExtra      an optional dependency is not installed
│   ├── MissingWeights    the weights of a local model are absent or are not the expected ones
│   ├── RunFolderError    a run folder is unwritable, is in use, holds another run or none at all
│   └── NotMeasured       a metric whose data are absent from these records
│       └── EvaluatorFailed   a user's evaluator raised, or returned what is no value
├── ModelError            a provider did not answer; becomes the outcome of a step, see `Response.status`
│   ├── RateLimited       429: retried after `retry_after` seconds
│   ├── Unavailable       5xx, timeouts, resets, malformed answers: retried
│   ├── Rejected          the request itself is refused (too long, invalid, filtered): an outcome, never retried
│   └── Denied            a fault of the account or the set-up, which every call meets; also an EndsRun
├── EndsRun               ends a run in order: nothing new is begun, and every committed answer is kept
│   ├── Denied            see above; exit code 2, as for bad usage
│   └── RunStopped        the run ended early and can be resumed; exit code 3
│       ├── BudgetSpent   the run's budget in calls, tokens or dollars is used up
│       ├── ProviderDown  a provider does not answer, or asks to wait for longer than a run should
│       ├── OfflineMiss   an answer was asked for that the ledger does not hold
│       ├── WorkerLost    worker processes die again and again
│       └── ArmFailed     the first decisions of a variant all failed alike
├── TrainingFailed        a training stopped: its loss is no number, or memory ran out; what was saved is kept
└── LedgerError           the SQLite file of a run cannot be used; it is left as it is
    └── LedgerDamaged     bytes of it have changed: which row, where in the file
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

__all__ = [
    "AkrasiaError",
    "ArmFailed",
    "BadOption",
    "BudgetSpent",
    "Denied",
    "EndsRun",
    "EvaluatorFailed",
    "Fault",
    "LedgerDamaged",
    "LedgerError",
    "MissingExtra",
    "MissingWeights",
    "ModelError",
    "NotMeasured",
    "OfflineMiss",
    "PlanError",
    "ProviderDown",
    "RateLimited",
    "Rejected",
    "RunFolderError",
    "RunStopped",
    "TrainingFailed",
    "Unavailable",
    "UnknownName",
    "UsageError",
    "WorkerLost",
    "cause_of",
    "ends_run",
    "first_error",
]


MOST_NAMES = 16


class AkrasiaError(Exception):
    """Base of the tree.

    Args:
        what: what happened, as one sentence without its full stop.
        why: the cause, if it is known.
        remedy: what the reader can do about it.
    """

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy
        head = f"{what}: {why}" if why else what
        head = head if head.endswith(("?", "!")) else f"{head.removesuffix('.')}."
        super().__init__(f"{head} {remedy}" if remedy else head)

    def __reduce__(self) -> tuple[type[AkrasiaError], tuple[str, str, str]]:
        return (type(self), (self.what, self.why, self.remedy))


class UsageError(AkrasiaError):
    """The caller asked for something that cannot be done; nothing was written."""


class UnknownName(UsageError):
    """No such name among the known ones; the message names the nearest."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """Build the error for `name`, suggesting its nearest neighbours among `known`."""
        names = sorted(known)
        near = get_close_matches(str(name), names, n=2, cutoff=0.5)
        known_names = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
        hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known: {known_names}."
        return cls(f"there is no {kind} named {name!r}", remedy=hint)


class BadOption(UsageError):
    """A value is outside its range or of the wrong type."""


class PlanError(UsageError):
    """A plan cannot run: refused at composition, before any call."""


class MissingExtra(UsageError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtra:
        """Build the error for a missing `package` that the extra `extra` brings."""
        return cls(
            f"the package {package!r} is not installed",
            remedy=f"Install it with: pip install 'akrasia[{extra}]'.",
        )


class MissingWeights(UsageError):
    """The weights of a local model are absent, or are not the expected ones."""


class RunFolderError(UsageError):
    """A run folder is unwritable, in use, holds another run, or holds none."""


class NotMeasured(UsageError):
    """A metric's data are absent from the records: said as such, never shown as 0."""


class EvaluatorFailed(NotMeasured):
    """A user's evaluator raised on a record, or returned what is no value: reported, and the rest goes on."""


Fault = Literal[
    "unavailable", "server error", "timeout", "unreachable", "reset", "malformed", "too large", "rate limit"
]
"""What became of an attempt that got no answer."""


class ModelError(AkrasiaError):
    """A provider did not answer. The gateway turns it into the status of a `Response`.

    `said` is all that the provider said, where it may be a parameter that it refuses. `status` is the HTTP status; 0
    where there was none, or nobody kept it.
    """

    fault: Fault = "unavailable"
    said: str = ""
    status: int = 0


class RateLimited(ModelError):
    """The provider asks to slow down. `retry_after` is in seconds, None where it did not say."""

    fault: Fault = "rate limit"

    def __init__(self, what: str, why: str = "", remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, why, remedy)
        self.retry_after = retry_after


class Unavailable(ModelError):
    """A passing fault. `lost` is true where the provider may have answered, and billed, without our hearing of it.

    `lookup` is "unknown" where nobody knows the provider's host, and "not now" where nobody could say.
    """

    lookup: Literal["", "unknown", "not now"] = ""

    def __init__(
        self, what: str, why: str = "", remedy: str = "", fault: Fault = "unavailable", lost: bool = False
    ) -> None:
        super().__init__(what, why, remedy)
        self.fault = fault
        self.lost = lost


class Rejected(ModelError):
    """The request itself is refused, and would be again. `refusal` marks a content filter."""

    def __init__(self, what: str, why: str = "", remedy: str = "", refusal: bool = False) -> None:
        super().__init__(what, why, remedy)
        self.refusal = refusal


class EndsRun(AkrasiaError):
    """Ends a run in order: nothing new is begun, and every committed answer is kept."""


class Denied(ModelError, EndsRun):
    """A fault of the account or the set-up (key, model, credit, setting): every call meets it, so the run stops."""


class RunStopped(EndsRun):
    """The run ended early with every committed answer kept; `--resume` continues it."""


class BudgetSpent(RunStopped):
    """The budget of the run is used up."""


class ProviderDown(RunStopped):
    """A provider does not answer, or asks to wait for longer than a run should."""


class OfflineMiss(RunStopped):
    """Offline replay met a request whose answer the ledger does not hold."""


class WorkerLost(RunStopped):
    """Worker processes die again and again, at their start or over the same episode."""


class ArmFailed(RunStopped):
    """The first decisions of a variant all failed alike: going on would pay for an arm that is not measured."""


class TrainingFailed(AkrasiaError):
    """A training stopped; the last good weights are kept."""


class LedgerError(AkrasiaError):
    """A ledger cannot be used: it is newer, damaged or locked. It is not modified."""


class LedgerDamaged(LedgerError):
    """Bytes of the file have changed since they were written; says which row, and where in the file."""


def cause_of(error: BaseException) -> str:
    """What happened and why, without what to do about it and without a full stop."""
    if not isinstance(error, AkrasiaError):
        return f"{type(error).__name__}: {error}".rstrip(": .")
    return (f"{error.what}: {error.why}" if error.why else error.what).rstrip(".")


def first_error(error: BaseException) -> BaseException:
    """The first error of a group, or the error itself where it is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def ends_run(error: BaseException) -> EndsRun | None:
    """The error, or the first of its group, if it ends a run in order; None for any other."""
    first = first_error(error)
    return first if isinstance(first, EndsRun) else None
