"""Bridges to the evaluation tools of LangChain: evaluators in and out, trajectories, data sets, experiments."""

from .langsmith_bridge import langsmith_experiments, langsmith_questions
from .openevals_bridge import as_openevals, from_openevals
from .trajectories import trajectory

__all__ = ["as_openevals", "from_openevals", "langsmith_experiments", "langsmith_questions", "trajectory"]
