"""An answer that was cut off because the model was still thinking: said as such, with what helps."""

from __future__ import annotations

from dataclasses import replace

from ...records import Response, Sampling

MOST_OF_IT = 0.5  # of an answer's tokens: more than this for thoughts, and they are why it was cut off


def with_remedy(response: Response, sampling: Sampling) -> Response:
    """The response; if thinking took its room, with an `error` that says so and what to set."""
    if response.status != "truncated":
        return response
    thought, used = response.usage.reasoning_tokens, response.usage.completion_tokens
    silent = not response.text.strip()
    if not silent and not (thought and thought > MOST_OF_IT * used):
        return response
    room = sampling.thinking_tokens
    took = f"{used} tokens" if used else "its limit"
    if room is None:
        why, remedy = "it had no limit but its provider's own", 'Ask for less: reasoning_effort = "low".'
    else:
        more = max(8192, 2 * max(room, thought))
        why = f"it had {sampling.max_tokens} for its answer and {room} to think beside it"
        remedy = (
            f'Give the model more room, thinking_tokens = {more} or "unlimited" in its table, or let it think less: '
            'reasoning_effort = "low".'
        )
    return replace(response, error=f"the answer was cut off after {took} of thinking: {why}. {remedy}")
