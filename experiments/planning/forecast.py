"""What an experiment will take, told before it is run: calls, depth, tokens and dollars per variant.

Every variant decides a few situations of the experiment's own episodes with its own prompts, through the real gateway;
in the place of each model sits one that says something of a plausible length in the form it is asked for, so that
conversations which grow by answers grow as they would. Nothing is asked of a model or a network.

Invariants: who shares which call is counted from the very keys under which the gateway keeps answers; every plan plays
all of its rounds, so a plan that may end early costs at most what is said; a variant whose plan is not ours, such as a
graph brought along, is not played: nothing is known of it. `expected` assumes `answer_tokens` for each answer with a
reasoning, `most` that each is as long as it may be.

Tokens are estimated from the text. Over 336 probed requests of six tasks the sum is 0.3 % above the count of
cl100k_base, the median error of a request 0.5 % and the largest 3.4 % (`python benchmarks/token_estimate.py`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from ...agents.phrases import filler
from ...errors import BadOption
from ...graphs.plan import Plan
from ...models.base import Backend, ModelInfo
from ...models.gateway import Gateway, MemoryStore, ModelRoles, key_of
from ...records import Draw, Oracle, Request, Response, Sampling, Situation, Usage
from ...rng import seed_of
from ...tasks.base import Task, max_decisions, random_state_after
from ..experiment import EPISODES, Experiment, ModelSet
from ..variant import Variant

__all__ = ["ANSWER_TOKENS", "Forecast", "ForecastRow", "Spending", "forecast", "prompts", "tokens"]

ANSWER_TOKENS = 160  # of one answer that holds a reasoning
_AROUND_A_MESSAGE, _AROUND_A_REQUEST = 4, 3  # tokens of OpenAI's chat format, beside the contents
_PIECE = re.compile(r"[^\W\d_]{1,12}|\d{1,3}| (?=\d)|[^\w\s]+\n*|_|\n+")
_NUMBER = re.compile(r"\d+")
_MARKER = re.compile(r"^(BEST|ACTION|RECOMMENDED|RANKING|APPROVE|POINTS|CONFIDENCE)=", re.MULTILINE)
_FORM = re.compile(r"(?:Answer|End) with (?:one|two|\w+) lines?\b")


def tokens(text: str, digits: int = 3) -> int:
    """About how many tokens a text has: words, digits by up to so many, a space before a digit, runs of marks."""
    numbers = 0 if digits == 3 else sum(-(-len(n) // digits) - -(-len(n) // 3) for n in _NUMBER.findall(text))
    return len(_PIECE.findall(text)) + numbers


@dataclass(frozen=True)
class Spending:
    """What calls take: tokens and dollars. Dollars are None where no price is known."""

    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    dollars: float | None = 0.0

    def __add__(self, other: Spending) -> Spending:
        known = self.dollars is not None and other.dollars is not None
        return Spending(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            (self.dollars or 0.0) + (other.dollars or 0.0) if known else None,
        )

    def __mul__(self, factor: float) -> Spending:
        dollars = None if self.dollars is None else self.dollars * factor
        return Spending(self.calls * factor, self.prompt_tokens * factor, self.completion_tokens * factor, dollars)


@dataclass(frozen=True)
class ForecastRow:
    """One variant at one task and one assignment of models.

    Attributes:
        fewest, calls, depth: of one decision, by its plan; None where the plan is not ours.
        decisions: the most the run can hold here.
        alone: what one decision takes if nothing is shared; `new`: what of it no earlier variant has asked already.
        alone_most, new_most: the same with every answer as long as it may be. All four are None where nothing is known.
    """

    variant: str
    task: str
    model: str
    fewest: int | None
    calls: int | None
    depth: int | None
    decisions: int
    alone: Spending | None = None
    new: Spending | None = None
    alone_most: Spending | None = None
    new_most: Spending | None = None


@dataclass(frozen=True)
class Forecast:
    """The rows of an experiment; sums are over the whole run and leave out variants of which nothing is known.

    Attributes:
        unpriced: labels of the models without a known price.
        unknown: names of the variants of which nothing is known.
    """

    rows: tuple[ForecastRow, ...]
    answer_tokens: int
    probes: int
    unpriced: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def alone(self) -> Spending:
        """The run, if every variant were run by itself."""
        return self._sum("alone")

    @property
    def shared(self) -> Spending:
        """The run, with shared answers asked for once."""
        return self._sum("new")

    @property
    def most(self) -> Spending:
        """The run with shared answers, every answer as long as it may be."""
        return self._sum("new_most")

    def _sum(self, what: str) -> Spending:
        total = Spending()
        for row in self.rows:
            spent: Spending | None = getattr(row, what)
            if spent is not None:
                total += spent * row.decisions
        return total


def forecast(experiment: Experiment, probes: int = 4, answer_tokens: int = ANSWER_TOKENS) -> Forecast:
    """What an experiment will take.

    Args:
        probes: situations that each variant decides per task, spread evenly over the length of an episode.
        answer_tokens: assumed length of an answer that holds a reasoning; a larger budget lengthens it in proportion.

    Raises:
        BadOption: an argument is below 1.
    """
    _at_least_one("probes", probes)
    _at_least_one("answer_tokens", answer_tokens)
    # In a thread of its own: a notebook's has an event loop already.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _forecast(experiment, probes, answer_tokens)).result()


def prompts(experiment: Experiment, probes: int = 4, answer_tokens: int = ANSWER_TOKENS) -> list[Request]:
    """Every request that a forecast plays, each once."""
    books: list[_Book] = []
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _forecast(experiment, probes, answer_tokens, books)).result()
    return [kept.request for book in books for kept in book.kept.values() if not book.longest]


async def played(variant: Variant, task: Task, models: ModelSet, episode: int, state: Any) -> list[Request]:
    """What a variant asks for at one state, where every answer is as short as its form allows; none where unknown."""
    if not _known(variant):
        return []
    book = _Book(models, 1, False)
    await book.decide(variant, task.situation(state), episode, task.oracle(state))
    return [kept.request for kept in book.kept.values()]


def _at_least_one(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadOption(f"{name} is {value!r}", remedy="Use a whole number of at least 1.")


async def _forecast(
    experiment: Experiment, probes: int, answer_tokens: int, books: list[_Book] | None = None
) -> Forecast:
    rows: list[ForecastRow] = []
    for label, task in zip(experiment.labels(), experiment.tasks, strict=True):
        places = list(_places(task, experiment.seed, probes, experiment.episodes))
        for models in experiment.models:
            usual, longest = [[_Book(models, answer_tokens, long) for _ in places] for long in (False, True)]
            if books is not None:
                books += usual
            sharing = experiment.design == "fork"
            for v in experiment.variants:
                row = ForecastRow(
                    v.name, label, models.label, _fewest(v), getattr(v.plan, "calls", None),
                    getattr(v.plan, "depth", None), experiment.episodes * max_decisions(task),
                )  # fmt: skip
                if _known(v):
                    alone, new = await _mean(v, task, places, usual, sharing)
                    alone_most, new_most = await _mean(v, task, places, longest, sharing)
                    row = replace(row, alone=alone, new=new, alone_most=alone_most, new_most=new_most)
                rows.append(row)
    unpriced = [b.info.label for b in experiment.backends if b.info.price is None]
    unknown = [v.name for v in experiment.variants if not _known(v)]
    return Forecast(tuple(rows), answer_tokens, probes, tuple(unpriced), tuple(unknown))


def _known(variant: Variant) -> bool:
    """Whether the plan is one of ours, whose nodes name every call."""
    plan: Any = variant.plan
    return isinstance(plan, Plan) and plan.calls is not None


def _fewest(variant: Variant) -> int | None:
    calls: int | None = getattr(variant.plan, "calls", None)
    return getattr(variant.plan, "fewest_calls", calls)


def _to_the_end(plan: Any) -> Any:
    """The plan, in which no agreement is enough to end a round early; what it asks is the same."""
    if not isinstance(plan, Plan) or plan.fewest_calls == plan.calls:
        return plan
    whole, nodes = copy(plan), tuple(copy(n) for n in plan.nodes)
    for node in nodes:
        object.__setattr__(node, "level", float("inf"))  # no plan that is made may say so
    object.__setattr__(whole, "nodes", nodes)
    return whole


def _places(task: Task, seed: int, probes: int, episodes: int) -> Iterator[tuple[int, Any]]:
    """(seed of the episode, state) of each probe: the run's own episodes, advanced by legal actions at random."""
    for probe in range(probes):
        episode = seed * EPISODES + probe % episodes
        steps = (2 * probe + 1) * max_decisions(task) // (2 * probes)
        yield episode, random_state_after(task, episode, steps, "forecast")


