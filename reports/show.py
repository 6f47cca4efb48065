"""One situation of a run, whole: what was seen, what would have been right, and what every agent said.

This is how a number is traced to its steps: every rate on the scorecard is a count of what stands here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from ..errors import UnknownName
from ..ledger import LedgerReader, StoredAnswer, read_ledger
from ..ledger.imported import ImportedFrom
from ..ledger.provenance import RunSession, session_lines
from ..records import Message, Oracle, Record, Situation, ToolUse, Turn
from .tables import PROSE, RowNamedTable, TableColumn
from .text import plain_text

Unread = Callable[[str, Situation, bool], str]
"""(text, situation, whether for its recommendation) -> where the reading of it stopped; "" where it did not."""

_ASKED_FOR = {"actor": ("done",), "critic": ("stated",)}  # of an answer; others are asked for both
SHOWN_OF_A_RESULT = 2_000  # characters of what a tool returned
_CONFIDENCE = re.compile(r"\s*CONFIDENCE\s*[=:]", re.IGNORECASE)


def show_run(
    sessions: Sequence[RunSession], missing: str, console: Console, imported: ImportedFrom | None = None
) -> None:
    """Print where a run comes from: every time that it was played, and what it lacks.

    Args:
        missing: which episodes are missing, in words; "" where none is.
        imported: where the run was imported from; None where it was played.
    """
    if missing:
        console.print(Text(f"! {missing}", style="yellow"))
    if imported is not None:
        console.print(Text(f"This run was {imported.sentence}."))
        console.print(_named_lines("where it comes from", imported.lines))
        return
    if not sessions:
        console.print("This run was stored by an akrasia that kept no record of where and when it was played.")
    for number, session in enumerate(sessions, start=1):
        console.print(_named_lines(f"session {number} of {len(sessions)}", session_lines(session)))


def _named_lines(title: str, lines: Sequence[tuple[str, str]]) -> RowNamedTable:
    details = TableColumn("", [text for _, text in lines], wraps=PROSE)
    return RowNamedTable(title, "", [what for what, _ in lines], [details])


def read_step(
    ledger: LedgerReader, episode: int, step: int, variants: Sequence[str] = (), model: str | None = None
) -> list[Record]:
    """The records of one step of one episode, in the order in which they were stored.

    Args:
        variants: only these, by their whole names or by what comes last in them; empty for all.
        model: only this model.

    Raises:
        UnknownName: the run has no such step, variant or model.
    """
    records = list(ledger.records(episode, step))
    if not records:
        known = sorted({f"{r.episode} {r.step}" for r in ledger.records()}, key=lambda s: [*map(int, s.split())])
        told = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise UnknownName(f"the run has no episode {episode}, step {step}", remedy=f"It has (episode step): {told}.")
    return only(records, variants, model)


def only(records: Sequence[Record], variants: Sequence[str], model: str | None) -> list[Record]:
    """The records of some variants and of one model; empty and None stand for all.

    Raises:
        UnknownName: none of the records is of such a variant or model.
    """
    names = list(dict.fromkeys(r.variant for r in records))
    for variant in variants:
        if not any(_is_called(name, variant) for name in names):
            raise UnknownName.among("variant", variant, names)
    models = list(dict.fromkeys(r.model for r in records))
    if model is not None and model not in models:
        raise UnknownName.among("model of this run", model, models)
    return [
        r
        for r in records
        if (not variants or any(_is_called(r.variant, v) for v in variants)) and model in (None, r.model)
    ]


def _is_called(name: str, asked: str) -> bool:
    return asked in (name, name.rpartition("| ")[2], f"| {name.rpartition('| ')[2]}")


def show_step(
    folder: Path,
    episode: int,
    step: int,
    variants: Sequence[str],
    console: Console,
    unread: Unread | None = None,
    model: str | None = None,
) -> None:
    """Print every variant's decision at one step of one episode, with the prompts and raw answers behind it.

    Args:
        variants: only these; empty for all.
        unread: tells of an answer that could not be read where understanding stopped; without it that is not said.
        model: only this model.

    Raises:
        UnknownName: the run has no such step, variant or model.
    """
    with read_ledger(folder) as ledger:
        records = read_step(ledger, episode, step, variants, model)
        shown: dict[str, str] = {}
        for record in records:
            console.print(_head(record))
            spoken: dict[tuple[str, int], Turn] = {}
            for turn in record.decision.turns:
                changed = changed_position(turn, spoken)
                answer = ledger.answer(turn.key) if turn.key else None
                if answer is not None and turn.key not in shown:
                    prompt = "".join(f"[{message_speaker(m)}]\n{m.shown}\n" for m in answer.request.messages)
                    console.print(
                        Panel(Text(plain_text(prompt.rstrip())), title="asked", title_align="left", border_style="dim")
                    )
                again = " (the same answer as above)" if turn.key and shown.get(turn.key) == turn.text else ""
                if turn.key:
                    shown[turn.key] = turn.text
                read = agents_read(turn, record.decision.turns, answer)
                error = answer_error(turn, answer)
                if answer is not None and answer.response.reasoning and not again:
                    thought = Text(plain_text(answer.response.reasoning.strip()), style="dim")
                    console.print(Panel(thought, title="thought", title_align="left", border_style="dim"))
                said = _answer_text(turn, error)
                if unread is not None and answer is not None and not error:
                    stops = unread_lines(turn, record, answer, unread)
                    said.append("".join(f"\n{line}" for line in stops), style="yellow")
                console.print(
                    Panel(said, title=f"{turn.agent} ({turn_words(turn, read)}){changed}{again}", title_align="left")
                )
            console.print(_verdict(record))


def _head(record: Record) -> Text:
    text = Text(f"\n{record.variant}", style="bold")
    text.append(f"  {record.model} on {record.task}, episode {record.episode}, step {record.step}\n", style="dim")
    if "imported" in record.tags:
        trial = f", trial {record.tags['trial']}" if "trial" in record.tags else ""
        text.append(f"imported from {record.tags['source']}: item {record.item}{trial}\n", style="dim")
    text.append(oracle_words(record.oracle, record.actions))
    return text


def changed_position(turn: Turn, before: dict[tuple[str, int], Turn]) -> str:
    """Whether an agent that had answered already holds another action now, and after reading whom."""
    key = (turn.agent.partition(".")[0], turn.lane)
    old = before.get(key)
    before[key] = turn
    if old is None or not (turn.key or turn.skipped) or turn.agent == old.agent:
        return ""
    if turn.skipped:
        return "; passed on what it said: the others agree"
    if turn.position == old.position:
        return f"; stays with {turn.position or 'no answer'}"
    return f"; changed from {old.position or 'no answer'} to {turn.position or 'no answer'}"


def agents_read(turn: Turn, turns: tuple[Turn, ...], answer: StoredAnswer | None) -> list[str]:
    """The agents whose words a turn has read, of those that its plan lets it read.

    An agent that asked a model has read what stands in its prompt: a rationale may be hidden from it, or replaced by a
    filler. One that asked nothing, such as a vote, counts positions, of those that took one.
    """
    wired = list(dict.fromkeys(turn.reads))
    if not turn.key:
        said = {t.agent for t in turns if t.position is not None or t.text.strip()}
        return [name for name in wired if name in said]
    if answer is None:
        return []
    messages = answer.request.messages
    whole = _plain("\n".join(m.shown for m in messages))
    told = _plain("\n".join(m.shown for m in messages if m.role != "assistant"))
    # The conversation that an agent continues, its answers included, is that of the first turn that it reads.
    prompts = dict.fromkeys(wired, told) | dict.fromkeys(wired[:1], whole)
    return [name for name in wired if any(t.agent == name and _stands_in(t, prompts[name]) for t in turns)]


def _stands_in(turn: Turn, prompt: str) -> bool:
    """Whether what an agent said stands in a prompt: its text, without lines that are left out there."""
    text = _plain("\n".join(line for line in turn.text.splitlines() if not _CONFIDENCE.match(line)))
    return bool(text) and text in prompt


def _plain(text: str) -> str:
    return " ".join(text.split())


def turn_words(turn: Turn, read: Sequence[str]) -> str:
    """In which role, lane and sample a turn speaks, and whom it has read."""
    lane = f", lane {turn.lane}" if turn.lane else ""
    return f"{turn.role}{lane}, sample {turn.sample}" + (f", reads {', '.join(read)}" if read else "")


def answer_error(turn: Turn, answer: StoredAnswer | None) -> str:
    """The provider's sentence where a turn asked and got no answer; "" where it did, or asked nobody."""
    if answer is not None:
        return answer.response.error
    return "no answer of this call is kept: a resumed run asks again" if turn.key else ""


