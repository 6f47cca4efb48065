"""The sentence that says what is best, in the speaker's own name and for now: "So the best button now is Red"."""

from __future__ import annotations

import re

from .markers import MAY_LEAD, Marked

LONGEST_LEAD = 500  # characters of a sentence before what it says is best
_BEST_IS = re.compile(r"\bbest[ \t\n]{1,3}\w{1,30}(?:[ \t\n]{1,3}now)?[ \t\n]{1,3}is[ \t\n:]{1,3}", re.IGNORECASE)
_CLAUSE_ENDS = re.compile(r"[,:\u2013\u2014][ \t]*|[ \t](?=(?:so|and|but|hence|thus|therefore|because|since)\b)")
_OTHERWISE_MEANT = re.compile(
    r"\b(?:if|unless|when(?:ever)?|whether|assum\w+|suppos\w+|provided|were|would|could|should|might|may|had|wish|"
    r"imagin\w+|hypothe\w+|think\w*|thought|say\w*|said|told|claim\w*|suggest\w*|believ\w*|argu\w*|according|"
    r"propos\w+|before|formerly|past|until|by the mean|critics?|agents?|reasoners?|debaters?|others?|someone|somebody|"
    r"people|they|he|she|you|who|earlier|"
    r"previous\w*|last|initially|at first|once|used to|question|ask\w*|doubt\w*|den(?:y|ied|ies)|disagree\w*|false|"
    r"untrue|wrong|mistak\w*|reject\w*|unclear|unsure|not (?:true|clear|sure|certain|that|the|so)|\w+n['\u2019]t)\b|\?",
    re.IGNORECASE,
)


def best_sentence(text: str) -> Marked | None:
    """The last sentence that says what is best, in the speaker's own name."""
    for found in reversed(list(_BEST_IS.finditer(text))[-50:]):
        before = text[max(0, found.start() - LONGEST_LEAD) : found.start()]
        begin = max(before.rfind(s) for s in (". ", "\n", "! ", "? ", "; ")) + 1
        lead = before[begin:]
        if len(before) == LONGEST_LEAD and begin == 0:
            continue
        if not _leads_to_best(lead) or before[:begin].rstrip()[-1:] == "?":
            continue
        end = text.find("\n", found.end())
        end = len(text) if end < 0 else end
        value = text[found.end() : min(end, found.end() + 2000)]
        return Marked(value, text[end:], found.start(), found.end(), end - found.end() <= 2000)
    return None


def _leads_to_best(lead: str) -> bool:
    """Whether a sentence that begins so goes on with what its speaker holds to be best now."""
    if MAY_LEAD.fullmatch(lead):
        return True
    for end in _CLAUSE_ENDS.finditer(lead):
        if MAY_LEAD.fullmatch(lead, end.end()):
            return _OTHERWISE_MEANT.search(lead, 0, end.end()) is None
    return False
