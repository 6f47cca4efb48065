"""The transport through litellm, for providers with a protocol of their own.

Invariant: litellm decides nothing. Its retries, caches, callbacks and `drop_params` are off, its exceptions become
typed errors without anything that looks like a key, and its answer is parsed like any other provider's.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import orjson

from ...errors import Denied, Fault, MissingExtra, RateLimited, Rejected, Unavailable
from ...records import Request
from ..account_faults import PARAMETER, account_fault
from .cache_marks import marked
from .contact import lookup_of
from .litellm_client import AnsweredError, OwnClients
from .litellm_logging import null_logging
from .openai_format import BROKEN_OFF, WANT_THOUGHTS, status_of, thoughts_of, wire_messages
from .provider_errors import (
    LOST,
    causes,
    error_in_answer,
    error_of_status,
    message_of,
    retry_after,
    scrubbed,
    sentence_of,
    untrusted,
    wait_in,
)

HANDLER_TIMEOUT = 600.0


_NO_MODULE = re.compile(r"No module named '([\w.]+)'")


def load_litellm() -> Any:
    """The module: imported at the first call, with whatever gets in the way switched off."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    imported = "litellm" in sys.modules
    try:
        import litellm
    except ImportError:
        raise MissingExtra("the package 'litellm' is not installed", remedy="Reinstall akrasia.") from None
    if not imported:
        # The import makes a million objects that stay: the garbage collector need not look at them again and again.
        gc.freeze()
    # pydantic warns of types of litellm's when they are first built, which may be in any call
    warnings.filterwarnings("ignore", message=".*using the `ReadOnly` qualifier", category=UserWarning)
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = False
    litellm.num_retries = 0
    logging.getLogger("LiteLLM").setLevel(logging.ERROR)
    for name in ("openai", "httpx", "httpcore"):  # they log whole headers at DEBUG, and a provider may repeat a key
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


class LitellmTransport:
    """One model asked through litellm.

    Args:
        key, base: of the account, as litellm resolves them.
        more: what every call of litellm's is given beside the request; headers: what every request carries.
        marks: up to where prompts are marked to be kept, see `cache_marks.py`.
    """

    def __init__(
        self,
        litellm: Any,
        name: str,
        api_base: str | None,
        api_key_env: str | None,
        provider: str,
        key: str | None,
        base: str | None,
        more: Mapping[str, Any],
        headers: Mapping[str, str],
        marks: str | None = None,
    ) -> None:
        self._marks = marks
        self._litellm, self._name, self._headers, self._provider = litellm, name, dict(headers), provider
        self._clients = OwnClients(litellm, provider, HANDLER_TIMEOUT, key, base or api_base, more)
        self._completion_client: Any = None
        self._null_logging = null_logging()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic warns of litellm's types when it first builds them
            litellm.ModelResponse()
        self._common: dict[str, Any] = {"model": name, "num_retries": 0, "max_retries": 0}
        self._common |= {"drop_params": False, "caching": False, "no-log": True}
        body = dict(more).pop("extra_body", {})
        self._common |= {k: v for k, v in more.items() if k != "extra_body"}
        # litellm merges `extra_body` into the body of OpenAI's form only; elsewhere it hands on what it does not know.
        self._common |= {"extra_body": body} if body and self._in_openai_form else body
        if api_base:
            self._common["api_base"] = api_base
        if api_key_env:
            self._common["api_key"] = os.environ[api_key_env]

    @property
    def _in_openai_form(self) -> bool:
        known = {str(getattr(p, "value", p)) for p in self._litellm.openai_compatible_providers}
        return self._provider in known or self._provider in ("openai", "custom_openai", "azure")

    def open_completion(self, provider: str, key: str | None, base: str | None) -> None:
        """Make one client for all calls of a base model that speaks OpenAI's protocol.

        litellm pools the clients of chat models only; for a base model it opens one for each call and closes none.
        """
        if provider in ("openai", "text-completion-openai"):
            key = key or os.environ.get("OPENAI_API_KEY")
        elif provider not in self._litellm.openai_text_completion_compatible_providers:
            return
        import openai

        self._completion_client = openai.AsyncOpenAI(
            api_key=key or "none", base_url=base, timeout=HANDLER_TIMEOUT, max_retries=0
        )

    async def ask(
        self, request: Request, settings: Mapping[str, Any], own: Mapping[str, Any], key: str, timeout: float
    ) -> dict[str, Any]:
        """The answer's body in OpenAI's form.

        Args:
            settings: of the request, by OpenAI's names; own: the model's own parameters.
            timeout: seconds for the whole exchange.
        """
        text: str | list[dict[str, Any]]
        litellm, common = self._litellm, {**self._common, **settings, **own, "timeout": timeout}
        common["extra_headers"] = {**self._headers, "Idempotency-Key": key}
        try:
            async with asyncio.timeout(timeout + 5):
                if request.mode == "completion":
                    call, name, text = "atext_completion", "prompt", "".join(m.content for m in request.messages)
                    client = self._completion_client
                else:
                    client = self._clients.argument()
                    call, name = "acompletion", "messages"
                    text = marked(wire_messages(request.messages, self._provider in WANT_THOUGHTS), self._marks)
                    if "tools" in common:
                        common["_skip_mcp_handler"] = True  # tools of litellm's own proxy: they need a package more
                if client is not None:
                    common["client"] = client
                log = None if self._null_logging is None else self._null_logging(self._name, text, call, key)
                if log is not None:
                    common["litellm_logging_obj"] = log
                return _body(await getattr(litellm, call)(**{name: text}, **common), getattr(log, "raw", None))
        except TimeoutError:
            raise Unavailable(f"{self._name} did not answer within {timeout:g} s", fault="timeout", lost=True) from None
        except Exception as error:
            raise litellm_error(litellm, self._name, error) from None

    async def close(self) -> None:
        """Close the connections that litellm pools for this event loop, and no others."""
        if self._completion_client is not None:
            await self._completion_client.close()
        self._completion_client = None
        await self._clients.close()
        pool = self._litellm.in_memory_llm_clients_cache
        ours = f"-{id(asyncio.get_running_loop())}"  # litellm's own suffix; a later loop may have the same id
        for name in [n for n in pool.cache_dict if str(n).endswith(ours)]:
            pool.ttl_dict.pop(name, None)
            await _close(pool.cache_dict.pop(name))