def tool_outcome(use: ToolUse) -> str:
    """What a tool returned, or why it did not."""
    return f"error: {use.error}" if use.error else use.result or "(no result)"


def oracle_words(o: Oracle, actions: Sequence[str]) -> str:
    """What was right: "optimal {a}, greedy {b}; values a 1.20, b 0.80"."""
    values = ", ".join(f"{a} {'inf' if (v := o.values[a]) is None else f'{v:.2f}'}" for a in actions if a in o.values)
    return f"oracle ({o.rule}): optimal {_set(o.optimal)}, greedy {_set(o.greedy)}; values {values}"


def action_kind(done: str | None, oracle: Oracle) -> str:
    """How good an action is, by the oracle: "optimal", "greedy" or "other"."""
    return "optimal" if done in oracle.optimal else "greedy" if done in oracle.greedy else "other"


def message_speaker(message: Message) -> str:
    """Who speaks in a message, by role and name, and which call a result answers."""
    of = f" {message.name}" if message.name else ""
    return f"{message.role}{of}, answers {message.tool_call_id}" if message.tool_call_id else f"{message.role}{of}"


def _answer_text(turn: Turn, error: str) -> Text:
    """What the agent said and which tools it called, and the provider's sentence where there is no answer."""
    text = Text(plain_text(turn.text.strip("\n")) or ("(nothing)" if not turn.tools else ""))
    for use in turn.tools:
        came = tool_outcome(use)
        if len(came) > SHOWN_OF_A_RESULT:
            came = f"{came[:SHOWN_OF_A_RESULT]}... ({len(came):,} characters)"
        line = f"calls {use.name}({use.arguments}) -> {came}"
        text.append(plain_text(f"\n{line}" if text else line))
    if error:
        text.append(f"\n{error}", style="red")
    if turn.probs:
        top = sorted(turn.probs.items(), key=lambda kv: -kv[1])
        mass = f", mass {turn.mass:.2f}" if turn.mass is not None else ""
        text.append(f"\nP: {', '.join(f'{a} {p:.2f}' for a, p in top)}{mass}", style="dim")
    return text


