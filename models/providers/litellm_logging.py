"""litellm's logging object of a call, without what it works out for nobody.

For every call litellm keeps an object that prices the answer by its own table, copies requests and answers for
callbacks, and queues a log entry. None of it is read here: prices are ours, callbacks are off. The object may be handed
in, as litellm's router does; ours leaves these parts out (`make bench-overhead`).
"""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["MakeLogging", "unlogged"]

MakeLogging = Callable[[str, Any, str, str], Any]


def unlogged() -> MakeLogging | None:
    """What makes the logging object of one call: (model, messages or prompt, litellm's type of call, its id) -> object.

    None where this release of litellm makes it in another way: then calls only cost more.
    """
    try:
        logging = importlib.import_module("litellm.litellm_core_utils.litellm_logging").Logging
        make = _maker(logging, importlib.import_module("litellm.utils").custom_llm_setup)
        make("openai/none", [{"role": "user", "content": ""}], "acompletion", "0")
    except (ImportError, AttributeError, TypeError):
        return None
    return make


def _maker(logging: Any, register: Callable[[], None]) -> MakeLogging:
    class Unlogged(logging):  # type: ignore[misc]
        def pre_call(self, *_: Any, **__: Any) -> None: ...

        def post_call(self, *_: Any, **__: Any) -> None: ...

        def response_cost_calculator(self, *_: Any, **__: Any) -> None: ...

        def handle_sync_success_callbacks_for_async_calls(self, *_: Any, **__: Any) -> None: ...

        def failure_handler(self, *_: Any, **__: Any) -> None: ...

        async def async_failure_handler(self, *_: Any, **__: Any) -> None: ...

        def claim_async_success_log(self) -> bool:
            return False  # nothing is queued

    def make(model: str, messages: Any, call_type: str, call_id: str) -> Any:
        register()  # providers that the user has written: litellm does so only where it makes the object itself
        now = datetime.datetime.now()  # noqa: DTZ005  (litellm subtracts its own times, which name no zone)
        made = Unlogged(
            model=model, messages=messages, stream=False, call_type=call_type, start_time=now, litellm_call_id=call_id,
            function_id="",
        )  # fmt: skip
        made.update_environment_variables(model=model, user="", optional_params={}, litellm_params={"api_base": ""})
        return made

    return make
