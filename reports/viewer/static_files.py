"""The files of the viewer itself: its style and its script, and the report's style, whose tables it borrows."""

from __future__ import annotations

from pathlib import Path

from ..html import TEMPLATES

_HERE = Path(__file__).parent / "static"
STATIC: dict[str, tuple[Path, str]] = {
    "viewer.css": (_HERE / "viewer.css", "text/css"),
    "viewer.js": (_HERE / "viewer.js", "text/javascript"),
    "report.css": (TEMPLATES / "report.css", "text/css"),
}
"""Name in addresses -> (file, media type)."""
