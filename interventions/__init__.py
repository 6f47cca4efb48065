"""What is changed: one file a mechanism, each intervention one function that changes one thing."""

from .base import INTERVENTIONS, Intervention, intervention, view
from .context import blind_actor, no_history, permute_labels, show_bonus, summarise_history
from .controls import Controls, controls_for, execute_stated, informed, placebo
from .decoding import constrain_action, temperature
from .environment import epsilon_greedy, try_all
from .expression import parse
from .look_again import critique, multi_turn_aiw, re_evaluate, reflect, self_correct
from .prompting import checklist, commit, confidence, persona, strict, think_longer
from .rationale import corrupt, filler, paraphrase, swap, truncate, unheard
from .sampling import best_of_n, debate, debate_of_roles, retry, self_consistency

__all__ = [
    "INTERVENTIONS",
    "Controls",
    "Intervention",
    "best_of_n",
    "blind_actor",
    "checklist",
    "commit",
    "confidence",
    "constrain_action",
    "controls_for",
    "corrupt",
    "critique",
    "debate",
    "debate_of_roles",
    "epsilon_greedy",
    "execute_stated",
    "filler",
    "informed",
    "intervention",
    "multi_turn_aiw",
    "no_history",
    "paraphrase",
    "parse",
    "permute_labels",
    "persona",
    "placebo",
    "re_evaluate",
    "reflect",
    "retry",
    "self_consistency",
    "self_correct",
    "show_bonus",
    "strict",
    "summarise_history",
    "swap",
    "temperature",
    "think_longer",
    "truncate",
    "try_all",
    "unheard",
    "view",
]
