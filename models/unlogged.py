"""litellm's own account of a call, without what it works out for nobody.

For every call litellm keeps an object that prices the answer by its own table, copies requests and answers for
callbacks, and queues a log entry. None of it is read here: prices are ours, callbacks are off. The object may be handed
in, as litellm's router does; ours leaves these parts out (`make bench-overhead`).
"""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["Account", "accounts"]

Account = Callable[[str, Any, str, str], Any]


def accounts() -> Account | None:
    """What makes the account of one call: (model, messages or prompt, kind of call, its id) -> object.

    None where this release of litellm makes it in another way: then calls only cost more.
    """
    try:
        logging = importlib.import_module("litellm.litellm_core_utils.litellm_logging").Logging
        made = _unlogged(logging, importlib.import_module("litellm.utils").custom_llm_setup)
        made("openai/none", [{"role": "user", "content": ""}], "acompletion", "0")
    except (ImportError, AttributeError, TypeError):
        return None
    return made


def _unlogged(logging: Any, register: Callable[[], None]) -> Account:
    class Unlogged(logging):  # type: ignore[misc]
        def pre_call(self, *_: Any, **__: Any) -> None: ...

        def post_call(self, *_: Any, **__: Any) -> None: ...

        def response_cost_calculator(self, *_: Any, **__: Any) -> None: ...

        def handle_sync_success_callbacks_for_async_calls(self, *_: Any, **__: Any) -> None: ...

        def failure_handler(self, *_: Any, **__: Any) -> None: ...

        async def async_failure_handler(self, *_: Any, **__: Any) -> None: ...

        def claim_async_success_log(self) -> bool:
            return False  # nothing is queued

    def made(model: str, messages: Any, kind: str, key: str) -> Any:
        register()  # providers that the user has written: litellm does so only where it makes the object itself
        now = datetime.datetime.now()  # noqa: DTZ005  (litellm subtracts its own times, which name no zone)
        account = Unlogged(
            model=model, messages=messages, stream=False, call_type=kind, start_time=now, litellm_call_id=key,
            function_id="",
        )  # fmt: skip
        account.update_environment_variables(model=model, user="", optional_params={}, litellm_params={"api_base": ""})
        return account

    return made
