"""A torch model as a backend: it is asked like any other model, and it is the one that is trained.

Invariants
- Requests that wait at the same time are answered in one batch. Every token is drawn with a random number that follows
  from the request and its draw, so the other requests of a batch change an answer by rounding at most.
- `choices` are chosen as the embedded model chooses them: from their probabilities as the next token, renormalised, and
  the probability mass on them is reported. A label of several tokens has the product of its tokens' probabilities.
- An `unconstrained` policy plays for its training. It samples an action from the whole vocabulary at the request's
  temperature, legal or not. So a rollout is punished as invalid with probability 1 - mass, where mass is what an
  evaluation reports. The sampled tokens are kept in `sampled`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import Rejected, TrainingFailed, Unavailable
from ..models.base import ModelInfo, Style, prompt_digest
from ..models.providers.embedded import choose_label
from ..records import Draw, Request, Response, Sampling, Usage, digest
from ..rng import named_rng
from .prefix_cache import PrefixCache, forward_with_cache
from .weights import Weights, import_torch, is_out_of_memory, unwrap_peft

BATCH_WINDOW = 0.005  # seconds without a new request after which a batch is closed
_SERIAL = itertools.count()


@dataclass
class Policy:
    """A causal language model in torch as a backend.

    Args:
        weights: the model and its tokenizer.
        name: its name in tables.
        style: how it is prompted.
        unconstrained: it plays for its training, see above.
        batch: sequences per forward pass.
        identity: identifies the weights, so that stored answers are found again; by default they are not.

    Attributes:
        sampled: (prompt tokens, completion tokens) by the key of the request.
    """

    weights: Weights
    name: str = "policy"
    style: Style = "tuned"
    unconstrained: bool = False
    batch: int = 32
    identity: str = ""
    sampled: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict, init=False, repr=False)
    _waiting: list[_PendingRequest] = field(default_factory=list, init=False, repr=False)
    _worker: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _serial: int = field(default_factory=lambda: next(_SERIAL), init=False, repr=False)
    _cache: PrefixCache | None = field(default=None, init=False, repr=False)

    @property
    def info(self) -> ModelInfo:
        own = {"style": self.style, "free": self.unconstrained, "weights": self.identity or self._serial}
        return ModelInfo(
            id=f"torch/{self.name}#{digest(own, 4)}",
            label=self.name,
            style=self.style,
            max_concurrency=4 * self.batch,
            probs=self.style != "chat",
        )

    async def open(self) -> None:
        """Drop the state of an earlier event loop."""
        import_torch()
        self._waiting, self._worker, self._cache = [], None, None
        self.weights.model.eval()

    async def close(self) -> None:
        """Wait for the current batch."""
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
        self._worker = self._cache = None

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        pending = _PendingRequest(key, request, draw, self._prompt(request), asyncio.get_running_loop().create_future())
        if len(pending.prompt) + pending.max_tokens(self._encode) > self.weights.model.config.max_position_embeddings:
            raise Rejected(
                f"{self.name!r} refused the request",
                f"a prompt of {len(pending.prompt)} tokens",
                "Use a shorter history.",
            )
        self._waiting.append(pending)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())
        return await pending.response

    async def _work(self) -> None:
        while self._waiting:
            count = 0
            while count != len(self._waiting):
                count = len(self._waiting)
                await asyncio.sleep(BATCH_WINDOW)
            batch_key = self._waiting[0].batch_key
            group = sorted((p for p in self._waiting if p.batch_key == batch_key), key=lambda p: p.key)[: self.batch]
            self._waiting = [p for p in self._waiting if p not in group]
            try:
                responses: Sequence[Response | Exception] = await asyncio.to_thread(self._answer, group)
            except Exception as error:
                responses = [_as_training_error(error)] * len(group)
            for pending, response in zip(group, responses, strict=True):
                if pending.response.done():
                    continue
                if isinstance(response, Exception):
                    pending.response.set_exception(response)
                else:
                    pending.response.set_result(response)

    def _prompt(self, request: Request) -> list[int]:
        tokenizer = self.weights.tokenizer
        if request.mode == "chat":
            messages = [{"role": m.role, "content": m.content} for m in request.messages]
            text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        else:
            text = "".join(m.content for m in request.messages)
        return self._encode(text)

    def _encode(self, text: str) -> list[int]:
        return list(self.weights.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _answer(self, group: Sequence[_PendingRequest]) -> list[Response]:
        torch = import_torch()
        with torch.inference_mode():
            if group[0].choices and not self.unconstrained:
                return self._choose(group)
            return self._sample(group)

    def _choose(self, group: Sequence[_PendingRequest]) -> list[Response]:
        """Answers among the choices."""
        spellings = {label: self._spellings(label) for pending in group for label in pending.choices}
        inputs = {
            tuple(pending.prompt + spelling[:-1])
            for pending in group
            for label in pending.choices
            for spelling in spellings[label]
        }
        longest = max(len(spelling) for each in spellings.values() for spelling in each)
        log_probs = self._log_softmax([list(tokens) for tokens in sorted(inputs)], longest)
        by_input = dict(zip(sorted(inputs), log_probs, strict=True))
        responses = []
        for pending in group:
            raw = {}
            for label in pending.choices:
                raw[label] = sum(
                    _probability(by_input[tuple(pending.prompt + spelling[:-1])], spelling)
                    for spelling in spellings[label]
                )
            mass = sum(raw.values())
            if not mass > 0:
                raise Unavailable(f"{self.name!r} gives no choice any probability")
            probs = {label: round(p / mass, 6) for label, p in raw.items()}
            label = choose_label(probs, pending.request.sampling.temperature, float(pending.random(1)[0]))
            usage = Usage(len(pending.prompt), 1)
            responses.append(Response(label, "ok", "choice", usage, probs, round(min(mass, 1.0), 6)))
        return responses

    def _spellings(self, label: str) -> list[list[int]]:
        """A label's tokens with and without a space before it; those of one token each, where there are such."""
        spellings = [self._encode(label), self._encode(f" {label}")]
        short = [tokens for tokens in spellings if len(tokens) == 1]
        return [list(tokens) for tokens in dict.fromkeys(map(tuple, short or spellings[:1]))]

    def _log_softmax(self, sequences: list[list[int]], keep: int) -> list[Any]:
        """Log-probabilities at the last `keep` tokens of every sequence, on the CPU: (keep, vocabulary) each."""
        torch, log_probs = import_torch(), list[Any]()
        model = unwrap_peft(self.weights.model)
        for begin in range(0, len(sequences), self.batch):
            logits = forward_with_cache(model, None, sequences[begin : begin + self.batch], keep).logits
            log_probs += list(torch.log_softmax(logits.double(), -1).cpu())
        return log_probs

    def _sample(self, group: Sequence[_PendingRequest]) -> list[Response]:
        """Answers token by token, until a stop string, an end token, or the token limit."""
        torch = import_torch()
        model = unwrap_peft(self.weights.model)
        sampling = group[0].request.sampling
        limit = max(p.max_tokens(self._encode) for p in group)
        numbers = torch.tensor([list(p.random(limit)) for p in group], dtype=torch.float64)
        tokens: list[list[int]] = [[] for _ in group]
        finish = [""] * len(group)
        cache = forward_with_cache(model, self._cache, [p.prompt for p in group])
        for n in range(limit):
            drawn = _draw_tokens(cache.next_token_logits, sampling, numbers[:, n])
            for row, (pending, token) in enumerate(zip(group, drawn, strict=True)):
                if not finish[row]:
                    tokens[row].append(token)
                    finish[row] = self._finish_reason(pending, tokens[row])
            if all(finish) or n + 1 == limit:
                break
            cache = forward_with_cache(model, cache, [s + [t] for s, t in zip(cache.sequences, drawn, strict=True)])
        self._cache = cache
        return [self._response(*each) for each in zip(group, tokens, finish, strict=True)]

    def _finish_reason(self, pending: _PendingRequest, tokens: list[int]) -> str:
        """Why an answer ends after these tokens; empty where it goes on."""
        text = self._text(tokens)
        if pending.choices:
            label = text.strip(" ")
            return "" if any(c != label and c.startswith(label) for c in pending.choices) else "choice"
        if tokens[-1] in _end_tokens(self.weights):
            return "stop"
        return "stop" if any(s in text for s in pending.request.sampling.stop) else ""

    def _response(self, pending: _PendingRequest, tokens: list[int], finish: str) -> Response:
        text = self._text(tokens)
        if pending.choices:
            for n in range(len(tokens), 0, -1):  # "Red" also begins "Red-2": sampling went on to tell them apart
                if self._text(tokens[:n]).strip(" ") in pending.choices:
                    tokens = tokens[:n]
                    break
            text, finish = self._text(tokens).strip(" "), "choice"
        for stop in pending.request.sampling.stop:
            text = text.partition(stop)[0]
        if self.unconstrained:
            self.sampled[pending.key] = (pending.prompt, tokens)
        usage = Usage(len(pending.prompt), len(tokens))
        return Response(text, "ok" if finish else "truncated", finish or "length", usage)

    def _text(self, tokens: list[int]) -> str:
        return str(self.weights.tokenizer.decode(tokens, skip_special_tokens=True))


