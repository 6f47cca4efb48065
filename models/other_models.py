"""Hears which chat models beside the run's own are called while a graph decides.

Invariant: a call is heard in the decision in whose context it is made. One made in a thread without a context is
laid at the door of a decision only if that decision holds its answer, so a sound graph that decides at the same time is
never blamed. Models that are not LangChain's are not heard; what they decide is in no answer of the run's model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from threading import get_ident
from typing import Any, cast

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

OURS = "akrasia-run"
RECORDED = "akrasia:recorded"
"""The tag of a tool whose results are kept."""
HANDOFF = "__handoff_destination"
"""In the metadata of the tools by which a supervisor or a swarm hands over (langgraph-supervisor, langgraph-swarm)."""


class OtherModels(BaseCallbackHandler):
    """Hears, through LangChain's callbacks, which models beside `ChatModel` are called during a decision.

    A call in a thread that was handed no context belongs to no decision that could be named: its answer is kept for
    every decision under way, which asks with `hear_elsewhere` whether it holds that answer.

    Attributes:
        names: the classes of the models that were called; thread: where the decision is taken.
        tools: the names of the tools that were called and are not recorded.
    """

    run_inline = True  # heard before the call goes on, in whatever thread or task

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.tools: set[str] = set()
        self.thread = get_ident()
        self._elsewhere: list[tuple[str, str]] = []  # (class, answer)

    def __enter__(self) -> OtherModels:
        """Listens from here on."""
        _UNDER_WAY.add(self)
        self._token = OTHER_MODELS.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        """Listens no longer."""
        OTHER_MODELS.reset(self._token)
        _UNDER_WAY.discard(self)

    def answered_elsewhere(self, name: str, text: str) -> None:
        """A model answered in a thread without a context."""
        self._elsewhere.append((name, text))

    def hear_elsewhere(self, texts: Sequence[str], own: Sequence[str]) -> None:
        """Take up the models that were called without a context and whose answer the decision holds.

        Args:
            texts: what the decision holds beside its answers: what it asked, and what nobody whom it asked said.
            own: the answers of the run's model; two models may say the same.
        """
        for name, answer in tuple(self._elsewhere):
            if answer and any(answer in text for text in texts) and not any(answer in text for text in own):
                self.names.add(name)

    def on_chat_model_start(self, serialized: dict[str, Any] | None, messages: Any, **kwargs: Any) -> None:
        """A chat model is called."""
        self._hear(serialized, kwargs)

    def on_llm_start(self, serialized: dict[str, Any] | None, prompts: Any, **kwargs: Any) -> None:
        """A model that continues texts is called."""
        self._hear(serialized, kwargs)

    def on_tool_start(self, serialized: dict[str, Any] | None, input_str: str, **kwargs: Any) -> None:
        """A tool is called."""
        hands_over = HANDOFF in (kwargs.get("metadata") or {})  # to another agent: it returns nothing
        if RECORDED not in (kwargs.get("tags") or ()) and not hands_over:
            self.tools.add(str((serialized or {}).get("name") or "a tool"))

    def _hear(self, serialized: dict[str, Any] | None, kwargs: Mapping[str, Any]) -> None:
        if (name := _other_name(serialized, kwargs)) is not None:
            self.names.add(name)


def _other_name(serialized: dict[str, Any] | None, kwargs: Mapping[str, Any]) -> str | None:
    """The class of the model that is called; None of the run's own."""
    kind = (kwargs.get("invocation_params") or {}).get("_type", "")
    path = (serialized or {}).get("id") or [(serialized or {}).get("name") or kind or "a model"]
    return None if kind == OURS else str(path[-1])


class _Elsewhere(BaseCallbackHandler):
    """Hears the calls that are made where no decision listens, and tells their answers to all that are under way."""

    run_inline = True

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}

    def on_chat_model_start(self, serialized: dict[str, Any] | None, messages: Any, **kwargs: Any) -> None:
        """A chat model is called."""
        self._hear(serialized, kwargs)

    def on_llm_start(self, serialized: dict[str, Any] | None, prompts: Any, **kwargs: Any) -> None:
        """A model that continues texts is called."""
        self._hear(serialized, kwargs)

    def _hear(self, serialized: dict[str, Any] | None, kwargs: Mapping[str, Any]) -> None:
        name = _other_name(serialized, kwargs)
        if name is not None and (serialized or {}).get("id"):  # the calls that akrasia reports itself have none
            self._names[kwargs.get("run_id")] = name

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """It answered."""
        name = self._names.pop(kwargs.get("run_id"), None)
        if name is None:
            return
        texts = [str(one.text).strip() for several in response.generations for one in several]
        for listener in tuple(_UNDER_WAY):
            for text in texts:
                listener.answered_elsewhere(name, text)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """It failed."""
        self._names.pop(kwargs.get("run_id"), None)


OTHER_MODELS: ContextVar[OtherModels | None] = ContextVar("akrasia.other_models", default=None)
_UNDER_WAY: set[OtherModels] = set()
_ELSEWHERE = _Elsewhere()


class _Listening:
    """Who hears a call, as LangChain asks it of a context variable: the decision in whose context it is made, or, in a
    thread that plays no decision and was handed no context, all that are under way.
    """

    def get(self) -> BaseCallbackHandler | None:
        own = OTHER_MODELS.get()
        if own is not None or not _UNDER_WAY:
            return own
        return None if get_ident() in {one.thread for one in tuple(_UNDER_WAY)} else _ELSEWHERE


register_configure_hook(cast(Any, _Listening()), inheritable=True)
