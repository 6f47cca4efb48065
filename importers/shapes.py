"""JSON that is a table in another shape: objects of items, of arms, of both, and rows that hold one answer an arm.

    {"gpt": {"q1": true, "q2": false}, "llama": {...}}       an arm each, and of each item a verdict or an answer
    {"gpt": {"q1": {"answer": ...}}, "llama": {...}}         an arm each, and of each item its fields
    {"gpt": [{"id": "q1", ...}], "llama": [...]}             an arm each, with its rows
    {"q1": {"answer": ..., "correct": ...}, "q2": {...}}     an item each, with its fields
    [{"id": "q1", "outputs": {"gpt": {...}, ...}}]           a row an item, with the fields of each arm

Invariant: which of these a file was taken for is noted in the ledger, and what is none of them passes as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from .base import Intake
from .columns import is_role_name
from .grading import as_text, is_verdict

ARM, ITEM = "variant", "item"
PEEK = 50  # rows from which it is told whether rows hold arms
DEPTH = 3  # how deep in an object its rows are looked for
Row = Mapping[str, Any]


def rows_of_object(value: Mapping[str, Any], keys: Sequence[str], intake: Intake) -> list[Any]:
    """The rows that one JSON object holds; the object itself where it is none of the shapes above.

    Args:
        keys: the fields that are looked into first for a list of rows.
    """
    named = next((value[k] for k in keys if isinstance(value.get(k), list)), None)
    if named is not None:
        return list(named)
    shaped = _by_arm(value, intake) or _by_item(value, intake)
    if shaped:
        return shaped
    path, rows = max(_lists(value, (), 1), key=lambda found: len(found[1]), default=((), []))
    if len(rows) > 1:
        intake.note(f"the rows were taken from the field {'.'.join(path)!r} of the object")
        return rows
    return [value]


def unfolded(rows: Iterable[tuple[str, Any]], intake: Intake) -> Iterator[tuple[str, Any]]:
    """Rows that hold the fields of several arms, as one row an arm; others as they are."""
    following = iter(rows)
    first = list(islice(following, PEEK))
    field = _field_of_arms([row for _, row in first])
    if field:
        intake.note(f"each row's field {field!r} holds one answer an arm")
    for where, row in chain(first, following):
        held = row.get(field) if field and isinstance(row, dict) else None
        if not isinstance(held, dict) or not all(isinstance(v, dict) for v in held.values()):
            yield where, row
            continue
        rest = {k: v for k, v in row.items() if k != field}
        for arm, fields in held.items():
            yield where, {**rest, ARM: arm, **fields}


def _by_arm(value: Mapping[str, Any], intake: Intake) -> list[Row]:
    """{arm: {item: ...}} or {arm: [row, ...]}: two arms at least, which share most items."""
    if len(value) < 2:
        return []
    if all(isinstance(v, list) and v and all(isinstance(r, dict) for r in v) for v in value.values()):
        intake.note(f"the object's fields were taken for arms: {_some(value)}")
        return [{ARM: arm, **row} for arm, rows in value.items() for row in rows]
    if not all(isinstance(v, dict) and len(v) > 1 for v in value.values()):
        return []
    items = [set(v) for v in value.values()]
    leaves = [leaf for v in value.values() for leaf in v.values()]
    shared = len(set.intersection(*items)) > len(set.union(*items)) / 2
    if not shared or any(map(is_role_name, set.union(*items))):
        return []
    made: list[Row]
    if all(isinstance(leaf, dict) for leaf in leaves):
        made = [{ARM: arm, ITEM: item, **fields} for arm, v in value.items() for item, fields in v.items()]
    elif all(is_verdict(as_text(leaf)) for leaf in leaves):
        made = [{ARM: arm, ITEM: item, "right": leaf} for arm, v in value.items() for item, leaf in v.items()]
    else:
        return []
    intake.note(f"the object's fields were taken for arms, theirs for items: {_some(value)}")
    return made


def _by_item(value: Mapping[str, Any], intake: Intake) -> list[Row]:
    """{item: {field: ...}}: the same fields for most items, one of them an answer or a verdict."""
    if len(value) < 2 or not all(isinstance(v, dict) for v in value.values()):
        return []
    names = [set(v) for v in value.values()]
    common = set.intersection(*names)
    if not any(map(is_role_name, common)):
        return []
    intake.note(f"the object's fields were taken for items: {_some(value)}")
    return [{**fields, ITEM: item} for item, fields in value.items()]


def _field_of_arms(rows: Sequence[Any]) -> str:
    """The field whose own fields are arms: the same in most rows, each with an answer or a verdict; or ""."""
    objects = [row for row in rows if isinstance(row, dict)]
    for field in objects[0] if objects else ():
        held = [row[field] for row in objects if isinstance(row.get(field), dict)]
        if len(held) < max(1, len(objects) * 2 / 3):
            continue
        arms = set.union(*(set(h) for h in held))
        inner = [v for h in held for v in h.values()]
        if len(arms) < 2 or len(inner) < len(held) * len(arms) / 2 or not all(isinstance(v, dict) for v in inner):
            continue
        if any(map(is_role_name, set.intersection(*(set(v) for v in inner)))):
            return str(field)
    return ""


def _lists(value: Mapping[str, Any], path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for key, held in value.items():
        if isinstance(held, list) and held and all(isinstance(v, dict) for v in held):
            yield (*path, key), held
        elif isinstance(held, dict) and depth < DEPTH:
            yield from _lists(held, (*path, key), depth + 1)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3:,} more" if len(listed) > 3 else "")
