"""Cloning an expert: the actions of a reference player, as answers to the same prompts that agents get.

    behaviour cloning   plan "act": the situation, and the expert's action
    thought cloning     plan "reason_act" or "reason_then_act": the situation, a rationale, and the action that follows

Source: Schmied et al. 2025 (2504.16078): supervised fine-tuning on rollouts of UCB, with and without a rationale that
is reconstructed from UCB's arithmetic. Both came close to UCB's regret.

The expert's rationale is the rule's own arithmetic: per action how often it was tried, its mean and its value under the
rule, and which value is the highest. An expert that does not follow the rule has no such rationale and gives actions
alone. The experts are the reference players of the task, and "oracle", which takes an optimal action and exists for
every task with named actions. Where the oracle knows more than any history shows (a bandit under rule "truth"), the
expert "oracle" knows it too.

Invariants: prompts come from the ordinary agents of the plan, in the style of the model to be trained. Every answer is
read back by the agent's own parser, and states and takes the expert's action. No experiment plays these episodes,
whatever its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..agents import AGENTS
from ..agents.answers.parsing import replace_action
from ..agents.base import ModelRole
from ..agents.few_shot import INFINITE, action_prefix
from ..errors import BadOption, NotMeasured, UnknownName
from ..experiments.training_data import (
    Demonstration,
    PreferencePair,
    TrainingData,
    assistant_message,
    chat_messages,
    prompt_text,
)
from ..graphs.reason_act import GRAPHS
from ..models.base import Style
from ..options import whole
from ..records import Oracle, Response, Situation, Turn
from ..rng import named_rng, seed_of
from ..tasks.base import Task
from ..tasks.players import players_for, run_player
from ..tasks.rules import best_labels
from .returns import FIRST_RESERVED_SEED
from .supervised import SFTConfig, SFTProgress, SFTResult, TrainingPair, fine_tune

PlanName = Literal["act", "reason_act", "reason_then_act"]
PLANS: tuple[PlanName, ...] = get_args(PlanName)
STYLES: tuple[Style, ...] = get_args(Style)
ORACLE = "oracle"


def experts_for(task: Task) -> list[str]:
    """The experts whose play of a task can be cloned; none where its questions are open."""
    return [*players_for(task), ORACLE] if task.situation(task.start(0)).actions else []


def demonstrations(
    task: Task,
    expert: str = "ucb",
    episodes: int = 100,
    seed: int = 0,
    plan: PlanName = "reason_act",
    style: Style = "chat",
) -> TrainingData:
    """The answers that an expert would have given in the place of a plan's agents.

    Args:
        episodes: how many episodes the expert plays.
        seed: names those episodes.
        plan: the agents whose prompts are answered: "act" clones behaviour, "reason_act" and "reason_then_act" clone
            thoughts.
        style: the prompt style of the model that is to be trained.

    Raises:
        UnknownName: no such expert, plan or style.
        BadOption: the task's questions are open, or the plan needs a rationale and the expert follows no rule.
    """
    rows: list[Demonstration] = []
    data = TrainingData(rows, 0)
    _check_names(plan, style)
    for situation, _, action in expert_steps(task, expert, episodes, seed):
        data.steps += 1
        rows += _answers(situation, action, plan, style)
    return data


def preferences(
    task: Task,
    expert: str = "ucb",
    episodes: int = 100,
    seed: int = 0,
    plan: PlanName = "reason_act",
    style: Style = "chat",
) -> TrainingData:
    """The expert's answer, preferred to the same answer with the greedy action, wherever that action is not optimal.

    With a rationale, the rejected answer knows what is right and does not do it.

    Raises:
        UnknownName, BadOption: as for `demonstrations`.
        NotMeasured: no greedy action is ever worse.
    """
    rows: list[PreferencePair] = []
    data = TrainingData(rows, 0)
    _check_names(plan, style)
    for situation, oracle, action in expert_steps(task, expert, episodes, seed):
        data.steps += 1
        worse = [a for a in oracle.greedy if a not in oracle.optimal]
        if action not in oracle.optimal or not worse:
            data.left_out["where the expert errs" if worse else "whose greedy action is optimal or unknown"] += 1
            continue
        chosen = _answers(situation, action, plan, style)[-1]
        rejected = replace_action(chosen.answer, situation.actions, worse[0])
        assert rejected is not None  # the parser found an action in it
        rows.append(PreferencePair(chosen.prompt, chosen.answer, rejected, chosen.mode, chosen.end))
    if not rows:
        raise NotMeasured("no step has a greedy action that is not optimal", str(data), "Choose a task with a rule.")
    return data


def expert_steps(
    task: Task, expert: str = "ucb", episodes: int = 100, seed: int = 0
) -> Iterator[tuple[Situation, Oracle, str]]:
    """Every step of the expert's episodes: (situation, oracle, the expert's action).

    Raises:
        UnknownName: no such expert.
        BadOption: the task's questions are open.
    """
    whole("episodes", episodes, 1)
    whole("seed", seed, 0)
    experts = experts_for(task)
    if not experts:
        raise BadOption(f"the task {task.name!r} asks open questions", "there is no action to clone")
    if expert not in experts:
        raise UnknownName.among(f"expert of {task.name}", expert, experts)
    for episode in range(episodes):
        episode_seed = FIRST_RESERVED_SEED + seed_of(seed, "clone", episode, bits=54)
        if expert == ORACLE:
            yield from _oracle_steps(task, episode_seed)
        else:
            yield from ((s, o, action) for s, o, action, _ in run_player(task, players_for(task)[expert], episode_seed))


def expert_rationale(situation: Situation, action: str, brief: bool = False) -> str:
    """The rule's arithmetic, ending in the action that it recommends.

    Args:
        action: one of the actions with the highest value.
        brief: one line with the values alone, for a model that was fine-tuned to think in few words.

    Raises:
        BadOption: the situation has no rule, or the rule does not recommend the action.
    """
    index, pulls, mean = (situation.quantity(name) for name in ("index", "pulls", "mean"))
    if index is None or pulls is None or mean is None:
        raise BadOption(
            f"the task {situation.task!r} has no rule here, so there is no arithmetic to show",
            remedy='Clone actions alone: plan = "act".',
        )
    top = best_labels(situation.actions, index.values)
    if action not in top:
        raise BadOption(
            f"the expert took {action!r}, which the rule does not recommend",
            f"it recommends {', '.join(top)}",
            'Clone an expert that follows the rule, such as "ucb", or actions alone: plan = "act".',
        )
    values = ["infinite" if v is None else f"{v:.{1 if brief else 2}f}" for v in index.values]
    highest = values[situation.actions.index(action)]
    if brief:
        lines = f"{', '.join(f'{a} {v}' for a, v in zip(situation.actions, values, strict=True))}. "
    else:
        columns = zip(situation.actions, pulls.values, mean.values, values, strict=True)
        lines = "".join(
            f"{a}: never taken, value {v}.\n"
            if m is None
            else f"{a}: taken {'once' if n == 1 else f'{n:.0f} times'}, mean {m:.2f}, value {v}.\n"
            for a, n, m, v in columns
        )
    ties = f", of {', '.join(top)} alike" if len(top) > 1 else f", of {action}"
    return f"{lines}The highest value is {highest}{ties}. So the best {situation.noun} now is {action}."


@dataclass(frozen=True, slots=True)
class CloneResult:
    """A clone: its adapter (in an experiment: `embedded:FILE`), its training data, and its fine-tuning."""

    adapter: Path
    data: TrainingData
    training: SFTResult


def clone_policy(
    task: Task,
    out: Path,
    expert: str = "ucb",
    plan: PlanName = "reason_then_act",
    episodes: int = 100,
    config: SFTConfig = SFTConfig(updates=100),  # noqa: B008 - frozen
    rank: int = 8,
    base: str | None = None,
    on_start: Callable[[str], None] | None = None,
    on_update: Callable[[SFTProgress], None] | None = None,
) -> CloneResult:
    """Fine-tune the embedded model on an expert's play, into an adapter file.

    Args:
        out: a .gguf file, written as a whole once the training has ended.
        config: of the fine-tuning; its seed also names the expert's episodes and the LoRA's first weights.
        base: other weights than the embedded model's; see `akrasia.training.weights.load_weights`.
        on_start: called before the first update, with one line about the training.
        on_update: called after every update.

    Raises:
        UsageError: a setting is not possible, or a package is missing; nothing was trained.
        TrainingFailed: the loss is not a number, or memory ran out; nothing was written.
    """
    from .weights import add_lora, load_weights, save_adapter

    if out.suffix != ".gguf":
        raise BadOption(f"the adapter would be written to {str(out)!r}", remedy="Give a .gguf file.")
    data = demonstrations(task, expert, episodes, config.seed, plan, "tuned")
    weights = load_weights(base)
    weights.model = add_lora(weights.model, rank=rank, seed=config.seed)
    pairs = prompt_completion_pairs([row for row in data.rows if isinstance(row, Demonstration)], weights.tokenizer)
    if on_start is not None:
        on_start(f"{data}; {config.updates} updates of {config.batch} pairs")
    training = fine_tune(weights, pairs, config, on_update)
    note = f"cloned from {expert} on {task.name}, plan {plan}, {len(pairs)} pairs, {config.updates} updates"
    save_adapter(weights.model, out, name=out.stem, sha256=weights.sha256, style="tuned", note=note)
    return CloneResult(out, data, training)


def _check_names(plan: str, style: str) -> None:
    for kind, name, known in (("plan to clone", plan, PLANS), ("style", style, STYLES)):
        if name not in known:
            raise UnknownName.among(kind, name, known)


def _oracle_steps(task: Task, seed: int) -> Iterator[tuple[Situation, Oracle, str]]:
    state, over = task.start(seed), False
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        if not situation.actions:
            raise BadOption(f"the task {task.name!r} asks open questions", "there is no action to clone")
        action = oracle.optimal[int(named_rng(seed, "expert", situation.step).integers(len(oracle.optimal)))]
        yield situation, oracle, action
        state, _, over = task.step(state, action)


def _answers(situation: Situation, action: str, plan: str, style: Style) -> list[Demonstration]:
    """The prompt of each agent of the plan, in order, with the answer that the expert would have given."""
    rows: list[Demonstration] = []
    turns: dict[str, Turn] = {}
    for node in GRAPHS.make(plan).nodes:
        role: Any = AGENTS.make(node.agent.role)
        call = role.prompt(node.agent, situation, tuple(turns[r] for r in node.reads), style)
        thinks, acts = role.name == "reasoner", role.name == "actor" or node.agent.options.get("mode") == "reason_act"
        answer = _thought(situation, action, style) if thinks else ""
        if acts:
            answer += _act(situation, action, style, thinks)
        _check_readable(role, node.agent, situation, answer, action, thinks, acts)
        turns[node.name] = Turn(node.name, role.name, text=answer, rationale=answer, stated=(action,))
        stop = "" if style == "chat" or not call.sampling.stop else call.sampling.stop[-1]
        rows.append(Demonstration(call.messages, answer, "chat" if style == "chat" else "completion", stop))
    return rows


def _thought(situation: Situation, action: str, style: Style) -> str:
    """The rationale, in the form in which it continues the end of the prompt."""
    rationale = expert_rationale(situation, action, brief=style != "chat")
    if style == "chat":
        return f"{rationale}\nBEST={action}"
    if style == "completion" and situation.shows:  # the prompt says "the highest score is"
        index = situation.quantity("index")
        value = None if index is None else index.values[situation.actions.index(action)]
        score = INFINITE if value is None else f"{value:.1f}"
        return f" {score}, which belongs to {action}. So the best {situation.noun} now is {action}."
    return f" {rationale}"


def _act(situation: Situation, action: str, style: Style, thinks: bool) -> str:
    """The action, in the form in which it continues the end of the prompt, or the thought before it."""
    line = f"{action_prefix(situation)}{action}" if style == "tuned" else f"ACTION={action}"
    if thinks:
        return f"\n{line}"
    return line if style == "chat" else action


def _check_readable(
    role: ModelRole, agent: Any, situation: Situation, answer: str, action: str, thinks: bool, acts: bool
) -> None:
    parsed = role.read(agent, situation, answer, Response(answer))
    stated = parsed.stated == ((action,), "ok") if thinks else True
    done = parsed.action == (action, "ok") if acts else True
    if not stated or not done:
        raise BadOption(
            f"the parser does not find the action {action!r} in an answer that takes it",
            f"the answer is {answer!r}",
            "Use labels that are single words.",
        )


def prompt_completion_pairs(rows: Sequence[Demonstration], tokenizer: Any = None) -> list[TrainingPair]:
    """The rows as pairs for `fine_tune`; chats are rendered with the tokenizer's chat template.

    Raises:
        BadOption: a row is a chat, and there is no tokenizer with a chat template that keeps the prompt as it is.
    """
    if any(row.mode == "chat" for row in rows) and not getattr(tokenizer, "chat_template", None):
        raise BadOption(
            "the rows are chats", "the model's tokenizer has no chat template", "Make them in another style."
        )
    pairs = []
    for row in rows:
        if row.mode == "completion":
            pairs.append(TrainingPair(prompt_text(row.prompt), row.answer + row.end))
            continue
        messages = chat_messages(row.prompt)
        prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        chat = tokenizer.apply_chat_template([*messages, *assistant_message(row.answer)], tokenize=False)
        if not chat.startswith(prompt):
            raise BadOption(
                "the chat template of the model's tokenizer changes the prompt once there is an answer",
                remedy="Make the rows in another style.",
            )
        pairs.append(TrainingPair(prompt, chat.removeprefix(prompt)))
    return pairs
