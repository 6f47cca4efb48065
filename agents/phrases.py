"""The parts of a prompt that several roles share: hints, the form of the answer, the introduction of another's words.

Invariant: hints are keyed by name and shown in the order of their names, so that interventions which add one commute.
`filler_for` stands in for a text with as many word pieces and nothing in it: two texts of the same length and shape
cost about the same tokens, and a placebo differs from its treatment in content alone. It is made of whole sentences, so
that it can stand where the text stood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..records import Turn
from .options import ModelOptions

CONFIDENCE = "\nAdd one line\nCONFIDENCE=N\nwhere N, from 0 to 100, is how sure you are that your answer is right."
ABSTAIN = "\nIf you would rather not choose, write ABSTAIN in the place of your choice: ACTION=ABSTAIN."
UNRELATED = (
    "The ferry leaves at noon and needs forty minutes, so whoever takes it arrives before the shop shuts.",
    "The roof was measured twice, and both times the longer side came out at nine metres.",
    "Since the recipe is for four and six are coming, every amount grows by half.",
    "The first draft is longer, but the second one says the same in fewer words.",
    "Rain was forecast for Tuesday, which speaks for painting the fence on Monday.",
    "Of the three quotes for the piano, the middle one includes the tuning.",
    "The train by the coast is slower and has no change, so it is the calmer way.",
    "Two of the shelves are oak, and oak bears the weight of the atlases.",
)
PASSAGE = (
    "This part of the message is the same for everyone and is here only to mark the place in the conversation so there "
    "is nothing in it to read into and nothing to reply to as such and it goes on a little longer in the same way. "
).split()
_PIECE = re.compile(r"[^\W\d_]{1,7}|\d{1,3}|[^\w\s]|_")


def word_pieces(text: str) -> int:
    """The number of word pieces in a text: letters by up to seven, digits by up to three, marks one by one."""
    return len(_PIECE.findall(text))


_PASSAGE_PIECES = tuple((word, word_pieces(word)) for word in PASSAGE)


def filler_for(text: str) -> str:
    """A text with as many word pieces as `text` that says nothing about any situation; it ends as a sentence does."""
    wanted = word_pieces(text)
    missing = wanted - 1  # the mark at its end is one
    words: list[str] = []
    while missing > 0:
        word, pieces = _PASSAGE_PIECES[len(words) % len(_PASSAGE_PIECES)]
        words.append(word)
        missing -= pieces
    filler = " ".join(words or PASSAGE[:wanted][:1])
    return filler if not filler or filler.endswith(".") else f"{filler}."


def first_sentences(text: str, sentences: int) -> str:
    """The first sentences of a text; a point within a number ends no sentence."""
    ends = [m.end() for m in re.finditer(r"[.!?](?=\s|$)", text)][:sentences]
    return text if len(ends) < sentences else text[: ends[-1]] if ends else ""


def unrelated_text(text: str, place: int = 0) -> str:
    """About as many word pieces as `text` that reason about something else; `place` says where they begin."""
    missing = word_pieces(text)
    sentences: list[str] = []
    while missing > 0:
        sentence = UNRELATED[(place + len(sentences)) % len(UNRELATED)]
        sentences.append(sentence)
        missing -= word_pieces(sentence)
    return " ".join(sentences)


def is_filler(text: str) -> bool:
    """Whether a text begins as every filler does."""
    return text.lstrip().startswith(" ".join(PASSAGE[:5]))


def joined(before: str, after: str) -> str:
    """Two pieces of a text, with a space between them where neither brings one along."""
    apart = not before or not after or before[-1].isspace() or after[0].isspace() or after[0] in ".,;:!?)]}"
    return before + after if apart else f"{before} {after}"


def text_or_filler(options: ModelOptions, text: str) -> str:
    """`text`, or a filler of its length where the agent is a placebo."""
    return filler_for(text) if options.blank else text


def hint_lines(hints: Mapping[str, str], noun: str) -> str:
    """An agent's hints, one a line; empty where it has none. `noun` is what an action is called: "{noun}" in a hint."""
    return "".join(f"{hints[name].replace('{noun}', noun)}\n" for name in sorted(hints))


def answer_form(options: ModelOptions, form: str) -> str:
    """How the answer must end: the form, the leave to abstain, and the confidence where it is asked for."""
    return form + (ABSTAIN if options.may_abstain else "") + (CONFIDENCE if options.confidence else "")


def introduce(turn: Turn) -> str:
    """How an agent that begins a conversation is shown a turn: a summary under its name, or another's words."""
    if turn.role == "summariser":
        return f"A summary of what happened so far:\n{turn.text.strip()}"
    return f"Another agent said before you:\n{turn.text.strip()}"
