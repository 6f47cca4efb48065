"""What is changed: one file a mechanism, each intervention one function that changes one thing."""

from .base import INTERVENTIONS, Intervention, intervention
from .controls import execute_stated, placebo
from .expression import parse
from .look_again import critique, re_evaluate
from .sampling import debate, self_consistency

__all__ = [
    "INTERVENTIONS",
    "Intervention",
    "critique",
    "debate",
    "execute_stated",
    "intervention",
    "parse",
    "placebo",
    "re_evaluate",
    "self_consistency",
]
