"""A mutation test of honesty: ways to break an arm, each through the whole program. None may yield a finding.

A broken arm gets no verdict, no place on the front and no passed check; its healthy twin, the same set-up unbroken,
gets all three. Arms that can be broken beside one another share a run and its baseline.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.agents import AGENTS, Agent
from akrasia.agents.reasoner import Reasoner
from akrasia.errors import BadOption, Denied, LedgerError, PlanError, RateLimited, RunFolderError
from akrasia.evals.heterogeneity import Heterogeneity
from akrasia.evals.pareto import pareto_points
from akrasia.experiments import Experiment
from akrasia.graphs import Node, Plan
from akrasia.interventions import INTERVENTIONS
from akrasia.models import Scripted, Simulated, key_of
from akrasia.records import Draw, Request, Response

TASK = {"name": "bandit", "arms": 4, "horizon": 2, "head_start": 2}
ONE_STEP = TASK | {"horizon": 1}  # for the long tables: one decision an episode allows every finding, too
SIMULATED = "simulated:knowing=0.95,greedy=0.6,optimal=0.4"
EPISODES = 10  # with fewer there is no verdict and no check, whatever the arm
FINDINGS = ("closes", "widens", "no change shown")
# Broken arms share a run, so that none may end it.
GO_ON = {"keep_going": True} if "keep_going" in {f.name for f in fields(Experiment)} else {}


def play(out: Path, **settings: Any) -> ak.Result:
    return ak.run(**{"task": TASK, "model": SIMULATED, "episodes": EPISODES, "out": out, **GO_ON, **settings})


def effects_by_item(result: ak.Result) -> tuple[Heterogeneity, ...]:
    try:
        return result.heterogeneity("gap", mixed=False)  # a mixed model tells the same in another way
    except BadOption:
        return ()


@dataclass(frozen=True)
class Findings:
    """What a reader would take for findings: (model, variant) -> a verdict, a place on a front, a check that passes."""

    of: dict[tuple[str, str], dict[str, str]]

    @classmethod
    def in_run(cls, result: ak.Result) -> Findings:
        names = result.experiment
        of: dict[tuple[str, str], dict[str, str]] = {(m, v): {} for m in names["labels"] for v in names["variants"]}
        try:
            card = result.score(["knowing", "doing", "gap"])
        except RunFolderError as error:
            assert "holds no records yet" in str(error)
        else:
            for verdict in card.verdicts:
                words = any(word in verdict.sentence for word in ("closes 0", "widens the gap", "no change of the gap"))
                if verdict.outcome in FINDINGS or words:
                    of[verdict.model, verdict.variant]["verdict"] = verdict.sentence
            for task, model in card.groups:
                for point in pareto_points(card.arms_of(task, model)):
                    of[model, point.variant]["front"] = str(point)
            for told in effects_by_item(result):
                arm = next(a for a in card.arms_of(told.task, told.model) if a.variant == told.variant)
                contrast = card.contrast(arm, "gap", told.against)
                if told.whole.difference.value is not None and (contrast is None or contrast.difference.value is None):
                    of[told.model, told.variant]["by item"] = str(told.whole.difference)
        baseline, *others = names["variants"]
        checks = [f"gap({v}) < 0.99" for v in names["variants"]]
        checks += [f"gap({v}) - gap({baseline}) < 0.99" for v in others]
        for line in result.check(*checks).lines:
            if line.holds:
                variant = line.check.partition("gap(")[2].partition(f") - gap({baseline})")[0].removesuffix(") < 0.99")
                of[line.model, variant]["check"] = str(line)
        return cls(of)

    def about(self, variant: str, model: str = "") -> dict[str, str]:
        """Those about an arm."""
        (found,) = (its for (m, v), its in self.of.items() if v == variant and model in ("", m))
        return found


WHOLE = {"verdict", "front", "check"}
OF_A_BASELINE = {"front", "check"}


# Graphs from elsewhere: all in one run, beside one healthy twin.

LLM = ak.ChatModel()
OTHER = FakeListChatModel(responses=["BEST=Red\nACTION=Red"])


@dataclass(frozen=True)
class Asks:
    """The adapter of the healthy twin, with one mistake."""

    mistake: str = ""

    def to_input(self, situation: Any) -> Any:
        state = ak.graphs.MessagesAdapter("Weigh every {noun}.").to_input(situation)
        if self.mistake == "shows nothing":
            return {"messages": [("user", "Decide. End with two lines\nBEST=X\nACTION=X")]}
        return state

    def from_state(self, state: Any, situation: Any) -> ak.graphs.GraphOutput:
        if self.mistake == "raises":
            raise KeyError("oops")
        if self.mistake == "returns two labels":
            labels: Any = tuple(situation.labels[:2])
            return ak.graphs.GraphOutput(text="", stated=labels, action=labels)
        if self.mistake == "returns a text":
            text: Any = "BEST=Red\nACTION=Red"
            return text
        if self.mistake == "reads the question":
            return ak.graphs.GraphOutput(text=str(state["messages"][0].text))
        return ak.graphs.MessagesAdapter().from_state(state, situation)


def chain(*nodes: Any, schema: Any = MessagesState, **options: Any) -> Any:
    builder = StateGraph(schema)
    for before, node in zip((START, *(n.__name__ for n in nodes)), nodes, strict=False):
        builder.add_node(node.__name__, node)
        builder.add_edge(before, node.__name__)
    builder.add_edge(nodes[-1].__name__, END)
    return builder.compile(**options)


async def answers(state: MessagesState) -> Any:
    return {"messages": [await LLM.ainvoke(state["messages"])]}


async def raises(state: MessagesState) -> Any:
    raise RuntimeError("vector store down")


async def raises_sometimes(state: MessagesState) -> Any:
    response = await LLM.ainvoke(state["messages"])
    if sum(map(ord, str(response.text))) % 2:
        raise RuntimeError("vector store down")
    return {"messages": [response]}


def saying(text: Any) -> Any:
    async def says(state: MessagesState) -> Any:
        await LLM.ainvoke(state["messages"])
        return {"messages": [("ai", text)]} if isinstance(text, str) else text

    return says


async def asks_another_model(state: MessagesState) -> Any:
    return {"messages": [await OTHER.ainvoke(state["messages"])]}


async def asks_both(state: MessagesState) -> Any:
    response = await LLM.ainvoke(state["messages"])
    await OTHER.ainvoke(state["messages"])
    return {"messages": [response]}


async def asks_nobody(state: MessagesState) -> Any:
    label = re.findall(r"You face \d+ \w+: (\w+)", str(state["messages"][0].text))[0]
    return {"messages": [("ai", f"BEST={label}\nACTION={label}")]}


async def another_key(state: MessagesState) -> Any:
    return {"mesages": [await LLM.ainvoke(state["messages"])]}


async def echoes(state: MessagesState) -> Any:
    await LLM.ainvoke(state["messages"])
    return {"messages": [("ai", str(state["messages"][0].text))]}


async def times_out(state: MessagesState) -> Any:
    async with asyncio.timeout(0):
        await asyncio.sleep(60)


async def is_cancelled(state: MessagesState) -> Any:
    raise asyncio.CancelledError


async def swallows_its_errors(state: MessagesState) -> Any:
    """A fallback that hides that nothing works."""
    try:
        await raises(state)
    except RuntimeError:
        return {"messages": [("ai", "BEST=A\nACTION=A")]}


def endless() -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("answers", answers)
    builder.add_edge(START, "answers")
    builder.add_edge("answers", "answers")
    return builder.compile()


GRAPHS: dict[str, Callable[[str], ak.Variant]] = {}
FAILING: dict[str, Callable[[str], ak.Variant]] = {}


def graph_row(name: str, build: Callable[[], Any], mistake: str = "", own_code: bool = False, **options: Any) -> None:
    """A graph; where its own code fails no episode counts as finished, so such graphs have a run of their own."""
    table = FAILING if own_code else GRAPHS
    table[name] = lambda name: ak.Variant.from_langgraph(name, build(), Asks(mistake), **options)


graph_row("healthy", lambda: chain(answers))
graph_row("returns nothing", lambda: chain(saying({})))
graph_row("returns another key", lambda: chain(another_key))
graph_row("says an empty text", lambda: chain(saying("")))
graph_row("says always the same", lambda: chain(saying("Thank you for your question!")))
graph_row("names no legal label", lambda: chain(saying("BEST=Mauve\nACTION=Mauve")))
graph_row("echoes its prompt", lambda: chain(echoes))
graph_row("asks another model", lambda: chain(asks_another_model))
graph_row("asks another model too", lambda: chain(asks_both))
graph_row("asks nobody", lambda: chain(asks_nobody))
graph_row("hides its errors", lambda: chain(swallows_its_errors))
graph_row("never ends", endless, supersteps=3)
graph_row("has a slot that nobody asks", lambda: chain(answers), slots=("default", "verifier"))
graph_row("its adapter reads the question", lambda: chain(answers), "reads the question")
graph_row("its adapter shows nothing", lambda: chain(answers), "shows nothing")
graph_row("raises", lambda: chain(raises), own_code=True)
graph_row("raises after it asked", lambda: chain(answers, raises), own_code=True)
graph_row("raises sometimes", lambda: chain(raises_sometimes), own_code=True)
graph_row("returns a wrong type", lambda: chain(saying({"messages": 42})), own_code=True)
graph_row("times out", lambda: chain(times_out), own_code=True)
graph_row("its adapter raises", lambda: chain(answers), "raises", own_code=True)
graph_row("its adapter returns two labels", lambda: chain(answers), "returns two labels", own_code=True)
graph_row("is cancelled", lambda: chain(is_cancelled), own_code=True)
graph_row(
    "waits for a human",
    lambda: chain(answers, checkpointer=InMemorySaver(), interrupt_before=["answers"]),
    own_code=True,
)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    made = {}
    for table, task in ((GRAPHS, ONE_STEP), (FAILING, TASK)):
        variants = ["reason_act", *(build(name) for name, build in table.items())]
        found = Findings.in_run(play(tmp_path_factory.mktemp("graphs") / "run", task=task, variants=variants))
        made |= dict.fromkeys(table, found)
    return made


@pytest.mark.parametrize("name", [name for name in {**GRAPHS, **FAILING} if name != "healthy"])
def test_a_broken_graph_is_no_finding(graphs: dict[str, Findings], name: str) -> None:
    assert graphs[name].about(name) == {}


def test_the_healthy_graph_is_one(graphs: dict[str, Findings]) -> None:
    assert set(graphs["healthy"].about("healthy")) == WHOLE
    assert set(graphs["healthy"].about("reason_act")) == OF_A_BASELINE


# Agents that say nothing: the model behind one slot is broken, so that all else answers.


@dataclass(frozen=True)
class Broken:
    """The simulated agent, which answers as usual except where it is broken."""

    how: str
    where: str = "everywhere"
    inner: Simulated = Simulated()

    @property
    def info(self) -> Any:
        return replace(self.inner.info, id=f"broken/{self.how}/{self.where}", label=f"{self.how} {self.where}")

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        if PLACES[self.where](request, draw):
            return WAYS[self.how]
        return await self.inner.generate(request, draw, key)


WAYS = {
    "mute": Response(""),
    "polite": Response("Thank you for your question!"),
    "cut off": Response("Let me look at each of them in turn. The first one", "truncated", "length"),
    "refused": Response("I cannot help with that.", "refused", "content_filter"),
    "failed": Response("", "error", "error", error="the server had an error"),
    "of another tongue": Response("MEILLEUR=Rouge\nACTE=Rouge"),
}
PLACES: dict[str, Callable[[Request, Draw], bool]] = {
    "everywhere": lambda request, draw: True,
    "in later samples": lambda request, draw: draw.sample > 0,
    "in ballots": lambda request, draw: "The discussion is over: vote." in request.messages[-1].content,
}
# By the agent that is broken: the plan, the slot through which it asks, and where.
AGENTS_BROKEN = {
    "critic": ("reason_act | critique", "critic", "everywhere"),
    "judge of samples": ("reason_act | best_of_n(2)", "judge", "everywhere"),
    "judge of a debate": ("liang", "judge", "everywhere"),
    "summariser": ("reason_then_act | paraphrase", "summariser", "everywhere"),
    "actor": ("reason_then_act", "actor", "everywhere"),
    "one side of a debate": ("society(agents=3, slots=['default', 'side', 'default'])", "side", "everywhere"),
    "voters": ("society(agents=3, protocol='approval')", "debater", "in ballots"),
    "lanes": ("reason_act | self_consistency(3)", "reasoner", "in later samples"),
}
BROKEN_AGENTS = [(agent, how) for agent in AGENTS_BROKEN for how in ("mute", "cut off", "refused", "failed")]


APART = ("actor", "lanes")  # agents that others' plans have too


@cache
def with_broken_agents(folder: Path, how: str, apart: bool) -> Findings:
    """Every plan with its agent broken in one way, and no other; `healthy` breaks none."""
    here = {name: row for name, row in AGENTS_BROKEN.items() if (name in APART) == apart}
    slots: dict[str, Any] = {"default": SIMULATED}
    if how != "healthy":
        slots |= {slot: Broken(how, where) for _, slot, where in here.values()}
    variants = {"baseline": "reason_act", **{name: plan for name, (plan, _, _) in here.items()}}
    return Findings.in_run(play(folder / f"{how} {apart}", task=ONE_STEP, variants=variants, model=slots))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("honesty")


@pytest.mark.parametrize(("agent", "how"), BROKEN_AGENTS)
def test_an_agent_that_says_nothing_is_no_finding(folder: Path, agent: str, how: str) -> None:
    assert with_broken_agents(folder, how, agent in APART).about(agent) == {}


@pytest.mark.parametrize("agent", AGENTS_BROKEN)
def test_the_same_plans_with_agents_that_speak_are(folder: Path, agent: str) -> None:
    assert set(with_broken_agents(folder, "healthy", agent in APART).about(agent)) == WHOLE


# The model itself.

TWO = ["reason_act", "reason_act | re_evaluate"]


def labels_of(request: Request) -> list[str]:
    return request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")


def answer(request: Request, draw: Draw) -> str:
    """A model that always answers, and not always well."""
    labels = labels_of(request)
    best, done = (labels[(draw.episode + draw.step + k * draw.sample) % len(labels)] for k in (1, 2))
    return f"BEST={best}\nACTION={done}"


@pytest.mark.parametrize("how", WAYS)
def test_a_model_that_says_nothing_is_no_finding(tmp_path: Path, how: str) -> None:
    found = Findings.in_run(play(tmp_path / "run", variants=TWO, model=Broken(how)))
    assert [found.about(v) for v in TWO] == [{}, {}]


def test_a_model_that_recommends_everything_is_no_finding(tmp_path: Path) -> None:
    def everything(request: Request, draw: Draw) -> str:
        return f"BEST={', '.join(labels_of(request))}\nACTION={labels_of(request)[draw.episode % 4]}"

    found = Findings.in_run(play(tmp_path / "run", variants=TWO, model=Scripted(everything)))
    assert [found.about(v) for v in TWO] == [{}, {}]


def test_a_model_that_answers_is_one(tmp_path: Path) -> None:
    found = Findings.in_run(play(tmp_path / "run", variants=TWO, model=Scripted(answer)))
    assert [set(found.about(v)) for v in TWO] == [OF_A_BASELINE, WHOLE]


# Runs that end midway: the first decisions are sound, and are not the run.


def failing_after(calls: int, error: Exception) -> Scripted:
    asked: list[Draw] = []

    def script(request: Request, draw: Draw) -> str | Exception:
        asked.append(draw)
        return error if len(asked) > calls else answer(request, draw)

    return Scripted(script)


ENDS: dict[str, Callable[[], dict[str, Any]]] = {
    "credit": lambda: {"model": failing_after(30, Denied("the call was refused", "Your credit balance is too low"))},
    "budget": lambda: {"model": Scripted(answer), "budget": {"calls": 30}},
    "rate limit": lambda: {"model": failing_after(30, RateLimited("slow down", retry_after=1e6))},
}


def assert_unfinished(found: Findings) -> None:
    assert [found.about(v) for v in TWO] == [{}, {}]


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_ended_midway_is_no_finding_and_passes_no_check(tmp_path: Path, end: str) -> None:
    result = play(tmp_path / "run", variants=TWO, **ENDS[end]())
    assert result.outcome is not None and result.outcome.missing
    assert result.check("gap < 0.99").holds is None and result.check("doing < 0.999").holds is None
    assert_unfinished(Findings.in_run(result))


def interrupted(folder: Path) -> ak.Result:
    """A run that is cancelled at its 30th call, as Ctrl-C does."""

    async def go() -> None:
        asked: list[Draw] = []

        def script(request: Request, draw: Draw) -> str:
            asked.append(draw)
            if len(asked) == 30:
                running.cancel()
            return answer(request, draw)

        settings: Any = {"task": TASK, "episodes": EPISODES, "model": Scripted(script), "variants": TWO, **GO_ON}
        running = asyncio.create_task(ak.arun(out=folder, **settings))
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(go())
    return ak.open_run(folder)


def test_an_interrupted_run_is_no_finding_and_passes_no_check(tmp_path: Path) -> None:
    result = interrupted(tmp_path / "run")
    assert result.check("gap < 0.99").holds is None
    assert_unfinished(Findings.in_run(result))


# Ledgers that are not what was played.


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return play(tmp_path_factory.mktemp("sound") / "run", variants=TWO, model=Scripted(answer))


def lost(where: str) -> tuple[str, ...]:
    return tuple(f"DELETE FROM {table} WHERE {where}" for table in ("records", "lines"))


EDITS: dict[str, tuple[str, ...]] = {
    "an episode is not finished": ("DELETE FROM finished WHERE episode = 3",),
    "episodes have no records": lost("episode > 7"),
    "an arm has no records": lost("variant LIKE '%re_evaluate' AND episode > 7"),
    "steps have no records": lost("variant LIKE '%re_evaluate' AND step = (SELECT MAX(step) FROM records)"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_ledger_that_lacks_something_passes_no_check(
    tmp_path: Path, sound: ak.Result, edit: str, edited: Any
) -> None:
    result = edited(sound, tmp_path / "edited", *EDITS[edit])
    assert result.check("gap(re_evaluate) < 0.99").holds is None
    assert result.check("gap(re_evaluate) - gap(reason_act) < 0.99").holds is None


@pytest.mark.parametrize("change", ['replace(text, \'"status":"ok"\', \'"status":"oK"\')', "substr(text, 2)"])
def test_a_record_that_was_changed_is_refused(tmp_path: Path, sound: ak.Result, change: str, edited: Any) -> None:
    whole = change.replace("text", "CAST(record AS TEXT)")
    result = edited(sound, tmp_path / "edited", f"UPDATE records SET record = CAST({whole} AS BLOB) WHERE episode = 3")
    with pytest.raises(LedgerError):
        result.check("gap < 0.99")


def test_code_that_changed_gets_no_old_numbers(tmp_path: Path) -> None:
    mine = ak.Variant.from_langgraph("mine", chain(answers), Asks())
    changed = ak.Variant.from_langgraph("mine", chain(echoes), Asks())
    play(tmp_path / "run", variants=["reason_act", mine])
    with pytest.raises(RunFolderError, match="the code behind the variant 'mine' has changed"):
        play(tmp_path / "run", variants=["reason_act", changed])
    assert set(Findings.in_run(play(tmp_path / "run", variants=["reason_act", mine])).about("mine")) == WHOLE


@pytest.mark.parametrize("items", [1, 4])
def test_one_item_asked_again_and_again_is_no_finding(tmp_path: Path, items: int) -> None:
    rows = [{"question": f"What is {i} + {i}?", "options": ["0", "2", "4", "6"], "answer": "B"} for i in range(items)]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def guess(request: Request, draw: Draw) -> str:
        return f"BEST=B\nACTION={'AB'[draw.episode % 2]}"

    task = {"name": "questions", "path": str(tmp_path / "questions.jsonl")}
    found = Findings.in_run(play(tmp_path / "run", task=task, variants=TWO, model=Scripted(guess), episodes=40))
    assert not {"verdict", "check"} & {*found.about(TWO[0]), *found.about(TWO[1])}


# Changes that change nothing.


def does_nothing(plan: Plan) -> Plan:
    """Change nothing."""
    return plan


def shows_the_same(situation: Any, draw: Draw) -> Any:
    """Show what there is."""
    return situation


@pytest.fixture
def own_names() -> Iterator[None]:
    """Roles and interventions of somebody's own, for the time of a test."""
    registries: Any = (AGENTS, INTERVENTIONS)
    before = [dict(r._factories) for r in registries]
    for role in (Stubborn, Pretender, Forgetful):
        AGENTS.register(role.name, role)
    yield
    for registry, table in zip(registries, before, strict=True):
        registry._factories.clear()
        registry._factories.update(table)