async def _mean(
    variant: Variant, task: Task, places: list[tuple[int, Any]], books: list[_Book], sharing: bool
) -> tuple[Spending, Spending]:
    """(what a decision takes alone, what of it is new), on average over the places."""
    alone = new = Spending()
    for (episode, state), book in zip(places, books, strict=True):
        situation = task.situation(state)
        asked, fresh = await book.decide(variant, situation, episode, task.oracle(state))
        alone += book.spent(asked)
        new += book.spent(fresh if sharing else asked)
    return alone * (1 / len(places)), new * (1 / len(places))


@dataclass(frozen=True)
class _Kept:
    request: Request
    spending: Spending


class _Book(MemoryStore):
    """The store of one probed situation: whose answers are shared by all variants, and who asked for which."""

    def __init__(self, models: ModelSet, answer_tokens: int, longest: bool) -> None:
        super().__init__()
        self.longest = longest
        self.kept: dict[str, _Kept] = {}
        self._asked: list[str] = []
        self._stands_for = {b.info.id: _Probe(b, answer_tokens, longest) for b in models.slots.values()}
        self._gateway = Gateway(list(self._stands_for.values()), self)
        self._desk = ModelRoles(self._gateway, {slot: b.info.id for slot, b in models.slots.items()})

    def get(self, key: str) -> Response | None:
        self._asked.append(key)
        return super().get(key)

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        await super().put(key, request, draw, response)
        usage, price = response.usage, self._gateway.info(request.model).price
        dollars = None if price is None else price.of(usage)
        self.kept[key] = _Kept(request, Spending(1, usage.prompt_tokens, usage.completion_tokens, dollars))

    async def decide(
        self, variant: Variant, situation: Situation, episode: int, oracle: Oracle
    ) -> tuple[list[str], list[str]]:
        """(keys of every answer asked for, keys of those that were not there yet)."""
        from langsmith.run_helpers import tracing_context  # noqa: PLC0415  (loads at first use)

        seen = variant.plan.see(situation, Draw(episode, situation.step))
        for probe in self._stands_for.values():
            probe.situation = seen
        before = set(self.kept)
        self._asked.clear()
        nobody_right = replace(oracle, optimal=tuple(f"{a} " for a in oracle.optimal))
        whole = Variant(variant.name, _to_the_end(variant.plan))
        with tracing_context(enabled=False):  # LangSmith is not told of decisions that nobody takes
            await whole.decide(situation, self._desk, episode, situation.step, nobody_right)
        return list(self._asked), [k for k in self.kept if k not in before]

    def spent(self, keys: list[str]) -> Spending:
        """What the calls behind these keys take."""
        return sum((self.kept[k].spending for k in keys), Spending())


