"""Interventions in the shape in which an agent of LangChain takes them: as middleware of `create_agent`."""

from .look_again import FollowUp, Vote, critique, re_evaluate, reflect, self_consistency, self_correct

__all__ = ["FollowUp", "Vote", "critique", "re_evaluate", "reflect", "self_consistency", "self_correct"]
