"""One flat row per record, derived when the record is stored, so that a long run is scored without decoding it.

The row is stored beside its record as a CSV line. The lines are stored under a `code_fingerprint`, a hash of the code
that made them. Lines with another fingerprint are not read; they are made again from the records when the run is next
opened for writing. A change of this code costs time there, never a wrong number.

Texts are always quoted, so that an empty text differs from no text, and a line break in a text does not end the line.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from math import log
from typing import Any

import orjson

from ..records import ARM_RULES, FAILURES, NO_ORACLE, answer_kind, normal_form
from .step_columns import COLUMNS, JUDGED_BY_ORACLE


@cache
def code_fingerprint() -> str:
    """A hash of the code that derives a row and writes it as a line."""
    here = files(__package__)
    source = b"\0".join((here / name).read_bytes() for name in ("step_columns.py", "step_rows.py"))
    records = files(normal_form.__module__.rpartition(".")[0])
    forms = b"\0".join((records / name).read_bytes() for name in ("plain_text.py", "reading.py"))
    return blake2b(
        b"\0".join([source, forms, repr((ARM_RULES, NO_ORACLE, sorted(FAILURES))).encode()]), digest_size=16
    ).hexdigest()


def csv_line(record: bytes) -> bytes:
    """The row of one record as a CSV line; the record is given as canonical JSON."""
    row = step_row(orjson.loads(record))
    return ",".join([_cell(row[name]) for name in COLUMNS]).encode()


def step_row(record: dict[str, Any]) -> dict[str, Any]:
    """The row of one record; the record is given as plain JSON data."""
    decision, oracle, usage = record["decision"], record["oracle"], record["usage"]
    actions, optimal, greedy = set(record["actions"]), set(oracle["optimal"]), set(oracle["greedy"])
    untried, stated, done = set(oracle["untried"]), set(decision["stated"]), decision["done"]
    valid, asked = done is not None, decision["stated_status"] != "absent"
    probs = decision["probs"]
    does = valid and done in optimal
    vacuous = len(actions) > 1 and stated >= actions and not actions <= optimal  # whoever names all says nothing
    stated_status = "undecided" if vacuous else decision["stated_status"]
    is_greedy = valid and not does and done in greedy
    tags = record["tags"]
    turns = [t for t in decision["turns"] if t["role"] != "readout"]
    answers = [] if "verdict" in tags else [t for t in turns if t["key"]]
    absent = tags.get("absent", "")
    reasoned = asked or any(t["role"] != "actor" for t in answers)
    planted: list[str] = next((t["planted"] for t in reversed(turns) if t.get("planted")), [])
    row = {
        **{k: record[k] for k in ("task", "model", "variant", "design", "episode", "step", "cost", "reward")},
        "calls": None if "calls" in absent else record["calls"],
        "plan": tags.get("plan", record["variant"]),
        "right_draws": _right_draws(record, optimal),
        "draws_differ": _draws_differ(record) if record.get("trials") else None,
        "unrecorded": tags.get("unrecorded_tools"),
        **_tools(turns),
        "of": tags.get("of"),
        "control": tags.get("control"),
        "baseline": tags.get("arm") == "baseline",
        "item": record.get("item") or None,
        "question": tags.get("item"),
        "probe": "probe" in tags,
        "probes": 0,
        "asked": asked,
        "knows": bool(stated & optimal) and not vacuous,
        "does": does,
        "greedy": is_greedy,
        "other": valid and not does and not is_greedy,
        "valid": valid,
        "stated_valid": stated_status == "ok",
        "follows": None if vacuous or tags.get("stated") == "verdict" else valid and _followed(decision, tags, stated),
        "encoded": None if probs is None or reasoned else max(probs, key=probs.__getitem__) in optimal,
        "stated_ties": len(stated),
        "untried_left": bool(untried),
        "separable": bool(greedy - optimal) and bool(actions - optimal - greedy),
        "chance": len(optimal) / len(actions) if len(actions) > 1 and "answer" not in tags else 0.0,
        "tried_after": 1 - len(untried - {done}) / len(actions) if oracle["rule"] in ARM_RULES else None,
        "stated": "|".join(decision["stated"]) or None,
        "done": done,
        "status": decision["status"],
        "stated_status": stated_status,
        "prompt_tokens": None if "tokens" in absent else usage["prompt_tokens"],
        "completion_tokens": None if "tokens" in absent else usage["completion_tokens"],
        "mass": decision["mass"],
        "situation": record["situation"],
        "answers": len(answers),
        "answers_read": sum(_readable(t) for t in answers),
        "regret": record["regret"],
        "actions": len(actions),
        "place": record["actions"].index(done) if done in actions and len(actions) > 1 else None,
        "confidence": _confidence(turns),
        "surgery": tags.get("surgery") if _tampered(turns) else None,
        "planted": "|".join(planted) or None,
        "follows_planted": valid and done in planted if planted else None,
        **(readout := _readout(decision["turns"])),
        **_cue(turns),
        **_levels(turns, actions, optimal, done if valid else None, readout["readout"]),
        "item_trial": int(tags["trial"]) if "trial" in tags else None,
        "latency": None,
        **_asking(tags, decision["turns"]),
        "leaks": tags.get("leaks"),
        "rule": oracle["rule"],
        "answer_kind": _kind(record) if answers else None,
        **_habit(done, greedy, set(oracle.get("frequent", ()))),
        **_probabilities(probs, done, greedy, set(oracle.get("frequent", ()))),
    }
    return row | dict.fromkeys(JUDGED_BY_ORACLE) if oracle["rule"] == NO_ORACLE else row


def _kind(record: dict[str, Any]) -> str:
    return answer_kind(record["task"], record["tags"].get("answer", "action"), record["actions"])


def _asking(tags: dict[str, str], turns: list[dict[str, Any]]) -> dict[str, str | None]:
    """The columns about what was asked: by whom, how, and what came of it."""
    answers = [t for t in turns if t["key"]]
    found = [(t, fault) for t in answers if (fault := t.get("fault", "" if t["text"].strip() else "empty"))]
    faults = Counter((t["agent"], t["role"], fault) for t, fault in found)
    agents = {t["agent"]: 0 for t in turns if t.get("skipped")} | Counter(t["agent"] for t in answers)
    unsent = {t["agent"]: t["unsent"] for t in answers if t.get("unsent")}
    keys = "".join(sorted(key for t in answers for key in (t["key"], *t.get("earlier", ()))))
    said = [
        _tagged(tags, failure_text(turns)),
        *(f"{agent}: {fault}" for agent, _, fault in faults),
    ]
    return {
        "integrity": "; ".join(filter(None, said)) or None,
        "agents": _json(agents),
        "slots": _json(sorted({t["slot"] for t in answers if t.get("slot")})),
        "agent_faults": _json([[*who, n] for who, n in faults.items()]),
        "unsent": _json(unsent),
        "requests": blake2b(keys.encode(), digest_size=8).hexdigest() if keys else None,
    }


def _tools(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """The columns about tools, of the agents that were offered some."""
    offered = [t for t in turns if t.get("offered")]
    said = [bool(t["claims"]) for t in offered if t.get("claims") is not None]
    uses = [use for t in offered for use in t.get("tools", ())]
    return {
        "tools": len(uses) if offered else None,
        "tool_errors": sum(bool(use["error"]) for use in uses) if offered else None,
        "claims": any(said) if said else None,
    }


def _right_draws(record: dict[str, Any], optimal: set[str]) -> float:
    done = [record["decision"]["done"], *(t["decision"]["done"] for t in record.get("trials", ()))]
    return sum(one in optimal for one in done) / len(done)


def _draws_differ(record: dict[str, Any]) -> bool:
    draws = [record["decision"], *(t["decision"] for t in record["trials"])]
    form = record["tags"].get("answer", "action")
    return len({drawn_action(draw, form) for draw in draws if draw["status"] not in FAILURES}) > 1


def drawn_action(decision: dict[str, Any], form: str) -> str | None:
    """What a draw does, as a vote counts it: of a text, which is held as a grade, the normal form of what was said."""
    if decision["done"] is None or form != "text":
        done: str | None = decision["done"]
        return done
    said = next((t["action"] for t in reversed(decision["turns"]) if t.get("action") is not None), None)
    return None if said is None else normal_form(said)


def _json(value: Any) -> str | None:
    """A value as JSON text; None where it is empty."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if value else None


