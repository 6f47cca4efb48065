"""What values look like in a notebook: tables and sentences as HTML, without a script and without a style of their own.

Invariant: every text is escaped, so that what a model or a user named anything does nothing but stand there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_LEFT = ' style="text-align: left"'


def paragraph_html(text: str, strong: str = "") -> str:
    """A paragraph, with a name in bold before it."""
    return f"<p>{f'<b>{escape(strong)}</b> ' if strong else ''}{escape(text)}</p>"


def table_html(headings: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of texts; the first cell of a row is its name."""
    head = "".join(f"<th{_LEFT}>{escape(heading)}</th>" for heading in headings)
    lines = [
        f"<tr><th{_LEFT}>{escape(name)}</th>{''.join(f'<td{_LEFT}>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in rows
    ]
    title = f"<caption{_LEFT}>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
