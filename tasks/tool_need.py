"""Tool need: sums and facts that some models know and others need a tool for (Cheng et al. 2026, 2605.14038).

*arithmetic*: an expression of whole numbers, at four levels from two numbers of one digit to three of four digits; a
calculator is at hand. *lookup*: the atomic number of an element, or the sum of two, with the periodic table at hand and
the calculator beside it; the levels go by how often elements are spoken of. Whether a model *needs* the tool is read
off its own draws without it, so the task has easy and hard questions and the model decides which are which.

    akrasia run: variants = ["reason_act", "reason_act | use_tools"], trials = 10

Invariants: the key is computed and exact; a question is a function of (seed, kind), and the item is the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from ..errors import BadOption
from ..options import one_of
from ..records import Oracle, Situation, Tool
from ..rng import named_rng
from ..solvers import SOLVERS, ReadPrompt
from .base import FieldOptions, named_task
from .numbers import canonical_number
from .tools import CALCULATOR, TaskTool, calculate

KINDS_OF_NEED = ("arithmetic", "lookup")
LEVELS = 4
ELEMENTS = (
    "hydrogen helium lithium beryllium boron carbon nitrogen oxygen fluorine neon sodium magnesium aluminium silicon "
    "phosphorus sulfur chlorine argon potassium calcium scandium titanium vanadium chromium manganese iron cobalt "
    "nickel copper zinc gallium germanium arsenic selenium bromine krypton rubidium strontium yttrium zirconium "
    "niobium molybdenum technetium ruthenium rhodium palladium silver cadmium indium tin antimony tellurium iodine "
    "xenon caesium barium lanthanum cerium praseodymium neodymium promethium samarium europium gadolinium terbium "
    "dysprosium holmium erbium thulium ytterbium lutetium hafnium tantalum tungsten rhenium osmium iridium platinum "
    "gold mercury thallium lead bismuth polonium astatine radon francium radium actinium thorium protactinium uranium "
    "neptunium plutonium americium curium berkelium californium einsteinium fermium mendelevium nobelium lawrencium "
    "rutherfordium dubnium seaborgium bohrium hassium meitnerium darmstadtium roentgenium copernicium nihonium "
    "flerovium moscovium livermorium tennessine oganesson"
).split()
"""The elements in the order of their atomic numbers, from 1 (IUPAC 2016)."""
NUMBER_OF = {name: i for i, name in enumerate(ELEMENTS, start=1)}
_COMMON = ("hydrogen", "helium", "carbon", "nitrogen", "oxygen", "sodium", "iron", "copper", "silver", "gold", "lead",
           "uranium", "calcium", "chlorine", "neon", "aluminium")  # fmt: skip
_RARE = tuple(ELEMENTS[56:71] + ELEMENTS[94:])
_ASKED_SUM = re.compile(r"^What is ([\d+*() -]+)\?$", re.MULTILINE)
_ASKED_ELEMENTS = re.compile(
    r"^What is (?:the atomic number of|the sum of the atomic numbers of) ([a-z]+)(?: and ([a-z]+))?\?", re.M
)


@dataclass(frozen=True, slots=True)
class ToolNeedState:
    """A point of an episode: its question, the answer, and whether it was given."""

    seed: int
    kind: str
    level: int
    question: str
    answer: str
    over: bool = False


@dataclass(frozen=True)
class ToolNeed(FieldOptions):
    """The task; see the module's docstring. Build it with `tool_need(...)`, which checks its options."""

    kind: str = "both"
    name = "tool_need"

    def item(self, seed: int) -> str:
        return self.start(seed).question

    def start(self, seed: int) -> ToolNeedState:
        kind = KINDS_OF_NEED[seed % 2] if self.kind == "both" else self.kind
        rng = named_rng(seed, "tool_need", kind)
        level = int(rng.integers(1, LEVELS + 1))
        if kind == "arithmetic":
            expression = _expression(rng, level)
            return ToolNeedState(seed, kind, level, f"What is {expression}?", str(int(calculate(expression))))
        pool = _COMMON if level in (1, 3) else _RARE
        one, other = (pool[int(i)] for i in rng.permutation(len(pool))[:2])
        if level < 3:
            return ToolNeedState(seed, kind, level, f"What is the atomic number of {one}?", str(NUMBER_OF[one]))
        question = f"What is the sum of the atomic numbers of {one} and {other}?"
        return ToolNeedState(seed, kind, level, question, str(NUMBER_OF[one] + NUMBER_OF[other]))

    def situation(self, state: ToolNeedState) -> Situation:
        return Situation(
            task=self.name,
            step=0,
            horizon=1,
            instruction="Answer the question.",
            observation=state.question,
            actions=(),
            noun="answer",
            shows=(),
            question="Answer with a number.",
            answer="number",
            item=f"{state.kind}, level {state.level}",
        )

    def oracle(self, state: ToolNeedState) -> Oracle:
        return Oracle((state.answer,), (), {state.answer: 1.0}, {state.answer: 0.0}, 1.0, (), "answer")

    def tools(self, state: ToolNeedState) -> tuple[TaskTool, ...]:
        """A calculator; for facts the periodic table before it."""
        return (CALCULATOR,) if state.kind == "arithmetic" else (PERIODIC_TABLE, CALCULATOR)

    def step(self, state: ToolNeedState, action: str) -> tuple[ToolNeedState, float, bool]:
        number = canonical_number(action)
        if number is None:
            raise BadOption(f"{action!r} is not a number", remedy="Answer with a number, such as 7.")
        after, over = self.forfeit(state)
        return after, float(number == state.answer), over

    def forfeit(self, state: ToolNeedState) -> tuple[ToolNeedState, bool]:
        if state.over:
            raise BadOption("the episode is over", "its one question was answered")
        return ToolNeedState(state.seed, state.kind, state.level, state.question, state.answer, True), True


