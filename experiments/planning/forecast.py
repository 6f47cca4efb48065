"""What a run will cost, forecast before it starts: calls, depth, tokens and dollars per variant.

Every variant decides a few situations of the experiment's own episodes with its own prompts, through the real gateway.
In the place of each model sits a stand-in that answers at a plausible length in the form that is asked for, so that
conversations which grow by answers grow as they would. No model and no network is asked.

Invariants
- A decision is drawn as often as the experiment has trials, and its cost is that of all draws.
- Which calls are shared is counted from the very keys under which the gateway stores answers.
- Every plan plays all of its rounds, so a plan that may end early costs at most what is forecast.
- A variant whose calls are unknown, such as an external graph, is not played, and no sum holds it.
- `shared` assumes `answer_tokens` for each answer with a reasoning; `at_most` that each is as long as it may be.

Tokens are estimated from the text. Over 336 probed requests of six tasks the sum is 0.3 % above the count of
cl100k_base, the median error of a request 0.5 % and the largest 3.4 % (`python benchmarks/token_estimate.py`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, TypeVar

from ...agents.phrases import filler_for
from ...models.base import Backend, ModelInfo, NothingToOpen
from ...models.gateway import Gateway
from ...models.roles import ModelRoles
from ...models.store import MemoryStore
from ...options import whole
from ...records import Draw, Request, Response, Sampling, Situation, ToolCall, Usage
from ...rng import seed_of
from ...tasks.base import Task, max_decisions, random_state_after
from ...tasks.tools import tools_of
from ..experiment import EPISODES, Experiment, ModelSet
from ..variant import Variant

ANSWER_TOKENS = 160  # of one answer that holds a reasoning
_TOKENS_PER_MESSAGE, _TOKENS_PER_REQUEST = 4, 3  # of OpenAI's chat format, beside the contents
_PIECE = re.compile(r"[^\W\d_]{1,12}|\d{1,3}| (?=\d)|[^\w\s]+\n*|_|\n+")
_NUMBER = re.compile(r"\d+")
_MARKER = re.compile(r"^(BEST|ACTION|RECOMMENDED|RANKING|APPROVE|POINTS|CONFIDENCE)=", re.MULTILINE)
_FORM = re.compile(r"(?:Answer|End) with (?:one|two|\w+) lines?\b")

T = TypeVar("T")


def estimate_tokens(text: str, digits: int = 3) -> int:
    """About how many tokens a text has: words, digits by up to `digits`, a space before a digit, runs of marks."""
    numbers = 0 if digits == 3 else sum(-(-len(n) // digits) - -(-len(n) // 3) for n in _NUMBER.findall(text))
    return len(_PIECE.findall(text)) + numbers


@dataclass(frozen=True)
class CostEstimate:
    """Expected calls, tokens and dollars; dollars are None where no price is known."""

    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    dollars: float | None = 0.0

    def __add__(self, other: CostEstimate) -> CostEstimate:
        known = self.dollars is not None and other.dollars is not None
        return CostEstimate(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            (self.dollars or 0.0) + (other.dollars or 0.0) if known else None,
        )

    def __mul__(self, factor: float) -> CostEstimate:
        dollars = None if self.dollars is None else self.dollars * factor
        return CostEstimate(self.calls * factor, self.prompt_tokens * factor, self.completion_tokens * factor, dollars)


@dataclass(frozen=True)
class ForecastRow:
    """One variant on one task with one assignment of models.

    Attributes:
        fewest_calls, calls, depth: of one decision, by its plan; None where they are unknown.
        decisions: the most that the run can hold here.
        alone: the cost of one decision if nothing is shared.
        added: its cost for calls that no earlier variant makes.
        alone_at_most, added_at_most: the same with every answer as long as it may be. All four are None where the
            calls are unknown.
    """

    variant: str
    task: str
    model: str
    fewest_calls: int | None
    calls: int | None
    depth: int | None
    decisions: int
    alone: CostEstimate | None = None
    added: CostEstimate | None = None
    alone_at_most: CostEstimate | None = None
    added_at_most: CostEstimate | None = None


@dataclass(frozen=True)
class Forecast:
    """The rows of an experiment. The sums are over the whole run and leave out variants whose calls are unknown.

    Attributes:
        unpriced: labels of the models without a known price.
        unknown: names of the variants whose calls are unknown.
    """

    rows: tuple[ForecastRow, ...]
    answer_tokens: int
    probes: int
    unpriced: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def alone(self) -> CostEstimate:
        """The run, if every variant were run by itself."""
        return self._sum("alone")

    @property
    def shared(self) -> CostEstimate:
        """The run, with shared answers asked for once."""
        return self._sum("added")

    @property
    def at_most(self) -> CostEstimate:
        """The run with shared answers, every answer as long as it may be."""
        return self._sum("added_at_most")

    def _sum(self, column: str) -> CostEstimate:
        total = CostEstimate()
        for row in self.rows:
            cost: CostEstimate | None = getattr(row, column)
            if cost is not None:
                total += cost * row.decisions
        return total


def forecast_run(experiment: Experiment, probes: int = 4, answer_tokens: int = ANSWER_TOKENS) -> Forecast:
    """What an experiment will cost.

    Args:
        probes: situations that each variant decides per task, spread evenly over the length of an episode.
        answer_tokens: assumed length of an answer that holds a reasoning; a larger budget lengthens it in proportion.

    Raises:
        BadOption: an argument is below 1.
    """
    whole("probes", probes, 1)
    whole("answer_tokens", answer_tokens, 1)
    forecast, _ = _in_own_loop(_forecast(experiment, probes, answer_tokens))
    return forecast


def forecast_requests(experiment: Experiment, probes: int = 4, answer_tokens: int = ANSWER_TOKENS) -> list[Request]:
    """Every request that a forecast plays, each once."""
    _, stores = _in_own_loop(_forecast(experiment, probes, answer_tokens))
    return [call.request for store in stores for call in store.calls.values()]


async def requests_at(variant: Variant, task: Task, models: ModelSet, episode: int, state: Any) -> list[Request]:
    """What a variant asks at one state, if every answer is as short as its form allows; nothing where unknown."""
    if variant.plan.calls is None:
        return []
    store = _ProbeStore(models, 1, False)
    await store.decide(_unrolled(variant), task, state, episode)
    return [call.request for call in store.calls.values()]


def _in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: the thread of a notebook has an event loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _forecast(experiment: Experiment, probes: int, answer_tokens: int) -> tuple[Forecast, list[_ProbeStore]]:
    """The forecast, and the stores of the probed situations with answers of the usual length."""
    rows: list[ForecastRow] = []
    stores: list[_ProbeStore] = []
    sharing = experiment.design == "fork"
    played = {v.name: _unrolled(v) for v in experiment.variants if v.plan.calls is not None}
    for label, task in zip(experiment.labels(), experiment.tasks, strict=True):
        states = list(_probed_states(task, experiment.seed, probes, experiment.episodes))
        for models in experiment.models:
            usual, longest = [[_ProbeStore(models, answer_tokens, long) for _ in states] for long in (False, True)]
            stores += usual
            for v in experiment.variants:
                decisions = experiment.episodes * max_decisions(task)
                row = ForecastRow(
                    v.name, label, models.label, v.plan.fewest_calls, v.plan.calls, v.plan.depth, decisions
                )
                if v.name in played:
                    trials = experiment.trials
                    alone, added = await _mean_cost(played[v.name], task, states, usual, sharing, trials)
                    alone_at_most, added_at_most = await _mean_cost(
                        played[v.name], task, states, longest, sharing, trials
                    )
                    row = replace(
                        row, alone=alone, added=added, alone_at_most=alone_at_most, added_at_most=added_at_most
                    )
                rows.append(row)
    unpriced = tuple(b.info.label for b in experiment.backends if b.info.price is None)
    unknown = tuple(v.name for v in experiment.variants if v.name not in played)
    return Forecast(tuple(rows), answer_tokens, probes, unpriced, unknown), stores


def _unrolled(variant: Variant) -> Variant:
    return Variant(variant.name, variant.plan.unrolled())


def _probed_states(task: Task, seed: int, probes: int, episodes: int) -> Iterator[tuple[int, Any]]:
    """(seed of the episode, state) of each probe: the run's own episodes, advanced by legal actions at random."""
    for probe in range(probes):
        episode = seed * EPISODES + probe % episodes
        steps = (2 * probe + 1) * max_decisions(task) // (2 * probes)
        yield episode, random_state_after(task, episode, steps, "forecast")


