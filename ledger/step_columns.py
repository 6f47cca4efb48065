"""The columns of a flat row per record: what each holds, and of which type it is. `step_rows` makes the rows.

A step that is a *probe* asks what is known about the other questions of its episode (the easy questions about the same
family, the definition of the concept). It is no row of its own: the other rows of the episode hold whether every probe
was answered right. What they did can then not be compared with what was recommended, so `follows` is null there.

Columns beside the identity (task, model, variant, control, baseline, design, episode, step):
    asked         a rationale was asked for; `knows` is defined only here
    knows         the rationale recommends an optimal action (set intersection; `stated_ties` counts what it names);
                  one that recommends every action, where some are not optimal, says nothing and is `undecided`
    does          the action taken is optimal
    greedy        the action taken is greedy and not optimal; other: it is neither; valid: it is a legal action
    follows       the action taken is among those recommended; texts are compared in their normal form
    encoded       the likeliest action by token probability, before any rationale, is optimal; null where not shown
    untried_left  some action was never tried; separable: optimal, greedy and other actions all exist and differ
    chance        share of the legal actions that are optimal; 0 where the answer is open
    tried_after   share of the actions tried once this one is taken
    answers       how many answers of a model stand behind the step; answers_read: how many of them could be read
    plan          what the variant does, as an expression; of: the plan that a placebo or informed baseline stands for
    situation     hash of what was shown: equal for all variants of a fork
    item          what the episode is about: the cluster of all inference; null where the task did not say
    question      which question of a question set this step is; probes: how many questions asked what is known
    familiar      the action taken is among those taken most often so far; null where nothing was taken, now or before
    habit         the class of the action by the history alone, where the history repeats actions: "greedy" (best tried
                  one, whether or not it is optimal), else "frequent" (taken most often so far), else "other", or "none"
                  (no legal action). Null where nothing was taken so far. habit_separable: some frequent action is not
                  greedy
    entropy       of the token probabilities of the legal actions, in nats; p_done, p_greedy, p_frequent: their sum over
                  the action taken, the greedy, and the frequent actions that are not greedy; null where not shown
    actions       how many legal actions (or graded labels) there are; place: where the action taken stands in the list
                  that was shown, from 0; null where none was taken, or there is nothing to choose from
    confidence    in [0, 1], of the last agent that gives one and whose action, if it acts, is the one decided
    surgery       how the rationale was tampered with ("truncate(0.25)"), null where nothing in it could be changed;
                  planted: what the changed rationale recommends
    follows_planted   the action taken is among those; null where nothing was planted
    readout       the action that the model names when it is asked for the label alone (`constrained_readout`); null
                  where it was not asked, or its answer cannot be read. readout_differs: the free answer was read as
                  another one; null where either cannot be read
    implied       what the reasoning implies with its conclusion cut off: the actions whose stated value is highest;
                  null where it states no value for every action, or they cannot be read whole. implies: one is optimal
    concluded     what the conclusion recommends, whatever values stand before it; null where it cannot be read, or no
                  reasoning was asked for. concludes: one is optimal. draws_on: one of them is among those implied; null
                  where either is not known
    lost_at       where an optimal implication is lost: "conclusion" (it recommends something else), "action" (something
                  else is done than it recommends), "reading" (the conclusion or the action cannot be read, or the
                  readout names an optimal action where something else was read), else "nothing"; null where no optimal
                  action is implied, or that is not known
    cue           the action that a biasing remark points at; null where none was shown. cue_kind: its kind
    acknowledged  some answer behind the step mentions that remark; null where none was shown
    leaks         what of the oracle an agent of the variant is told ("oracle"); null where it is told nothing
    rule          the rule by which an action is called optimal there; "none" where nobody says what is right: then
                  knows, does, greedy, other, encoded, separable, chance, regret, right_draws, implies, concludes and
                  lost_at are null
    integrity     what speaks against the step as measured: what happened in a graph, and what was wrong with an
                  agent's own answer; null where nothing does
    agents        who asked a model how often, as JSON: {"reason": 1, "critique": 0}; 0: it was spared (`Turn.skipped`)
    slots         the model slots through which they asked, as JSON: ["critic", "reasoner"]
    agent_faults  their answers that were no answers, as JSON: [[agent, role, what was wrong, how many], ...]
    unsent        settings that were asked for and not sent, as JSON: {agent: {setting: value}}
    tools         how many calls of tools an agent that was offered some made; null where none was offered any
    tool_errors   how many of them were no calls: no such tool, or arguments that do not fit
    claims        an agent that was offered tools says that it called one; null where none was offered any, or none says
    right_draws   share of the draws of the decision, the first and all further ones, that are right
    draws_differ  not all draws of the decision do the same; one that gives no legal action does another thing than one
                  that does, and one that failed does nothing. Null where it was drawn once
    unrecorded    the tools that a graph called whose results are not kept
    requests      hash of all that was asked and drawn: equal for two variants that asked exactly the same
    answer_kind   which kind of answer the reader had to read (`records.answer_kind`); null where no model answered
    item_trial    of an imported run: which of the repeated draws of its item the episode is, from 0; null elsewhere
    latency       seconds; null here, since records hold no clock: see `akrasia.evals.metrics.cost.with_latency`
    status, stated_status, calls, prompt_tokens, completion_tokens, cost, mass, reward, regret

Of an imported run `calls` and tokens are null where its source does not hold them (tag `absent`), and where the source
says whether an answer is right (tag `verdict`) no answer counts as read here.
"""

from __future__ import annotations

SCHEMA: dict[str, type] = {
    "task": str, "model": str, "variant": str, "plan": str, "of": str,
    "control": str, "baseline": bool,
    "item": str, "question": str, "probes": int,
    "design": str, "episode": int, "step": int,
    "asked": bool, "knows": bool, "does": bool, "greedy": bool, "other": bool,
    "valid": bool, "stated_valid": bool, "follows": bool, "encoded": bool,
    "stated_ties": int, "untried_left": bool, "separable": bool, "chance": float,
    "tried_after": float, "stated": str, "done": str, "status": str,
    "stated_status": str, "situation": str, "answers": int, "answers_read": int,
    "calls": int, "prompt_tokens": int, "completion_tokens": int,
    "cost": float, "mass": float, "reward": float, "regret": float,
    "habit": str, "habit_separable": bool, "familiar": bool,
    "entropy": float, "p_done": float,
    "p_greedy": float, "p_frequent": float, "actions": int, "place": int, "confidence": float,
    "surgery": str, "planted": str, "follows_planted": bool,
    "implied": str, "implies": bool, "concluded": str, "concludes": bool,
    "draws_on": bool, "lost_at": str,
    "cue": str, "cue_kind": str, "acknowledged": bool,
    "readout": str, "readout_differs": bool, "leaks": str, "rule": str,
    "latency": float, "integrity": str, "agents": str, "slots": str,
    "agent_faults": str, "unsent": str, "requests": str,
    "tools": int, "tool_errors": int, "claims": bool, "right_draws": float, "draws_differ": bool,
    "unrecorded": str, "answer_kind": str, "item_trial": int,
}  # fmt: skip
JUDGED_BY_ORACLE = (
    "knows", "does", "greedy", "other", "encoded", "separable", "chance", "regret", "right_draws", "implies",
    "concludes", "lost_at",
)  # fmt: skip
"""Columns that are null where nobody says what is right (rule "none")."""
COLUMNS: dict[str, type] = {**SCHEMA, "probe": bool}  # what is derived from one record alone
