"""Messages and answers in LangChain's form and in ours, both ways.

Invariant: what a message says is carried over or the message is refused: nothing that is sent is dropped. What a model
thought before a plain answer is not sent, as providers ask; before a call of a tool it is, since some refuse it
otherwise. A call that no model made has a name by its place in the conversation, so that the same is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import orjson
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from ...errors import Rejected
from ...records import Message, Part, Response, TokenLogprob, ToolCall
from ..base import MESSAGE_ID

_ROLES = {"system": "system", "human": "user", "ai": "assistant", "tool": "tool"}
_BLOCKS = "provider_blocks"
_DRAWN_AT_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The identifiers of calls that a graph writes itself, such as those by which a supervisor is handed back to: UUIDs."""
# Blocks of an AI message that say nothing beside its text and its calls.
_SAID_ELSEWHERE = frozenset(
    ("tool_use", "tool_call", "function_call", "thinking", "redacted_thinking", "reasoning", "refusal")
)


def from_langchain(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """LangChain's messages in ours.

    Raises:
        Rejected: a message is of a type, or holds a block, that cannot be sent.
    """
    return _named_by_place(tuple(map(_message, messages)))


def _named_by_place(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with the random identifiers of calls replaced by such as are the same whenever it is asked."""
    names: dict[str, str] = {}
    for message in messages:
        for call in message.tool_calls if not message.blocks else ():
            if _DRAWN_AT_RANDOM.fullmatch(call.id):
                names.setdefault(call.id, str(uuid5(NAMESPACE_OID, f"{len(names)} {call.name}")))
    return tuple(_renamed(message, names) for message in messages) if names else messages


def _renamed(message: Message, names: Mapping[str, str]) -> Message:
    if message.is_plain:
        return message
    calls = tuple(replace(call, id=names.get(call.id, call.id)) for call in message.tool_calls)
    answered = names.get(message.tool_call_id, message.tool_call_id)
    return replace(message, tool_calls=calls, tool_call_id=answered)


def _message(message: BaseMessage) -> Message:
    role = _ROLES.get(message.type.removesuffix("MessageChunk").casefold())
    if role is None:
        raise Rejected(
            f"a message of type {message.type!r} cannot be sent", remedy="Use system, human, AI and tool messages."
        )
    parts = _parts(message)
    plain = all(part.type == "text" for part in parts)
    content = "".join(part.text for part in parts)
    calls = calls_of(message) if isinstance(message, AIMessage) else ()
    thoughts = message.additional_kwargs.get("reasoning_content") if calls else ""
    return Message(
        role,  # type: ignore[arg-type]
        content,
        parts=() if plain else parts,
        tool_calls=calls,
        tool_call_id=message.tool_call_id if isinstance(message, ToolMessage) else "",
        name=message.name or "",
        reasoning=thoughts if isinstance(thoughts, str) else "",
        blocks=str(message.additional_kwargs.get(_BLOCKS) or "") if calls else "",
    )


def _parts(message: BaseMessage) -> tuple[Part, ...]:
    if isinstance(message.content, str):
        return (Part("text", message.content),)
    parts = []
    for block in message.content:
        if isinstance(block, str):
            parts.append(Part("text", block))
        elif block.get("type") == "text":
            parts.append(Part("text", str(block.get("text", ""))))
        elif url := _image(block):
            parts.append(Part("image", url=url, detail=_detail(block)))
        elif not (message.type in ("ai", "AIMessageChunk") and block.get("type") in _SAID_ELSEWHERE):
            raise Rejected(
                f"content of type {str(block.get('type'))!r} cannot be sent",
                remedy="Put what it says into a text; images are sent by reference or as data.",
            )
    return tuple(parts)


def _image(block: Mapping[str, Any]) -> str:
    """The address of an image in any of the forms in which LangChain and providers write one; empty if it is none."""
    if block.get("type") == "image_url":
        told = block.get("image_url")
        return str(told.get("url", "") if isinstance(told, Mapping) else told or "")
    if block.get("type") != "image":
        return ""
    source = block.get("source")
    inner: Mapping[str, Any] = source if isinstance(source, Mapping) else block
    data = inner.get("base64") or inner.get("data")
    if data:
        return f"data:{inner.get('mime_type') or inner.get('media_type') or 'image/png'};base64,{data}"
    return str(inner.get("url") or "")


def _detail(block: Mapping[str, Any]) -> str:
    told = block.get("image_url")
    return str(told.get("detail") or "") if isinstance(told, Mapping) else ""


def calls_of(message: AIMessage) -> tuple[ToolCall, ...]:
    """The calls of tools that a message asks for, those whose arguments are no JSON at the end."""
    called = [ToolCall(c["name"], _json(c["args"]), c["id"] or "") for c in message.tool_calls]
    called += [ToolCall(c["name"] or "", c["args"] or "", c["id"] or "") for c in message.invalid_tool_calls]
    return tuple(called)


def _json(arguments: Mapping[str, Any]) -> str:
    return orjson.dumps(arguments, default=str).decode()


def to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    """Messages in LangChain's form."""
    return [_to_langchain(message) for message in messages]


def _to_langchain(message: Message) -> BaseMessage:
    content: Any = message.content
    if message.parts:
        content = [
            {"type": "text", "text": p.text} if p.type == "text" else {"type": "image_url", "image_url": {"url": p.url}}
            for p in message.parts
        ]
    named = {"name": message.name} if message.name else {}
    if message.role == "system":
        return SystemMessage(content, **named)
    if message.role == "user":
        return HumanMessage(content, **named)
    if message.role == "tool":
        return ToolMessage(content, tool_call_id=message.tool_call_id, **named)
    more = {"reasoning_content": message.reasoning, _BLOCKS: message.blocks}
    calls, invalid = _langchain_calls(message.tool_calls)
    return AIMessage(
        content,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        additional_kwargs={name: value for name, value in more.items() if value},
        **named,
    )


def _langchain_calls(calls: Sequence[ToolCall]) -> tuple[list[LangChainToolCall], list[InvalidToolCall]]:
    """(calls, those whose arguments are no JSON object)."""
    made, invalid = [], []
    for call in calls:
        arguments = call.parsed()
        if arguments is not None:
            made.append(LangChainToolCall(name=call.name, args=arguments, id=call.id, type="tool_call"))
            continue
        why = "the arguments are no JSON object"
        invalid.append(
            InvalidToolCall(name=call.name, args=call.arguments, id=call.id, error=why, type="invalid_tool_call")
        )
    return made, invalid


def generation(response: Response, label: str = "") -> ChatGeneration:
    """A response in LangChain's form.

    Args:
        label: the model's name, where the provider does not say it.
    """
    calls, invalid = _langchain_calls(response.tool_calls)
    message = AIMessage(
        response.text,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=_counts(response),
        additional_kwargs=_more(response),
        response_metadata=_metadata(response, label),
        id=response.reported.get(MESSAGE_ID),
    )
    return ChatGeneration(message=message)


def chunks_of(response: Response, label: str = "") -> Iterator[ChatGenerationChunk]:
    """A response in pieces, word by word: an answer is committed before anybody sees it, so it is there at once."""
    name = response.reported.get(MESSAGE_ID)
    words = [word for word in response.text.splitlines(keepends=True) for word in _words(word)]
    for word in words:
        yield ChatGenerationChunk(message=AIMessageChunk(content=word, id=name))
    for place, call in enumerate(response.tool_calls):
        piece = tool_call_chunk(name=call.name, args=call.arguments, id=call.id, index=place)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[piece], id=name))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content="",
            id=name,
            usage_metadata=_counts(response),
            additional_kwargs=_more(response),
            response_metadata=_metadata(response, label),
            chunk_position="last",
        )
    )


