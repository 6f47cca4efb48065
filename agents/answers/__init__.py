"""Reading answers: an action, a number or a recommendation out of what a model wrote, or why there is none."""

from .parsing import read_action, read_answer, read_recommendation, read_stated

__all__ = ["read_action", "read_answer", "read_recommendation", "read_stated"]
