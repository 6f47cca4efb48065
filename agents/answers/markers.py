"""Where an answer says what it does or recommends: the last final marker, and what stands behind it.

A marker is `ACTION=`, `BEST=` or, for open questions, `Answer:`; whatever its case and markup, as a line, a JSON key
or an XML tag. It is *final* where its line begins with it, or with what may lead up to it ("So my final answer is"):
"second best:", "alternative action:", "at step 3, Action=Blue", a quoted line of the history, an echoed form
(`ACTION=<label>`) and what somebody else is quoted with are none. What stands behind it ends with its line, with the
next marker of ours (`CONFIDENCE=` and the others), or where JSON or XML says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .dressing import lower

OWN = "ACTION|BEST|CONFIDENCE|RANKING|APPROVED?|POINTS"
LONGEST = 2000  # characters of a line that are read
MOST = 400  # markers that are looked at, from the end
OFFERED = 2000  # characters below an answer in which another one may be offered
NEAR = 100  # characters before a marker that say whether it is final
_CLOSE = r"[\"'`*_\])}]{0,8}"
_SEPARATOR = rf"{_CLOSE}[ \t]{{0,8}}\\?(?:={{1,2}}(?!>)|(?<=[ \t])={{1,2}}>|=(?=>)|:=?|-+>|→|⇒)"
_NOUN = r"(?:[ \t]+(?:overall|button|arm|option|choice|action|cell|move|answer|movie|item|label|one))?"
_HEADS = {
    "done": {"action": re.compile(rf"ACTION(?:{_SEPARATOR}|(?<=<action)>)", re.IGNORECASE)},
    "stated": {"best": re.compile(rf"BEST{_NOUN}(?:[ \t]+now)?(?:{_SEPARATOR}|(?<=<best)>)", re.IGNORECASE)},
    "answer": {
        "action": re.compile(rf"ACTION(?:{_SEPARATOR}|(?<=<action)>)", re.IGNORECASE),
        "answer": re.compile(rf"answer(?:{_SEPARATOR}|(?<=answer)>|\**[ \t]*:?(?![^\n]))", re.IGNORECASE),
        "réponse": re.compile(rf"réponse[ ]?{_SEPARATOR}", re.IGNORECASE),
        "respuesta": re.compile(rf"respuesta{_SEPARATOR}", re.IGNORECASE),
        "antwort": re.compile(rf"antwort{_SEPARATOR}", re.IGNORECASE),
        "答案": re.compile(rf"答案{_CLOSE}[ \t]*(?:[:=：]|是)"),
        "ответ": re.compile(rf"ответ{_SEPARATOR}", re.IGNORECASE),
        "resposta": re.compile(rf"resposta{_SEPARATOR}", re.IGNORECASE),
        "risposta": re.compile(rf"risposta{_SEPARATOR}", re.IGNORECASE),
        "答え": re.compile(rf"答え{_CLOSE}[ \t]*(?:[:=：]|は)"),
        "回答": re.compile(rf"回答{_CLOSE}[ \t]*[:=：]"),
        "####": re.compile(r"####[ \t]*:?(?=[ \t]*[-+$€£]{0,2}\d[\d.,]{0,40}%?\s{0,8}\Z)"),
    },
}
_FINAL = re.compile(r"final[ \t_]{1,3}$", re.IGNORECASE)
_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]*\**(?:final[ \t]+)?$", re.IGNORECASE)
_HEADING_WITHIN = re.compile(r"[ \t]#{2,6}[ \t]+[*_]{0,3}(?:final[ \t]+)?$", re.IGNORECASE)  # its line break was lost
_CUT = re.compile(
    rf"(?<![A-Za-z0-9])(?:{OWN})[\"'`*_\])]{{0,8}}[ \t]{{0,8}}\\?(?:=|:(?![A-Za-z]))|(?<=[;,|])[ ]?confidence[ ]?=|"
    rf"\#\#\#|```|</|<\||\[/|<eos>|"
    rf"<end_of_turn>",
)
_OWN_LINE = re.compile(rf"[\s*_`\"'{{(\[<#-]*(?:{OWN}|answer)[\"'`*_\])]{{0,8}}\s*\\?[=:>]", re.IGNORECASE)
_KEY = re.compile(r",\s*[\"'][^\"'\n]{1,40}[\"']\s*:")
_DRESSING = " \t#*_`\"'([{<|$\\+-•‣–—~:="
_LEAD = re.compile(
    r"(?:^|[.!?;]\s*|,\s*(?=(?:so|therefore|thus|hence|my|final)\b))(?:\W*\b(?:so|therefore|thus|hence|finally|"
    r"overall|then|and|now|final|finally|my|our|the|"
    r"chosen|selected|recommended|answer|decision|conclusion|choice|is|i|will|would|choose|pick|select|take|go|with|"
    r"answer|output|i'll|i'd|go|in|summary|short|step|done|final|also|also,|ok|okay|alright|here|result|"
    r"on second thought|"
    r"wait|actually|sorry|"
    r"correction|verdict)\b)*\W*$",
    re.IGNORECASE,
)
_LEAD_ABROAD = re.compile(
    r"(?:因此|所以|综上(?:所述)?|最后|最终|正确|我的|结论|总之|よって|したがって|最終的に|結論|따라서|also|daher|fazit|donc|ainsi|"
    r"por lo tanto|entonces|"
    r"итак|поэтому)?[ ,:]{0,3}(?:(?:我的|我)?(?:最终|最后)?的?(?:答案|动作|选择|决定|行动|操作|回答)|"
    r"(?:私の)?(?:最終)?(?:回答|答え|行動|選択)|최종 ?답|"
    r"(?:meine |ma |mi |мой |моя )?(?:finale |endgültige )?(?:antwort|aktion|wahl|entscheidung|réponse|action|choix|"
    r"respuesta|acción|"
    r"ответ|действие|выбор)(?: finale?)?)?(?: ?(?:是|为|は|ist|est|es))?[ ,:*]{0,4}",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(
    r"(?:\n|^)[\s*_#-]*(?:option|alternative|scenario|case|possibility|variant|candidate|version|plan|möglichkeit|"
    r"variante|"
    r"fall|opción|caso|cas|вариант|случай|方案|情况|选项|案)[ ]?(?:\d{1,2}|[a-d]|one|two|three|[一二三])[*_]{0,2}[ ]?"
    r"[:：.)]?[\s*_`]*$|"
    r"\n[\s*_#-]*(?:or|or else|alternatively|otherwise|oder|alternativ|ou|alternativement|o|或|或者|или)\b[\s*_:,.-]*$",
    re.IGNORECASE,
)
_TWICE = re.compile(r"\"ACTION\"\s?:[^\n]*\}\s?,?\s?\{\s?\"$", re.IGNORECASE)  # objects one behind the other
_FENCE = re.compile(r"\s{0,8}```[a-z]{0,12}\s{0,8}")
_NEXT_TURN = re.compile(
    r"^[ \t#*]{0,8}(?:<\|(?:user|im_start\|>[ ]?user|start_header_id\|>[ ]?user)|\[INST\]|(?:Human|User|HUMAN|"
    r"USER|Problem|Question|Q|Observation|Environment|Beobachtung|Observación)(?: \d{1,3})?[*]{0,2}:)|\[INST\]",
    re.MULTILINE,
)
_ANY_MARK = re.compile(r"\b(?:ACTION|answer)\b[\"'*_ ]{0,4}[=:]", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;][\"'*_`)\]]*\s*$")
_STEP = re.compile(r"\W{0,4}Step\s{0,4}=\s{0,4}\d{1,9}[\s,;|]{1,4}$", re.IGNORECASE)
_REWARD = re.compile(r"[^\n]{0,300}?\bReward\s*[=:]", re.IGNORECASE)
_JSON = re.compile(r"(?:^|[{,\[(:]|\s)\s*[\"']$")
_OTHERS = re.compile(
    r"\b(?:agents?|critics?|reasoners?|debaters?|user|assistant \d|wrote|writes|says?|said|suggest\w*|proposed|"
    r"claims?|earlier|previous\w*|wrong|instead)\b[^\n]*:[\s*_`\"']*$",
    re.IGNORECASE,
)
_NOT_SO = re.compile(
    r"\b(?:(?<!no )(?:others?|someone|they)\b(?=[^\n]*\b(?:say|said|think|thought|prefer|want|choose|chose|pick|press|"
    r"answer|argue|recommend|vote|voted)\w{0,3}\b)|example|format|form|template|"
    r"instructions?|prompt|if|not|never|would(?= (?:have|say|choose|pick|press|take|answer|play|go|be (?:wrong|to))\b)|"
    r"would(?=[\s*_`]*:)|avoid|don't|doesn't|cannot|can't)\b[^\n]*:[\s*_`\"']*$",
    re.IGNORECASE,
)
_IN_FORM = re.compile(r"\bin the (?:\w+ )?(?:format|form)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\W*(?:please|kindly|answer|respond|reply|give|write|use|end|return|output|provide|state|bitte|antworte)\b",
    re.IGNORECASE,
)
_ECHO = re.compile(
    r"[\s*_`\"']*(?:[<\[{(]+\s*(?:the\s+|your\s+|a\s+)?(?:label|action|answer|choice|button|option|name|number|move|x|"
    r"y|n|best|your[^>\]})\n]{0,40}|[a-z]+\s+(?:here|name|label))\s*[>\]})]+|\.{3}|…|_{2,}|your\s+(?:choice|answer)\b)"
    r"[\s*_`\"'.]*(?=$|\n|where\b|with\b)",
    re.IGNORECASE,
)
_LETTER_ECHO = re.compile(r"[\s*_`\"']*[XYN][\s*_`\"']*(?:[,.]?\s*where\b|[.,]?\s*(?=$|\n))")
MAY_LEAD = re.compile(
    r"\W*(?:\b(?:so|thus|therefore|hence|overall|then|and|but|yet|still|however|because|since|indeed|"
    r"actually|in fact|now|clearly|finally|accordingly|consequently|in conclusion|"
    r"(?:my|the) (?:analysis|calculations?|computation|data|numbers?|figures|formula|maths?|evidence) "
    r"(?:says?|suggests?|shows?|indicates?|implies|imply)|"
    r"in summary|in short|to sum up|i think|i believe|i conclude|i would say|i'd say|i say|we see|we conclude|"
    r"this means|which means|it follows|my conclusion is|conclusion|(?:by|under|following|according to) (?:the|this) "
    r"(?:ucb |upper confidence bound )?rule|by ucb|as a result|given (?:this|these|the data|the history|all this)|"
    r"based on (?:this|these|that|the (?:data|history|rule|values|scores|ucb values|observations))|"
    r"which belongs to [\w -]{1,30}|that)\b\W*)*(?:\b(?:the|my)\W*)?",
    re.IGNORECASE,
)
# A clause may stand before that, as in "Since it has the highest index, the best button is C", unless it makes what
# follows a condition, a doubt, a denial, somebody else's words or a thing of the past.
"""What may lead up to a sentence that says what is best, or what the answer is, in its speaker's own name."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What a final marker says.

    Attributes:
        value: what stands behind it, to its end.
        after: the text below, where an answer may be taken back.
        start, begin: places of the marker and of the value in the text.
        whole: whether the value could be read to the end of its line.
    """

    value: str
    after: str
    start: int
    begin: int
    whole: bool = True


def own_line_begins(line: str) -> bool:
    """Whether a line begins with a marker of ours."""
    return _OWN_LINE.match(line) is not None


def speaks_for_others(text: str) -> bool:
    """Whether an answer goes on with turns of a user of its own making, and answers on both sides of one."""
    first = _ANY_MARK.search(text)
    turn = None if first is None else _NEXT_TURN.search(text, first.end())
    return turn is not None and _ANY_MARK.search(text, turn.end()) is not None


def last_marked(text: str, kind: str, actions: tuple[str, ...] = ()) -> Marked | None:
    """The last final marker of a kind ("done", "stated", "answer") in a plain text; None where there is none."""
    for start, place in _from_the_end(text, _HEADS[kind]):
        if _is_final(text, start, place, kind) and not _is_echo(text, place.end(), actions):
            marked = _value_of(text, start, place)
            return replace(marked, whole=False) if _is_alternative(text, start) else marked
    return None


def _from_the_end(text: str, heads: dict[str, re.Pattern[str]]) -> Iterator[tuple[int, re.Match[str]]]:
    """(where it begins, its match) of what looks like a marker, from the end of the text."""
    low = lower(text)
    ends = {head: low.rfind(head) for head in heads}
    for _ in range(MOST):
        head, start = max(ends.items(), key=lambda e: e[1])
        if start < 0:
            return
        ends[head] = low.rfind(head, 0, start)
        before = text[max(0, start - 16) : start]
        if before[-1:].isalnum() and before[-1:].isascii():
            continue
        place = heads[head].match(text, start)
        if place is not None:
            final = _FINAL.search(before) if head == "answer" else None
            yield (start - len(final[0]) if final else start), place


def _is_final(text: str, start: int, place: re.Match[str], kind: str) -> bool:
    line = text.rfind("\n", max(0, start - LONGEST), start) + 1
    if line == 0 and start > LONGEST:
        line = start - LONGEST
    before = text[line:start].rpartition("[/INST]")[2]
    if not re.search(r"[=:>是は]|####|-+>|→|⇒", place[0]):
        return _HEADING.fullmatch(before) is not None
    if before.lstrip()[:1] == ">":
        return False
    if _STEP.fullmatch(before):
        return kind != "stated" and not _REWARD.match(text, place.end())
    if place[0].endswith(">") and re.search(r">\s*<$", before):
        return True  # <best>Red</best><action>
    bare = re.sub(r"<[^<>\n]{1,40}>|\\[a-z]{1,12}\{", "", before).strip(_DRESSING)
    if not bare or re.fullmatch(r"\(?\d{1,3}[.)]?", bare):
        return not _introduced_by_others(text, line)
    if _JSON.search(before) and ("{" in before or before.strip() in ('"', "'")):
        return True
    if _LEAD_ABROAD.fullmatch(bare) or _HEADING_WITHIN.search(before[-NEAR:]):
        return True
    near = bare if len(bare) <= NEAR else f"x {bare[-NEAR:]}"
    if _SENTENCE_END.search(before[-NEAR:].rstrip(_DRESSING + "\"'")) or _LEAD.search(near):
        return True
    strict = place[0][:1].isupper() and place[0][:4].isupper()
    return strict and _CUT.search(before) is not None and own_line_begins(before)


def _introduced_by_others(text: str, line: int) -> bool:
    """Whether the line above says that somebody else speaks, or that a form is shown."""
    above = text[max(0, line - 400) : line].rstrip().removesuffix("```").rstrip()
    above = above[above.rfind("\n") + 1 :]
    if re.search(r"\bmy\b|\bfinal\b", above, re.IGNORECASE):
        return False
    last = re.split(r"[.!?;]\s+", above)[-1]
    shown = last if _ASKS.match(last) else _IN_FORM.sub("", last)
    return bool(_OTHERS.search(above) or _NOT_SO.search(shown))


def _is_alternative(text: str, start: int) -> bool:
    """Whether the line above says that this is another possible answer: "OR", "Alternatively:"."""
    above = text[max(0, start - 60) : start].rstrip(" \t\n*_`#>\"'([{-")
    return _ALTERNATIVE.search(above) is not None


def _is_echo(text: str, begin: int, actions: tuple[str, ...]) -> bool:
    here = text[begin : begin + 120]
    found = _ECHO.match(here)
    if found:
        inner = found[0].strip(" \t\n*_`\"'<>[]{}().").casefold()
        return not any(inner == a.casefold() for a in actions)
    letter = _LETTER_ECHO.match(here)
    return letter is not None and letter[0].strip(" *_`\"'")[:1] not in actions


def _value_of(text: str, start: int, place: re.Match[str]) -> Marked:
    begin = place.end()
    before = text[max(0, start - NEAR) : start]
    quote = before.rstrip(" #*_`")[-1:]
    quoted = before[-1:] in ('"', "'") and place[0].rstrip(" \t:=")[-1:] in ('"', "'")
    begin, end = _line(text, begin)
    whole = end - begin <= LONGEST
    value = text[begin : min(end, begin + LONGEST)]
    cut = _CUT.search(value, len(value) - len(value.lstrip(" \t*_#")))
    if cut:
        value, whole = value[: cut.start()].rstrip(" \t\"'`*_({[<|,;"), True
        value = _closed_again(value, text[begin : begin + cut.start()])
    if quoted:
        value, whole = _json_value(value, whole)
        whole = whole and _TWICE.search(before) is None
    elif quote in ('"', "'") and quote in value:
        value, _, behind = value.rpartition(quote)
        whole = not re.search(r"\w", behind)
    value = value.rstrip()
    return Marked(value, text[end:], start, begin, whole)


def _closed_again(value: str, longer: str) -> str:
    """A label's own closing sign is no dressing: `move(x=1)` keeps its bracket. Opening ones at the end go."""
    rest = longer[len(value) :].rstrip()
    return longer.rstrip() if rest and rest[-1] in "\"'`*_" and len(rest) == 1 else value


def _line(text: str, begin: int) -> tuple[int, int]:
    """The line that holds the value: the marker's own, or where that is empty the next one that is not."""
    for _ in range(4):
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        line = text[begin : min(end, begin + LONGEST)]
        if (line.strip(" \t\"'`*_#[({$\\") and not _FENCE.fullmatch(line)) or end == len(text):
            return begin, end
        following = text[end + 1 : end + 200]
        if own_line_begins(following.lstrip("\n \t")):
            return begin, end
        begin = end + 1
    return begin, begin


def _json_value(value: str, whole: bool) -> tuple[str, bool]:
    """A JSON value: the text in its quotation marks, or up to the next key."""
    bare = value.lstrip()
    if bare[:1] in ('"', "'"):
        close = re.search(rf"(?<!\\){bare[0]}(?=\s*(?:[,}}\]]|$))", bare[1:])
        return (bare[1 : 1 + close.start()], True) if close else (bare, whole)
    key = _KEY.search(bare)
    return (bare[: key.start()] if key else bare).rstrip().rstrip(",}"), whole
