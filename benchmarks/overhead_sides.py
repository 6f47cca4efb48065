"""One side of the overhead benchmark, in a process of its own: read a job as JSON, do it, print what it took.

A job: {"side", "base", "items", "concurrency", "messages"}. An item is four calls, one after the other. CPU is user
plus system time of this process alone; a first, smaller job warms up what is loaded at the first call.
"""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

Job = dict[str, Any]
SENT = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 512, "seed": 7}


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def at_once(item: Callable[[], Awaitable[None]], items: int, concurrency: int) -> None:
    left = iter(range(items))

    async def worker() -> None:
        for _ in left:
            await item()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, items)):
            group.create_task(worker())


def ours(job: Job, transport: str = "auto") -> None:
    """The whole program: experiment, LangGraph plan, gateway, ledger with every answer and record."""
    import akrasia
    from akrasia.models import resolve

    model = resolve(
        "openai/bench",
        api_base=job["base"],
        max_concurrency=job["concurrency"],
        transport=transport,
        price={"prompt": 0.1, "completion": 0.4},
    )
    with tempfile.TemporaryDirectory() as folder:
        result = akrasia.run(
            task={"name": "bandit", "arms": 5, "horizon": 1, "head_start": 3},
            variants=["reason_then_act | critique"],
            model=model,
            episodes=job["items"],
            concurrency=job["concurrency"],
            out=os.path.join(folder, "run"),
        )
        assert result.outcome is not None and result.outcome.stopped is None, result.outcome
        assert result.outcome.run_usage.made == 4 * job["items"], result.outcome.run_usage


def ours_litellm(job: Job) -> None:
    ours(job, "litellm")


def litellm_bare(job: Job) -> None:
    import litellm

    litellm.suppress_debug_info = True

    async def item() -> None:
        for messages in job["messages"]:
            response = await litellm.acompletion(model="openai/bench", api_base=job["base"], messages=messages, **SENT)
            assert response.choices[0].message.content

    asyncio.run(at_once(item, job["items"], job["concurrency"]))


def langgraph(job: Job) -> None:
    """Four nodes in a row, each asking ChatLiteLLM."""
    from langchain_litellm import ChatLiteLLM
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict):
        text: str

    sent = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 512, "model_kwargs": {"seed": 7}}
    model = ChatLiteLLM(
        model="openai/bench", api_base=job["base"], api_key=os.environ["OPENAI_API_KEY"], max_retries=0, **sent
    )

    def node(messages: list[Any]) -> Any:
        async def ask(state: State) -> State:
            return {"text": str((await model.ainvoke(messages)).content)}

        return ask

    builder = StateGraph(State)
    names = [START, *(f"call{i}" for i in range(4)), END]
    for name, messages in zip(names[1:-1], job["messages"], strict=True):
        builder.add_node(name, node([(m["role"], m["content"]) for m in messages]))
    for one, other in zip(names, names[1:], strict=False):
        builder.add_edge(one, other)
    graph = builder.compile()

    async def item() -> None:
        assert (await graph.ainvoke({"text": ""}))["text"]

    asyncio.run(at_once(item, job["items"], job["concurrency"]))


def inspect(job: Job) -> None:
    """A task whose solver asks four times, with its log."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model
    from inspect_ai.scorer import includes
    from inspect_ai.solver import Generate, TaskState, solver

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    prompts = [[kinds[m["role"]](content=m["content"]) for m in messages] for messages in job["messages"]]
    config = GenerateConfig(max_connections=job["concurrency"], max_retries=0, **SENT)
    model = get_model("openai/bench", base_url=job["base"], config=config, responses_api=False)

    @solver
    def four_calls() -> Any:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            for messages in prompts:
                state.output = await model.generate(messages)
            return state

        return solve

    task = Task(
        dataset=[Sample("x", target="BEST") for _ in range(job["items"])], solver=four_calls(), scorer=includes()
    )
    with tempfile.TemporaryDirectory() as folder:
        [log] = eval(task, model=model, max_samples=job["concurrency"], log_dir=folder, display="none")
    assert log.status == "success", log.error


def aiohttp_bare(job: Job) -> None:
    import aiohttp

    async def main() -> None:
        headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:

            async def item() -> None:
                for messages in job["messages"]:
                    body = {"model": "bench", "messages": messages, **SENT}
                    async with session.post(f"{job['base']}/chat/completions", json=body) as answer:
                        assert (await answer.json())["choices"][0]["message"]["content"]

            await at_once(item, job["items"], job["concurrency"])

    asyncio.run(main())


SIDES = {
    "ours": ours,
    "ours through litellm": ours_litellm,
    "litellm": litellm_bare,
    "LangGraph + ChatLiteLLM": langgraph,
    "Inspect": inspect,
    "aiohttp": aiohttp_bare,
}


def main() -> None:
    """Jobs come one a line; each is answered by one line."""
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        job = json.loads(line)
        began, used = time.perf_counter(), cpu()
        SIDES[job["side"]](job)
        took = {"wall": time.perf_counter() - began, "cpu": cpu() - used}
        os.write(out, json.dumps(took).encode() + b"\n")


if __name__ == "__main__":
    main()
