"""A tool whose results are kept: a resumed or offline run replays them, and variants share them.

Invariants
- What a tool returned stands in the ledger under (tool, its code, arguments, draw), committed before the graph sees it.
  The draw is that of the decision: the same call made again in one decision is a call of its own.
- A failure of the tool is kept too, so that a replay goes the same way: a graph sees a `ToolException` either way.
- Only what JSON holds is kept: anything else is a failure of the tool, which is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.tools import BaseTool, ToolException
from langchain_core.tools import tool as as_tool

from ..errors import EndsRun, PlanError, UsageError
from ..models.decision_context import CURRENT_DECISION
from ..models.other_models import RECORDED
from ..models.providers.provider_errors import scrubbed
from ..options import real
from ..records import Message, Request, Response
from .code_identity import code_of

PATIENCE = 60.0
MOST_BYTES = 262_144  # of one result


def recorded(tool: BaseTool | Callable[..., Any], timeout: float = PATIENCE) -> RecordedTool:
    """A tool that keeps what it returns.

    Args:
        tool: a LangChain tool, or a function with a docstring, of which one is made. It takes JSON and returns JSON.
        timeout: seconds that a call may take.

    Raises:
        PlanError: it needs more than its arguments, such as the state of the graph.
    """
    real("timeout of a tool", timeout, above=0)
    inner = tool if isinstance(tool, BaseTool) else as_tool(tool)
    schema: Any = inner.get_input_schema()
    injected = set(schema.model_fields) - set(inner.args)
    if injected:
        raise PlanError(
            f"the tool {inner.name!r} cannot be recorded",
            f"it is handed {', '.join(sorted(injected))} beside its arguments, which its result may depend on",
            "Let it take what it needs as arguments.",
        )
    return RecordedTool(
        name=inner.name,
        description=inner.description,
        args_schema=inner.args_schema,
        return_direct=inner.return_direct,
        response_format=inner.response_format,
        tags=[*(inner.tags or ()), RECORDED],
        handle_tool_error=inner.handle_tool_error,
        inner=inner,
        identity=f"tool/{inner.name}#{code_of(*_code(inner)).digest[:8]}",
        timeout=timeout,
    )


class RecordedTool(BaseTool):
    """A tool that keeps what it returns; `recorded` makes one."""

    inner: BaseTool
    identity: str
    timeout: float

    def _run(self, *args: Any, config: RunnableConfig, **kwargs: Any) -> Any:
        decision = CURRENT_DECISION.get(None)
        if decision is None:
            return self._opened(asyncio.run(self._called(kwargs)))
        if decision.runs_here:
            what = f"a node called the tool {self.name!r} without await"
            raise decision.fail(PlanError(what, remedy="Use ainvoke in async nodes."))
        keeping = asyncio.run_coroutine_threadsafe(self._kept(decision, kwargs, config), decision.loop)
        return self._opened(keeping.result())

    async def _arun(self, *args: Any, config: RunnableConfig, **kwargs: Any) -> Any:
        decision = CURRENT_DECISION.get(None)
        if decision is None:
            return self._opened(await self._called(kwargs))
        keeping = asyncio.run_coroutine_threadsafe(self._kept(decision, kwargs, config), decision.loop)
        return self._opened(await asyncio.wrap_future(keeping))

    async def _kept(self, decision: Any, arguments: dict[str, Any], config: RunnableConfig) -> Response:
        written = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS, default=_plain).decode()
        request = Request(self.identity, (Message("user", written),))
        metadata = ensure_config(config).get("metadata") or {}
        response: Response = await decision.keep(request, metadata, lambda: self._called(arguments))
        return response

    async def _called(self, arguments: dict[str, Any]) -> Response:
        """What a call comes to: its result as JSON, or the error that it ends in."""
        call = {"type": "tool_call", "name": self.name, "args": arguments, "id": "recorded"}
        try:
            async with asyncio.timeout(self.timeout):
                made = await self.inner.ainvoke(call, {"tags": [RECORDED]})
        except (EndsRun, UsageError):
            raise
        except TimeoutError:
            return _failure(f"no result within {self.timeout:g} s")
        except Exception as error:
            return _failure(f"{type(error).__name__}: {error}")
        if not isinstance(made, ToolMessage):
            return _failure(f"it returned a {type(made).__name__}, which is no result that can be kept")
        if made.status == "error":
            return _failure(str(made.text))
        try:
            data = orjson.dumps([made.content, made.artifact], default=_plain)
        except TypeError as error:
            return _failure(f"its result is no JSON: {error}")
        if len(data) > MOST_BYTES:
            return _failure(f"its result has {len(data):,} bytes, and {MOST_BYTES:,} are kept at most")
        return Response(data.decode().replace("<", "\\u003c"), finish_reason="tool")  # "<think>" stays what it says

    def _opened(self, response: Response) -> Any:
        """The result of a kept call.

        Raises:
            ToolException: it failed.
        """
        if response.status == "error":
            raise ToolException(f"the tool {self.name!r} failed: {response.error}")
        content, artifact = orjson.loads(response.text)
        return (content, artifact) if self.response_format == "content_and_artifact" else content


def _code(tool: BaseTool) -> list[Any]:
    """The functions behind a tool; the tool itself where it has none."""
    functions = [function for name in ("func", "coroutine") if (function := getattr(tool, name, None)) is not None]
    return functions or [tool]


def _failure(why: str) -> Response:
    return Response("", "error", "tool", error=scrubbed(why[:2_000]))


def _plain(value: Any) -> Any:
    """What is no JSON of its own: a pydantic model as its fields, which is how a tool's arguments may come.

    Raises:
        TypeError: anything else.
    """
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    raise TypeError(f"a {type(value).__name__}")
