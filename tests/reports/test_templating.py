"""What is compiled of templates is kept, told apart by all that it depends on, and never needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
from pathlib import Path
from akrasia.reports.templating import html_environment
folder = Path(sys.argv[1])
page = folder / "page.html.j2"
page.write_text("{{ text }} one\\n")
found = []
for _ in range(2):  # compiled, then loaded
    found += [html_environment(folder, whole).get_template("page.html.j2").render(text="<") for whole in (True, False)]
page.write_text("{{ text }} two\\n")
found.append(html_environment(folder).get_template("page.html.j2").render(text=">"))
print(json.dumps(found))
"""
RENDERED = ["&lt; one\n", "&lt; one"] * 2 + ["&gt; two"]


def rendered(folder: Path, *options: str) -> Any:
    folder.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, *options, "-c", PROGRAM, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_templates_are_compiled_once_and_again_when_they_change(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert rendered(tmp_path / "kept", "-X", f"pycache_prefix={cache}") == RENDERED
    kept = list(cache.rglob("template-*.cache"))
    assert len(kept) == 2
    for file in kept:
        file.write_bytes(file.read_bytes()[:30])  # cut off by a full disk
    assert rendered(tmp_path / "kept", "-X", f"pycache_prefix={cache}") == RENDERED


def test_where_nothing_can_be_kept_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert rendered(tmp_path / "a", "-X", f"pycache_prefix={tmp_path / 'file'}") == RENDERED
    assert rendered(tmp_path / "b", "-B", "-X", f"pycache_prefix={tmp_path / 'none'}") == RENDERED
    assert not (tmp_path / "none").exists()
