"""A simulated agent with planted rates: the standard by which the measurement is calibrated.

It reads the same prompts as a real model and answers in text, so every part of the program runs, from rendering to
statistics. Its rates are planted, so what the program measures can be compared with the truth.

It works out the true index values from the history in the prompt, and then draws from a stream that the request names:
whether it knows (its recommendation is optimal with probability `knowing`); what it does if it knows (`optimal`,
`greedy`, else another arm) or does not know (the published row of wrong rationales); whether frequency bias overrides
that (`frequency`: it repeats its most frequent action); and whether its answer can be parsed. The planted rates hold
exactly where the classes differ: while an untried arm is left and at least two arms were tried.

Of other tasks it knows what their solver reads in the prompt (`akrasia.solvers`). There is no greedy action there: if
it knows it does right with probability `optimal`, and else something wrong. Where a rule and its use are asked apart,
it is right with probability `knowing` on the rule and `optimal` on the use.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from math import exp, log, sqrt
from typing import Any

import numpy as np
import orjson

from ...errors import BadOption
from ...options import real
from ...records import Draw, Request, Response, ToolCall, Usage, digest
from ...rng import named_rng
from ...solvers import ReadPrompt, read_prompt
from ..base import ModelInfo, NothingToOpen

# P(class | wrong rationale), from the lower row of Schmied et al. 2025, Fig. 5: 7.2, 0.6 and 2.0 of 9.8 %.
WRONG_GREEDY, WRONG_OPTIMAL = 0.735, 0.061
IN_WORDS = "My mind is made up, and it shall be "
FIRST_RATES = 5  # the rates by which a simulated agent was named before there were others
MOST_SPREAD = 5.0

_LABELS = re.compile(r"You face \d+ \w+: ([^.\n]+)\.")
_LINE = re.compile(r"^Step=\d+ Action=(.+?) Reward=(-?[\d.]+)$", re.MULTILINE)
_RECOMMENDED = re.compile(r"^BEST=(.+)$", re.MULTILINE)
# Where a prompt begins to say how to answer; the text before it may quote other agents' answers.
_ONCE_MORE = re.compile(r"name once more the \w+ that your last answer chose")
_LETTERED = re.compile(r"^([A-J])[:).] ", re.MULTILINE)
_YES_NO = re.compile(r"\byes or no\b|\byes, no\b|\(yes/no\)", re.IGNORECASE)
_DIGITS = re.compile(r"\b\d{1,4}\b")
_HINTED = re.compile(r"I think it is (.+?)\.$", re.MULTILINE)
_ACTED = re.compile(r"^ACTION=(.+)$", re.MULTILINE)
_FORM = re.compile(r"(?:End|Answer) with (?:one line|two lines)")


@dataclass(frozen=True, slots=True)
class Planted:
    """The planted rates; all are probabilities in [0, 1].

    Attributes:
        knowing: P(recommendation is optimal).
        greedy: P(done is greedy | knows); optimal: P(done is optimal | knows); the rest does something else.
        frequency: P(the most frequent action is repeated, whatever else was drawn).
        parse_failure: P(the answer holds no action).
        spread: standard deviation, between episodes, of the log-odds of `knowing` and of `optimal`: how much items
            differ. It is no probability; 0 makes all alike. What is not optimal keeps its proportions.
        values: P(the rationale lists a value of every action): the highest is of an optimal one with probability
            `knowing`, and the conclusion draws on it.
        slips: P(such a conclusion names an action that is not optimal, although the values single out one that is).
        unmarked: P(the action is named in words only, where no reader finds it; asked again, it names it).
        swayed: P(it takes what a remark of the kind "sycophancy" points at); admits: P(it then says so).
        abstains: P(it declines where it may and does not know).
        guesses: P(it answers a question that is no bandit, by a guess: a letter of the list, yes or no, a number that
            stands there); else it says that it sees nothing to choose from.
        reverses: P(it acts otherwise than it says should be done), of dilemmas in two frames.
    """

    knowing: float = 0.87
    greedy: float = 0.64
    optimal: float = 0.24
    frequency: float = 0.0
    parse_failure: float = 0.0
    spread: float = 0.0
    values: float = 0.0
    slips: float = 0.0
    unmarked: float = 0.0
    swayed: float = 0.0
    admits: float = 0.0
    abstains: float = 0.0
    guesses: float = 0.0
    reverses: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            real(f"simulated option {name}", value, 0, MOST_SPREAD if name == "spread" else 1)
            object.__setattr__(self, name, float(value))  # 1 and 1.0 are the same model
        if self.greedy + self.optimal > 1 + 1e-9:
            raise BadOption("greedy and optimal of the simulated agent add up to more than 1", remedy="Lower one.")

    @property
    def identity(self) -> dict[str, float]:
        """What its answers are stored under: the first rates, and of later ones those that are not at their default."""
        return {k: v for i, (k, v) in enumerate(asdict(self).items()) if i < FIRST_RATES or v != _usual(k)}

    @property
    def name(self) -> str:
        """The hash of its identity, 8 hex digits."""
        rates = self.identity
        return digest(_FirstRates(**rates) if len(rates) == FIRST_RATES else rates, 4)

    def at(self, episode: int) -> Planted:
        """The rates in an episode: drawn around these where items differ."""
        if not self.spread:
            return self
        know, act = named_rng(episode, "simulated item").standard_normal(2) * self.spread
        optimal = _shifted(self.optimal, act)
        rest = (1 - optimal) / (1 - self.optimal) if self.optimal < 1 else 1.0
        return replace(self, knowing=_shifted(self.knowing, know), optimal=optimal, greedy=self.greedy * rest)


@dataclass(frozen=True, slots=True)
class _FirstRates:
    """The order of these fields is part of what old answers are stored under."""

    knowing: float
    greedy: float
    optimal: float
    frequency: float
    parse_failure: float


def _usual(rate: str) -> Any:
    """The default of a rate."""
    return Planted.__dataclass_fields__[rate].default


@lru_cache
def _info_of(planted: Planted) -> ModelInfo:
    """What is known of the simulated agent; it is asked for with every request."""
    unusual = ",".join(f"{k}={v:g}" for k, v in asdict(planted).items() if v != _usual(k))
    return ModelInfo(
        id=f"simulated/{planted.name}",
        label=":".join(filter(None, ("simulated", unusual))),
        max_concurrency=256,
        note="planted: " + ", ".join(f"{k} {v:g}" for k, v in planted.identity.items()),
        tools="native",
    )


def _shifted(rate: float, by: float) -> float:
    """A probability at log-odds that are higher by so much."""
    return rate if rate in (0.0, 1.0) else 1 / (1 + (1 - rate) / rate * exp(-by))


@dataclass(frozen=True)
class Simulated(NothingToOpen):
    """The simulated agent as a backend. It is deterministic: the same request and draw have the same answer."""

    planted: Planted = field(default_factory=Planted)

    @property
    def info(self) -> ModelInfo:
        return _info_of(self.planted)

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        rng = named_rng(draw.episode, "simulated", key)
        text = _answer(self.planted.at(draw.episode), request, rng)
        prompt = sum(len(m.content) for m in request.messages)
        if request.tools and request.tool_choice not in ("", "auto", "none"):
            call = _required_call(request, text, key)
            return Response("", finish_reason="tool_calls", tool_calls=(call,), usage=Usage(prompt // 4 + 1, 8))
        return Response(text, usage=Usage(prompt // 4 + 1, len(text) // 4 + 1), reported={"model": "simulated"})


def _required_call(request: Request, text: str, key: str) -> ToolCall:
    """A call where one is demanded: its texts hold the answer, any other argument its least value."""
    tool = next((t for t in request.tools if t.name == request.tool_choice), request.tools[0])
    properties = orjson.loads(tool.parameters).get("properties", {})
    arguments = {name: _filled(schema, text) for name, schema in properties.items()}
    return ToolCall(tool.name, orjson.dumps(arguments).decode(), f"call_{key[:12]}")


def _filled(schema: Any, text: str) -> Any:
    if schema.get("enum"):
        return next((one for one in schema["enum"] if str(one) in text), schema["enum"][0])
    kinds: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "object": {}}
    if schema.get("type") == "array":
        return [_filled(schema.get("items", {}), text)]
    return kinds.get(schema.get("type", "string"), text)


def _answer(planted: Planted, request: Request, rng: np.random.Generator) -> str:
    question = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
    if len(request.messages) > 1 and _ONCE_MORE.search(question):  # it says what it said
        acted = _ACTED.findall(request.messages[-2].content.replace(", I think.", "").replace(IN_WORDS, "ACTION="))
        return f"ACTION={acted[-1]}" if acted else "I have named none."
    form_begins = max((m.start() for m in _FORM.finditer(question)), default=0)
    form = question[form_begins:]
    prompt = "\n".join(m.content for m in request.messages if m.role != "assistant")
    list_of_labels = _LABELS.search(prompt)
    asked = read_prompt(prompt)
    if asked is not None:
        return _solved(planted, asked, prompt, form, rng)
    if list_of_labels is None:
        return _guess(planted, prompt, rng) or "I do not see what to choose from."
    listed = list_of_labels[1]
    labels = [s.strip() for s in listed.split(";" if ";" in listed else ",")]
    arms = _Arms.of(labels, [(a, float(r)) for a, r in _LINE.findall(prompt)])
    wants_best, wants_action = "BEST=" in form, "ACTION=" in form
    # Always the same draws in the same order, so that no planted rate shifts the numbers of another.
    u_know, u_do, u_frequent, u_parse, pick_stated, pick_done = rng.random(6)
    u_values, u_slips, u_unmarked, u_swayed, u_admits, u_abstains = rng.random(6)
    listing = ""
    if wants_best:
        wrong = [a for a in labels if a not in arms.optimal]
        stated = _pick(arms.optimal if u_know < planted.knowing or not wrong else wrong, pick_stated)
        if u_values < planted.values:
            listing = _listing(labels, stated)
            if stated in arms.optimal and wrong and u_slips < planted.slips:
                stated = _pick(wrong, pick_stated)
    else:
        before_form = prompt.removesuffix(form) if form_begins else prompt
        recommended = [label for label in _RECOMMENDED.findall(before_form) if label in labels]
        stated = recommended[-1] if recommended else _pick(labels, pick_stated)
    done = _act(planted, arms, stated in arms.optimal, u_do, pick_done)
    if arms.frequent and u_frequent < planted.frequency:
        done = arms.frequent
    hinted = _HINTED.search(prompt)
    owns_up = ""
    if hinted and hinted[1] in labels and u_swayed < planted.swayed:
        done = hinted[1]
        owns_up = "The professor may well be right." if u_admits < planted.admits else ""
    if "ACTION=ABSTAIN" in form and stated not in arms.optimal and u_abstains < planted.abstains:
        done = "ABSTAIN"
    if u_parse < planted.parse_failure:
        return "Let me think about this a little longer before I decide."
    lines = [*filter(None, (listing, owns_up))]
    lines += [f"Weighing mean and uncertainty, {stated} has the highest value."] if wants_best else []
    lines += [f"BEST={stated}"] if wants_best else []
    if wants_action:
        lines.append(f"{IN_WORDS}{done}, I think." if u_unmarked < planted.unmarked else f"ACTION={done}")
    return "\n".join(lines) or f"{stated} looks best to me."


def _solved(planted: Planted, asked: ReadPrompt, prompt: str, form: str, rng: np.random.Generator) -> str:
    """The answer to a question that a solver reads."""
    u_know, u_do, u_parse, u_unmarked, u_reverses, pick = rng.random(6)
    right, wrong = list(asked.right), list(asked.wrong)
    if asked.open:
        stated = done = _pick(wrong if asked.frame == "act" and u_reverses < planted.reverses else right, pick)
    elif asked.frame:
        rate = planted.knowing if asked.frame == "say" else planted.optimal
        stated = done = _pick(right if u_know < rate or not wrong else wrong, pick)
    else:
        recommended = [b for b in _RECOMMENDED.findall(prompt) if b in (*right, *wrong)] if "BEST=" not in form else []
        stated = (
            recommended[-1] if recommended else _pick(right if u_know < planted.knowing or not wrong else wrong, pick)
        )
        rate = planted.optimal if stated in right else WRONG_OPTIMAL
        astray = [stated] if stated in wrong else wrong
        done = _pick(right if u_do < rate or not wrong else astray, pick)
    if u_parse < planted.parse_failure:
        return "Let me think about this a little longer before I decide."
    lines = [f"BEST={stated}"] if "BEST=" in form else []
    if "ACTION=" in form:
        lines.append(f"{IN_WORDS}{done}, I think." if u_unmarked < planted.unmarked else f"ACTION={done}")
    return "\n".join(lines) or f"{stated} looks best to me."


def _guess(planted: Planted, prompt: str, rng: np.random.Generator) -> str:
    """A guess at a question, in every form that might be read; empty where none is made."""
    u, pick = rng.random(2)
    if u >= planted.guesses:
        return ""
    choices = list(dict.fromkeys(_LETTERED.findall(prompt)))
    choices = choices or (["yes", "no"] if _YES_NO.search(prompt) else [])
    choices = choices or list(dict.fromkeys(_DIGITS.findall(prompt))) or ["1"]
    label = _pick(choices, pick)
    return f"A guess: {label}.\nBEST={label}\nACTION={label}"


def _listing(labels: list[str], top: str) -> str:
    """A value of every action, of which that of `top` is the highest."""
    values = {label: 2.5 if label == top else 0.5 + 0.1 * (i % 9) for i, label in enumerate(labels)}
    return "\n".join(f"{label}: mean + bonus = {value:.2f}" for label, value in values.items())


def _act(planted: Planted, arms: _Arms, knows: bool, u: float, pick: float) -> str:
    greedy, optimal = (planted.greedy, planted.optimal) if knows else (WRONG_GREEDY, WRONG_OPTIMAL)
    if not arms.greedy:
        return _pick(arms.optimal, pick)
    if set(arms.greedy) <= set(arms.optimal):
        return _pick(arms.optimal, pick) if u < greedy + optimal or not arms.other else _pick(arms.other, pick)
    if u < optimal:
        return _pick(arms.optimal, pick)
    if u < optimal + greedy or not arms.other:
        return _pick(arms.greedy, pick)
    return _pick(arms.other, pick)


def _pick(options: list[str], u: float) -> str:
    return options[min(int(u * len(options)), len(options) - 1)]


@dataclass(frozen=True, slots=True)
class _Arms:
    """The classes of the arms, as a correct reader of the history knows them."""

    optimal: list[str]
    greedy: list[str]
    other: list[str]
    frequent: str | None

    @classmethod
    def of(cls, labels: list[str], history: list[tuple[str, float]]) -> _Arms:
        rewards: dict[str, list[float]] = {a: [] for a in labels}
        for action, reward in history:
            rewards[action].append(reward)
        total = len(history)
        index = {a: sum(r) / len(r) + sqrt(2 * log(total) / len(r)) for a, r in rewards.items() if r}
        top = max(index.values(), default=0.0)
        greedy = [a for a in labels if index.get(a) == top]
        optimal = [a for a in labels if a not in index] or greedy
        return cls(
            optimal,
            greedy,
            [a for a in labels if a not in optimal and a not in greedy],
            max(rewards, key=lambda a: len(rewards[a])) if history else None,
        )


def arms_in(prompt: str) -> tuple[list[str], list[str]] | None:
    """(labels of the arms, those that are optimal by the history), as a correct reader of a bandit's prompt knows them.

    None where the prompt lists no arms.
    """
    found = _LABELS.search(prompt)
    if found is None:
        return None
    labels = [s.strip() for s in found[1].split(";" if ";" in found[1] else ",")]
    return labels, _Arms.of(labels, [(a, float(r)) for a, r in _LINE.findall(prompt)]).optimal
