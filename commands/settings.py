"""The settings that a command line gives: a file, --set and the other options, and what must be said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from ..experiments.config import load_settings
from ..experiments.merging import Flag, merge_settings

Merged = tuple[dict[str, Any], list[str]]
_DEFAULTS: dict[str, Any] = {"task": {"name": "bandit"}, "variants": ["reason_act"]}
_MODEL = "embedded"  # what runs where neither the file nor the command line names a model
_OPTIONS = {"variants": "--variant", "rlft.updates": "--updates"}


def experiment_settings(file: Path | None, changes: Sequence[str], options: Mapping[str, Any]) -> Merged:
    """(the settings of a file, or the defaults, with --set and the other options; notes on what of the file gave way).

    Args:
        options: by the key of the setting, such as "variants" or "rlft.updates"; those that are None were not given.
    """
    settings = _DEFAULTS if file is None else load_settings(file)
    named = settings.get("model") is not None or settings.get("models") is not None
    return merged_with(settings if named else {**settings, "model": _MODEL}, changes, options)


def merged_with(settings: Mapping[str, Any], changes: Sequence[str], options: Mapping[str, Any]) -> Merged:
    """`experiment_settings` of settings that are read already."""
    flags = [Flag(_source(key, value), tuple(key.split(".")), value) for key, value in options.items()]
    return merge_settings(settings, changes, flags)


def tell(notes: Sequence[str]) -> None:
    """Print the notes to stderr, once it is known that the settings can be used."""
    for note in notes:
        typer.echo(f"akrasia: {note}.", err=True)


def _source(key: str, value: Any) -> str:
    option = _OPTIONS.get(key, f"--{key.replace('_', '-')}")
    return f"{option} {value}" if isinstance(value, str | int) else option


def named_task(task: str | None, changes: Sequence[str] | None) -> dict[str, Any]:
    """A task by its name (by default "bandit") with the options of --set, with or without "task." in front."""
    prefixed = [c if c.lstrip().startswith("task.") else f"task.{c}" for c in changes or ()]
    merged, _ = merged_with({"task": {"name": "bandit"}}, prefixed, {"task": task})
    table: dict[str, Any] = merged["task"]
    return table
