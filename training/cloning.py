"""Cloning an expert: what a reference player did, as answers to the very prompts that agents are asked.

    behaviour cloning   plan "act": the situation, and the expert's action
    thought cloning     plan "reason_act" or "reason_then_act": the situation, a rationale, and the action that follows

Source: Schmied et al. 2025 (2504.16078): supervised fine-tuning on rollouts of UCB, without and with a rationale that
is reconstructed from what UCB computes; both came near to UCB's regret there.

The expert's rationale is the rule's own arithmetic: per action how often it was tried, its mean and its value under the
rule, and which value is the highest. An expert that does not follow the rule has no such rationale and gives actions
alone. The experts are the reference players of the task and "oracle", an optimal action, which every task with named
actions has; where the oracle knows what no history tells (a bandit under rule "truth"), so does this teacher.

Invariants: prompts come from the ordinary agents of the plan, in the style of the model to be trained; every answer is
read back by the agent's own parser, and says and does what the expert did; the episodes are none that an experiment
plays, whatever its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..agents import AGENTS
from ..agents.answers.parsing import with_action
from ..agents.base import ModelRole
from ..agents.few_shot import INFINITE, acted
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
from ..options import MOST_SEED, whole
from ..records import Oracle, Response, Situation, Turn
from ..rng import named_rng, seed_of
from ..tasks.base import Task
from ..tasks.players import play, players_for
from ..tasks.rules import best
from .returns import BEYOND
from .supervised import SFT, FineTuned, Pair, TrainingProgress, fine_tune

__all__ = [
    "ORACLE", "PLANS", "Cloned", "PlanName", "clone", "demonstrations", "expert_steps", "experts_for", "preferences",
    "rationale",
]  # fmt: skip

PlanName = Literal["act", "reason_act", "reason_then_act"]
PLANS: tuple[PlanName, ...] = get_args(PlanName)
STYLES: tuple[Style, ...] = get_args(Style)
ORACLE = "oracle"


def experts_for(task: Task) -> list[str]:
    """Whose play of a task can be cloned; none where its questions are open."""
    return [*players_for(task), ORACLE] if task.situation(task.start(0)).actions else []


def demonstrations(
    task: Task,
    expert: str = "ucb",
    episodes: int = 100,
    seed: int = 0,
    plan: PlanName = "reason_act",
    style: Style = "chat",
) -> TrainingData:
    """What an expert would have answered in the place of a plan's agents.

    Args:
        episodes: seeded plays of the expert; `seed` names the set of them.
        plan: whose prompts are answered: "act" clones behaviour, "reason_act" and "reason_then_act" clone thoughts.
        style: of the model that is to be trained.

    Raises:
        UnknownName: no such expert, plan or style.
        BadOption: the task's questions are open, or the expert does not follow a rule whose arithmetic could be told.
    """
    rows: list[Demonstration] = []
    data = TrainingData(rows, 0)
    _known(plan, style)
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
    """The expert's answer before the same answer with the greedy action, wherever that one is not optimal.

    With a rationale the rejected answer knows and does not do.

    Raises:
        UnknownName, BadOption: as for `demonstrations`.
        NotMeasured: no greedy action is ever worse.
    """
    rows: list[PreferencePair] = []
    data = TrainingData(rows, 0)
    _known(plan, style)
    for situation, oracle, action in expert_steps(task, expert, episodes, seed):
        data.steps += 1
        worse = [a for a in oracle.greedy if a not in oracle.optimal]
        if action not in oracle.optimal or not worse:
            data.left_out["where the expert errs" if worse else "whose greedy action is optimal or unknown"] += 1
            continue
        shown = _answers(situation, action, plan, style)[-1]
        rejected = with_action(shown.answer, situation.actions, worse[0])
        assert rejected is not None  # it was read back with an action
        rows.append(PreferencePair(shown.prompt, shown.answer, rejected, shown.mode, shown.end))
    if not rows:
        raise NotMeasured("no step has a greedy action that is not optimal", str(data), "Choose a task with a rule.")
    return data


def expert_steps(
    task: Task, expert: str = "ucb", episodes: int = 100, seed: int = 0
) -> Iterator[tuple[Situation, Oracle, str]]:
    """Every step of the expert's episodes: (situation, oracle, what the expert did).

    Raises:
        UnknownName: no such expert.
        BadOption: the task's questions are open.
    """
    whole("episodes", episodes, 1)
    whole("seed", seed, most=MOST_SEED)
    able = experts_for(task)
    if not able:
        raise BadOption(f"the task {task.name!r} asks open questions", "there is no action to clone")
    if expert not in able:
        raise UnknownName.among(f"expert of {task.name}", expert, able)
    for episode in range(episodes):
        number = BEYOND + seed_of(seed, "clone", episode, bits=54)
        if expert == ORACLE:
            yield from _by_oracle(task, number)
        else:
            yield from ((s, o, action) for s, o, action, _ in play(task, players_for(task)[expert], number))


def rationale(situation: Situation, action: str, brief: bool = False) -> str:
    """The rule's arithmetic, ending in the action that it recommends.

    Args:
        action: one of the actions whose value is highest.
        brief: on one line, values alone, for a model that was fine-tuned to think in few words.

    Raises:
        BadOption: the situation has no rule, or the rule does not recommend the action.
    """
    index, pulls, mean = (situation.quantity(name) for name in ("index", "pulls", "mean"))
    if index is None or pulls is None or mean is None:
        raise BadOption(
            f"the task {situation.task!r} has no rule here whose arithmetic could be told",
            remedy='Clone actions alone: plan = "act".',
        )
    top = best(situation.actions, index.values)
    if action not in top:
        raise BadOption(
            f"the expert took {action!r}, which the rule does not recommend", f"it recommends {', '.join(top)}",
            'Clone an expert that follows the rule, such as "ucb", or actions alone: plan = "act".',
        )  # fmt: skip
    values = ["infinite" if v is None else f"{v:.{1 if brief else 2}f}" for v in index.values]
    highest = values[situation.actions.index(action)]
    if brief:
        told = f"{', '.join(f'{a} {v}' for a, v in zip(situation.actions, values, strict=True))}. "
    else:
        columns = zip(situation.actions, pulls.values, mean.values, values, strict=True)
        told = "".join(
            f"{a}: never taken, value {v}.\n"
            if m is None
            else f"{a}: taken {'once' if n == 1 else f'{n:.0f} times'}, mean {m:.2f}, value {v}.\n"
            for a, n, m, v in columns
        )
    ties = f", of {', '.join(top)} alike" if len(top) > 1 else f", of {action}"
    return f"{told}The highest value is {highest}{ties}. So the best {situation.noun} now is {action}."


@dataclass(frozen=True, slots=True)
class Cloned:
    """A clone: its adapter, which `embedded:FILE` names in an experiment, what it was trained on, and how."""

    adapter: Path
    data: TrainingData
    trained: FineTuned


def clone(
    task: Task,
    out: Path,
    expert: str = "ucb",
    plan: PlanName = "reason_then_act",
    episodes: int = 100,
    settings: SFT = SFT(updates=100),  # noqa: B008 - frozen
    rank: int = 8,
    base: str | None = None,
    told: Callable[[str], None] | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> Cloned:
    """Fine-tune the embedded model on an expert's play, into an adapter file.

    Args:
        out: a .gguf file, written whole once the training has ended.
        settings: of the fine-tuning; its seed also names the expert's episodes and the LoRA's first weights.
        base: weights other than the embedded model's; see `akrasia.training.weights.load`.
        told: hears, before the first update, what the training will take.

    Raises:
        UsageError: something cannot be used, or is not installed; nothing was trained.
        TrainingFailed: the loss is no number, or memory ran out; nothing was written.
    """
    from .weights import add_lora, load, save_adapter

    if out.suffix != ".gguf":
        raise BadOption(f"the adapter would be written to {str(out)!r}", remedy="Give a .gguf file.")
    data = demonstrations(task, expert, episodes, settings.seed, plan, "tuned")
    weights = load(base)
    weights.model = add_lora(weights.model, rank=rank, seed=settings.seed)
    pairs = pairs_of([row for row in data.rows if isinstance(row, Demonstration)], weights.tokenizer)
    if told is not None:
        told(f"{data}; {settings.updates} updates of {settings.batch} pairs")
    trained = fine_tune(weights, pairs, settings, progress)
    note = f"cloned from {expert} on {task.name}, plan {plan}, {len(pairs)} pairs, {settings.updates} updates"
    save_adapter(weights.model, out, name=out.stem, sha256=weights.sha256, style="tuned", note=note)
    return Cloned(out, data, trained)


def _known(plan: str, style: str) -> None:
    for kind, name, known in (("plan to clone", plan, PLANS), ("style", style, STYLES)):
        if name not in known:
            raise UnknownName.among(kind, name, known)


def _by_oracle(task: Task, number: int) -> Iterator[tuple[Situation, Oracle, str]]:
    state, over = task.start(number), False
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        if not situation.actions:
            raise BadOption(f"the task {task.name!r} asks open questions", "there is no action to clone")
        action = oracle.optimal[int(named_rng(number, "expert", situation.step).integers(len(oracle.optimal)))]
        yield situation, oracle, action
        state, _, over = task.step(state, action)


def _answers(situation: Situation, action: str, plan: str, style: Style) -> list[Demonstration]:
    """What each agent of the plan is asked, in order, and what it would have answered."""
    shown: list[Demonstration] = []
    turns: dict[str, Turn] = {}
    for node in GRAPHS.make(plan).nodes:
        role: Any = AGENTS.make(node.agent.role)
        call = role.call(node.agent, situation, tuple(turns[r] for r in node.reads), style)
        thinks, acts = role.name == "reasoner", role.name == "actor" or node.agent.options.get("mode") == "reason_act"
        answer = (_thought(situation, action, style) if thinks else "") + _act(situation, action, style, thinks) * acts
        _read_back(role, node.agent, situation, answer, action, thinks, acts)
        turns[node.name] = Turn(node.name, role.name, text=answer, rationale=answer, stated=(action,))
        stop = "" if style == "chat" or not call.sampling.stop else call.sampling.stop[-1]
        shown.append(Demonstration(call.messages, answer, "chat" if style == "chat" else "completion", stop))
    return shown


def _thought(situation: Situation, action: str, style: Style) -> str:
    """A rationale as the end of the prompt wants it continued."""
    said = rationale(situation, action, brief=style != "chat")
    if style == "chat":
        return f"{said}\nBEST={action}"
    if style == "completion" and situation.shows:  # the prompt says "the highest score is"
        index = situation.quantity("index")
        value = None if index is None else index.values[situation.actions.index(action)]
        score = INFINITE if value is None else f"{value:.1f}"
        return f" {score}, which belongs to {action}. So the best {situation.noun} now is {action}."
    return f" {said}"


def _act(situation: Situation, action: str, style: Style, thinks: bool) -> str:
    """An action as the end of the prompt, or of the thought before it, wants it continued."""
    line = f"{acted(situation)}{action}" if style == "tuned" else f"ACTION={action}"
    if thinks:
        return f"\n{line}"
    return line if style == "chat" else action


def _read_back(
    role: ModelRole, agent: Any, situation: Situation, answer: str, action: str, thinks: bool, acts: bool
) -> None:
    said = role.read(agent, situation, answer, Response(answer))
    stated = said.stated == ((action,), "ok") if thinks else True
    done = said.action == (action, "ok") if acts else True
    if not stated or not done:
        raise BadOption(
            f"the action {action!r} would not be read from an answer that takes it", f"the answer is {answer!r}",
            "Use labels that are single words.",
        )  # fmt: skip


def pairs_of(rows: Sequence[Demonstration], tokenizer: Any = None) -> list[Pair]:
    """The rows as pairs for `fine_tune`; of a chat, in the template of the model's tokenizer.

    Raises:
        BadOption: chats, and no tokenizer, or one without a chat template that only appends.
    """
    if any(row.mode == "chat" for row in rows) and not getattr(tokenizer, "chat_template", None):
        raise BadOption(
            "these rows are chats", "the model's tokenizer has no chat template", "Make them in another style."
        )
    found = []
    for row in rows:
        if row.mode == "completion":
            found.append(Pair(prompt_text(row.prompt), row.answer + row.end))
        else:
            asked = tokenizer.apply_chat_template(chat_messages(row.prompt), tokenize=False, add_generation_prompt=True)
            whole = tokenizer.apply_chat_template(
                [*chat_messages(row.prompt), *assistant_message(row.answer)], tokenize=False
            )
            if not whole.startswith(asked):
                raise BadOption("the chat template of the model's tokenizer rewrites what stands before an answer")
            found.append(Pair(asked, whole.removeprefix(asked)))
    return found
