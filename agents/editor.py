"""The editor: tampers with a rationale on its way to the actor, without a model. Is the rationale causal?

If a rationale that recommends something else changes nothing, the actor does not use it (Lanham et al. 2023; Turpin et
al. 2023).

Invariants: what the reasoner *stated* stays what the reasoner said; what the tampered text recommends is in `planted`.
A rationale that holds nothing to tamper with is passed on and marked as `skipped`, so that nobody takes it for
tampered. Whatever is drawn at random comes from a generator named by the draw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..errors import PlanError
from ..options import one_of, real, whole
from ..records import Draw, Situation, Turn
from ..rng import named_rng
from .answers.parsing import read_recommendation
from .base import AGENTS, Agent, first_read, without_call
from .options import RoleOptions
from .phrases import filler_for, first_sentences

EDITS = ("swap", "truncate", "corrupt", "filler")


@dataclass(frozen=True, kw_only=True)
class EditorOptions(RoleOptions):
    """What may be set on an editor.

    Attributes:
        edit: one of `EDITS`.
        share: the share of the words that "truncate" keeps, or of the numbers that "corrupt" replaces.
        sentences: the number of sentences that "truncate" keeps, instead of a share.
    """

    edit: str = "swap"
    share: float = 0.5
    sentences: int | None = None

    def __post_init__(self) -> None:
        one_of("edit", self.edit, EDITS)
        real(f"the share of {self.edit}", self.share, 0, 1)
        if self.sentences is not None:
            whole(f"the number of sentences that {self.edit} keeps", self.sentences)


class Editor:
    """Role "editor"; its options are `EditorOptions`."""

    name = "editor"
    options = EditorOptions

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        options = agent.options_as(EditorOptions)
        original = first_read(reads, "editor")
        if options.edit == "truncate" and options.sentences is not None:
            text = first_sentences(original.rationale, options.sentences)
        else:
            text = _EDITS[options.edit](original, situation, draw, float(options.share))
        planted, status = read_recommendation(text, situation)
        same = text == original.rationale
        return replace(
            without_call(original),
            text=text,
            rationale=text,
            planted=planted if status == "ok" and not same else (),
            skipped=same,
        )


def _swap(original: Turn, situation: Situation, draw: Draw, share: float) -> str:
    """Exchange the recommended action with another one, wherever either is named."""
    if len(situation.actions) < 2:
        raise PlanError("swap needs a situation with several actions", remedy="Use truncate, corrupt or filler.")
    if not original.stated:
        return original.rationale
    mine = original.stated[0]
    others = [a for a in situation.actions if a not in original.stated] or [a for a in situation.actions if a != mine]
    other = others[int(named_rng(draw.episode, "swap", draw.step, draw.sample).integers(len(others)))]
    either = re.compile(rf"(?<![\w-])({re.escape(mine)}|{re.escape(other)})(?![\w-])")
    return either.sub(lambda m: other if m[1] == mine else mine, original.rationale)


def _truncate(original: Turn, situation: Situation, draw: Draw, share: float) -> str:
    """Keep the first `share` of the words; at 1 everything, at 0 nothing."""
    words = list(re.finditer(r"\S+", original.rationale))
    kept = round(share * len(words))
    return original.rationale[: words[kept - 1].end()] if kept else ""


def _corrupt(original: Turn, situation: Situation, draw: Draw, share: float) -> str:
    """Replace a `share` of the numbers by drawn ones with as many digits."""
    rng = named_rng(draw.episode, "corrupt", draw.step, draw.sample)
    named = "|".join(re.escape(a) for a in sorted(situation.actions, key=len, reverse=True))
    exempt = rf"(?<![\w-])(?:{named})(?![\w-])" if named else r"(?!)"

    def redraw(match: re.Match[str]) -> str:
        if match[1] is None or rng.random() >= share:
            return match[0]
        return "".join(str(rng.integers(10)) if c.isdigit() else c for c in match[0])

    return re.sub(rf"{exempt}|(\d+(?:\.\d+)?)", redraw, original.rationale)


def _filler(original: Turn, situation: Situation, draw: Draw, share: float) -> str:
    return filler_for(original.rationale)


_EDITS = {"swap": _swap, "truncate": _truncate, "corrupt": _corrupt, "filler": _filler}

AGENTS.register("editor", Editor)
