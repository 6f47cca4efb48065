"""Whether the host of a model has ever been reached: a name that nobody knows is no passing fault.

A name that does not resolve is a wrong address, or a machine that is on no network, and a run would wait minutes in
retries for either. So the first contact decides: a host that is not known ends the run at once, and one that cannot be
looked up for now is tried a few times. Once the host was reached, both are passing faults like any other.
"""

from __future__ import annotations

import re
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal, TypeVar

from ...errors import Denied, Unavailable

T = TypeVar("T")
Lookup = Literal["", "unknown", "not now"]
"""How the look-up of a host failed: nobody knows the name, or nobody could say; empty where it did not fail."""

PATIENCE = 5.0  # seconds for a host that cannot be looked up for now
TRIES = 4  # of one call, likewise

_UNKNOWN = {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
_IN_WORDS = re.compile(
    r"(name or service not known|nodename nor servname provided|no address associated with hostname|no such host|"
    r"domain name not found|returned answer with no data)|(temporary failure in name resolution|getaddrinfo failed|"
    r"contact(?:ing)? dns servers)",
    re.IGNORECASE,
)


def lookup_of(chain: Iterable[BaseException]) -> Lookup:
    """How the look-up of a host failed, by an exception and its causes; clients that keep no cause say it in words."""
    words = ""
    for error in chain:
        for told in (error, getattr(error, "os_error", None)):
            if isinstance(told, socket.gaierror):
                return "unknown" if told.errno in _UNKNOWN else "not now"
        words += f"{error}\n"
    said = _IN_WORDS.search(words)
    if said is None:
        return ""
    return "unknown" if said[1] else "not now"


class Contact:
    """What one run knows of a model's host.

    Args:
        name: the model, for messages.
        clock: the time in seconds.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._reached = False
        self._first: float | None = None
        self._tries: Counter[str] = Counter()

    async def made(self, asking: Awaitable[T], key: str) -> T:
        """What a call comes back with.

        Raises:
            Denied: see `failed`. Whatever else the call raises passes through.
        """
        began = self._clock()
        try:
            answer = await asking
        except Unavailable as error:
            self.failed(error, key, began)
            raise
        self.reached()
        return answer

    def reached(self) -> None:
        """Something came back, if only a refusal."""
        if not self._reached:
            self._reached = True
            self._tries.clear()

    def failed(self, error: Unavailable, key: str, began: float) -> None:
        """An attempt at the call `key` that was begun at `began` has failed.

        Raises:
            Denied: the host was never reached, and its name cannot be looked up.
        """
        if not error.lookup:
            if error.fault != "unreachable":
                self.reached()
            return
        if self._reached:
            return
        self._first = began if self._first is None else min(began, self._first)
        self._tries[key] += 1
        waited = self._clock() - self._first >= PATIENCE or self._tries[key] >= TRIES
        if error.lookup == "unknown" or waited:
            what = "is not known" if error.lookup == "unknown" else "cannot be looked up"
            raise Denied(
                f"the host of {self._name} {what}",
                error.why,
                "Is its address right (api_base, or the variable that holds it)? Is this machine on the network?",
            ) from error
