"""A variant's fingerprint covers the code behind it, in the same way in every process."""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.agents import AGENTS, Agent
from akrasia.graphs import Node, Plan
from akrasia.graphs.code_identity import code_of
from akrasia.interventions import INTERVENTIONS

ORIGINAL = """
import functools, operator, sys
from dataclasses import dataclass
from typing import Annotated, TypedDict
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
import akrasia as ak
import own_helper

PROMPT = "Weigh it."
WORDS = {"b", "a", "c"}
LLM = ak.ChatModel()

def reducer(old, new): return old + new
class State(TypedDict, total=False):
    notes: Annotated[list, reducer]

class Helper:
    limit = 3
    def ask(self, text): return text[: self.limit]

def deep(text, tail="!"): return text + tail
def wrapped(f):
    @functools.wraps(f)
    def inner(*args): return f(*args)
    return inner

@wrapped
def first(state): return {"notes": [Helper().ask(deep(PROMPT)), *sorted(WORDS)]}
async def second(state):
    try: return {"notes": [own_helper.help(state)]}
    except KeyError: return {}
def route(state): return "second" if len(state["notes"]) > 1 else END
def inner_node(state):
    from own_helper import late
    return {"notes": [late(), (lambda x: x + 1)(1)]}

@dataclass
class Adapter:
    note: str = "n"
    def to_input(self, situation): return {"notes": [self.note]}
    def from_state(self, state, situation): return ak.graphs.GraphOutput(text=str(state))

def build():
    nested = StateGraph(State)
    nested.add_node("inner", inner_node)
    nested.add_edge(START, "inner")
    graph = StateGraph(State)
    graph.add_node("first", first)
    graph.add_node("second", functools.partial(second))
    graph.add_node("nested", nested.compile())
    graph.add_node("chain", RunnableLambda(deep) | RunnableLambda(reducer))
    graph.add_edge(START, "first")
    graph.add_conditional_edges("first", route, ["second", END])
    graph.add_edge("second", "nested")
    graph.add_edge("nested", "chain")
    return ak.Variant.from_langgraph("mine", graph.compile(), Adapter())
"""
HELPER = "def help(state): return 'h'\ndef late(): return 1\nUNUSED = 1\n"
SHOW = "import own_graph; v = own_graph.build(); print(v.plan.fingerprint, v.code_known)"