@dataclass(frozen=True)
class Deaf:
    """A model that is not sent a temperature, and says so."""

    inner: Simulated = Simulated()

    @property
    def info(self) -> Any:
        return replace(self.inner.info, id="deaf", label="deaf")

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        cool = replace(request, sampling=replace(request.sampling, temperature=0.0))
        response = await self.inner.generate(cool, draw, key_of(cool, draw))
        return replace(response, reported={**response.reported, "not_sent": "temperature"})


def against_the_baseline(folder: Path, changed: Any, model: Any = SIMULATED) -> Findings:
    return Findings.in_run(play(folder, variants={"baseline": "reason_act", "changed": changed}, model=model))


@pytest.mark.usefixtures("own_names")
def test_an_intervention_that_leaves_the_plan_as_it_is_is_refused() -> None:
    with pytest.raises(PlanError, match="does_nothing changes nothing in 'reason_act'"):
        ak.graphs.reason_act() | ak.intervention("prompt", "nothing", "a test")(does_nothing)()


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize("how", ["the same plan", "a view"])
def test_a_change_that_changes_nothing_is_no_finding(tmp_path: Path, how: str) -> None:
    view = ak.interventions.view("context", "nothing", "a test")(shows_the_same)
    changed = ak.graphs.reason_act() | view() if how == "a view" else ak.graphs.reason_act()
    assert against_the_baseline(tmp_path / "run", changed).about("changed") == {}


