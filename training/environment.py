"""The tasks as an environment of `verifiers`, for the trainers that use it (prime-rl among them).

    from akrasia.training.environment import load_environment
    env = load_environment("bandit", arms=10, horizon=20)

On the command line of verifiers the taskset is called `akrasia-verifiers`, with `--env.taskset.decision bandit`. It is
endless: task number n is the episode that (seed, n) names, and no experiment plays it.

Where it names a graph, the graph is the policy, and all of its calls are the model's (`graph_policy.py`).

Invariants: prompts, parser and forfeits are those of `TextEpisode`, which does not depend on verifiers. Calls of the
model are made in this process, so no program is launched and no sandbox is needed.

Source: verifiers 0.4, `verifiers.v1`: a taskset loads tasks, an env plays one, a harness asks the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from typing import Any

import aiohttp

from ..errors import AkrasiaError, MissingExtra
from ..rng import seed_of
from ..tasks.base import TASKS, Task
from .graph_policy import decide_step, trainable_plan
from .returns import FIRST_RESERVED_SEED, RewardScale, RewardShaping, reward_scale
from .text_env import TextEpisode

try:
    import verifiers.v1 as vf
    from verifiers.v1.dialects.chat import message_to_wire
    from verifiers.v1.runtimes import ProgramResult
    from verifiers.v1.utils.loaders import load_environment as _load
    from verifiers.v1.utils.loaders import resolve_env_config
except ImportError:
    raise MissingExtra.of("verifiers", "verifiers") from None

ID = "akrasia-verifiers"
DECISION = "decision"  # where a trace of a graph holds what it decided


class AkrasiaConfig(vf.TasksetConfig):  # type: ignore[misc]
    """The task that is played: `decision` is its name, `options` are its own; `seed` names the episodes. `graph` is the
    policy that decides, such as `reason_act | critique`; where it is empty the model itself is asked.
    """

    decision: str = "bandit"
    options: dict[str, Any] = {}
    seed: int = 0
    graph: str = ""


class AkrasiaData(vf.TaskData):  # type: ignore[misc]
    """One episode: the task, its options, the episode's seed, and the scale of its rewards under random play."""

    info: dict[str, Any]


class AkrasiaTask(vf.Task[AkrasiaData]):  # type: ignore[misc]
    """One episode; the env that plays it records its rewards."""


class AkrasiaTaskset(vf.Taskset[AkrasiaTask, AkrasiaConfig]):  # type: ignore[misc]
    """The endless episodes of a task."""

    INFINITE = True

    def load(self) -> Iterator[Any]:
        """One episode after the other, each with its first prompt."""
        config = self.config
        task: Task = TASKS.make(config.decision, **config.options)
        scale = reward_scale(task, config.seed)
        for n in count():
            seed = FIRST_RESERVED_SEED + seed_of(config.seed, "environment", n, bits=54)
            info = {"decision": config.decision, "options": config.options, "seed": seed, "scale": asdict(scale)}
            info |= {"graph": config.graph} if config.graph else {}
            prompt = TextEpisode(task, seed).prompt
            yield AkrasiaTask(AkrasiaData(idx=n, name=f"{task.name}#{n}", prompt=prompt, info=info), config.task)


class AkrasiaHarnessConfig(vf.HarnessConfig):  # type: ignore[misc]
    """It has no settings."""


class AkrasiaHarness(vf.Harness[AkrasiaHarnessConfig]):  # type: ignore[misc]
    """Asks the model once per turn, or lets a graph ask it, in this process: no program, no sandbox."""

    APPENDS_SYSTEM_PROMPT = True
    SUPPORTS_RESUME = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self, ctx: Any, trace: Any, runtime: Any, endpoint: str, secret: str, mcp_urls: Any, data: Any
    ) -> Any:
        """One answer to the conversation so far, or what a graph decides at this step."""
        if data.info.get("graph"):
            return await self._decide(ctx, trace, endpoint, secret, data.info)
        system, prompt = self.resolve_prompt(data)
        messages = [{"role": "system", "content": system}] if system else []
        messages += [{"role": "user", "content": prompt}] if isinstance(prompt, str) else map(message_to_wire, prompt)
        headers = {"Authorization": f"Bearer {secret}"}
        body = {"model": ctx.model, "messages": messages}
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout()) as session,
            session.post(f"{endpoint}/chat/completions", json=body) as response,
        ):
            text = await response.text()
            if response.ok:
                return ProgramResult(0, text, "")
            return ProgramResult(1, "", f"HTTP {response.status}: {text}")

    async def _decide(self, ctx: Any, trace: Any, endpoint: str, secret: str, info: dict[str, Any]) -> Any:
        try:
            decision = await decide_step(info["graph"], info, info.get("played", ()), endpoint, secret, ctx.model)
        except AkrasiaError as error:
            return ProgramResult(1, "", str(error))
        trace.info[DECISION] = {"stated": list(decision.stated), "done": decision.done, "status": decision.status}
        return ProgramResult(0, str(decision.done), "")


