"""A language model inside this process: llama.cpp through xllamacpp, without a key and without a download.

The default weights are those of `shipped_weights.py`. Any other GGUF file can be named by its path, and so can a LoRA
adapter (also a GGUF file), which is put on top of the weights: `embedded:organism` is the shipped adapter, a model
organism of the gap (models/organism.json describes it).

Invariants
- Answers are sampled without filters (top-k and min-p are off): the server's defaults would change what is measured.
- Where the request lists `choices`, the answer is taken from the probabilities of the next token, renormalised over the
  choices: the likeliest at temperature 0, else drawn with a random number named by the request. The mass on the choices
  is reported, since renormalising hides invalid answers. Choices of several tokens are drawn by the server under a
  grammar, without probabilities.
- Seeds follow from (request, draw), but batching moves log-probabilities by some 0.01: only the ledger replays exactly,
  asking again does not.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import BadOption, MissingExtra, MissingWeights, Rejected, Unavailable
from ...options import whole
from ...records import Draw, Request, Response, Status, Usage, digest
from ...rng import named_rng, seed_of
from ..base import ModelInfo, Style, request_digest
from ..sampling import asked_in_text, to_wire
from .lora import ORGANISM, LoraAdapter, is_adapter, organism, read_adapter
from .shipped_weights import SHIPPED_SHA256, as_q8_0, default_weights, sha256_of

SLOT_TOKENS = 1024
TOP_LOGPROBS = 100
LABEL_TOKENS = 16
TIMEOUT = 180.0


@dataclass
class Embedded:
    """A small language model inside this process (SmolLM2-135M-Instruct), or any GGUF file: embedded:FILE.

    Args:
        weights: path of another GGUF file; by default the shipped SmolLM2-135M-Instruct. The path of an adapter counts
            as `adapter`.
        adapter: path of a LoRA adapter (GGUF) for the weights, or "organism".
        slots: sequences that the server keeps ready: twice the calls at once, since two kinds of prompt take turns.
        threads: CPU threads; by default the machine's cores, at most 8.
        slot_tokens: context length of one sequence, in tokens.
        temperature: replaces the roles' own sampling temperature; what a plan or a graph sets goes before it.
        style: "completion" (few-shot examples, which a small model needs), "chat", or "tuned" (the bare form that
            training uses); by default the style that the adapter was trained in, "completion" without an adapter.
    """

    weights: str | None = None
    adapter: str | None = None
    slots: int = 16
    threads: int | None = None
    slot_tokens: int = SLOT_TOKENS
    temperature: float | None = None
    style: Style | None = None
    _server: Any = field(default=None, init=False, repr=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False, repr=False)
    _single: dict[str, bool] = field(default_factory=dict, init=False, repr=False)
    _sha256: str = field(default=SHIPPED_SHA256, init=False, repr=False)
    _adapter: LoraAdapter | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.style not in (None, "completion", "chat", "tuned"):
            raise BadOption(f"the prompt style is {self.style!r}", remedy='Use "completion", "chat" or "tuned".')
        for name, value in (("slots", self.slots), ("threads", self.threads), ("slot_tokens", self.slot_tokens)):
            if value is not None:
                whole(f"embedded option {name}", value, 1)
        for name in ("weights", "adapter"):
            path = getattr(self, name)
            if path is not None and not (isinstance(path, str) and (path == ORGANISM or Path(path).is_file())):
                raise MissingWeights(f"there is no file {path!r}", remedy="Give the path of a GGUF file.")
        if self.weights is not None and (self.weights == ORGANISM or is_adapter(Path(self.weights))):
            if self.adapter is not None:
                raise BadOption("weights and adapter are both adapters", remedy="Give one.")
            self.weights, self.adapter = None, self.weights
        if self.weights is not None:
            self._sha256 = sha256_of(Path(self.weights))
        if self.adapter is not None:
            self._adapter = read_adapter(organism() if self.adapter == ORGANISM else Path(self.adapter))
            if self._adapter.base and self._adapter.base != self._sha256:
                raise MissingWeights(
                    f"the adapter {self.adapter!r} was trained on other weights",
                    f"sha256 {self._adapter.base[:12]}",
                    "Give those weights, or train an adapter on these.",
                )
        if self.style is None:
            self.style = self._adapter.style if self._adapter else "completion"

    @property
    def info(self) -> ModelInfo:
        assert self.style is not None  # __post_init__ has set it
        is_completion = self.style != "chat"
        name = "smollm2-135m-instruct-q8_0" if self.weights is None else Path(self.weights).stem
        settings = {"sha256": self._sha256, "temperature": self.temperature, "style": self.style}
        settings["context"] = self.slot_tokens
        notes = ["actions are read off the token probabilities of the legal labels"] if is_completion else []
        label = "embedded" if self.weights is None else f"embedded:{name}"
        if self._adapter is not None:
            settings["adapter"] = self._adapter.sha256
            name += f"+{self._adapter.name}"
            label = f"embedded:{self._adapter.name}"
            notes += [self._adapter.note] if self._adapter.note else []
        return ModelInfo(
            id=f"embedded/{name}#{digest(settings, 4)}",
            label=label,
            style=self.style,
            max_concurrency=self._at_once,
            probs=is_completion,
            note="; ".join(notes),
            context=self.slot_tokens,
            digits=1 if self.weights is None else 3,
            temperature=self.temperature,
            tools="none" if self.style == "tuned" else "prompted",
        )

    @property
    def _at_once(self) -> int:
        return max(1, self.slots // 2)

    async def open(self) -> None:
        self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="embedded")
        try:
            self._server = await asyncio.get_running_loop().run_in_executor(self._pool, self._load)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop the server and free its memory."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._server = self._pool = None

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        if self._pool is None:
            raise Unavailable("the embedded model is not loaded")
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._ask, request, draw, key)
        try:
            return await asyncio.wait_for(work, TIMEOUT)
        except TimeoutError:
            raise Unavailable(f"the embedded model did not answer within {TIMEOUT:g} s") from None

    def _load(self) -> Any:
        # Threads that spin at every layer are slow beside any other process: let them spin briefly, then sleep.
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        try:
            import xllamacpp
        except ImportError as error:
            if "libgomp" in str(error):
                raise MissingExtra(
                    "llama.cpp cannot be loaded", "libgomp.so.1 is missing", "Install your system's libgomp package."
                ) from None
            raise MissingExtra.of("xllamacpp", "embedded") from None
        params = xllamacpp.CommonParams()
        params.model.path = str(as_q8_0(default_weights()) if self.weights is None else self.weights)
        params.n_parallel = self.slots
        params.n_ctx = self.slot_tokens * self.slots
        params.cpuparams.n_threads = self.threads or max(1, min(os.cpu_count() or 1, 8))
        params.verbosity = -1
        params.cache_ram_mib = 0
        params.fit_params = self.weights is not None  # the shipped ones fit anywhere, and to fit is to load twice
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if self._adapter is not None:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = str(self._adapter.path), 1.0
            params.lora_adapters = [lora]
        params.api_keys = [secrets.token_hex(16)]  # the server opens a loopback port that nobody else may use
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise MissingWeights(
                f"llama.cpp cannot load {params.model.path!r}", str(error).rstrip("."), "Give the path of a GGUF file."
            ) from None

    def _is_one_token(self, label: str) -> bool:
        """Whether a label is one token behind "=": then one distribution shows its probability."""
        if label not in self._single:
            counts = []
            for prompt in ("Action=", f"Action={label}"):
                body = {"prompt": prompt, "max_tokens": 1, "temperature": 0}
                answer = _checked(self._server.handle_completions(body))
                counts.append(int(answer["usage"]["prompt_tokens"]))
            self._single[label] = counts[1] - counts[0] == 1
        return self._single[label]

    def _ask(self, request: Request, draw: Draw, key: str) -> Response:
        sampling = request.sampling
        choices = sampling.choices if request.mode == "completion" else ()  # in a chat the answer is text
        body: dict[str, Any] = {
            **to_wire(sampling),
            "top_k": 0,
            "min_p": 0.0,
            "seed": seed_of(request_digest(request), draw.episode, draw.step, draw.sample, bits=31),
            "cache_prompt": True,
        }
        bound = {"choices", "schema"} if choices or sampling.schema else set()
        not_sent = asked_in_text(sampling) - bound
        if choices and sampling.top_p != 1.0:
            not_sent.add("top_p")
        reported = {"not_sent": ",".join(sorted(not_sent))} if not_sent else {}
        if choices:
            body["max_tokens"] = 1
        if request.mode == "completion":
            body["prompt"] = "".join(m.content for m in request.messages)
            if choices and not all(self._is_one_token(c) for c in choices):
                body |= {"max_tokens": LABEL_TOKENS, "grammar": _grammar(choices)}
            elif choices:
                # The bias makes the server sample one of them; it reports the probabilities without the bias.
                body |= {"logprobs": TOP_LOGPROBS, "logit_bias": [[c, 100.0] for c in choices]}
            elif sampling.schema:
                body["json_schema"] = json.loads(sampling.schema)
            answer = _checked(self._server.handle_completions(body))
        else:
            body["messages"] = [{"role": m.role, "content": m.content} for m in request.messages]
            if sampling.schema:
                form = {"name": "answer", "schema": json.loads(sampling.schema)}
                body["response_format"] = {"type": "json_schema", "json_schema": form}
            answer = _checked(self._server.handle_chat_completions(body))
        choice = answer["choices"][0]
        text = choice["text"] if request.mode == "completion" else choice["message"]["content"]
        counts = answer.get("usage") or {}
        details = counts.get("prompt_tokens_details") or {}
        usage = Usage(
            int(counts.get("prompt_tokens", 0)),
            int(counts.get("completion_tokens", 0)),
            int(details.get("cached_tokens") or 0),
        )
        finish = str(choice.get("finish_reason") or "stop")
        probs, mass = _over_choices(choice.get("logprobs"), choices)
        if probs is not None:
            u = float(named_rng(draw.episode, "choice", key).random())
            label = choose_label(probs, float(body["temperature"]), u)
            return Response(label, finish_reason="choice", usage=usage, probs=probs, mass=mass, reported=reported)
        status: Status = "truncated" if finish == "length" and not choices else "ok"
        return Response(text or "", status, finish, usage, reported=reported)


def _grammar(choices: tuple[str, ...]) -> str:
    return "root ::= " + " | ".join(json.dumps(c, ensure_ascii=False) for c in choices)


def _over_choices(logprobs: Any, choices: tuple[str, ...]) -> tuple[dict[str, float] | None, float | None]:
    """(probabilities of the choices as the next token, renormalised; their total before that)."""
    content = (logprobs or {}).get("content") or []
    if not content:
        return None, None
    raw = dict.fromkeys(choices, 0.0)
    for top in content[0]["top_logprobs"]:
        label = str(top["token"]).strip()
        if label in raw:
            raw[label] += math.exp(float(top["logprob"]))
    mass = sum(raw.values())
    if mass <= 0:
        return None, None
    return {a: round(p / mass, 6) for a, p in raw.items()}, round(min(mass, 1.0), 6)


def choose_label(probs: dict[str, float], temperature: float, u: float) -> str:
    """One of the labels: the likeliest at temperature 0, else drawn from p ** (1 / temperature) by `u` in [0, 1)."""
    likeliest = max(probs, key=probs.__getitem__)
    if temperature <= 0:
        return likeliest
    weights = {a: (p / probs[likeliest]) ** (1 / temperature) for a, p in probs.items()}
    left = u * sum(weights.values())
    for label, weight in weights.items():
        left -= weight
        if left < 0:
            return label
    return likeliest


def _checked(answer: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(answer) if isinstance(answer, str | bytes) else answer
    error = parsed.get("error")
    if error:
        message = str(error.get("message", error)) if isinstance(error, dict) else str(error)
        kind = error.get("type", "") if isinstance(error, dict) else ""
        if kind in ("exceed_context_size_error", "invalid_request_error"):
            raise Rejected("the embedded model refused the request", message, "Use a larger slot_tokens.")
        raise Unavailable("the embedded model failed", message)
    return parsed
