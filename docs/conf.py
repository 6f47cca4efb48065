"""Sphinx: the pages of this folder as a site. `make docs` builds it without a network, and a warning fails."""

import tomllib
from pathlib import Path

project = "akrasia"
author = "The akrasia maintainers"
release = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]["version"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"akrasia {release}"
html_static_path: list[str] = []
html_show_sourcelink = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