@dataclass(frozen=True, eq=False)
class _PendingRequest:
    """A request that waits for its response."""

    key: str
    request: Request
    draw: Draw
    prompt: list[int]
    response: asyncio.Future[Response]

    @property
    def choices(self) -> tuple[str, ...]:
        return self.request.sampling.choices if self.request.mode == "completion" else ()

    @property
    def batch_key(self) -> tuple[Any, ...]:
        """What must be equal for two requests to be answered together."""
        s = self.request.sampling
        return bool(self.choices), s.temperature, s.top_p, 0 if self.choices else s.max_tokens

    def max_tokens(self, encode: Callable[[str], list[int]]) -> int:
        """The most tokens of an answer."""
        return max(map(len, map(encode, self.choices)), default=0) or self.request.sampling.max_tokens

    def random(self, count: int) -> Any:
        """Numbers in [0, 1) that belong to the request and its draw, whichever model is asked."""
        content = prompt_digest(self.request)
        return named_rng(self.draw.episode, "policy", content, self.draw.step, self.draw.sample).random(count)


def _draw_tokens(logits: Any, sampling: Sampling, numbers: Any) -> list[int]:
    """One token per row: the likeliest at temperature 0, else by the inverse of the distribution function."""
    torch = import_torch()
    logits = logits.double()
    if sampling.temperature <= 0:
        likeliest: list[int] = logits.argmax(-1).tolist()
        return likeliest
    logits = logits / sampling.temperature
    if sampling.top_p < 1:
        from transformers import TopPLogitsWarper

        logits = TopPLogitsWarper(sampling.top_p)(None, logits)
    cumulative = torch.softmax(logits, -1).cumsum(-1)
    threshold = numbers.to(logits.device)[:, None] * cumulative[:, -1:]
    drawn = torch.searchsorted(cumulative, threshold, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
    tokens: list[int] = drawn.tolist()
    return tokens


def _probability(log_probs: Any, tokens: list[int]) -> float:
    """Probability of a label's tokens in a row; `log_probs` are those at the last tokens of its sequence."""
    return float(sum(log_probs[n - len(tokens), token] for n, token in enumerate(tokens)).exp())


def _end_tokens(weights: Weights) -> set[int]:
    end = weights.tokenizer.eos_token_id
    return set() if end is None else {int(end)}


def _as_training_error(error: Exception) -> Exception:
    if is_out_of_memory(error):
        return TrainingFailed("memory ran out", str(error).split("\n")[0], "Use a smaller batch or shorter episodes.")
    return error
