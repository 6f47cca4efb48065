"""akrasia measures why language-model agents know the right action and do another, and tests what closes that gap.

    import akrasia as ak

    base = ak.graphs.reason_act()
    result = ak.run(
        task=ak.tasks.bandit(arms=5, sigma=1.0, horizon=10),
        model="embedded",
        variants=[base, base | ak.re_evaluate(), base | ak.critique(), base | ak.placebo()],
        episodes=16,
    )
    result.scorecard()

Importing the package imports none of its rooms: each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import agents, errors, evals, experiments, graphs, interventions, models, records, reports, tasks
    from .api import arun, forecast, run
    from .evals.evaluator import Reason, evaluator
    from .experiments.variant import Variant
    from .graphs.external import GraphOutput, MessagesAdapter
    from .interventions import (
        best_of_n,
        blind_actor,
        checklist,
        commit,
        confidence,
        constrain_action,
        controls_for,
        corrupt,
        critique,
        debate,
        debate_of_roles,
        execute_stated,
        explore_at_random,
        filler_tokens,
        hide_rationale,
        informed,
        intervention,
        multi_turn_aiw,
        no_history,
        paraphrase,
        parse,
        permute_labels,
        persona,
        placebo,
        re_evaluate,
        reflect,
        retry,
        self_consistency,
        self_correct,
        show_bonus,
        strict,
        summarise_history,
        swap_recommendation,
        temperature,
        think_longer,
        truncate,
        try_all,
        view,
    )
    from .models.chat_model import ChatModel
    from .result import Result, open_run
    from .training import TrainingResult, clone, expert_data, train

_ROOMS = (
    "agents",
    "errors",
    "evals",
    "experiments",
    "graphs",
    "interventions",
    "models",
    "records",
    "reports",
    "tasks",
)
_HOME = {
    **dict.fromkeys(("arun", "forecast", "run"), ".api"),
    **dict.fromkeys(("Result", "open_run"), ".result"),
    **dict.fromkeys(("TrainingResult", "clone", "expert_data", "train"), ".training"),
    "ChatModel": ".models.chat_model",
    "Reason": ".evals.evaluator",
    "evaluator": ".evals.evaluator",
    "GraphOutput": ".graphs.external",
    "MessagesAdapter": ".graphs.external",
    "Variant": ".experiments.variant",
    **dict.fromkeys(
        (
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
            "explore_at_random",
            "execute_stated",
            "filler_tokens",
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
            "swap_recommendation",
            "temperature",
            "think_longer",
            "truncate",
            "try_all",
            "hide_rationale",
            "view",
        ),
        ".interventions",
    ),
}

__all__ = [
    "ChatModel",
    "GraphOutput",
    "MessagesAdapter",
    "Reason",
    "Result",
    "TrainingResult",
    "Variant",
    "__version__",
    "agents",
    "arun",
    "best_of_n",
    "blind_actor",
    "checklist",
    "clone",
    "commit",
    "confidence",
    "constrain_action",
    "controls_for",
    "corrupt",
    "critique",
    "debate",
    "debate_of_roles",
    "explore_at_random",
    "errors",
    "evals",
    "evaluator",
    "execute_stated",
    "experiments",
    "expert_data",
    "filler_tokens",
    "forecast",
    "graphs",
    "informed",
    "intervention",
    "interventions",
    "models",
    "multi_turn_aiw",
    "no_history",
    "open_run",
    "paraphrase",
    "parse",
    "permute_labels",
    "persona",
    "placebo",
    "re_evaluate",
    "records",
    "reflect",
    "reports",
    "retry",
    "run",
    "self_consistency",
    "self_correct",
    "show_bonus",
    "strict",
    "summarise_history",
    "swap_recommendation",
    "tasks",
    "temperature",
    "think_longer",
    "train",
    "truncate",
    "try_all",
    "hide_rationale",
    "view",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