@dataclass
class _Probe:
    """Stands for a model: says nothing in particular, in the form and about the length that is asked for.

    No two of its longer answers are the same, as with a model, so that nothing seems shared that would not be.
    """

    model: Backend
    answer_tokens: int
    longest: bool
    situation: Situation | None = field(default=None, init=False)

    @property
    def info(self) -> ModelInfo:
        return self.model.info

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""

    async def generate(self, request: Request, draw: Draw) -> Response:
        sampling, info = request.sampling, self.info
        around = _AROUND_A_REQUEST if request.mode == "chat" else 0
        each = _AROUND_A_MESSAGE if request.mode == "chat" else 0
        prompt = around + sum(each + tokens(m.content) for m in request.messages)
        if sampling.choices and info.probs:
            share = 1 / len(sampling.choices)
            said = Response(self._label(request, draw), probs=dict.fromkeys(sampling.choices, share), mass=1.0)
        else:
            said = Response(self._said(request, draw))
        written = sampling.max_tokens if self.longest else min(tokens(said.text), sampling.max_tokens)
        if sampling.choices and info.probs:
            written = tokens(said.text)  # one label is drawn, however much could be said
        return replace(said, usage=Usage(prompt, written))

    def _said(self, request: Request, draw: Draw) -> str:
        sampling, asked = request.sampling, request.messages[-1].content
        label = self._label(request, draw)
        if request.mode == "completion":
            lines = [f"the best choice now is {label}."] if not sampling.choices else [label]
            lines += [f"ACTION={label}"] if "\nACTION=" in asked else []
            alone = bool(sampling.choices) or asked.endswith("Answer:")
            between = " " if "\n" in sampling.stop else "\n"
        else:
            forms = list(_FORM.finditer(asked))
            form = asked[forms[-1].start() :] if forms else ""
            lines = [_LINES.get(m[1], "{0}={1}").format(m[1], label) for m in _MARKER.finditer(form)]
            alone, between = "nothing else" in form, "\n"
        ending = between.join(lines)
        if alone:
            wanted = sampling.max_tokens if self.longest else 0
        elif self.longest:
            wanted = sampling.max_tokens
        else:
            wanted = min(ceil(self.answer_tokens * max(1.0, sampling.max_tokens / _USUAL)), sampling.max_tokens)
        prose = _prose(wanted - tokens(ending) - 1, seed_of(draw.episode, "prose", key_of(request, draw), bits=36))
        return (prose + between + ending).strip()

    def _label(self, request: Request, draw: Draw) -> str:
        seen = self.situation
        if request.sampling.choices:
            labels = request.sampling.choices
        elif seen is not None and seen.actions:
            labels = seen.actions
        else:
            return "7" if seen is not None and seen.answer == "number" else "an answer of a few words"
        return labels[seed_of(draw.episode, "label", key_of(request, draw), bits=16) % len(labels)]


_USUAL = Sampling().max_tokens
_LINES = {"CONFIDENCE": "{0}=80", "RANKING": "{0}={1} > {1}", "APPROVE": "{0}={1}, {1}", "POINTS": "{0}={1}:6, {1}:4"}


def _prose(wanted: int, name: int) -> str:
    """Text of `wanted` tokens that says nothing and begins with numbers of its own."""
    if wanted <= 0:
        return ""
    digits = f"{name:012d}"
    numbers = [digits[i : i + 3] for i in range(0, 3 * min(4, (wanted + 1) // 2), 3)]
    return " ".join([*numbers, *filler("word " * wanted).split()[: wanted - 2 * len(numbers) + 1]])