class AkrasiaEnvConfig(vf.EnvConfig):  # type: ignore[misc]
    """How episodes are played.

    Attributes:
        conversation: an episode is one conversation, and its reward is the sum over its steps. Otherwise every step is
            a prompt by itself, as in an experiment, and a trace of its own with its reward-to-go. A graph always plays
            step by step.
        penalty: for an answer without a legal action.
        bonus: for an action untried in the episode.
    """

    agent: vf.AgentConfig = vf.AgentConfig(runtime={"type": "subprocess"})
    conversation: bool = True
    penalty: float = -5.0
    bonus: float = 0.0


class AkrasiaEnv(vf.Env[AkrasiaEnvConfig]):  # type: ignore[misc]
    """Plays an episode and rewards it: the environment's rewards in units of random play, bonus and penalty."""

    async def run(self, task: Any, agents: Any) -> None:
        """Play one episode."""
        info = task.data.info
        decision_task: Task = TASKS.make(info["decision"], **info["options"])
        shaping = RewardShaping(self.config.penalty, self.config.bonus)
        episode = TextEpisode(decision_task, info["seed"], shaping, RewardScale(**info["scale"]))
        play = self._conversation if self.config.conversation and not info.get("graph") else self._steps
        await play(task, agents.agent, episode)

    async def _conversation(self, task: Any, agent: Any, episode: TextEpisode) -> None:
        async with agent.interaction(task) as interaction:
            segment = await interaction.turn()
            while not segment.terminated:
                episode.step(segment.last_reply)
                if episode.prompt is None:
                    break
                segment = await interaction.turn(episode.prompt)
        trace = interaction.trace
        trace.record_reward("reward", sum(step.shaped_reward for step in episode.steps))
        trace.record_metrics(episode.rates)

    async def _steps(self, task: Any, agent: Any, episode: TextEpisode) -> None:
        traces = []
        info = task.data.info
        while (prompt := episode.prompt) is not None:
            played = {"played": [step.done for step in episode.steps]} if info.get("graph") else {}
            trace = await agent.run(task.with_data(prompt=prompt, info={**info, **played}))
            decided = trace.info.get(DECISION)
            if not trace.ok or (played and decided is None):
                break  # a call failed, or the trainer cut it off, so there is no answer to judge
            if decided is None:
                episode.step(trace.last_reply)
            else:
                episode.take(tuple(decided["stated"]), decided["done"])
            traces.append(trace)
        for trace, step, reward_to_go in zip(traces, episode.steps, episode.returns, strict=True):
            trace.record_reward("reward_to_go", reward_to_go)
            rates = {"valid": step.done is not None, "knowing": step.knows, "doing": step.does}
            trace.record_metrics({**rates, "gap": step.knows and not step.does})


def load_environment(
    task: str = "bandit",
    seed: int = 0,
    conversation: bool = True,
    penalty: float = -5.0,
    bonus: float = 0.0,
    graph: str = "",
    **options: Any,
) -> Any:
    """The environment of a task: a `verifiers.v1.Env`.

    Args:
        task: a task's name; `options` are its own.
        seed: names the episodes.
        conversation: whether an episode is one conversation; otherwise every step is a prompt by itself.
        penalty: for an answer without a legal action.
        bonus: for an action untried in the episode.

    Raises:
        UnknownName, BadOption: no such task or graph, an option out of range, or a task of open questions.
        PlanError: the graph reads the oracle or remembers steps.
        MissingExtra: verifiers is not installed.
    """
    TextEpisode(TASKS.make(task, **options), 0)  # refuses what cannot be played
    if graph:
        trainable_plan(graph)
    taskset = {"id": ID, "decision": task, "options": options, "seed": seed, "graph": graph}
    settings = {"taskset": taskset, "conversation": conversation, "penalty": penalty, "bonus": bonus}
    return _load(resolve_env_config(settings))