def _words(line: str) -> list[str]:
    pieces = line.split(" ")
    return [piece for piece in (*(f"{p} " for p in pieces[:-1]), pieces[-1]) if piece]


def _counts(response: Response) -> UsageMetadata:
    usage = response.usage
    counts = UsageMetadata(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )
    if usage.cached_tokens:
        counts["input_token_details"] = {"cache_read": usage.cached_tokens}
    if usage.reasoning_tokens:
        counts["output_token_details"] = {"reasoning": usage.reasoning_tokens}
    return counts


def _more(response: Response) -> dict[str, Any]:
    refusal = response.text if response.status == "refused" else ""
    more = {"reasoning_content": response.reasoning, _BLOCKS: response.blocks, "refusal": refusal}
    return {name: value for name, value in more.items() if value}


def _metadata(response: Response, label: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "model_name": response.reported.get("model") or label,
        "finish_reason": response.finish_reason,
        "status": response.status,
    }
    if response.logprobs:
        metadata["logprobs"] = {"content": [_token(one) for one in response.logprobs]}
    return metadata


def _token(one: TokenLogprob) -> dict[str, Any]:
    top = [{"token": token, "logprob": logprob} for token, logprob in one.top]
    return {"token": one.token, "logprob": one.logprob, "top_logprobs": top}