def unread_lines(turn: Turn, record: Record, answer: StoredAnswer, unread: Unread) -> list[str]:
    """Where the reading of a turn's own answer stopped, for each of what was asked of it and could not be read."""
    form = record.tags.get("answer", "action")
    shown = Situation(
        record.task, record.step, 1, "", record.actions if form == "action" else (), answer=cast(Any, form)
    )
    status = {"stated": turn.stated_status, "done": turn.status}
    lines = []
    for what in _ASKED_FOR.get(turn.role, ("stated", "done")):
        if status[what] in ("ok", "absent", "undecided", "abstained"):
            continue
        place = unread(turn.text, shown, what == "stated") if turn.text.strip() else "it says nothing"
        if status[what] == "truncated" and answer.response.reasoning and not turn.text.strip():
            place = "the answer ends inside its thought"
        elif status[what] == "truncated" and not place:
            place = "it was cut off within the line that gives it"
        lines += [f"{what} is not read ({status[what]}): {place}"] if place else []
    return lines


def _verdict(record: Record) -> Text:
    decision, oracle = record.decision, record.oracle
    asked = decision.stated_status != "absent"
    knows = bool(set(decision.stated) & set(oracle.optimal))
    stated = _set(decision.stated) if asked else "nobody was asked"
    knowing = f"stated {stated}" + (f" ({'right' if knows else 'wrong'})" if asked else "")
    right = decision.done in oracle.optimal
    done = (
        f"done {decision.done} ({action_kind(decision.done, oracle)})"
        if decision.done
        else f"no legal action: {decision.status}"
    )
    paid = "nothing" if record.reward is None else f"{record.reward:.2f}"
    text = Text(f"{knowing}; {done}; paid {paid}, regret {record.regret:.2f}")
    if asked and knows and not right:
        text.append("  <- knows and does not do", style="bold red")
    return text


def _set(labels: Sequence[str]) -> str:
    return "{" + ", ".join(labels) + "}"