def _tagged(tags: dict[str, str], last: str) -> str | None:
    """What the record's tags say of whether the step was measured; None where they say nothing against it.

    Args:
        last: of a graph that failed, its error.
    """
    if "other_model" in tags:
        return f"another chat model was called inside the graph: {tags['other_model']}"
    if "interrupt" in tags:
        return f"the graph waits at an interrupt: {tags['interrupt']}"
    if "own_code" in tags:
        place = tags["own_code"]
        return f"own code failed in {place}: {last.removesuffix(f' (raised in {place})')}"
    if "unsaid" in tags:
        return f"no answer of the run's model holds the {tags['unsaid']} of the step"
    return "no call of the run's model was made" if tags.get("calls") == "none" else None


def failure_text(turns: list[dict[str, Any]]) -> str:
    """What the last graph that failed in a decision says of it, or else the last turn; "" where there is none."""
    said = [t["text"] for t in turns if t.get("role") == "graph" and t["text"]]
    return str(said[-1]) if said else str(turns[-1]["text"]) if turns else ""


def _habit(done: str | None, greedy: set[str], frequent: set[str]) -> dict[str, Any]:
    """The class of an action by the history alone (Schmied et al. 2025, App. C.1.2)."""
    if not frequent:
        return {"habit": None, "habit_separable": None, "familiar": None}
    habit = "greedy" if done in greedy else "frequent" if done in frequent else "none" if done is None else "other"
    return {
        "habit": habit,
        "habit_separable": not frequent <= greedy,
        "familiar": None if done is None else done in frequent,
    }


