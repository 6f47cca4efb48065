"""Which column of a table is what: told by the caller, or guessed from names and from the first rows, and shown.

    item      what a row is about; arms are paired by it       trial     which repeated draw of its item it is
    variant   the arm                                          model     the model
    task      the set of questions                             question  what is asked, the same in every arm
    done      the answer                                       right     the key, or a verdict: true, 0, "correct", ...
    key       the key, where `right` is a verdict
    stated    what the rationale recommends                    knows     a verdict on that
    rationale the text behind it                               prompt    what was sent
    tokens_in, tokens_out, calls, cost, time, confidence, score, name (which question of a set), leaks, control,
    error     why there is no answer; empty where there is one
    arms      a|b|c: one column an arm, each with its answers or verdicts

Invariant: a guess is never silent, and what two columns could be is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import BadOption, UnknownName
from .grading import is_verdict

ROLES = (
    "item", "trial", "variant", "model", "task", "question", "prompt", "done", "right", "key", "stated", "knows",
    "rationale", "tokens_in", "tokens_out", "calls", "cost", "time", "confidence", "score", "name",
    "leaks", "control", "error", "arms",
)  # fmt: skip
MOSTLY = 2 / 3  # share of values of a kind from which a column is of that kind
BY_ROW = "row"  # item=row: the row's number is the item
BY_FILE = "file"  # variant=file: of several files, the one that a row is in
_NAMES: dict[str, str] = {
    "item": "item itemid questionid qid problemid exampleid datasetrecordid datasetexampleid "
    "referenceexampleid datasetitemid sampleid docid promptid instanceid caseid testid testcaseid taskid id "
    "idx index uid uuid puzzle problemindex questionindex",
    "trial": "trial epoch attempt repeat repetition rep draw replicate run runid iteration iter sampleidx sampleindex "
    "seed round pass sample",
    "variant": "variant arm condition method system setting strategy prompttype approach config treatment agent "
    "scaffold mode prompting experiment experimentname technique runname",
    "model": "model modelname modelid llm engine deployment",
    "task": "task taskname dataset benchmark subset domain subject",
    "question": "question problem query questiontext problemtext",
    "prompt": "prompt input instruction inputs fullprompt",
    "done": "done prediction pred response output modelanswer completion finalanswer parsedanswer modelresponse action "
    "choice modeloutput generated generation extractedanswer predicted predictedanswer reply filteredresps resps "
    "modelchoice actualoutput hypothesis hyp candidate",
    "right": "right correct iscorrect success passed issuccess verdict correctness resolved exactmatch acc accuracy "
    "target gold label expected reference groundtruth rightanswer correctanswer truth answerkey key goldanswer "
    "expectedoutput referenceanswer goldlabel gt goldenanswer correctoption correctchoice",
    "stated": "stated recommendation recommended statedanswer statedaction",
    "knows": "knows knowsright statedcorrect knowledge knowscorrect",
    "rationale": "rationale reasoning cot explanation thought thoughts chainofthought solution",
    "tokens_in": "tokensin prompttokens inputtokens promptlength",
    "tokens_out": "tokensout completiontokens outputtokens",
    "calls": "calls numcalls ncalls llmcalls",
    "cost": "cost dollars usd totalcost price costusd",
    "time": "time seconds latency duration latencys elapsed latencyseconds walltime",
    "confidence": "confidence conf certainty",
    "score": "score reward points grade rating",
    "name": "variation questionname category",
    "error": "error errormessage exception",
}  # fmt: skip
_KEYS = (
    "target gold groundtruth rightanswer correctanswer truth answerkey goldanswer expectedoutput referenceanswer "
    "goldlabel expected reference key gt goldenanswer correctoption correctchoice"
)
_TITLES = "name casename testname title case input prompt instruction"  # what a row is about, where no number says it
_NO_SIGN = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True)
class ColumnMap:
    """Which column is what.

    Attributes:
        columns: column by role; `arms`: the columns that are arms, of a wide table.
        guessed: the roles that nobody named.
        by_row: the row's number is the item.
    """

    columns: Mapping[str, str]
    arms: tuple[str, ...] = ()
    guessed: frozenset[str] = frozenset()
    by_row: bool = False

    def __getitem__(self, role: str) -> str:
        """The column of a role; "" where it has none."""
        return self.columns.get(role, "")

    @property
    def words(self) -> str:
        """The whole map as it is written behind --map."""
        parts = [f"{role}={column}" for role, column in self.columns.items()]
        parts += [f"item={BY_ROW}"] if self.by_row else []
        return ",".join([*parts, *([f"arms={'|'.join(self.arms)}"] if self.arms else [])])


def map_of(text: str, header: Sequence[str]) -> ColumnMap:
    """The columns that a text like "item=question_id,variant=model" names.

    Raises:
        UnknownName: no such role or column.
        BadOption: the text is no such map.
    """
    columns: dict[str, str] = {}
    arms: tuple[str, ...] = ()
    by_row = False
    for part in filter(None, _parts(text, header)):
        role, sign, column = (piece.strip() for piece in part.partition("="))
        if not sign or not column:
            raise BadOption(f"--map holds {part!r}", "it names no column", "Write --map item=COLUMN,right=COLUMN.")
        if role not in ROLES:
            raise UnknownName.among("role of a column", role, ROLES)
        if role in columns or (role == "arms" and arms):
            raise BadOption(f"--map names {role} twice", remedy="Name one column for each.")
        if role == "arms":
            arms = tuple(name.strip() for name in column.split("|"))
            for name in arms:
                _known(name, header)
        elif role == "item" and column == BY_ROW and BY_ROW not in header:
            by_row = True
        else:
            columns[role] = _known(column, header)
    return ColumnMap(columns, arms, frozenset(), by_row)


def is_role_name(field: str) -> bool:
    """Whether a field's name is one of an answer, a verdict or a key."""
    name = _NO_SIGN.sub("", field.casefold())
    return name in ("answer", "answers") or any(name in _NAMES[role].split() for role in ("done", "right", "stated"))


