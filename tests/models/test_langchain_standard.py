"""LangChain's own standard tests of a chat model, on a model behind an OpenAI-compatible server on the loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("langchain_tests", reason="the package langchain-tests is not installed")

from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from tool_server import ToolServer, serving_tools

import akrasia as ak
from akrasia.models.providers.remote import RemoteModel


@pytest.fixture(autouse=True, scope="module")
def server() -> Iterator[ToolServer]:
    """The server; its key is in OPENAI_API_KEY for the time of the tests."""
    before = os.environ.get("OPENAI_API_KEY")
    os.environ["OPENAI_API_KEY"] = "sk-loopback"
    with serving_tools() as tools:
        _Model.base = tools.base
        yield tools
    if before is None:
        del os.environ["OPENAI_API_KEY"]
    else:
        os.environ["OPENAI_API_KEY"] = before


@pytest.fixture
def benchmark() -> Callable[..., Any]:
    """What LangChain times is played once: nothing is measured here, and its plug-in for that is not loaded."""
    return lambda played, *args, **options: played(*args, **options)


@pytest.fixture
def vcr() -> None:
    """No exchange is recorded; what would play one skips itself."""


@pytest.fixture
def snapshot() -> None:
    """No serialised model is kept; what would compare with it skips itself."""


class _Model:
    base = ""

    @property
    def chat_model_class(self) -> Any:
        return ak.ChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": RemoteModel("openai/gpt-4o-mini", api_base=self.base or None)}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return False  # a run's model is the run's, not a call's


class TestUnit(_Model, ChatModelUnitTests):
    """What needs no model."""


class TestOnALoopbackModel(_Model, ChatModelIntegrationTests):
    """What asks one."""


class TestByJsonSchema(_Model, ChatModelIntegrationTests):
    """The same, with structured output by the form of the answer."""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}
