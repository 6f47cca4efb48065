"""How published answers to the Alice-in-Wonderland problems are read, beside what their authors read in them.

    git clone https://github.com/LAION-AI/AIW
    python benchmarks/published_answers.py AIW/collected_responses [--show]

Prints for each set of files how often the importer `aiw` agrees with the stored verdicts under each of its rules, and
what the reader of every run makes of the same answers: read as the stored answer, read otherwise, or not read. `--show`
prints the end of each answer that is not read as it is stored. Files that hold no scored answers are passed over; only
sets that were scored with numbers count (the parametric ones are formulas).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from akrasia.agents.answers import read_answer
from akrasia.importers.aiw import PARAMETERS, RULES, read_integer
from akrasia.records import Situation
from akrasia.tasks.numbers import canonical_number

SITUATION = Situation("aiw", 0, 1, "", (), answer="number")
SHOWN = 240  # characters of the end of an answer


@dataclass
class Published:
    """What was counted of one set of files.

    Attributes:
        rows: scored answers; first, last: on how many the verdict of a rule is the stored one; right_first, right_last:
            how many are right under it.
        same, otherwise, unread: what the reader makes of them, against the stored answer.
    """

    rows: int = 0
    first: int = 0
    last: int = 0
    right_first: int = 0
    right_last: int = 0
    same: int = 0
    otherwise: int = 0
    unread: int = 0

    @property
    def best(self) -> int:
        """Agreement under the rule that fits the set."""
        return max(self.first, self.last)

    def add(self, row: dict[str, object]) -> str | None:
        """Count an answer; what the reader makes of it where that is not what is stored."""
        text, right = str(row["model_response"]), _number(row["right_answer"])
        verdict = str(row["correct"]).casefold() == "true"
        verdicts = [read_integer(text, rule) == right for rule in RULES]
        self.rows += 1
        self.first += verdicts[0] == verdict
        self.last += verdicts[1] == verdict
        self.right_first += verdicts[0]
        self.right_last += verdicts[1]
        read, stored = read_answer(text, SITUATION)[0], _number(row["parsed_answer"])
        self.same += read == stored
        self.unread += read is None and stored is not None
        self.otherwise += read is not None and read != stored
        return None if read == stored else f"stored is {stored}, read is {read}: ...{text[-SHOWN:]!r}"


def _number(value: object) -> str | None:
    return canonical_number(str(value))


def sets_of(source: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """(name of a set, its scored rows): a file is one, and so is a folder of files."""
    files = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    for path in files:
        head = path.read_bytes()[:4096]
        if not head.lstrip().startswith(b"[") or b'"model_response"' not in head:
            continue
        rows = [r for r in json.loads(path.read_text(encoding="utf-8")) if _is_scored(r)]
        if rows:
            yield (path.stem if path.parent == source or path == source else path.parent.name), rows


def _is_scored(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("model_response"), str)
        and row.get("correct") is not None
        and str(row.get("prompt_id")) not in PARAMETERS
        and _number(row.get("right_answer")) is not None
    )


def counted(source: Path, show: bool = False) -> dict[str, Published]:
    """Set -> what was counted of it."""
    found: dict[str, Published] = {}
    for name, rows in sets_of(source):
        one = found.setdefault(name, Published())
        for row in rows:
            differs = one.add(row)
            if show and differs:
                print(f"{name}: {differs}")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="collected_responses of a clone of LAION-AI/AIW, or one of its files")
    parser.add_argument("--show", action="store_true", help="print the answers that are not read as they are stored")
    args = parser.parse_args(argv)
    if not args.source.exists():
        print(f"{args.source} is not there. Clone https://github.com/LAION-AI/AIW.", file=sys.stderr)
        return 2
    found = counted(args.source, args.show)
    print(f"{'set':<20}{'rows':>7}  {'verdicts as stored under':^26}  {'the reader of every run':^31}")
    print(f"{'':<20}{'':>7}  {'first':>12}{'last':>12}    {'as stored':>10}{'otherwise':>11}{'unread':>10}")
    for name, one in found.items():
        print(
            f"{name[:19]:<20}{one.rows:>7,}  {one.first:>12,}{one.last:>12,}    "
            f"{one.same:>10,}{one.otherwise:>11,}{one.unread:>10,}"
        )
    rows, first = sum(p.rows for p in found.values()), sum(p.first for p in found.values())
    print(f"verdicts as stored: {first:,} of {rows:,} under rule 'first', ", end="")
    print(f"{sum(p.best for p in found.values()):,} under the better rule for each set")
    return 0


if __name__ == "__main__":
    sys.exit(main())
