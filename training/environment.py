"""The tasks as an environment of `verifiers`, so that trainers that read it (prime-rl among them) can use them.

    from akrasia.training.environment import load_environment
    env = load_environment("bandit", arms=10, horizon=20)

On the command line of verifiers the taskset is called `akrasia-verifiers`, with `--env.taskset.decision bandit`. It has
no end: task number n is the episode that (seed, n) names, and none that an experiment plays.

Invariants: prompts, parser and forfeits are those of `Exchange`, which knows nothing of verifiers; no program is
launched and no sandbox needed, since an answer is one call of the model, made in this process.

Source: verifiers 0.4, `verifiers.v1`: a taskset loads tasks, an env plays one, a harness asks the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from typing import Any

import aiohttp

from ..errors import MissingExtra
from ..rng import seed_of
from ..tasks.base import TASKS, Task
from .returns import BEYOND, Scale, Shaping, scale_of
from .text_env import Exchange

try:
    import verifiers.v1 as vf
    from verifiers.v1.dialects.chat import message_to_wire
    from verifiers.v1.runtimes import ProgramResult
    from verifiers.v1.utils.loaders import load_environment as _load
    from verifiers.v1.utils.loaders import resolve_env_config
except ImportError:
    raise MissingExtra.of("verifiers", "verifiers") from None

__all__ = ["ID", "AkrasiaEnv", "AkrasiaHarness", "AkrasiaTaskset", "load_environment"]

ID = "akrasia-verifiers"


class AkrasiaConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which task is played: `decision` by its name, with its `options`; `seed` names the stream of episodes."""

    decision: str = "bandit"
    options: dict[str, Any] = {}
    seed: int = 0


class AkrasiaData(vf.TaskData):  # type: ignore[misc]
    """One episode: the task, its options, the episode's seed, and the scale of its rewards under random play."""

    info: dict[str, Any]


class AkrasiaTask(vf.Task[AkrasiaData]):  # type: ignore[misc]
    """One episode; its rewards are recorded by the env that plays it."""


class AkrasiaTaskset(vf.Taskset[AkrasiaTask, AkrasiaConfig]):  # type: ignore[misc]
    """The episodes of a task, without end."""

    INFINITE = True

    def load(self) -> Iterator[Any]:
        """Episode after episode, each opened by its first prompt."""
        config = self.config
        task: Task = TASKS.make(config.decision, **config.options)
        scale = scale_of(task, config.seed)
        for n in count():
            seed = BEYOND + seed_of(config.seed, "environment", n, bits=54)
            info = {"decision": config.decision, "options": config.options, "seed": seed, "scale": asdict(scale)}
            prompt = Exchange(task, seed).prompt
            yield AkrasiaTask(AkrasiaData(idx=n, name=f"{task.name}#{n}", prompt=prompt, info=info), config.task)


class AkrasiaHarnessConfig(vf.HarnessConfig):  # type: ignore[misc]
    """Nothing to choose."""


class AkrasiaHarness(vf.Harness[AkrasiaHarnessConfig]):  # type: ignore[misc]
    """Asks the model once per turn, in this process: no tools, no program, no sandbox."""

    APPENDS_SYSTEM_PROMPT = True
    SUPPORTS_RESUME = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self, ctx: Any, trace: Any, runtime: Any, endpoint: str, secret: str, mcp_urls: Any, data: Any
    ) -> Any:
        """One answer to the conversation so far."""
        system, prompt = self.resolve_prompt(data)
        asked = [{"role": "system", "content": system}] if system else []
        asked += [{"role": "user", "content": prompt}] if isinstance(prompt, str) else map(message_to_wire, prompt)
        head = {"Authorization": f"Bearer {secret}"}
        async with (
            aiohttp.ClientSession(headers=head, timeout=aiohttp.ClientTimeout()) as session,
            session.post(f"{endpoint}/chat/completions", json={"model": ctx.model, "messages": asked}) as answer,
        ):
            said = await answer.text()
            return ProgramResult(0, said, "") if answer.ok else ProgramResult(1, "", f"HTTP {answer.status}: {said}")


class AkrasiaEnvConfig(vf.EnvConfig):  # type: ignore[misc]
    """Who plays and how.

    Attributes:
        conversation: one conversation an episode, whose reward is the sum over its steps; else every step is asked by
            itself, as an experiment asks it, and is a trace of its own with the reward that is still to come.
        penalty, bonus: for an answer without a legal action, and for an action untried in the episode.
    """

    agent: vf.AgentConfig = vf.AgentConfig(runtime={"type": "subprocess"})
    conversation: bool = True
    penalty: float = -5.0
    bonus: float = 0.0


class AkrasiaEnv(vf.Env[AkrasiaEnvConfig]):  # type: ignore[misc]
    """Plays an episode and rewards it: what the environment pays, in units of random play, and the penalty."""

    async def run(self, task: Any, agents: Any) -> None:
        """Play one episode."""
        info = task.data.info
        played: Task = TASKS.make(info["decision"], **info["options"])
        shaping = Shaping(self.config.penalty, self.config.bonus)
        exchange = Exchange(played, info["seed"], shaping, Scale(**info["scale"]))
        play = self._conversation if self.config.conversation else self._steps
        await play(task, agents.agent, exchange)

    async def _conversation(self, task: Any, agent: Any, exchange: Exchange) -> None:
        async with agent.interaction(task) as interaction:
            segment = await interaction.turn()
            while not segment.terminated:
                exchange.take(segment.last_reply)
                if exchange.prompt is None:
                    break
                segment = await interaction.turn(exchange.prompt)
        trace = interaction.trace
        trace.record_reward("reward", sum(t.worth for t in exchange.taken))
        trace.record_metrics(exchange.shares)

    async def _steps(self, task: Any, agent: Any, exchange: Exchange) -> None:
        traces = []
        while (prompt := exchange.prompt) is not None:
            trace = await agent.run(task.with_data(prompt=prompt))
            if not trace.ok:
                break  # the model was not heard: that is no answer of its own
            exchange.take(trace.last_reply)
            traces.append(trace)
        for trace, taken, ahead in zip(traces, exchange.taken, exchange.returns, strict=True):
            trace.record_reward("reward_to_go", ahead)
            told = {"valid": taken.done is not None, "knowing": taken.knows, "doing": taken.does}
            trace.record_metrics({**told, "gap": taken.knows and not taken.does})


def load_environment(
    task: str = "bandit",
    seed: int = 0,
    conversation: bool = True,
    penalty: float = -5.0,
    bonus: float = 0.0,
    **options: Any,
) -> Any:
    """The environment of a task: a `verifiers.v1.Env`.

    Args:
        task: a task's name; `options` are its own.
        seed: names the stream of episodes.
        conversation: whether an episode is one conversation; else every step is asked by itself.
        penalty, bonus: for an answer without a legal action, and for an action untried in the episode.

    Raises:
        UnknownName, BadOption: no such task, an option out of range, or a task of open questions.
        MissingExtra: verifiers is not installed.
    """
    Exchange(TASKS.make(task, **options), 0)
    taskset = {"id": ID, "decision": task, "options": options, "seed": seed}
    settings = {"taskset": taskset, "conversation": conversation, "penalty": penalty, "bonus": bonus}
    return _load(resolve_env_config(settings))
