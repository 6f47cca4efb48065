"""A torch model as a backend: asked like any other model, and the one that is trained.

Invariants
- Requests that wait at the same time are answered in one batch. Every token is drawn with a random number that the
  request and its draw name, so who shares a batch changes an answer by rounding at most.
- `choices` are chosen as the embedded model chooses: from their probabilities as the next token, renormalised, with
  the mass on them reported. A label of several tokens has the product of its tokens' probabilities.
- A `free` policy plays for its training: an action is sampled from the whole vocabulary at the request's temperature,
  legal or not. So what a rollout punishes as invalid happens with probability 1 - mass, the very mass that evaluation
  reports; and the tokens as they were sampled are kept in `said`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Rejected, TrainingFailed, Unavailable
from ..models.base import ModelInfo, Style
from ..models.providers.embedded import choose_label
from ..records import Draw, Request, Response, Sampling, Usage, digest
from ..rng import named_rng
from .prefix_cache import Read, read_on
from .weights import Weights, inner_of, out_of_memory, torch_of

__all__ = ["Policy"]

GATHER = 0.005  # seconds without a new request after which a batch is full
_SERIAL = itertools.count()


@dataclass
class Policy:
    """A causal language model in torch as a backend.

    Args:
        weights: the model and its tokenizer.
        name: what tables call it.
        style: how it is prompted.
        free: it plays for its training, see above.
        batch: sequences per forward pass.
        identity: names the weights, so that answers kept under it are found again; by default they are not.
    """

    weights: Weights
    name: str = "policy"
    style: Style = "tuned"
    free: bool = False
    batch: int = 32
    identity: str = ""
    said: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict, init=False, repr=False)
    _waiting: list[_Asked] = field(default_factory=list, init=False, repr=False)
    _worker: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _serial: int = field(default_factory=lambda: next(_SERIAL), init=False, repr=False)
    _read: Read | None = field(default=None, init=False, repr=False)

    @property
    def info(self) -> ModelInfo:
        own = {"style": self.style, "free": self.free, "weights": self.identity or self._serial}
        return ModelInfo(
            id=f"torch/{self.name}#{digest(own, 4)}",
            label=self.name,
            style=self.style,
            max_concurrency=4 * self.batch,
            probs=self.style != "chat",
        )

    async def open(self) -> None:
        """Forget what an earlier event loop left."""
        torch_of()
        self._waiting, self._worker, self._read = [], None, None
        self.weights.model.eval()

    async def close(self) -> None:
        """Let the batch under way end."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
        self._worker = self._read = None

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        asked = _Asked(key, request, draw, self._tokens(request), asyncio.get_running_loop().create_future())
        if len(asked.prompt) + asked.most(self._encode) > self.weights.model.config.max_position_embeddings:
            raise Rejected(
                f"{self.name!r} refused the request", f"a prompt of {len(asked.prompt)} tokens",
                "Use a shorter history.",
            )  # fmt: skip
        self._waiting.append(asked)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        while self._waiting:
            seen = 0
            while seen != len(self._waiting):
                seen = len(self._waiting)
                await asyncio.sleep(GATHER)
            kind = self._waiting[0].kind
            group = sorted((a for a in self._waiting if a.kind == kind), key=lambda a: a.key)[: self.batch]
            self._waiting = [a for a in self._waiting if a not in group]
            try:
                answers: Sequence[Response | Exception] = await asyncio.to_thread(self._answer, group)
            except Exception as error:
                answers = [_told(error)] * len(group)
            for asked, answer in zip(group, answers, strict=True):
                if asked.answer.done():
                    continue
                if isinstance(answer, Exception):
                    asked.answer.set_exception(answer)
                else:
                    asked.answer.set_result(answer)

    def _tokens(self, request: Request) -> list[int]:
        tokenizer = self.weights.tokenizer
        if request.mode == "chat":
            said = [{"role": m.role, "content": m.content} for m in request.messages]
            text = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
        else:
            text = "".join(m.content for m in request.messages)
        return self._encode(text)

    def _encode(self, text: str) -> list[int]:
        return list(self.weights.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _answer(self, group: Sequence[_Asked]) -> list[Response]:
        torch = torch_of()
        with torch.inference_mode():
            if group[0].choices and not self.free:
                return self._chosen(group)
            return self._sampled(group)

    def _chosen(self, group: Sequence[_Asked]) -> list[Response]:
        """Answers among the choices."""
        forms = {label: self._forms(label) for asked in group for label in asked.choices}
        rows = {tuple(a.prompt + form[:-1]) for a in group for label in a.choices for form in forms[label]}
        longest = max(len(form) for some in forms.values() for form in some)
        logs = self._log_softmax([list(row) for row in sorted(rows)], longest)
        place = dict(zip(sorted(rows), logs, strict=True))
        found = []
        for asked in group:
            raw = {}
            for label in asked.choices:
                each = [_chain(place[tuple(asked.prompt + form[:-1])], form) for form in forms[label]]
                raw[label] = sum(each)
            mass = sum(raw.values())
            if not mass > 0:
                raise Unavailable(f"{self.name!r} gives no choice any probability")
            probs = {label: round(p / mass, 6) for label, p in raw.items()}
            label = choose_label(probs, asked.request.sampling.temperature, float(asked.random(1)[0]))
            usage = Usage(len(asked.prompt), 1)
            found.append(Response(label, "ok", "choice", usage, probs, round(min(mass, 1.0), 6)))
        return found

    def _forms(self, label: str) -> list[list[int]]:
        """How a label may be written: with a space before it and without; of one token each where there are such."""
        forms = [self._encode(label), self._encode(f" {label}")]
        short = [form for form in forms if len(form) == 1]
        return [list(f) for f in dict.fromkeys(map(tuple, short or forms[:1]))]

    def _log_softmax(self, rows: list[list[int]], keep: int) -> list[Any]:
        """Log-probabilities behind the last `keep` tokens of every row, on the CPU: (keep, vocabulary) a row."""
        torch, found = torch_of(), list[Any]()
        for begin in range(0, len(rows), self.batch):
            logits = read_on(inner_of(self.weights.model), None, rows[begin : begin + self.batch], keep).all
            found += list(torch.log_softmax(logits.double(), -1).cpu())
        return found

    def _sampled(self, group: Sequence[_Asked]) -> list[Response]:
        """Answers token by token, until a stop string, an end token, or the most tokens there may be."""
        torch = torch_of()
        sampling = group[0].request.sampling
        most = max(a.most(self._encode) for a in group)
        numbers = torch.tensor([list(a.random(most)) for a in group], dtype=torch.float64)
        tokens: list[list[int]] = [[] for _ in group]
        ends = [""] * len(group)
        read = read_on(inner_of(self.weights.model), self._read, [a.prompt for a in group])
        for n in range(most):
            drawn = _drawn(read.logits, sampling, numbers[:, n])
            for row, (asked, token) in enumerate(zip(group, drawn, strict=True)):
                if not ends[row]:
                    tokens[row].append(token)
                    ends[row] = self._end(asked, tokens[row])
            if all(ends) or n + 1 == most:
                break
            read = read_on(inner_of(self.weights.model), read, [r + [t] for r, t in zip(read.rows, drawn, strict=True)])
        self._read = read
        return [self._said(*each) for each in zip(group, tokens, ends, strict=True)]

    def _end(self, asked: _Asked, tokens: list[int]) -> str:
        """Why an answer ends behind these tokens; empty where it goes on."""
        text = self._text(tokens)
        if asked.choices:
            label = text.strip(" ")
            return "" if any(c != label and c.startswith(label) for c in asked.choices) else "choice"
        if tokens[-1] in _ends(self.weights):
            return "stop"
        return "stop" if any(s in text for s in asked.request.sampling.stop) else ""

    def _said(self, asked: _Asked, tokens: list[int], end: str) -> Response:
        text = self._text(tokens)
        if asked.choices:
            for n in range(len(tokens), 0, -1):  # "Red" and "Red-2": what begins both was read on
                if self._text(tokens[:n]).strip(" ") in asked.choices:
                    tokens = tokens[:n]
                    break
            text, end = self._text(tokens).strip(" "), "choice"
        for stop in asked.request.sampling.stop:
            text = text.partition(stop)[0]
        if self.free:
            self.said[asked.key] = (asked.prompt, tokens)
        usage = Usage(len(asked.prompt), len(tokens))
        return Response(text, "ok" if end else "truncated", end or "length", usage)

    def _text(self, tokens: list[int]) -> str:
        return str(self.weights.tokenizer.decode(tokens, skip_special_tokens=True))


@dataclass(frozen=True, eq=False)
class _Asked:
    """A request that waits for its answer."""

    key: str
    request: Request
    draw: Draw
    prompt: list[int]
    answer: asyncio.Future[Response]

    @property
    def choices(self) -> tuple[str, ...]:
        return self.request.sampling.choices if self.request.mode == "completion" else ()

    @property
    def kind(self) -> tuple[Any, ...]:
        """What must be equal for two requests to be answered together."""
        s = self.request.sampling
        return bool(self.choices), s.temperature, s.top_p, 0 if self.choices else s.max_tokens

    def most(self, encode: Any) -> int:
        """The most tokens of an answer."""
        return max(map(len, map(encode, self.choices)), default=0) or self.request.sampling.max_tokens

    def random(self, count: int) -> Any:
        """Numbers in [0, 1) that belong to the request and its draw, whichever model is asked."""
        asked = digest([self.request.messages, self.request.sampling])
        return named_rng(self.draw.episode, "policy", asked, self.draw.step, self.draw.sample).random(count)


def _drawn(logits: Any, sampling: Sampling, numbers: Any) -> list[int]:
    """One token a row: the likeliest at temperature 0, else by the inverse of the distribution function."""
    torch = torch_of()
    logits = logits.double()
    if sampling.temperature <= 0:
        likeliest: list[int] = logits.argmax(-1).tolist()
        return likeliest
    logits = logits / sampling.temperature
    if sampling.top_p < 1:
        from transformers import TopPLogitsWarper

        logits = TopPLogitsWarper(sampling.top_p)(None, logits)
    reached = torch.softmax(logits, -1).cumsum(-1)
    wanted = numbers.to(logits.device)[:, None] * reached[:, -1:]
    drawn: list[int] = torch.searchsorted(reached, wanted, right=True)[:, 0].clamp(max=logits.shape[-1] - 1).tolist()
    return drawn


def _chain(logs: Any, form: list[int]) -> float:
    """Probability of a label's tokens one after the other; `logs` stand behind the last tokens of its row."""
    return float(sum(logs[n - len(form), token] for n, token in enumerate(form)).exp())


def _ends(weights: Weights) -> set[int]:
    end = weights.tokenizer.eos_token_id
    return set() if end is None else {int(end)}


def _told(error: Exception) -> Exception:
    if out_of_memory(error):
        return TrainingFailed("memory ran out", str(error).split("\n")[0], "Use a smaller batch or shorter episodes.")
    return error
