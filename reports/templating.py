"""The environment in which templates become HTML, with what was compiled of them kept beside Python's own byte code.

Invariants: every value is escaped and an unknown one is an error; a template that was changed, or that another version
of jinja compiled, is compiled anew; where nothing can be written, nothing is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket


class _BesideByteCode(FileSystemBytecodeCache):
    """In the folder of this module's own byte code; what `tag` tells apart is kept apart."""

    def __init__(self, tag: str) -> None:
        super().__init__(str(Path(cache_from_source(__file__)).parent), f"template-{tag}-%s.cache")

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError, EOFError, UnpicklingError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def html_environment(folders: Path | Sequence[Path], trailing_newline: bool = False) -> Environment:
    """An environment for the templates in `folders`; filters and globals are the caller's."""
    tag = f"{version('jinja2')}-{'whole' if trailing_newline else 'cut'}"  # all that what is compiled depends on
    kept: BytecodeCache | None = None if sys.dont_write_bytecode else _BesideByteCode(tag)
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=trailing_newline,
        optimized=False,  # else results of filters would be compiled in
        bytecode_cache=kept,
    )
