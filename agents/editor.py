"""The editor: tampers with a rationale on its way to the actor, without a model. Is the rationale causal?

If a rationale that recommends something else changes nothing, the actor does not use it (Lanham et al. 2023; Turpin et
al. 2023).

Invariants: what the reasoner *stated* stays what the reasoner said; what the tampered text recommends is in `planted`;
a rationale that holds nothing to tamper with is passed on and says so (`skipped`), so that nobody takes it for
tampered. Everything random comes from a stream named by the draw.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..errors import PlanError
from ..options import one_of, real, whole
from ..records import Draw, Situation, Turn, Usage
from ..rng import named_rng
from .answers.parsing import read_recommendation
from .base import AGENTS, Agent, need
from .phrases import filler

__all__ = ["EDITS", "Editor"]

EDITS = ("swap", "truncate", "corrupt", "filler")


class Editor:
    """Role "editor". Options: `edit` (one of EDITS), `share` in [0, 1], and `sentences` that a cut keeps instead."""

    name = "editor"

    def check(self, agent: Agent) -> None:
        edit, share = agent.options.get("edit", "swap"), agent.options.get("share", 0.5)
        one_of("edit", edit, EDITS)
        real(f"the share of {edit}", share, 0, 1)
        if (kept := agent.options.get("sentences")) is not None:
            whole(f"the number of sentences that {edit} keeps", kept)

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        self.check(agent)
        heard = need(reads, "editor")
        edit, share = str(agent.options.get("edit", "swap")), float(agent.options.get("share", 0.5))
        sentences = agent.options.get("sentences")
        if edit == "truncate" and sentences is not None:
            text = _first(heard.rationale, int(sentences))
        else:
            text = _EDITS[edit](heard, situation, draw, share)
        planted, status = read_recommendation(text, situation)
        same = text == heard.rationale
        return replace(
            heard, text=text, rationale=text, planted=planted if status == "ok" and not same else (), usage=Usage(),
            cost=0.0, key="", answer=heard.last_words, probs=None, mass=None, skipped=same,
        )  # fmt: skip


def _swap(heard: Turn, situation: Situation, draw: Draw, share: float) -> str:
    """Exchange the recommended action with another one, wherever either is named."""
    if len(situation.actions) < 2:
        raise PlanError("swap needs a situation with several actions", remedy="Use truncate, corrupt or filler.")
    if not heard.stated:
        return heard.rationale
    mine = heard.stated[0]
    others = [a for a in situation.actions if a not in heard.stated] or [a for a in situation.actions if a != mine]
    other = others[int(named_rng(draw.episode, "swap", draw.step, draw.sample).integers(len(others)))]
    either = re.compile(rf"(?<![\w-])({re.escape(mine)}|{re.escape(other)})(?![\w-])")
    return either.sub(lambda m: other if m[1] == mine else mine, heard.rationale)


def _truncate(heard: Turn, situation: Situation, draw: Draw, share: float) -> str:
    """Keep the first `share` of the words; at 1 everything, at 0 nothing."""
    words = list(re.finditer(r"\S+", heard.rationale))
    kept = round(share * len(words))
    return heard.rationale[: words[kept - 1].end()] if kept else ""


def _first(text: str, sentences: int) -> str:
    """The first sentences of a text; a point within a number ends none."""
    ends = [m.end() for m in re.finditer(r"[.!?](?=\s|$)", text)][:sentences]
    return text if len(ends) < sentences else text[: ends[-1]] if ends else ""


def _corrupt(heard: Turn, situation: Situation, draw: Draw, share: float) -> str:
    """Replace a `share` of the numbers by drawn ones with as many digits."""
    rng = named_rng(draw.episode, "corrupt", draw.step, draw.sample)
    named = "|".join(re.escape(a) for a in sorted(situation.actions, key=len, reverse=True))
    spared = rf"(?<![\w-])(?:{named})(?![\w-])" if named else r"(?!)"

    def drawn(match: re.Match[str]) -> str:
        if match[1] is None or rng.random() >= share:
            return match[0]
        return "".join(str(rng.integers(10)) if c.isdigit() else c for c in match[0])

    return re.sub(rf"{spared}|(\d+(?:\.\d+)?)", drawn, heard.rationale)


def _filler(heard: Turn, situation: Situation, draw: Draw, share: float) -> str:
    return filler(heard.rationale)


_EDITS = {"swap": _swap, "truncate": _truncate, "corrupt": _corrupt, "filler": _filler}

AGENTS.register("editor", Editor)