async def _mean_cost(
    variant: Variant,
    task: Task,
    states: Sequence[tuple[int, Any]],
    stores: Sequence[_ProbeStore],
    sharing: bool,
    trials: int,
) -> tuple[CostEstimate, CostEstimate]:
    """(cost of a decision alone, cost of its calls that no earlier variant makes), on average over the states."""
    alone = added = CostEstimate()
    for (episode, state), store in zip(states, stores, strict=True):
        keys, new_keys = await store.decide(variant, task, state, episode, trials)
        alone += store.cost(keys)
        added += store.cost(new_keys if sharing else keys)
    return alone * (1 / len(states)), added * (1 / len(states))


@dataclass(frozen=True)
class _Call:
    request: Request
    cost: CostEstimate


class _ProbeStore(MemoryStore):
    """The store of one probed situation. All variants share its answers; it knows which keys each asked for."""

    def __init__(self, models: ModelSet, answer_tokens: int, longest: bool) -> None:
        super().__init__()
        self.calls: dict[str, _Call] = {}
        self._asked_keys: list[str] = []
        self._stand_ins = {b.info.id: _StandIn(b, answer_tokens, longest) for b in models.slots.values()}
        self._gateway = Gateway(list(self._stand_ins.values()), self)
        self._models = ModelRoles(self._gateway, {slot: b.info.id for slot, b in models.slots.items()})

    def get(self, key: str) -> Response | None:
        self._asked_keys.append(key)
        return super().get(key)

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        await super().put(key, request, draw, response)
        usage, price = response.usage, self._gateway.info(request.model).price
        dollars = None if price is None else price.of(usage)
        self.calls[key] = _Call(request, CostEstimate(1, usage.prompt_tokens, usage.completion_tokens, dollars))

    async def decide(
        self, variant: Variant, task: Task, state: Any, episode: int, trials: int = 1
    ) -> tuple[list[str], list[str]]:
        """(keys of every answer asked for, keys of those that were not stored yet), over all draws of the decision."""
        situation, oracle, tools = task.situation(state), task.oracle(state), tools_of(task, state)
        from langsmith.run_helpers import tracing_context  # noqa: PLC0415  (loads at first use)

        shown = variant.plan.view(situation, Draw(episode, situation.step))
        for stand_in in self._stand_ins.values():
            stand_in.situation = shown
        before = set(self.calls)
        self._asked_keys.clear()
        with tracing_context(enabled=False):  # these decisions are no part of a trace
            for trial in range(trials):
                models = replace(self._models, trial=trial)
                await variant.decide(situation, models, episode, situation.step, oracle, tools)
        return list(self._asked_keys), [k for k in self.calls if k not in before]

    def cost(self, keys: Sequence[str]) -> CostEstimate:
        """The cost of the calls behind these keys."""
        return sum((self.calls[k].cost for k in keys), CostEstimate())