def guessed_columns(given: ColumnMap, header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> ColumnMap:
    """The map with what nobody named filled in, from the names of columns and the values of the first rows.

    Raises:
        BadOption: nothing says what a row is about, what was answered, or what is right.
    """
    columns, arms = dict(given.columns), given.arms
    used = {*columns.values(), *arms}
    folded = {c: _NO_SIGN.sub("", c.casefold().rpartition(".")[2] or c.casefold()) for c in header}
    whole = {c: _NO_SIGN.sub("", c.casefold()) for c in header}
    values = {c: [v for r in rows if (v := r.get(c, "").strip())] for c in header}

    def take(role: str, names: str) -> None:
        if role in columns or (role == "item" and given.by_row):
            return
        for name in names.split():
            free = [c for c in header if c not in used and name in (whole[c], folded[c]) and values[c]]
            free = [c for c in free if not (role in _NUMBERS and not _numeric(values[c]))]
            exact = [c for c in free if whole[c] == name]
            if exact or len(free) == 1:  # of a.correct and b.correct neither is
                columns[role] = (exact or free)[0]
                used.add(columns[role])
                return

    if not arms:
        for role in (
            "variant",
            "model",
            "task",
            "trial",
            "question",
            "tokens_in",
            "tokens_out",
            "calls",
            "cost",
            "time",
        ):
            take(role, _NAMES[role])
        for role in ("stated", "knows", "confidence", "name", "error"):
            take(role, _NAMES[role])
        take("done", _NAMES["done"])
        take("right", _NAMES["right"])
        _place_answer(columns, used, header, whole, values)
        if _verdict_like(values.get(columns.get("right", ""), [])):
            take("key", _KEYS)
        take("rationale", _NAMES["rationale"])
        take("score", _NAMES["score"])
        if "right" not in columns and "score" in columns:
            columns["right"] = columns.pop("score")
    else:
        for role in ("task", "model", "question", "right"):
            take(role, _NAMES[role])
    _take_item(columns, used, header, whole, folded, values, given.by_row, rows)
    take("prompt", _NAMES["prompt"])
    if not arms and "right" not in columns:
        arms = _wide(header, used, values)
    elif not arms and "done" not in columns and not _verdict_like(values.get(columns["right"], [])):
        arms = tuple(c for c in header if c not in used and values[c])
        arms = arms if len(arms) > 1 and "variant" not in columns else ()
    models = len(set(values.get(columns.get("model", ""), [])))
    if BY_FILE in header and not arms and "variant" not in columns and models <= 1:
        columns["variant"] = BY_FILE
    guessed = frozenset({r for r in columns if r not in given.columns} | ({"arms"} if arms != given.arms else set()))
    made = ColumnMap(columns, arms, guessed, given.by_row or ("item" not in columns and bool(arms)))
    _refuse_unknown(made, header)
    return made


_NUMBERS = ("trial", "tokens_in", "tokens_out", "calls", "cost", "time", "confidence", "score")


def _place_answer(
    columns: dict[str, str],
    used: set[str],
    header: Sequence[str],
    whole: Mapping[str, str],
    values: Mapping[str, list[str]],
) -> None:
    """A column `answer` is the model's where another one is the key, and the key where another one is the model's."""
    answer = next((c for c in header if whole[c] in ("answer", "answers") and c not in used and values[c]), None)
    if answer is None:
        return
    if "done" not in columns:
        columns["done"] = answer
    elif "right" not in columns:
        columns["right"] = answer
    else:
        return
    used.add(answer)


def _take_item(
    columns: dict[str, str],
    used: set[str],
    header: Sequence[str],
    whole: Mapping[str, str],
    folded: Mapping[str, str],
    values: Mapping[str, list[str]],
    by_row: bool,
    rows: Sequence[Mapping[str, str]],
) -> None:
    if "item" in columns or by_row:
        return
    arm = [columns[role] for role in ("variant", "model") if role in columns]
    several = len({tuple(r.get(c, "") for c in arm) for r in rows}) > 1

    def take(names: str) -> bool:
        for name in names.split():
            for column in header:
                if column in used or name not in (whole[column], folded[column]) or not values[column]:
                    continue
                if several and len(set(values[column])) == len(values[column]):
                    continue  # it numbers the rows: no two arms share a value
                columns["item"] = column
                used.add(column)
                return True
        return False

    if take(_NAMES["item"]):
        return
    if "question" in columns:
        columns["item"] = columns["question"]
    elif "right" in columns:
        take(_TITLES)


def _wide(header: Sequence[str], used: set[str], values: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The columns that hold nothing but verdicts, where they are several: one column an arm."""
    found = tuple(c for c in header if c not in used and _verdict_like(values[c]))
    return found if len(found) > 1 else ()


def _verdict_like(values: Sequence[str]) -> bool:
    """Whether most values are verdicts: what is none is told by its row."""
    return bool(values) and sum(map(is_verdict, values)) > len(values) * MOSTLY


def _numeric(values: Sequence[str]) -> bool:
    return bool(values) and sum(map(_is_number, values)) > len(values) * MOSTLY


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _refuse_unknown(made: ColumnMap, header: Sequence[str]) -> None:
    lacking = []
    if not made.by_row and "item" not in made.columns:
        lacking.append("what a row is about (item=COLUMN, or item=row where the rows of every arm have one order)")
    if not made.arms and "right" not in made.columns:
        lacking.append("what is right: a key or a verdict (right=COLUMN)")
    if lacking:
        raise BadOption(
            f"no column says {' nor '.join(lacking)}",
            f"the columns are {', '.join(map(repr, header[:20]))}{', ...' if len(header) > 20 else ''}",
            f"Name them: --map {made.words + ',' if made.words else ''}"
            + ",".join(
                ["item=COLUMN"] * ("item" not in made.columns) + ["right=COLUMN"] * ("right" not in made.columns)
            )
            + ".",
        )


def _parts(text: str, header: Sequence[str]) -> list[str]:
    """The parts of a map; a comma within a column's name, as it stands in the header, parts nothing."""
    parts: list[str] = []
    for piece in text.split(","):
        last = parts[-1].partition("=")[2].strip() if parts else ""
        if parts and "=" not in piece and any(c.startswith(f"{last},{piece}".rstrip()) for c in header):
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return parts


def _known(column: str, header: Sequence[str]) -> str:
    if column not in header:
        raise UnknownName.among("column", column, header)
    return column
