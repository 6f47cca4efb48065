"""Progress of a run as it happens: a bar, the calls so far, and knowing, doing and gap per variant."""

from __future__ import annotations

import time
from collections import defaultdict
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..events import Event, Level, RecordsStored

__all__ = ["RunProgress"]


class RunProgress:
    """A listener that draws how far a run is; in a pipe it prints a line every ten seconds instead.

    Args:
        situations: how many the run will hold at most.
    """

    records = True
    level: Level = "error"  # what happens in between is not drawn

    def __init__(self, situations: int, console: Console) -> None:
        self._situations, self._console = situations, console
        self._sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
        self._decided = 0
        self._began = time.monotonic()
        self._printed = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> RunProgress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        if not isinstance(event, RecordsStored):
            return
        for r in event.records:
            knows = bool(set(r.decision.stated) & set(r.oracle.optimal))
            does = r.decision.done in r.oracle.optimal
            asked = r.decision.stated_status != "absent"
            for i, add in enumerate((1, asked, asked and knows, does, asked and knows and not does)):
                self._sums[r.variant][i] += add
            self._decided += r.tags.get("arm") == "baseline"
        done = self._decided
        line = f"{done} of {self._situations} situations decided, {event.made} calls made, {event.shared} shared"
        spent = time.monotonic() - self._began
        if self._live:
            self._live.update(self._table(line, done), refresh=True)
        elif spent - self._printed >= 10:
            self._printed = spent
            self._console.print(f"[{spent:5.0f} s] {line}")

    def _table(self, line: str, done: int) -> Group:
        table = Table(box=None, pad_edge=False)
        for heading in ("variant", "steps", "knowing", "doing", "gap"):
            table.add_column(heading, justify="left" if heading == "variant" else "right")
        for variant, (n, asked, knows, does, gap) in self._sums.items():
            rates = ((knows, asked), (does, n), (gap, asked))
            table.add_row(variant, str(n), *(f"{part / whole:.2f}" if whole else "-" for part, whole in rates))
        bar = ProgressBar(self._situations, done, width=60)
        return Group(Text(line, style="dim"), bar, Text(), table)