def litellm_error(litellm: Any, name: str, error: Exception) -> Exception:
    """The typed error for an exception of litellm's, without anything in its text that looks like a key."""
    known, status = litellm.exceptions, getattr(error, "status_code", None)
    answered = next((e for e in causes(error) if isinstance(e, AnsweredError)), None)
    if answered is not None and (failed := error_in_answer(name, answered.body)) is not None:
        return failed
    distrust = untrusted(name, error)
    if distrust is not None:
        return distrust
    package = _missing_package(error)
    if package:
        return Denied(
            f"{name} is asked through a part of litellm that needs the package {package!r}",
            "it is not installed",
            f"Install it: pip install {package}.",
        )
    moved = _redirect(error)
    if moved:
        return error_of_status(name, moved, "", "", None)
    sentence, codes = _sentence(error)
    message, full = scrubbed(sentence), f"{error} {codes} {_code(error)}"
    code = status if isinstance(status, int) else None
    if isinstance(error, known.UnsupportedParamsError):
        denied = Denied(PARAMETER.what.format(name), message, PARAMETER.remedy)
        denied.said = message
        return denied
    if isinstance(error, known.ContentPolicyViolationError) and account_fault(full, code) is None:
        return Rejected(f"{name} filtered the request", message, refusal=True)
    if account_fault(full, code) is None and not (isinstance(status, int) and 400 <= status < 500 and status != 408):
        wait = _wait(error, full)
        if isinstance(error, known.ServiceUnavailableError) and wait is not None:
            return RateLimited(f"{name} is overloaded", message, retry_after=wait)
        fault, lost = _fault(known, error)
        failed = Unavailable(f"{name} failed", f"{type(error).__name__}: {message}", fault=fault, lost=lost)
        failed.lookup = lookup_of(causes(error)) if fault == "unreachable" else ""
        return failed
    if isinstance(error, known.RateLimitError):
        status = 429
    typed = error_of_status(name, status if isinstance(status, int) else 500, sentence, full, None)
    if isinstance(typed, RateLimited):
        typed.retry_after = _wait(error, full)
    if isinstance(typed, Unavailable):
        typed.fault, typed.lost = _fault(known, error)
    return typed


def _missing_package(error: Exception) -> str:
    """The package that litellm wanted to import and did not find; empty where it was something else."""
    found = next((e.name for e in causes(error) if isinstance(e, ModuleNotFoundError) and e.name), "")
    told = _NO_MODULE.search(str(error))
    return (found or (told[1] if told else "")).partition(".")[0]


def _redirect(error: Exception) -> int:
    """The status of a redirect that was not followed; 0 where there was none."""
    import httpx

    statuses = (c.response.status_code for c in causes(error) if isinstance(c, httpx.HTTPStatusError))
    return next((status for status in statuses if 300 <= status < 400), 0)


def _sentence(error: Exception) -> tuple[str, str]:
    """(sentence, codes): from the body that a cause of the exception holds, else from the exception's own text."""
    for cause in causes(error):
        body = getattr(cause, "body", None)
        sentence, codes = message_of(body) if isinstance(body, dict) else ("", "")
        if sentence:
            return f"{type(error).__name__}: {sentence}", codes
    return sentence_of(str(error))


def _wait(error: Exception, said: str) -> float | None:
    """The seconds that a provider asks to wait: in the headers that litellm kept, or in what it said."""
    headers = getattr(error, "litellm_response_headers", None)
    wait = retry_after(headers or getattr(getattr(error, "response", None), "headers", None))
    return wait_in(said) if wait is None else wait


