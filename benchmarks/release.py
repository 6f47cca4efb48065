"""Whether a release is consistent: package, pyproject.toml, CITATION.cff, docs, changelog and tag name one version.

python benchmarks/release.py             say what disagrees; exit code 1 where something does
python benchmarks/release.py v0.1.0      also with this tag, which needs a dated section in the changelog
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMED = {  # file -> where it names the version
    "__init__.py": r'^__version__ = "([^"]+)"',
    "CITATION.cff": r"^version: *\"?([^\s\"]+)",
    "docs/citation.md": r"version = \{([^}]+)\}",
}


def faults(root: Path, tag: str = "") -> list[str]:
    """What disagrees, one sentence each; empty where a release may be made.

    Args:
        root: of the repository.
        tag: such as "v0.1.0"; empty where none was set.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    version: str = project["version"]
    found = []
    for file, pattern in NAMED.items():
        named = re.search(pattern, (root / file).read_text("utf-8"), re.MULTILINE)
        if named is None or named[1] != version:
            found.append(f"{file} names the version {named[1] if named else 'nowhere'}, pyproject.toml {version}.")
    if tag and tag != f"v{version}":
        found.append(f"the tag is {tag}, and pyproject.toml names {version}: tag v{version}, or change the version.")
    log = (root / "CHANGELOG.md").read_text("utf-8")
    if tag and not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", log, re.MULTILINE):
        found.append(f'CHANGELOG.md has no section "## [{version}] - YYYY-MM-DD".')
    return found


def main() -> int:
    found = faults(ROOT, *sys.argv[1:2])
    print("\n".join(found) or "One version everywhere.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
