"""Answers of a schema, as LangChain's chat models give them: by a tool that must be called, or by the answer's form."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from .langchain_calls import response_format_of


def structured(
    model: BaseChatModel, schema: Any, method: str, include_raw: bool, strict: bool | None
) -> Runnable[LanguageModelInput, Any]:
    """The model with answers that are read by a schema.

    Args:
        method: "function_calling", "json_schema" or "json_mode".
    """
    is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
    traced = {"ls_structured_output_format": {"kwargs": {"method": method, "strict": strict}, "schema": schema}}
    parser: Any
    if method == "function_calling":
        tool = convert_to_openai_tool(schema, strict=strict)
        name = tool["function"]["name"]
        bound = model.bind_tools([tool], tool_choice=name, parallel_tool_calls=False, **traced)
        if is_class:
            parser = PydanticToolsParser(tools=[schema], first_tool_only=True)
        else:
            parser = JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
    else:
        form: dict[str, Any] = {"type": "json_object"} if method == "json_mode" else response_format_of(schema)
        if method == "json_schema" and strict is not None:
            form["json_schema"]["strict"] = strict
        bound = model.bind(response_format=form, **traced)
        parser = PydanticOutputParser(pydantic_object=schema) if is_class else JsonOutputParser()
    chain: Runnable[LanguageModelInput, Any] = bound | parser
    if not include_raw:
        return chain
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    nothing = RunnablePassthrough.assign(parsed=lambda _: None)
    read: Runnable[LanguageModelInput, Any] = RunnableMap(raw=bound) | parsed.with_fallbacks(
        [nothing], exception_key="parsing_error"
    )
    return read
