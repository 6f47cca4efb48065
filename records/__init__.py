"""The frozen values that cross rooms, and their canonical JSON.

Invariant: a value here is plain data. It holds no model, no graph and no clock, equals any other value with the same
content, and survives `decode(type, encode(value))` unchanged.

The classes have no slots: orjson writes a dataclass with slots about five times slower.
"""

from .codec import decode, digest, encode
from .decisions import Decision, Implied, Mention, Record, Trial, Turn
from .messages import FAILURES, Draw, Message, Request, Response, Sampling, Spend, Status, Usage
from .plain_text import normal_form, plain_signs
from .reading import READER_ERRORS, READER_VERSION, ReadingErrors, answer_kind
from .situations import (
    ARM_RULES,
    NO_ORACLE,
    CuedSituation,
    Example,
    Oracle,
    Quantity,
    Situation,
    Transition,
    without_oracle,
)
from .thoughts import SplitAnswer, split_thoughts
from .tools import CHOICES_OF_TOOLS, Part, TokenLogprob, Tool, ToolCall, ToolUse

__all__ = [
    "FAILURES",
    "ARM_RULES",
    "NO_ORACLE",
    "CHOICES_OF_TOOLS",
    "CuedSituation",
    "READER_ERRORS",
    "READER_VERSION",
    "Decision",
    "Draw",
    "Example",
    "Implied",
    "Mention",
    "Message",
    "Oracle",
    "Part",
    "Quantity",
    "ReadingErrors",
    "Record",
    "Request",
    "Response",
    "Sampling",
    "Situation",
    "Spend",
    "SplitAnswer",
    "Status",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "ToolUse",
    "Transition",
    "Trial",
    "Turn",
    "Usage",
    "answer_kind",
    "decode",
    "digest",
    "encode",
    "normal_form",
    "plain_signs",
    "split_thoughts",
    "without_oracle",
]
