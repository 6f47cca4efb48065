"""Reading answers: an action, a number or a recommendation out of what a model wrote, or why there is none."""

from ...records import READER_ERRORS, READER_VERSION
from .parsing import place_read, read_action, read_answer, read_recommendation, read_stated, unread_place

__all__ = [
    "READER_ERRORS",
    "READER_VERSION",
    "place_read",
    "read_action",
    "read_answer",
    "read_recommendation",
    "read_stated",
    "unread_place",
]
