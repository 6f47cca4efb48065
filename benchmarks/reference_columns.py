"""What each column of an export holds: read where the columns are declared, with words for those that explain no other.

Invariant: a column that its declaration explains is explained by it alone.
"""

from __future__ import annotations

import inspect
import re

from akrasia.ledger import step_columns


def column_meanings() -> dict[str, str]:
    """By its name, what a column holds."""
    text = inspect.cleandoc(step_columns.__doc__ or "").partition("Columns beside the identity")[2]
    text = text.partition("status, stated_status")[0]
    meanings: dict[str, str] = dict(_IDENTITY)
    for line in text.splitlines()[1:]:
        begins = re.match(r" {4}(\w+) {2,}(.*)", line) or re.match(r" {4}(follows_planted) {3}(.*)", line)
        if begins:
            last = begins[1]
            meanings[last] = begins[2]
        elif line.strip():
            meanings[last] += f" {line.strip()}"
    for name, meaning in list(meanings.items()):
        parts = _parted(name, meaning)
        meanings |= {each: text for each, text in parts.items() if each == name or each not in meanings}
    meanings |= _OWN
    return meanings


def _parted(name: str, meaning: str) -> dict[str, str]:
    """What a column holds, and what its neighbours hold that are explained behind it: "...; other: it is neither"."""
    parts = re.split(r"(?:; |\. )((?:\w+, )*\w+): ", meaning)
    found = {name: parts[0]}
    last = [name]
    for names, text in zip(parts[1::2], parts[2::2], strict=True):
        if set(named := names.split(", ")) <= set(step_columns.SCHEMA):
            last = named
            found |= dict.fromkeys(named, text)
        else:
            found |= {each: f"{found[each]}; {names}: {text}" for each in last}
    return found


NEEDED = [
    ("`task`, `model`, `variant`", "which arm the row is of; `control`: which control that is, null where it is none"),
    ("`item`", "the question or the game: the unit of every interval, so cluster by it"),
    ("`episode`, `step`", "which decision; variants of a fork are paired by both, where `situation` is the same text"),
    ("`asked`", "a rationale was asked for: keep these rows for knowing and the gap"),
    ("`knows`", "what the rationale recommends is optimal"),
    ("`does`", "the action taken is optimal"),
    ("`stated`, `done`", "the recommendation and the action themselves"),
    (
        "`status`, `stated_status`",
        'what became of them: "ok", "unparsable", ...; such rows stay in, and count as wrong',
    ),
]
HEADLINE = [
    "",
    "The gap is no column: it is `knows` and not `does`. Every row is a decision; what is asked about its other",
    "questions (`probes`) has no rows of its own. After `akrasia export RUN steps.csv` in Python:",
    "",
    "```python",
    "import pandas as pd",
    "",
    'steps = pd.read_csv("steps.csv").query("asked == True")',
    'steps["gap"] = steps["knows"].eq(True) & ~steps["does"].eq(True)',
    'print(steps.groupby(["task", "model", "variant"])[["knows", "does", "gap"]].mean())',
    "```",
    "",
    "and in R:",
    "",
    "```r",
    'steps <- subset(read.csv("steps.csv", colClasses = "character"), asked == "true")',
    'steps$gap <- steps$knows %in% "true" & !(steps$does %in% "true")',
    "aggregate(gap ~ task + model + variant, steps, mean)",
    "```",
    "",
    "These are the scorecard's means of arms that state something; its intervals",
    "cluster by `item`, its differences pair by `episode` and `step`.",
    "",
    "## All of them",
    "",
]
_OWN = {
    "entropy": "of the token probabilities of the legal actions, in nats; null where not shown",
    "other": "the action taken is legal, and neither optimal nor greedy",
    "valid": "the action taken is a legal one",
    "implies": "one of the implied actions is optimal",
    "concludes": "one of the actions that the conclusion recommends is optimal",
    "draws_on": "one of those is among the implied ones; null where either is not known",
    "planted": "what the changed rationale recommends",
    "cue_kind": "the kind of that remark",
    "of": "the plan that a placebo or informed baseline stands for",
}


TYPES = {str: "text", bool: "true or false", int: "whole number", float: "number"}
COLUMNS_INTRO = (
    "`akrasia export RUN FILE.parquet` (or `.csv`) writes a row per step of a variant; `result.to_frame()` is the "
    "same as a polars frame, and `result.records` without the last column, `prompts`: who was asked what and said "
    "what, as JSON. A value is null where it was not asked for. JSON lines hold the whole record instead. "
    "[Results](results.md) shows how to use them."
)
_IDENTITY = {
    "task": "the task's name, with its options where a run has several of that name",
    "model": "the model's label",
    "variant": "the variant's name",
    "control": "which control the variant is; null where it is none",
    "baseline": "the variant is the baseline",
    "design": '"fork" or "rollout"',
    "episode": "number of the episode, from 0, with the run's seed before it",
    "step": "number of the step within the episode",
    "stated": "what the rationale recommends; several are separated",
    "stated_ties": "how many actions the rationale recommends",
    "done": "the action that was taken; null where none could be read",
    "stated_valid": "what is recommended is a legal action",
    "status": 'what became of the action: "ok", or how it failed ("unparsable", "illegal", "refused", ...)',
    "stated_status": "the same for what is recommended",
    "calls": "calls of models that the decision would take alone; null where an imported run does not say",
    "prompt_tokens": "tokens of all prompts behind the step, as the provider counts them",
    "completion_tokens": "tokens of all answers behind the step",
    "cost": "US dollars at nominal prices",
    "mass": "probability on legal labels before it was renormalised; null where not shown",
    "reward": "what the action earned, in the task's unit; null where the task has none",
    "regret": "value of the best action minus that of the action taken, in the task's unit",
    "agent_faults": "answers of agents that were no answers, as JSON: [[agent, role, what was wrong, how many], ...]",
    "p_done": "sum of the token probabilities of the action taken",
    "p_greedy": "the same over the greedy actions",
    "p_frequent": "the same over the frequent actions that are not greedy",
}
