"""A host whose name does not resolve: what ends a run at once, what is tried again, and what is a passing fault."""

import socket

import pytest

from akrasia.errors import Denied, Unavailable
from akrasia.models.providers.contact import PATIENCE, TRIES, Contact, Lookup, lookup_of


def failed(lookup: Lookup = "", fault: str = "unreachable") -> Unavailable:
    error = Unavailable("m cannot be reached", "no such host", fault=fault)  # type: ignore[arg-type]
    error.lookup = lookup
    return error


@pytest.mark.parametrize(
    ("error", "lookup"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "unknown"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "not now"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"), "not now"),
        (OSError("[Errno 8] nodename nor servname provided, or not known"), "unknown"),
        (RuntimeError("Connection error: [Errno -3] Temporary failure in name resolution"), "not now"),
        (ConnectionRefusedError(111, "Connect call failed"), ""),
        (TimeoutError(), ""),
    ],
)
def test_a_failed_look_up_is_known_by_its_number_or_its_words(error: Exception, lookup: Lookup) -> None:
    assert lookup_of([RuntimeError("it failed"), error]) == lookup


def test_a_name_that_nobody_knows_ends_the_run_at_first_contact() -> None:
    with pytest.raises(Denied, match=r"the host of m is not known: no such host\. .*api_base"):
        Contact("m").failed(failed("unknown"), "key", 0.0)


@pytest.mark.parametrize("fault", ["server error", "reset", "timeout"])
def test_once_the_host_was_reached_a_failed_look_up_is_a_passing_fault(fault: str) -> None:
    answered, failing = Contact("m"), Contact("m")
    answered.reached()
    failing.failed(failed(fault=fault), "key", 0.0)
    for contact in (answered, failing):
        for _ in range(2 * TRIES):
            contact.failed(failed("unknown"), "key", 0.0)
            contact.failed(failed("not now"), "key", 0.0)


def test_a_host_that_cannot_be_looked_up_for_now_is_tried_a_few_times() -> None:
    contact = Contact("m", lambda: 1.0)
    for call in range(20):  # many first calls at once are one try
        contact.failed(failed("not now"), f"call {call}", 0.5)
    for _ in range(TRIES - 2):
        contact.failed(failed("not now"), "call 0", 0.5)
    with pytest.raises(Denied, match="cannot be looked up"):
        contact.failed(failed("not now"), "call 0", 0.5)


def test_and_for_a_few_seconds() -> None:
    now = 0.0
    contact = Contact("m", lambda: now)
    contact.failed(failed("not now"), "a call", 0.0)
    now = PATIENCE
    with pytest.raises(Denied, match="cannot be looked up"):
        contact.failed(failed("not now"), "another", PATIENCE - 1)


def test_a_refused_connection_says_nothing_of_the_name() -> None:
    contact = Contact("m")
    contact.failed(failed(), "key", 0.0)
    with pytest.raises(Denied):
        contact.failed(failed("unknown"), "key", 0.0)
