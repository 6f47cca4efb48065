"""Addresses of the viewer's pages, alike for a server and for a folder of files.

Invariant: every address is relative, so that a page works behind any prefix, and from a disk. The pages of a run lie
one level below the first page and nothing lies deeper.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ...records import digest
from .listing import Place, Query


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses as they are written on one page.

    Attributes:
        run: the run that the page belongs to; "" for the first page, which belongs to none.
        files: for a folder of files, which knows the filters, of all variants or of one, and no other queries.
    """

    run: str = ""
    files: bool = False

    def home(self) -> str:
        """The list of runs."""
        return f"{self._root}index.html" if self.files else self._root or "./"

    def style(self, name: str) -> str:
        """A file of the viewer itself."""
        return f"{self._root}static/{name}"

    def of_run(self, run: str = "") -> str:
        """A run's first page."""
        return f"{self._root}{quote(run or self.run)}/{'index.html' if self.files else ''}"

    def report(self) -> str:
        """The run's report."""
        return "report.html" if self.files else "report"

    def steps(self, query: Query = Query(), **changes: object) -> str:  # noqa: B008  (frozen)
        """A list of situations."""
        if not self.files:
            return f"steps{query.address(**changes)}"
        show, page = changes.get("show", query.show), changes.get("page", 1)
        group, variant = changes.get("group", query.group), changes.get("variant", query.variant)
        one = f"-{group}-{digest([variant], size=4)}" if group and variant else ""
        return f"steps-{show}{one}{'' if page == 1 else f'-p{page}'}.html"

    def step(self, place: Place, query: Query = Query(), **changes: object) -> str:  # noqa: B008  (frozen)
        """A situation, as one of those that a query asks for."""
        if self.files:
            return f"step-{place.code}.html"
        return f"step-{place.code}{query.address(**{'page': 1, **changes})}"

    def step_of(self, group: str, episode: int, step: int) -> str:
        """A situation, by the code of its task and model."""
        return f"step-{group}-{episode}-{step}{'.html' if self.files else ''}"

    def text(self, key: str) -> str:
        """The whole texts of one answer, as plain text."""
        return f"text-{key}"

    @property
    def _root(self) -> str:
        return "../" if self.run else ""
