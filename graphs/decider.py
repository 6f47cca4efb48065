"""What stands behind a variant: whatever decides situations, such as a plan.

Invariant: the runner, the forecast and the reports know a variant by this protocol alone. What only a run can tell (how
many calls a graph makes that was not built here) is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any, Literal, ParamSpec, Protocol, runtime_checkable

from ..models.roles import ModelRoles
from ..records import Decision, Draw, Oracle, Situation
from ..tasks.tools import TaskTool
from .code_identity import Code

Recommends = Literal["always", "sometimes", "never"]


class Change(Protocol):
    """What `plan | change` takes: an intervention. `spec` is its registered name with JSON arguments."""

    @property
    def spec(self) -> str: ...

    @property
    def mechanism(self) -> str: ...

    @property
    def leaks(self) -> bool: ...

    @property
    def on(self) -> str: ...

    def apply(self, plan: Any) -> Any: ...

    def view(self, situation: Situation, draw: Draw) -> Situation: ...


Arguments = ParamSpec("Arguments")


def untagged(
    decide: Callable[Arguments, Coroutine[Any, Any, tuple[Decision, dict[str, str]]]],
) -> Callable[Arguments, Coroutine[Any, Any, Decision]]:
    """The decision without its tags: `decide` of whatever has `decide_tagged`."""

    async def decision_alone(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Decision:
        """Decide a situation as `decide_tagged` does: the decision alone."""
        return (await decide(*args, **kwargs))[0]

    return decision_alone


@runtime_checkable
class Decider(Protocol):
    """Decides situations, and says what can be known of it before it runs."""

    @property
    def name(self) -> str:
        """The name by which tables show it."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of everything that changes what it does."""
        ...

    @property
    def code(self) -> Code:
        """The code of the user's own behind it."""
        ...

    @property
    def base(self) -> str:
        """What its interventions were applied to."""
        ...

    @property
    def changes(self) -> tuple[Change, ...]:
        """The interventions applied to it, in order."""
        ...

    @property
    def leaks(self) -> bool:
        """Whether it is given a signal from the oracle."""
        ...

    @property
    def slots(self) -> Collection[str]:
        """The model slots that its agents speak through."""
        ...

    @property
    def recommends(self) -> Recommends:
        """Whether its decisions hold a recommendation beside the action."""
        ...

    @property
    def calls(self) -> int | None:
        """Model calls of one decision, at most."""
        ...

    @property
    def fewest_calls(self) -> int | None:
        """Model calls of one decision, at least."""
        ...

    @property
    def depth(self) -> int | None:
        """Model calls that a decision waits for one after the other."""
        ...

    def asks(self) -> set[str]:
        """One identity per model call of a decision, as far as they are known; equal ones are shared."""
        ...

    def unrolled(self) -> Decider:
        """The same, making all calls that it can make."""
        ...

    def check_styles(self, name: str, continues: Callable[[str], bool]) -> None:
        """Refuse models that continue texts where the prompts are instructions.

        Args:
            name: the variant's name, for the message.
            continues: whether the model in a slot continues texts.

        Raises:
            PlanError: naming what asks for the instructions.
        """
        ...

    def view(self, situation: Situation, draw: Draw = ...) -> Situation:
        """The situation as its agents are shown it."""
        ...

    async def decide_tagged(
        self,
        situation: Situation,
        models: ModelRoles,
        episode: int,
        step: int,
        oracle: Oracle | None = None,
        tools: tuple[TaskTool, ...] = (),
    ) -> tuple[Decision, dict[str, str]]:
        """Decide a situation: the decision, and tags that say what happened inside graphs that were not built here.

        Args:
            episode, step: the name of the draw, together with the sample numbers of the plan.
            oracle: reaches those that are marked as leaking it, and no other.
            tools: those that the task offers, for agents that may call some.
        """
        ...

    def __or__(self, change: Any) -> Any:
        """The same with an intervention, or a refusal with the reason."""
        ...