def _fault(known: Any, error: BaseException) -> tuple[Fault, bool]:
    """(fault, whether the answer may have been lost), by the causes of litellm's exception.

    A request was surely not served in two cases only: the server refused it, or it never reached a server. litellm's
    own status tells neither: it is 500 for a broken connection too.
    """
    import aiohttp
    import httpcore
    import httpx

    chain = causes(error)

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(e, kinds) for e in chain)

    for cause in chain:
        if isinstance(cause, httpx.HTTPStatusError):
            return "server error", cause.response.status_code in LOST
    if isinstance(error, known.Timeout):
        return "timeout", True
    if caused_by(aiohttp.ClientConnectorError, httpcore.ConnectError):
        return "unreachable", False
    if caused_by(aiohttp.ClientResponseError, httpx.DecodingError):
        return "malformed", True
    if caused_by(httpx.RequestError, aiohttp.ClientError, OSError):
        return "reset", True
    if caused_by(ValueError, TypeError, AttributeError, LookupError):  # litellm could not read the answer
        return "malformed", True
    status = getattr(error, "status_code", None)
    return "server error" if isinstance(status, int) and status >= 500 else "unavailable", True


def _code(error: BaseException) -> str:
    """The provider's own code of an error, which litellm keeps only on the causes of its exception."""
    bodies = (getattr(e, "body", None) for e in causes(error))
    return next((str(b["code"]) for b in bodies if isinstance(b, dict) and b.get("code")), "")


def _body(made: Any, raw: Any) -> dict[str, Any]:
    """The parts of an answer that `parse_completion` reads, as JSON.

    Args:
        made: litellm's object.
        raw: what the provider sent, as far as litellm shows it. In OpenAI's form it is taken as it is. Of any other, it
            tells how the answer ended: litellm calls an end that it does not know "stop".
    """
    sent = _json(raw)
    choices = sent.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict) and choices[0].keys() & {"message"}:
        return sent
    return {
        "model": getattr(made, "model", None),
        "system_fingerprint": getattr(made, "system_fingerprint", None),
        "choices": [_choice(c, sent) for c in getattr(made, "choices", None) or []],
        "usage": _counts(getattr(made, "usage", None), sent),
    }


def _counts(usage: Any, sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tokens of an answer; what is billed, where the provider counts that apart (Cohere)."""
    counts: dict[str, Any] = {name: getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")}
    for kind, part in (("prompt_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens")):
        counts[kind] = {part: getattr(getattr(usage, kind, None), part, None)}
    counts["cache_creation_input_tokens"] = getattr(usage, "cache_creation_input_tokens", None)
    theirs = sent.get("usage")
    billed = theirs.get("billed_units") if isinstance(theirs, dict) else None
    if isinstance(billed, dict):
        names = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
        counts |= {ours: billed[name] for ours, name in names if isinstance(billed.get(name), int)}
    return counts if counts["prompt_tokens"] else None  # litellm puts 0 where nothing was counted


def _json(raw: Any) -> dict[str, Any]:
    try:
        value = orjson.loads(raw) if isinstance(raw, str | bytes) else raw
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _ended(sent: dict[str, Any]) -> str:
    """How an answer ended, in the provider's own word; empty where it does not say."""
    candidates = sent.get("candidates")
    places = [sent, *(candidates[:1] if isinstance(candidates, list) else [])]
    for place in places:
        for name in ("stop_reason", "stopReason", "finishReason", "finish_reason", "done_reason"):
            said = place.get(name) if isinstance(place, dict) else None
            if isinstance(said, str) and said:
                return said
    return ""


def _choice(choice: Any, sent: dict[str, Any]) -> dict[str, Any]:
    ended = _ended(sent)
    finish = str(getattr(choice, "finish_reason", "") or "stop")
    if status_of(finish) == "ok" and (status_of(ended) != "ok" or ended.casefold() in BROKEN_OFF):
        finish = ended
    message = getattr(choice, "message", None)
    if message is None:
        return {"finish_reason": finish, "text": getattr(choice, "text", None)}
    names = ("content", "refusal", "reasoning_content", "thinking_blocks")
    parts = {n: getattr(message, n, None) for n in names}
    parts["tool_calls"] = [_dumped(call) for call in getattr(message, "tool_calls", None) or []]
    if not parts["reasoning_content"] and isinstance(sent.get("message"), dict):
        parts["reasoning_content"] = thoughts_of(sent["message"])  # litellm drops those of Cohere
    told = getattr(choice, "logprobs", None)
    return {"finish_reason": finish, "message": parts, "logprobs": _dumped(told) if told else None}


def _dumped(value: Any) -> Any:
    """A part of litellm's answer as JSON holds it."""
    dump = getattr(value, "model_dump", None)
    return dump() if callable(dump) else value


async def _close(client: Any) -> None:
    close = getattr(client, "close", None)
    closing = close() if callable(close) else None
    if inspect.isawaitable(closing):
        await closing