@pytest.fixture
def fingerprint(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes the fingerprint of the graph of a module, here."""

    def of(own: str = ORIGINAL, helper: str = HELPER) -> str:
        for name, text in (("own_helper", helper), ("own_graph", own)):
            module = types.ModuleType(name)
            monkeypatch.setitem(sys.modules, name, module)
            exec(text, module.__dict__)
        variant = sys.modules["own_graph"].build()
        assert variant.code_known
        return str(variant.plan.fingerprint)

    return of


def test_the_fingerprint_is_the_same_in_every_process_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here, and in a process whose hashes are others, with a comment and another name that nobody uses."""
    own, helper = "\n\n# a comment\n" + ORIGINAL, HELPER.replace("UNUSED = 1", "UNUSED = 2")
    for folder, texts in (("here", (ORIGINAL, HELPER)), ("there", (own, helper))):
        (tmp_path / folder).mkdir()
        for name, text in zip(("own_graph", "own_helper"), texts, strict=True):
            (tmp_path / folder / f"{name}.py").write_text(text)
            monkeypatch.delitem(sys.modules, name, raising=False)
    seed = "2" if os.environ.get("PYTHONHASHSEED") != "2" else "3"
    env = {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    there = tmp_path / "there"
    run = subprocess.run([sys.executable, "-c", SHOW], env=env, cwd=there, capture_output=True, text=True, check=True)
    monkeypatch.syspath_prepend(tmp_path / "here")
    mine = importlib.import_module("own_graph").build()
    for name in ("own_graph", "own_helper"):
        del sys.modules[name]
    assert run.stdout.split() == [mine.plan.fingerprint, "True"] and mine.code_known


CHANGES = [
    ('PROMPT = "Weigh it."', 'PROMPT = "Weigh it well."'),  # a constant that a node names
    ('WORDS = {"b", "a", "c"}', 'WORDS = {"b", "a", "d"}'),
    ("return old + new", "return new + old"),  # a reducer
    ("limit = 3", "limit = 4"),  # a class that a node uses
    ("text[: self.limit]", "text[self.limit :]"),
    ('tail="!"', 'tail="?"'),  # a default
    ("return text + tail", "return tail + text"),  # a function two calls away, under a decorator
    ("except KeyError", "except ValueError"),  # a node under functools.partial
    ('len(state["notes"]) > 1', 'len(state["notes"]) > 2'),  # a branch
    ("x + 1)(1)", "x + 2)(1)"),  # a lambda in a node of a nested graph
    ('note: str = "n"', 'note: str = "m"'),  # the adapter's field
    ("text=str(state)", "text=repr(state)"),  # the adapter's method
]


def test_whatever_a_graph_runs_is_part_of_its_identity(fingerprint: Callable[..., str]) -> None:
    helpers = [HELPER, HELPER.replace("'h'", "'i'"), HELPER.replace("return 1", "return 2")]
    prints = [fingerprint(helper=helper) for helper in helpers]
    for old, new in CHANGES:
        assert old in ORIGINAL, old
        prints.append(fingerprint(ORIGINAL.replace(old, new)))
    assert len(prints) == len(set(prints)) == 3 + len(CHANGES)
    assert fingerprint() == prints[0]


def closing_over(value: Any) -> Any:
    def node(state: Any) -> Any:
        return value

    return node


def test_closures_bound_methods_and_cached_functions_are_read() -> None:
    assert code_of(closing_over("a")) == code_of(closing_over("a")) != code_of(closing_over("b"))
    assert code_of(closing_over([1, {"k": {3, 1}}])) == code_of(closing_over([1, {"k": {1, 3}}]))
    assert code_of(functools.cache(closing_over(1))) != code_of(functools.cache(closing_over(2)))
    assert code_of(RunnableLambda(closing_over(1))) != code_of(RunnableLambda(closing_over(2)))
    assert code_of(SimpleNamespace) == code_of(SimpleNamespace) and code_of(closing_over(len)).known
    circular: list[Any] = []
    circular.append(circular)
    assert code_of(closing_over(circular)).known


class Remote:
    """Stands for a client of some service: a class of an installed package, with code that is not read."""


Remote.__module__ = "orjson"


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert not code_of(closing_over(Remote())).known
    builder = StateGraph(MessagesState)
    remote, model = Remote(), ak.ChatModel()

    async def node(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])] if remote else []}

    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    mine = ak.Variant.from_langgraph("mine", builder.compile(), ak.graphs.MessagesAdapter())
    assert not mine.code_known and mine.tags["code"] == "unchecked"
    task = {"name": "bandit", "horizon": 2}
    result = ak.run(task=task, model="simulated", variants=["reason_act", mine], episodes=2, out=tmp_path / "r")
    assert result.records.filter(result.records["variant"] == "mine")["status"].unique().to_list() == ["ok"]
    described = result.experiment["variants"]
    assert described["mine"]["code_known"] is False and "code_known" not in described["reason_act"]


def role(**methods: Any) -> Plan:
    """A plan of one role with these methods, which may be defined anew as in a notebook."""
    kind = type("Own", (), {"name": "own_code_role", **methods})
    AGENTS.register("own_code_role", kind)
    return Plan("p", (Node("j", Agent("own_code_role")),), decision="j", focus="j")


@pytest.fixture
def names() -> Any:
    before = [dict(r._factories) for r in (AGENTS, INTERVENTIONS)]
    yield
    for registry, table in zip((AGENTS, INTERVENTIONS), before, strict=True):
        registry._factories.clear()
        registry._factories.update(table)  # type: ignore[arg-type]


