"""Whether the prompts of an experiment fit into its models' contexts, before anything is asked.

Invariant: only what is sure not to fit is refused. Prompts are counted at their shortest, with answers that hold
nothing but the form that is asked for, and in fewer tokens than the model counts. What is refused would have ended
as an error.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...errors import BadOption
from ...tasks.base import Task, max_decisions, random_state_after
from ..experiment import EPISODES, Experiment
from .forecast import estimate_tokens, requests_at

SEARCHED = 100  # episodes among which the one with the longest history is searched
ROUNDING = 256  # the advice for `slot_tokens` is a multiple of this


def check_context(experiment: Experiment) -> None:
    """Refuse an experiment whose longest prompts exceed a context.

    Raises:
        BadOption: with the variant, the numbers, and what to set.
    """
    if all(b.info.context is None for b in experiment.backends):
        return
    with ThreadPoolExecutor(1) as thread:  # a notebook's thread has an event loop already
        thread.submit(asyncio.run, _check(experiment)).result()


async def _check(experiment: Experiment) -> None:
    for label, task in zip(experiment.labels(), experiment.tasks, strict=True):
        episode, state = _longest(task, experiment)
        for models in experiment.models:
            infos = {b.info.id: b.info for b in models.slots.values()}
            for variant in experiment.variants:
                for request in await requests_at(variant, task, models, episode, state):
                    info = infos[request.model]
                    size = estimate_tokens("".join(request.texts), info.digits)
                    if info.context is not None and size > info.context:
                        enough = -(-(size * 5 // 4 + request.sampling.max_tokens) // ROUNDING) * ROUNDING
                        raise BadOption(
                            f"the prompts of {variant.name!r} on {label} do not fit into the model {info.label!r}",
                            f"the longest takes at least {size:,} tokens, and its context holds {info.context:,}",
                            f"Give the model a larger context, slot_tokens = {enough}, or let the task show less.",
                        )


def _longest(task: Task, experiment: Experiment) -> tuple[int, Any]:
    """(seed, state) of the last decision of the episode that starts with the longest history."""
    seeds = [experiment.seed * EPISODES + i for i in range(min(experiment.episodes, SEARCHED))]
    episode = max(seeds, key=lambda seed: len(task.situation(task.start(seed)).history))
    return episode, random_state_after(task, episode, max_decisions(task) - 1, "context")