def _expression(rng: Any, level: int) -> str:
    """Two numbers of `level` digits to multiply, from level 2 on with a third to add or take away."""
    low, high = 10 ** (level - 1) + (level == 1), 10**level
    a, b, c = (int(n) for n in rng.integers(low, high, 3))
    if level == 1:
        return f"{a} * {b}"
    return f"{a} * {b} {'+' if rng.random() < 0.5 else '-'} {c}"


def _look_up(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: NUMBER_OF.get(name.strip().lower(), "no such element") for name in arguments["elements"]}


PERIODIC_TABLE = TaskTool(
    Tool(
        "periodic_table",
        "The atomic number of each of some chemical elements.",
        orjson.dumps(
            {
                "type": "object",
                "properties": {
                    "elements": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                        "maxItems": 10,
                        "description": "English names, such as iron",
                    }
                },
                "required": ["elements"],
                "additionalProperties": False,
            }
        ).decode(),
    ),
    _look_up,
)


@named_task("tool_need", "Cheng et al. 2026 (2605.14038)")
def tool_need(kind: str = "both") -> ToolNeed:
    """Tool need: sums and facts with a calculator or the periodic table at hand; the answer is a number.

    Args:
        kind: "arithmetic", "lookup", or "both" in turn.

    Raises:
        UnknownName: there is no such kind.
    """
    one_of("tool_need kind option", kind, (*KINDS_OF_NEED, "both"))
    return ToolNeed(kind)


def _solve(prompt: str) -> ReadPrompt | None:
    """What a simulated agent works out."""
    if asked := _ASKED_SUM.search(prompt):
        try:
            answer = int(calculate(asked[1]))
        except BadOption:  # somebody else's question that looks like one of these
            return None
        return ReadPrompt((str(answer),), _near(answer), tool=CALCULATOR.tool.name, arguments={"expression": asked[1]})
    if asked := _ASKED_ELEMENTS.search(prompt):
        names = [n for n in asked.groups() if n]
        if any(n not in NUMBER_OF for n in names):
            return None
        answer = sum(NUMBER_OF[n] for n in names)
        return ReadPrompt((str(answer),), _near(answer), tool=PERIODIC_TABLE.tool.name, arguments={"elements": names})
    return None


def _near(answer: int) -> tuple[str, ...]:
    return tuple(str(answer + by) for by in (-10, -2, -1, 1, 2, 10))


SOLVERS["tool_need"] = _solve
