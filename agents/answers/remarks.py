"""What may stand behind an answer without changing it, and what takes it back.

`explain` reads a remark from its first sign to its end: a reason, an aside in brackets, what a choice says in full.
Whatever else it meets stops it, so that the answer before it is not read: another label that might be meant, a
condition, an alternative, a denial, a question.
"""

from __future__ import annotations

import re

__all__ = ["CORRECTION", "explain", "is_taken_back"]

_REASON = re.compile(
    r"(?:because|since|as(?! well)|due to|given|which|that|for(?= (?:it|its|the|a|an|exploration|now|this|being|having|"
    r"maxim|explor)\b)|so|based on|it(?:'s| is| has| was)|has|with|is|was|having|being|having been|"
    r"seems|looks|remains|pays|paid|gives|gave|yields|though|although|even though|despite|while|whereas|according to|"
    r"by|from|after|to (?:explore|maximi[sz]e|try|test|win|block|learn|get|gain)|in order to|"
    r"weil|da|denn|obwohl|mit|parce qu|car|puisque|porque|ya que|pois|perché|因为|由于|所以|потому)\b|因为|由于|它|,?因"
    r"|(?:it is|now|again|please|obviously|clearly|indeed|next|then)(?=\s*(?:[.!)]|$))",
    re.IGNORECASE,
)
_HARD = re.compile(r"\s*(?:[,;.:)\]|!]+(?=\s|$|[(\[*\"'`])|\s-+\s|[—―]+|[)\]]\s*|[(\[])\s*")
_NOT_TRIED = re.compile(
    r"\b(?:not|never|n't)\s+(?:yet\s+)?(?:been\s+)?(?:yet\s+)?(?:tried|tested|pressed|pulled|explored|chosen|sampled|"
    r"used|played|picked|selected|taken|seen|visited|taken|ever)\b(?:\s+(?:yet|before|so far))?"
    r"|\bno (?:rewards?|data|trials?|pulls?|samples?|observations?|history)\b|\bfor now\b",
    re.IGNORECASE,
)
_DANGER = re.compile(
    r"\b(?:or|oder|not|no|none|n't|never|if|unless|until|wenn|falls|si|but|however|except|wait|actually|hmm|instead|"
    r"rather|maybe|perhaps|else|otherwise|wrong|incorrect|false|worst|bad|avoid\w*|exclude\w*|reject\w*|ruled? out|"
    r"isn|unsure|uncertain|alternatively|both|either|neither|any|all|every\w*|nothing|cannot|can't|don't|doesn't|"
    r"isn't|won't|wouldn't|sondern|aber|nicht|kein\w*|mais|pas|pero|nein|non|correction|sorry|scratch|mistake|"
    r"depends?|tie[ds]?|equal\w*|same|second|then|unclear|unknown)\b|[?]|不|或|还是|但|如果|等等|другой|или|нет|не\b|но\b",
    re.IGNORECASE,
)
_TURNS = re.compile(
    r"\b(?:wait|actually|hmm+|instead|on second thought|scratch that|no,|unless|correction|sorry|alternatively|"
    r"i mean|or else|otherwise|but (?:if|i|the|on)|however|if not)\b|[?]|等等|不对",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:\b(?:than|not|nor|over|unlike|above|beats?|compared (?:to|with)|versus|vs\.?|instead of|rather than|against|"
    r"exceeds|outperforms|of|from|row|column|col|step|round|trial|outranks|like|while|whereas|and not|nicht|que|als)|[>]"
    r")\s+(?:the\s+|button\s+|option\s+|arm\s+|cell\s+)*[\"'*_`(]*$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"[\"'*_`)]*\s*(?:button\s+|arm\s+|option\s+|and\s+\w+\s+)?(?:is|was|has|had|paid|pays|gave|gives|got|were|are|"
    r"have|did|does|only|yielded|looks|seems|wins|loses|remains)\b(?!\s+(?:\w+\s+)?(?:better|best|right|correct|"
    r"prefer\w*|optimal|my|equal\w*|tied|the (?:best|one|right)))",
    re.IGNORECASE,
)
_CAPITAL = re.compile(
    r"[\"'*_`]*(?:It|Its|Because|Since|As|This|That|My|I|Highest|With|Given|Untried|Never|Not|Reason|Reasoning|Mean|"
    r"UCB|High|Higher|Best|Largest|Explor\w+|Due|Based|Confidence|Here|Also|To|Based)\b"
)
_SPACES = " \t\n\"'`*_)]}>.!|~$\\,;#-:"

CORRECTION = re.compile(
    r"[\s.,;:!?\"'`*_)(\[\]—-]*(?:\b(?:wait|no|nope|hmm+|actually|sorry|correction|rather|i mean|on second thought|"
    r"on reflection|scratch that|oops|make that|hold on|or rather|nein|doch|warte|moment|vielmehr|non|attends|en fait|"
    r"plutôt|espera|perdón|mejor dicho|нет|погоди)\b|不对|等等|不是|不,|应该是)[\s.,;:!\"'`*_—-]*",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"(?:^|[.!?\n]\s*|^\s*\W{0,4})[\"'*_`(>-]*\s*(?:wait\b|no,|no\.|no!|hold on|hmm+\b|actually\b|sorry\b|correction\b|"
    r"oops\b|let me (?:correct|reconsider|rethink|revise|change|re-|redo|double|recheck)|on (?:second thought|"
    r"reflection|reconsideration)|scratch that|i (?:made (?:a|an) (?:mistake|error)|was wrong|take (?:that|it) back|"
    r"change my mind|changed my mind|retract|should (?:have|instead)|meant|mean\b|must correct|need to correct)|"
    r"(?:that|this|the (?:above|answer above|last line))(?:'s| is| was| seems)? (?:wrong|not right|not correct|"
    r"incorrect|a mistake|an error|false|not my)|instead,?\b|rather,|or\b|but (?:wait|if|actually)|my (?:real|actual|"
    r"corrected|revised|true) |unless\b|disregard\b|ignore (?:that|the|my)|strike that|not really|just kidding|"
    r"alternatively\b|warte\b|nein\b|moment\b|halt\b|stimmt nicht|falsch\b|attends\b|non,|en fait\b|erreur\b|espera\b|"
    r"en realidad\b|perdón\b|等等|不对|等一下|更正|нет,|погоди)",
    re.IGNORECASE,
)


def is_taken_back(after: str) -> bool:
    """Whether the text below an answer takes it back ("Wait, ...") without giving another one."""
    return bool(_TAKEN_BACK.search(after))


def explain(rest: str, mentions: re.Pattern[str], *, letter: bool, denial: bool = False) -> int | None:
    """Where a remark can no longer be explained; None where all of it can.

    Args:
        rest: what stands behind a label, to the end of its line.
        mentions: finds the labels.
        letter: whether the label is a letter, whose choice may be written out behind it.
        denial: whether the label itself denies ("no"), so that denials in its remark are its reasons.
    """
    if not rest.strip(_SPACES):
        return 0 if "?" in rest else None
    start = _HARD.match(rest)
    begin = start.end() if start else len(rest) - len(rest.lstrip(" \t\"'`*_"))
    reason = _REASON.match(rest, begin)
    if start is None and reason is None and rest[:1] not in "([":
        return begin
    spaced = start is not None and start[0].strip()[:1] in (",", ":", "-", "—", ";", "")
    if reason is None and spaced and not letter and rest[begin : begin + 1].isupper() and not _CAPITAL.match(rest, begin):
        return begin
    if reason is None and start is not None and start[0].strip()[:1] == ":" and "=" in rest:
        return begin
    words = _NOT_TRIED.sub(lambda m: "·" * len(m[0]), rest)
    danger = (_TURNS if denial or reason else _DANGER).search(words, begin)
    bad = [danger.start()] if danger and not _safe_denial(words, danger, mentions) else []
    bad += [m.start() for m in mentions.finditer(rest, begin) if not _safe_mention(rest, m, bool(reason), letter)]
    return min(bad) if bad else None


def _safe_denial(words: str, danger: re.Match[str], mentions: re.Pattern[str]) -> bool:
    """ "Red, not Blue": a denial of another label alone, with nothing dangerous behind it."""
    if danger[0].casefold() not in ("not", "rather", "instead", "nicht", "pas"):
        return False
    other = re.compile(r"(?:\s*(?:than|of))?\s+(?:the\s+|button\s+|option\s+)*[\"'*_`(]*").match(words, danger.end())
    label = mentions.match(words, other.end()) if other else None
    return label is not None and not _DANGER.search(words, label.end())


def _safe_mention(rest: str, mention: re.Match[str], reason: bool, letter: bool) -> bool:
    """Whether another label in a remark is compared with, or told of, and not meant."""
    name = mention[0]
    behind = rest[mention.end() : mention.end() + 60]
    if len(name) == 1 and (name in "ai" or re.match(r"['’ ]+[a-z]|'", behind) and name in "AI"):
        return True
    if name.isdigit() and re.match(r"[.%]?\d", behind):
        return True
    before = rest[max(0, mention.start() - 40) : mention.start()]
    if re.search(r"\b(?:or|oder|ou|then|but|and then)\s+[\"'*_`(]*$", before, re.IGNORECASE):
        return False
    if _BEFORE.search(before):
        return True
    if name.casefold() in ("yes", "no") and reason:
        return True
    return (reason or bool(re.search(r"[.;]\s*$", before))) and bool(_BEHIND.match(behind))