def test_a_setting_that_was_not_sent_is_no_finding(tmp_path: Path) -> None:
    assert against_the_baseline(tmp_path / "run", "reason_act | temperature(1.5)", Deaf()).about("changed") == {}


def test_a_change_that_is_heard_is_one(tmp_path: Path) -> None:
    found = against_the_baseline(tmp_path / "run", "reason_act | temperature(1.5)")
    assert set(found.about("changed")) == WHOLE


class Stubborn:
    """A role of somebody's own that asks the same, whatever it is told to be and whatever others said before."""

    name = "stubborn"
    asks: Any = Agent("reasoner", options={"mode": "reason_act"})

    def prompt(self, agent: Agent, situation: Any, read: Any, style: Any) -> Any:
        return Reasoner().prompt(self.asks, situation, (), style)

    def read(self, agent: Agent, *answer: Any) -> Any:
        return Reasoner().read(self.asks, *answer)


class Pretender(Stubborn):
    """The same, which says that it hears what it ignores."""

    name = "pretender"
    hears = ("hints",)


class Forgetful(Reasoner):
    """A role of somebody's own with a mistake."""

    name = "forgetful"

    def prompt(self, agent: Agent, situation: Any, read: Any, style: Any) -> Any:
        raise KeyError("oops")


def own(role: str) -> Plan:
    return Plan(f"{role}_act", (Node("own", Agent(role)),), decision="own", focus="own")


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize("change", ["persona", "checklist", "confidence", "think_longer", "re_evaluate"])
def test_an_own_role_that_ignores_a_change_is_refused_or_no_finding(tmp_path: Path, change: str) -> None:
    plan = own("stubborn")
    try:
        changed = plan | getattr(ak.interventions, change)()
        result = play(tmp_path / "run", variants={"baseline": plan, "changed": changed})
    except PlanError:
        return
    assert Findings.in_run(result).about("changed") == {}