def test_own_roles_and_views_are_in_a_plans_fingerprint_and_shipped_plans_have_no_code(names: None) -> None:
    one = role(conclude=lambda self, *a: 1).fingerprint
    assert role(conclude=lambda self, *a: 1).fingerprint == one != role(conclude=lambda self, *a: 2).fingerprint

    prints = []
    for keep in (1, 2):

        @ak.interventions.view("context", "less is shown", "a test")
        def shows_less(situation: Any, draw: Any, keep: int = keep) -> Any:
            """Show less."""
            return situation if keep else None

        prints.append((ak.graphs.reason_act() | shows_less()).fingerprint)
    assert len(set(prints)) == 2
    assert ak.graphs.reason_act().code.digest == "" and ak.graphs.reason_act().code.known
    assert (ak.graphs.reason_act() | ak.interventions.no_history()).code.digest == ""


def graph_of(version: int) -> ak.Variant:
    """A graph of messages that answers by the run's model, or with a word of its own."""
    model = ak.ChatModel()

    async def node(state: MessagesState) -> Any:
        return {"messages": [("ai", "I give up.") if version == 2 else await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph("mine", builder.compile(), ak.graphs.MessagesAdapter())


def test_an_edited_graph_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings: Any = {"task": {"name": "bandit", "horizon": 3}, "model": "simulated", "episodes": 3}
    doing = []
    for version in (1, 2, 1):
        result = ak.run(variants=["reason_act", graph_of(version)], **settings)
        mine = result.records.filter(result.records["variant"] == "mine")
        doing.append((mine["status"].unique().to_list(), result.outcome.run_usage.asked > 0))
    assert doing == [(["ok"], True), (["unparsable"], True), (["ok"], False)]
    assert len(list((tmp_path / "runs").iterdir())) == 2

    ak.run(variants=["reason_act", graph_of(1)], out="named", **settings)
    with pytest.raises(ak.errors.RunFolderError, match="the code behind the variant 'mine' has changed"):
        ak.run(variants=["reason_act", graph_of(2)], out="named", **settings)


EDITS = {
    "a template": ('string.Template("Weigh $x")', 'string.Template("Judge $x")'),
    "a deque": ('deque(["a"])', 'deque(["b"])'),
    "a chain of maps": ('ChainMap({"a": 1})', 'ChainMap({"a": 2})'),
    "a user's dict": ('UserDict(a="Weigh")', 'UserDict(a="Judge")'),
    "the factory of a defaultdict": ("defaultdict(lambda: 1)", "defaultdict(lambda: 2)"),
    "a namespace": ("SimpleNamespace(f=lambda x: x + 1)", "SimpleNamespace(f=lambda x: x + 2)"),
    "a cycle": ('itertools.cycle(["a"])', 'itertools.cycle(["b"])'),
    "a text in memory": ('io.StringIO("a")', 'io.StringIO("b")'),
    "bytes that change": ('bytearray(b"a")', 'bytearray(b"b")'),
    "the default of a context variable": ('ContextVar("v", default="a")', 'ContextVar("v", default="b")'),
    "parsed options": ('argparse.Namespace(system="a")', 'argparse.Namespace(system="b")'),
    "the order of a dict": ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
    "a docstring": ('type("A", (), {"__doc__": "Weigh."})', 'type("A", (), {"__doc__": "Judge."})'),
    "a dunder": (
        'type("A", (), {"__call__": functools.partialmethod(print, "a")})',
        'type("A", (), {"__call__": functools.partialmethod(print, "b")})',
    ),
    "a metaclass": (
        'type("M", (type,), {"word": lambda cls: "a"})("A", (), {})',
        'type("M", (type,), {"word": lambda cls: "b"})("A", (), {})',
    ),
    "a factory of a model": (
        'pydantic.create_model("A", x=(str, pydantic.Field(default_factory=lambda: "a")))',
        'pydantic.create_model("A", x=(str, pydantic.Field(default_factory=lambda: "b")))',
    ),
    "a validator of a model": (
        'pydantic.create_model("A", x=(Annotated[str, pydantic.AfterValidator(lambda x: x + "a")], ...))',
        'pydantic.create_model("A", x=(Annotated[str, pydantic.AfterValidator(lambda x: x + "b")], ...))',
    ),
    "a private attribute of a model": (
        'type("A", (pydantic.BaseModel,), {"_x": pydantic.PrivateAttr("a"), "__module__": __name__})',
        'type("A", (pydantic.BaseModel,), {"_x": pydantic.PrivateAttr("b"), "__module__": __name__})',
    ),
}
IMPORTS = """
import argparse, functools, io, itertools, string
from collections import ChainMap, UserDict, defaultdict, deque
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Annotated
import pydantic
"""


def loaded(name: str, source: str) -> Any:
    """A module made of source, under a name; one that is there already is replaced."""
    module = sys.modules[name] = types.ModuleType(name)
    exec(source, module.__dict__)
    return module


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_of_a_value_that_a_node_names_is_seen(what: str) -> None:
    def code(value: str) -> Any:
        return code_of(loaded("own_values", f"{IMPORTS}\nHELD = {value}\ndef node(state): return HELD").node)

    before, after = EDITS[what]
    assert code(before) == code(before)
    assert code(before).known
    assert code(before) != code(after)


REACHED = {
    "a module of a package": "import own_package.prompts\ndef node(state): return own_package.prompts.SYSTEM",
    "an import in the node": "def node(state):\n    import own_package.prompts\n    return own_package.prompts.SYSTEM",
    "getattr": "from own_package import prompts\ndef node(state): return getattr(prompts, 'SYSTEM')",
    "the module's own getattr": "from own_package import prompts\ndef node(state): return prompts.LATE",
}


@pytest.mark.parametrize("how", REACHED)
@pytest.mark.parametrize("name", ["own_package", "langchain_own", "langgraph_flow"])
def test_an_edit_in_a_module_of_the_user_s_is_seen_however_it_is_reached(how: str, name: str, tmp_path: Path) -> None:
    """Whatever it is called: a user's `langchain_prompts.py` is no part of LangChain."""

    def code(text: str) -> Any:
        package = loaded(name, "")
        package.__path__ = [str(tmp_path / name)]
        source = f"SYSTEM = {text!r}\ndef __getattr__(attribute): return {text!r}"
        package.prompts = loaded(f"{name}.prompts", source)
        return code_of(loaded(f"{name}.graph", REACHED[how].replace("own_package", name)).node)

    assert code("Weigh") == code("Weigh") != code("Judge")
    assert code("Weigh").known


@pytest.mark.parametrize(
    "reading",
    ["open('p.md').read()", "globals()[state]", "importlib.import_module(state).X", "Path('p.md').read_text()"],
)
def test_code_that_reads_more_than_its_names_show_is_unchecked(reading: str) -> None:
    source = f"import importlib\nfrom pathlib import Path\ndef node(state): return {reading}"
    assert not code_of(loaded("own_reading", source).node).known


def test_where_the_code_lies_is_no_part_of_it(tmp_path: Path) -> None:
    prints = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        module = loaded("own_place", "")
        module.__file__ = str(folder / "own_place.py")
        source = (
            "from pathlib import Path\nHERE = Path(__file__).parent\nPROMPTS = str(HERE / 'prompts')\n"
            "def node(state): return HERE / 'x', PROMPTS, __file__"
        )
        exec(source, module.__dict__)
        prints.append(code_of(module.node).digest)
    assert len(set(prints)) == 1


def own_task(factor: int) -> Any:
    """Somebody's task: a bandit whose oracle calls other actions optimal."""

    class Mine:
        name, options = "mine", {}

        def __init__(self) -> None:
            self.inner = ak.tasks.bandit(horizon=2)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def oracle(self, state: Any) -> Any:
            found = self.inner.oracle(state)
            return found if factor == 1 else replace(found, optimal=found.greedy)

    return Mine()


def test_an_edited_task_does_not_return_old_numbers(tmp_path: Path) -> None:
    settings: Any = {"model": "simulated", "variants": ["reason_act"], "episodes": 2, "out": tmp_path / "run"}
    first = ak.run(task=own_task(1), **settings)
    assert ak.run(task=own_task(1), **settings).outcome.run_usage.asked == 0
    with pytest.raises(ak.errors.RunFolderError, match="the code behind the task 'mine' has changed"):
        ak.run(task=own_task(2), **settings)
    assert ak.open_run(first.folder).records.equals(first.records)