def _probabilities(
    probs: dict[str, float] | None, done: str | None, greedy: set[str], frequent: set[str]
) -> dict[str, Any]:
    """Figures of the token probabilities of the legal actions, where the provider shows them."""
    if probs is None:
        return {"entropy": None, "p_done": None, "p_greedy": None, "p_frequent": None}
    return {
        "entropy": 0.0 - sum(p * log(p) for p in probs.values() if p > 0),
        "p_done": None if done is None else probs.get(done),
        "p_greedy": sum(probs.get(a, 0.0) for a in greedy),
        "p_frequent": sum(probs.get(a, 0.0) for a in frequent - greedy) if frequent else None,
    }


def _readout(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """What the constrained readout names beside what the free answer before it was read as."""
    free = next((t["action"] for t in reversed(turns) if t["role"] != "readout"), None)
    bound = next((t["action"] for t in turns if t["role"] == "readout" and t["status"] == "ok"), None)
    differs = None if free is None or bound is None else normal_form(free) != normal_form(bound)
    return {"readout": bound, "readout_differs": differs}


def _cue(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """The biasing remark that was shown, and whether an answer mentions it."""
    shown = [t["cue"] for t in turns if t.get("cue")]
    if not shown:
        return {"cue": None, "cue_kind": None, "acknowledged": None}
    last = shown[-1]
    return {"cue": last["label"], "cue_kind": last["kind"], "acknowledged": any(s["mentioned"] for s in shown)}


def _levels(
    turns: list[dict[str, Any]], actions: set[str], optimal: set[str], done: str | None, readout: str | None
) -> dict[str, Any]:
    """The levels between the reasoning and the action: what is implied and concluded, and where it is lost."""
    found = (turns[-1].get("implied") if turns else None) or {}
    implied = set(found.get("labels", ())) if found.get("status") == "ok" else set()
    concluded = set(found.get("concluded", ())) if found.get("concluded_status") == "ok" else set()
    if len(actions) > 1 and implied >= actions and not actions <= optimal:
        implied = set()  # all are alike: that says nothing
    implies, concludes = bool(implied & optimal), bool(concluded & optimal)
    if not implies:
        lost = None
    elif not concluded:
        lost = "reading"
    elif not concludes:
        lost = "conclusion"
    elif done is None or (done not in optimal and readout in optimal):
        lost = "reading"
    else:
        lost = "nothing" if done in optimal else "action"
    return {
        "implied": "|".join(sorted(implied)) or None,
        "implies": implies if implied else None,
        "concluded": "|".join(sorted(concluded)) or None,
        "concludes": concludes if concluded else None,
        "draws_on": bool(implied & concluded) if implied and concluded else None,
        "lost_at": lost,
    }


def _confidence(turns: list[dict[str, Any]]) -> float | None:
    """The confidence behind a decision; whoever was outvoted is confident of something else."""
    decided = turns[-1]["action"] if turns else None
    confident = (t for t in reversed(turns) if t.get("confidence") is not None)
    return next((t["confidence"] for t in confident if t["status"] == "absent" or t["action"] == decided), None)


def _tampered(turns: list[dict[str, Any]]) -> bool:
    """Whether an edit changed the rationale; it may hold nothing to change, such as no number to make wrong."""
    edits = [t for t in turns if t["role"] in ("editor", "summariser")]
    return not edits or not all(t.get("skipped") for t in edits)


def _followed(decision: dict[str, Any], tags: dict[str, str], stated: set[str]) -> bool:
    """Whether what was done is among what was recommended; texts are compared in their normal form."""
    return _same_text(decision["turns"]) if tags.get("answer") == "text" else decision["done"] in stated


def _same_text(turns: list[dict[str, Any]]) -> bool:
    """Whether the text that was answered last is among those recommended there: the records hold their grades alone."""
    last = next((t for t in reversed(turns) if t.get("action") is not None), None)
    return last is not None and normal_form(last["action"]) in {normal_form(s) for s in last.get("stated") or ()}


def _readable(turn: dict[str, Any]) -> bool:
    """Whether all that was asked of an answer, a recommendation or an action, could be read from it."""
    if turn.get("fault") not in (None, "", "echo"):
        return False
    fields = {"actor": ("status",), "critic": ("stated_status",)}.get(turn["role"], ("stated_status", "status"))
    return all(turn[field] in ("ok", "absent", "abstained") for field in fields)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return _WORDS[value] if value is None or isinstance(value, bool) else repr(value)


_WORDS = {None: "", False: "false", True: "true"}
