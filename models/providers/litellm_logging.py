"""A logging object for litellm's calls that logs nothing, and keeps the answer as the provider gave it.

For every call litellm makes a logging object, which prices the answer by litellm's own table, copies requests and
answers for callbacks, and queues a log entry. None of that is used here: prices are ours and callbacks are off. A
caller may hand in an object of its own, as litellm's router does; ours leaves these parts out, which saves time (`make
bench-overhead`).
"""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable
from typing import Any

NullLoggingFactory = Callable[[str, Any, str, str], Any]
"""(model, messages or prompt, litellm's type of call, its id) -> logging object."""


def null_logging() -> NullLoggingFactory | None:
    """A factory of logging objects, one for each call.

    None where this release of litellm makes them in another way: then calls only take longer.
    """
    try:
        logging = importlib.import_module("litellm.litellm_core_utils.litellm_logging").Logging
        make = _factory(logging, importlib.import_module("litellm.utils").custom_llm_setup)
        make("openai/none", [{"role": "user", "content": ""}], "acompletion", "0")
    except (ImportError, AttributeError, TypeError):
        return None
    return make


def _factory(logging: Any, register_providers: Callable[[], None]) -> NullLoggingFactory:
    class NullLogging(logging):  # type: ignore[misc]
        def pre_call(self, *_: Any, **__: Any) -> None: ...

        raw: Any = None  # what the provider answered, before litellm has put it into its own form

        def post_call(self, original_response: Any = None, *_: Any, **__: Any) -> None:
            self.raw = original_response

        def response_cost_calculator(self, *_: Any, **__: Any) -> None: ...

        def handle_sync_success_callbacks_for_async_calls(self, *_: Any, **__: Any) -> None: ...

        def failure_handler(self, *_: Any, **__: Any) -> None: ...

        async def async_failure_handler(self, *_: Any, **__: Any) -> None: ...

        def claim_async_success_log(self) -> bool:
            return False  # nothing is queued

    def make(model: str, messages: Any, call_type: str, call_id: str) -> Any:
        register_providers()  # those that the user has written: litellm does so only where it makes the object itself
        now = datetime.datetime.now()  # noqa: DTZ005  (litellm subtracts its own times, which name no zone)
        null = NullLogging(
            model=model,
            messages=messages,
            stream=False,
            call_type=call_type,
            start_time=now,
            litellm_call_id=call_id,
            function_id="",
        )
        null.update_environment_variables(model=model, user="", optional_params={}, litellm_params={"api_base": ""})
        return null

    return make
