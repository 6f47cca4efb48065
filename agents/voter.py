"""The voter: decides by counting positions or ballots, and asks no model.

A turn's position is the action it takes, or the first action it recommends if it was not asked to act. An answer
whose action cannot be read abstains, whatever it recommends. Texts are one position where they have one normal form.
The action and the recommendation are counted apart, since a group may recommend one thing and do another. Ties go to
the position that was taken first in the plan's order, which in a group that contains the baseline is the baseline's.
If all abstain, the outcome is that of the first turn that was asked to act.

The other decision protocols are those of `akrasia.agents.protocols`; a vote without a winner is `undecided`. Where
somebody was asked to act, ballots (rankings, approvals, points) decide the action, and the recommendation is counted
over the first ones recommended. A ballot never enters both, or it would close the gap that is measured. Where nobody
was asked to act, ballots decide the recommendation. Ties at random fall alike on both sides, since each label's lot is
drawn by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..options import one_of
from ..records import Draw, Situation, Status, Turn
from ..rng import named_rng
from .answers.forms import of_one_form
from .ballots import Ballot, read_ballot
from .base import AGENTS, Agent, first_read, without_call
from .options import RoleOptions
from .protocols import VoteCount, check_ties, count_votes, protocol_named

OTHERWISE = ("undecided", "plurality")
_UNNAMED = Draw(0, 0, 0)


def plurality_winner(positions: list[str | None]) -> str | None:
    """The most frequent position, the earliest among ties; None if there is none."""
    counts = Counter(p for p in positions if p is not None)
    return max(counts, key=counts.__getitem__) if counts else None  # max and Counter keep first-seen order


@dataclass(frozen=True, kw_only=True)
class VoterOptions(RoleOptions):
    """How a voter decides.

    Attributes:
        rule: the decision protocol, one that counts. Plans store it under this name.
        ties: who wins a tie: "first", "none" or "random".
        level: the share that "supermajority" asks for.
        otherwise: what follows a vote without a winner: "undecided", or a count by "plurality".
    """

    rule: str = "plurality"
    ties: str = "first"
    level: float = 2 / 3
    otherwise: str = "undecided"

    def __post_init__(self) -> None:
        protocol_named(self.rule)
        check_ties(self.ties, self.level)
        one_of("rule for an undecided vote", self.otherwise, OTHERWISE)


class Voter:
    """Role "voter"; its options are `VoterOptions`."""

    name = "voter"
    options = VoterOptions

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw = _UNNAMED) -> Turn:
        options = agent.options_as(VoterOptions)
        first_read(reads, "voter")
        reads = of_one_form(reads, situation)
        if options.rule == "plurality" and options.ties == "first":
            stated, done = _recommended(reads), None
            if any(t.status != "absent" for t in reads):
                done = plurality_winner([t.position for t in reads])
            return _turn(reads, reads, _positions(reads), stated, done)
        return _by_protocol(options, situation, reads, draw)


def _by_protocol(options: VoterOptions, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
    protocol = protocol_named(options.rule)

    def pick(tied: Sequence[str]) -> str:
        return min(tied, key=lambda c: named_rng(draw.episode, "tie", draw.step, draw.sample, c).random())

    def elect(ballots: Sequence[Ballot]) -> VoteCount:
        falls_back = options.otherwise == "plurality" and protocol.name != "plurality"
        names = [protocol.name, *(["plurality"] if falls_back else [])]
        counts = [count_votes(n, ballots, ties=options.ties, level=options.level, pick=pick) for n in names]
        first, fallback = counts[0], counts[-1]
        if first.winner is not None or not falls_back:
            return first
        return VoteCount(fallback.winner, first.scores, f"{first.why}; plurality: {fallback.why}")

    ballots = [read_ballot(t, situation.actions) for t in reads]
    acts = any(t.status != "absent" for t in reads)
    count = elect(ballots)
    opinions = [
        Ballot(t.stated[0] if t.stated else None, confidence=b.confidence) for t, b in zip(reads, ballots, strict=True)
    ]
    recommended = elect(opinions) if acts else count
    stated: tuple[str, ...] = (recommended.winner,) if recommended.winner is not None else ()
    if protocol.name == "last":  # the whole recommendation of the one that stands
        stated = next((t.stated for t in reversed(reads) if t.stated), ())
    scores = ", ".join(f"{c} {s:.3g}" for c, s in count.scores.items()) or "-"
    text = f"{protocol.name}: {scores}; ballots {', '.join(map(protocol.show, ballots))}; {count.why}"
    if protocol.name == "plurality":
        text = _positions(reads) + ("" if count.winner is not None else f"; {count.why}")
    order = reads[::-1] if protocol.name == "last" else reads
    voted = any(b.labels for b in ballots)
    unclear = any(t.stated for t in reads) or (voted and not acts)
    return _turn(reads, order, text, stated, count.winner if acts else None, voted, unclear)


def _turn(
    reads: tuple[Turn, ...],
    order: tuple[Turn, ...],
    text: str,
    stated: tuple[str, ...],
    done: str | None,
    undecided: bool = False,
    unclear: bool = False,
) -> Turn:
    """The turn of a vote; its rationale is of the first in `order` who holds what won.

    `undecided` and `unclear`: there were votes on the action, and on the recommendation.
    """
    actor = next((t for t in reads if t.status != "absent"), None)
    chosen = done or (stated[0] if stated else None)
    winner = next((t for t in order if chosen and chosen == t.position), None)
    winner = winner or next((t for t in order if chosen in t.stated), reads[0])
    failed: Status = "undecided" if undecided and actor else (actor or reads[0]).status
    unstated: Status = "undecided" if unclear else reads[0].stated_status
    return replace(
        without_call(winner),
        text=text,
        stated=stated,
        stated_status="ok" if stated else unstated,
        action=done,
        status="ok" if done is not None else failed,
        skipped=False,
    )


def _positions(reads: tuple[Turn, ...]) -> str:
    return f"votes: {', '.join(t.position or '-' for t in reads)}"


def _recommended(reads: tuple[Turn, ...]) -> tuple[str, ...]:
    """A group's recommendation: each label of a tied one has a vote; of those on top, the ones that the first names."""
    counts = Counter(label for t in reads for label in t.stated)
    top = max(counts.values(), default=0)
    first = next((t for t in reads if any(counts[label] == top for label in t.stated)), None)
    return tuple(label for label in first.stated if counts[label] == top) if first else ()


AGENTS.register("voter", Voter)