@dataclass
class _StandIn(NothingToOpen):
    """Stands in for a model: answers with filler text, in the form and at about the length that is asked for.

    No two of its longer answers are the same, as with a model, so that no call seems shared that would not be.
    """

    model: Backend
    answer_tokens: int
    longest: bool
    situation: Situation | None = field(default=None, init=False)

    @property
    def info(self) -> ModelInfo:
        info = self.model.info
        return replace(info, tools="native") if info.tools == "prompted" else info

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        sampling, info = request.sampling, self.info
        chat = request.mode == "chat"
        per_message = _TOKENS_PER_MESSAGE if chat else 0
        prompt_tokens = sum(map(estimate_tokens, request.texts)) + per_message * len(request.messages)
        prompt_tokens += _TOKENS_PER_REQUEST if chat else 0
        if sampling.choices and info.probs:
            uniform = dict.fromkeys(sampling.choices, 1 / len(sampling.choices))
            response = Response(self._label(request, draw, key), probs=uniform, mass=1.0)
            completion_tokens = estimate_tokens(response.text)  # one label is drawn, whatever `max_tokens` allows
        elif self.longest and request.tools and request.tool_choice != "none":
            call = ToolCall(request.tools[0].name, id=f"call_{key[:12]}")  # every round of calls is played
            usage = Usage(prompt_tokens, sampling.max_tokens + self._thought(sampling))
            return Response("", finish_reason="tool_calls", tool_calls=(call,), usage=usage)
        else:
            response = Response(self._text(request, draw, key))
            length = sampling.max_tokens if self.longest else estimate_tokens(response.text)
            thought = self._thought(sampling)
            completion_tokens = min(length, sampling.max_tokens) + thought
            return replace(response, usage=Usage(prompt_tokens, completion_tokens, reasoning_tokens=thought))
        return replace(response, usage=Usage(prompt_tokens, completion_tokens))

    def _thought(self, sampling: Sampling) -> int:
        """The tokens that the model thinks beside its answer: as many as it may, or as usual at its effort."""
        thinking, most = self.info.thinking, sampling.most_tokens - sampling.max_tokens
        if thinking is None or self.longest:
            return most
        return min(thinking.usual(sampling.reasoning_effort), most)

    def _text(self, request: Request, draw: Draw, key: str) -> str:
        sampling, question = request.sampling, request.messages[-1].content
        label = self._label(request, draw, key)
        if request.mode == "completion":
            lines = [f"the best choice now is {label}."] if not sampling.choices else [label]
            lines += [f"ACTION={label}"] if "\nACTION=" in question else []
            alone = bool(sampling.choices) or question.endswith("Answer:")
            between = "\n" if "\n" not in sampling.stop else " " if alone else ", so "
        else:
            forms = list(_FORM.finditer(question))
            form = question[forms[-1].start() :] if forms else ""
            lines = [_LINES.get(m[1], "{0}={1}").format(m[1], label) for m in _MARKER.finditer(form)]
            alone, between = "nothing else" in form, "\n"
        ending = between.join(lines)
        if self.longest:
            length = sampling.max_tokens
        elif alone:
            length = 0
        else:
            length = min(ceil(self.answer_tokens * max(1.0, sampling.max_tokens / _USUAL)), sampling.max_tokens)
        name = seed_of(draw.episode, "prose", key, bits=36)
        prose = _prose(length - estimate_tokens(ending) - 1, name)
        return (prose + between + ending).strip()

    def _label(self, request: Request, draw: Draw, key: str) -> str:
        situation = self.situation
        if request.sampling.choices:
            labels = request.sampling.choices
        elif situation is not None and situation.actions:
            labels = situation.actions
        else:
            return "7" if situation is not None and situation.answer == "number" else "an answer of a few words"
        return labels[seed_of(draw.episode, "label", key, bits=16) % len(labels)]


_USUAL = Sampling().max_tokens
_LINES = {"CONFIDENCE": "{0}=80", "RANKING": "{0}={1} > {1}", "APPROVE": "{0}={1}, {1}", "POINTS": "{0}={1}:6, {1}:4"}


def _prose(length: int, name: int) -> str:
    """Filler text of `length` tokens, one sentence without its mark, that begins with the digits of `name`."""
    if length <= 0:
        return ""
    digits = f"{name:012d}"
    numbers = [digits[i : i + 3] for i in range(0, 3 * min(4, (length + 1) // 2), 3)]
    return " ".join([*numbers, *filler_for("word " * length).replace(".", "").split()[: length - 2 * len(numbers) + 1]])
