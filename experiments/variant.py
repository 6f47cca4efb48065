"""A variant: one arm of an ablation, a named plan, or a LangGraph graph from elsewhere, that decides situations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import BadOption
from ..graphs.adapters import Adapter
from ..graphs.decider import Decider
from ..graphs.external import external
from ..interventions.controls import control_kind, stands_for
from ..interventions.expression import parse
from ..models.roles import ModelRoles
from ..records import Decision, Oracle, Situation
from ..tasks.tools import TaskTool


@dataclass(frozen=True)
class Variant:
    """A named plan with its interventions. `name` is what tables show; by default the plan's own expression."""

    name: str
    plan: Decider

    @classmethod
    def from_langgraph(
        cls,
        name: str,
        compiled: Any,
        adapter: Adapter,
        **options: Any,
    ) -> Variant:
        """Any compiled LangGraph graph (or Runnable with `ainvoke`) as a variant: `akrasia.graphs.external` by a name.

        Args:
            compiled: the graph, compiled with `ak.ChatModel()` in the place of its chat model.
            adapter: makes its input of a situation and reads its final state, such as `MessagesAdapter()`.
            options: of `akrasia.graphs.external`: slots, supersteps, context, config, store, memory.

        Raises:
            PlanError: the graph is not compiled or lacks its context, or the adapter is no adapter.
        """
        return cls(name, external(compiled, adapter, name=name, **options))

    def __or__(self, change: Any) -> Variant:
        """The variant with an intervention."""
        plan = self.plan | change
        return Variant(f"{self.name} | {change.spec}", plan)

    @cached_property
    def tags(self) -> dict[str, str]:
        """What kind of arm this is, for whoever reads its records: its plan where it has a name of its own, the
        control that it holds, how it tampers with rationales ("surgery"), whether it leaks the oracle, whether its
        code is "unchecked", and the plan that a placebo or an informed baseline stands for.
        """
        controls = [control_kind(c) for c in self.plan.changes if c.mechanism == "control"]
        tags = {"control": controls[-1]} if controls else {}
        tampering = [c.spec for c in self.plan.changes if c.mechanism == "rationale tampering"]
        if tampering:
            tags["surgery"] = " | ".join(tampering)
        if self.plan.leaks:
            tags["leaks"] = "oracle"
        if self.plan.base in ("random_act", "oracle_act"):
            tags["control"] = self.plan.base
        if self.plan.name != self.name:
            tags["plan"] = self.plan.name
        if not self.code_known:
            tags["code"] = "unchecked"
        changes = [stands_for(c) or c.spec for c in self.plan.changes]
        if changes != [c.spec for c in self.plan.changes]:
            tags["of"] = " | ".join([self.plan.base, *changes])
        return tags

    @property
    def code_known(self) -> bool:
        """Whether the code behind it could be read, so that its fingerprint changes with it."""
        return self.plan.code.known

    async def decide(
        self,
        situation: Situation,
        models: ModelRoles,
        episode: int,
        step: int,
        oracle: Oracle | None = None,
        tools: tuple[TaskTool, ...] = (),
    ) -> Decision:
        """What its plan decides in a situation (`akrasia.graphs.Decider.decide_tagged`), without tags."""
        return (await self.plan.decide_tagged(situation, models, episode, step, oracle, tools))[0]


def as_variants(value: Any) -> tuple[Variant, ...]:
    """Variants from plans, expressions, variants, or a mapping of names to any of these; the first is the baseline.

    Raises:
        BadOption: there is none, or two have the same name.
    """
    if isinstance(value, Decider | Variant | str):
        value = [value]
    if not isinstance(value, Iterable):
        raise BadOption(f"{value!r} are no variants", remedy="Give plans or expressions such as 'reason_act'.")
    items = list(value.items()) if isinstance(value, dict) else [(None, v) for v in value]
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
    if not isinstance(plan, Decider):
        raise BadOption(f"{value!r} is not a variant", remedy="Give a plan or an expression such as 'reason_act'.")
    return Variant(name or plan.name, plan)