@pytest.mark.usefixtures("own_names")
def test_an_own_role_that_says_it_hears_what_it_ignores_is_no_finding(tmp_path: Path) -> None:
    plan = own("pretender")
    variants = {"baseline": plan, "changed": plan | ak.interventions.persona()}
    assert Findings.in_run(play(tmp_path / "run", variants=variants)).about("changed") == {}


@pytest.mark.usefixtures("own_names")
def test_an_own_role_that_raises_ends_the_run_and_passes_nothing(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="role 'forgetful' at node 'own' raised KeyError: 'oops'"):
        play(tmp_path / "run", variants=["reason_act", own("forgetful")])
    assert not ak.open_run(tmp_path / "run").check("gap < 0.99")


def test_an_adapter_that_keeps_no_contract_ends_the_run_and_passes_nothing(tmp_path: Path) -> None:
    mine = ak.Variant.from_langgraph("mine", chain(answers), Asks("returns a text"))
    with pytest.raises(PlanError):
        play(tmp_path / "run", variants=["reason_act", mine])
    assert not ak.open_run(tmp_path / "run").check("gap < 0.99")


# Beside a broken baseline nothing is shown; and nothing is shown by a few episodes.


def test_what_stands_beside_a_broken_baseline_is_no_finding(tmp_path: Path) -> None:
    broken = ak.Variant.from_langgraph("broken", chain(saying("Thank you!")), Asks())
    result = play(tmp_path / "run", variants=[broken, "reason_act"])
    found = Findings.in_run(result)
    assert found.about("broken") == {} and not {"verdict", "front"} & set(found.about("reason_act"))
    assert result.check("gap(reason_act) - gap(broken) < 0.99").holds is None


def test_a_few_episodes_pass_no_check_and_get_no_verdict(tmp_path: Path) -> None:
    found = Findings.in_run(play(tmp_path / "run", variants=TWO, episodes=9))
    assert not {"verdict", "check"} & set(found.about(TWO[1]))
