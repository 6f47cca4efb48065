"""A variant: one arm of an ablation, a named plan that decides situations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..agents.base import Context
from ..errors import BadOption
from ..graphs.plan import Plan
from ..graphs.state import decide
from ..interventions.expression import parse
from ..models.gateway import Desk
from ..records import Decision, Situation

__all__ = ["Variant", "as_variants"]


@dataclass(frozen=True)
class Variant:
    """A named plan with its interventions. `name` is what tables show; by default the plan's own expression."""

    name: str
    plan: Plan

    @property
    def tags(self) -> dict[str, str]:
        """What kind of arm this is: {"control": name} if its plan holds a control, else nothing."""
        controls = [c.spec.partition("(")[0] for c in self.plan.changes if c.mechanism == "control"]
        return {"control": controls[-1]} if controls else {}

    @cached_property
    def _graph(self) -> Any:
        return self.plan.compile()

    async def decide(self, situation: Situation, desk: Desk, episode: int, step: int) -> Decision:
        """Decide a situation.

        Args:
            episode, step: the name of the draw, together with the sample numbers of the plan.
        """
        context = Context(
            situation=self.plan.see(situation),
            desk=desk,
            episode=episode,
            step=step,
            temperature=self.plan.sampling.get("temperature"),
            max_tokens=_integer(self.plan.sampling.get("max_tokens")),
        )
        limit = {"recursion_limit": len(self.plan.nodes) + 1}  # no plan goes round: that many steps are enough
        end = await self._graph.ainvoke({"turns": {}}, config=limit, context=context)
        return decide(end["turns"], tuple(n.name for n in self.plan.nodes), self.plan.decision)


def as_variants(given: Any) -> tuple[Variant, ...]:
    """Variants from plans, expressions, variants, or a mapping of names to any of these; the first is the baseline.

    Raises:
        BadOption: there is none, or two have the same name.
    """
    if isinstance(given, Plan | Variant | str):
        given = [given]
    if not isinstance(given, Iterable):
        raise BadOption(f"{given!r} are no variants", remedy="Give plans or expressions such as 'reason_act'.")
    items = list(given.items()) if isinstance(given, dict) else [(None, v) for v in given]
    variants = tuple(_as_variant(name, value) for name, value in items)
    if not variants:
        raise BadOption("there is no variant to run", remedy="Give at least one plan, such as ak.graphs.reason_act().")
    names = [v.name for v in variants]
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise BadOption(f"two variants are named {twice.pop()!r}", remedy="Give them names: {'a': plan, 'b': plan}.")
    return variants


def _as_variant(name: str | None, value: Any) -> Variant:
    if isinstance(value, Variant):
        return value if name is None else Variant(name, value.plan)
    plan = parse(value) if isinstance(value, str) else value
    if not isinstance(plan, Plan):
        raise BadOption(f"{value!r} is not a variant", remedy="Give a plan or an expression such as 'reason_act'.")
    return Variant(name or plan.name, plan)


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)
