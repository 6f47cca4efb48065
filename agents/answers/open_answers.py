"""From an answer's text to what it says to an open question: a number or a text.

A number is read by the grammar of `numbers`, behind the last `ACTION=` or `Answer:`, else in "the answer is ...", else
in the last LaTeX box. What the text below concludes, computes or boxes otherwise leaves it unread. A text is all behind
the last marker, up to a line of ours.
"""

from __future__ import annotations

import json
import re

from ...records import Situation, Status
from .dressing import undressed
from .markers import MAY_LEAD, OFFERED, Marked, last_marked, speaks_for_others
from .numbers import read_number
from .remarks import is_taken_back

_ANSWER_IS = re.compile(
    r"\b(?:the|my) (?:final |correct |right )?answer is[ \t\n:]{1,3}(?:therefore |thus |simply )?", re.IGNORECASE
)
_CONCLUSION = re.compile(r"^\W{0,6}(?:so|thus|therefore|hence)\b[^.\n]{1,80}", re.IGNORECASE | re.MULTILINE)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s?\{")
_SMALL_BOX = re.compile(r"\\boxed\s?\{([^{}\n]{1,40})\}")
_EQUATION = re.compile(
    r"(?<![\w.])\d[\d.,]{0,12}\s?(?:[-+*/×÷]\s?\d[\d.,]{0,12}\s?){1,6}=\s?([-$€£]{0,2}\d[\d.,]{0,12}(?<![.,]))"
)
_IF_ABOVE = re.compile(
    r"\b(?:if|when|unless|otherwise)\b[^.\n]{0,80},? (?:then )?(?:it|the (?:answer|total|result|number|count))"
    r"(?: is| would be| becomes|'s) ([-$€£]?\d[\d.,]{0,12})"
)
_EMPHASISED = re.compile(r"(?:[*_]{1,3}|`)\Z")
_ANOTHER = re.compile(r"\banswer[*_]{0,2} ?[:=][*_ ]{0,3}([-$€£\d][^\n]{0,60})", re.IGNORECASE)
_CHECKED = re.compile(
    r"^\W{0,6}(?:to )?(?:check|checking|verif\w*|proof|probe|kontrolle|vérif\w*|preuve|comprob\w*|проверка)"
    r"\b[^\n]*|^\W{0,6}(?:验算|验证|検算)[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)  # a line that computes back
_IF_BELOW = re.compile(r"(?:^|[.!?:]\s)\W{0,4}(\d[\d.,]{0,12})(?:\s\w{1,20}){0,2}\s(?:if|when|unless)\b", re.MULTILINE)
_LOST_BREAK = re.compile(r"(?<! ) {2,}+(?=[A-Z#*_`\\]|- |\d{1,2}\. )")
LONGEST_TOKEN, MOST_TOKENS = 50, 6
_LAST_TOKEN = re.compile(r"(?:</(?P<tag>[A-Za-z_]{1,20})>|<\|[^|<>\n]{1,40}\|>|<eos>|<end_of_turn>)\Z")
_TAGGED = re.compile(
    r"<(?P<tag>b|i|em|strong|code|answer|final|action|output|result)>(?P<inner>[^<>]*)(?:</(?P=tag)>)?\.?"
)
_LATEX = re.compile(
    r"\$?\$?\\(?:boxed|fbox|text(?:bf|it|rm|tt|sf|sc)?|math(?:bf|rm|it|sf|tt)|emph)\s?\{(?P<inner>[^{}\n]*|"
    r"\\(?:text(?:bf|it|rm|tt|sf|sc)?|math(?:bf|rm|it|sf|tt)|emph)\s?\{[^{}\n]*\})\}\$?\$?\.?"
)
_JSON_TEXT = re.compile(r"\s*([\"'])")
_BARE_QUOTE = re.compile(r'(?<!\\)"')
_OWN_LINE = re.compile(
    r"^[ \t*_`\"'{(\[<#-]{0,12}(?:ACTION|BEST|CONFIDENCE|RANKING|APPROVED?|POINTS)[\"'`*_\])]{0,8}[ \t]*\\?[=:]"
    r"|(?<![A-Za-z0-9])(?i:CONFIDENCE|BEST|ACTION)[ \t]*=",
    re.MULTILINE,
)


def with_lines(text: str, situation: Situation) -> str:
    """A plain text of one line whose line breaks were stored as blanks, with its lines; of the same length.

    Published answers are often stored so. Where labels or words are read, two blanks may be a slip of the pen.
    """
    if situation.answer != "number" or "\n" in text or "  " not in text:
        return text
    return _LOST_BREAK.sub(lambda blanks: "\n" + blanks[0][1:], text)


def read_open(text: str, kind: str, situation: Situation) -> tuple[str | None, Status]:
    """What a plain text answers to an open question: (number in canonical form, or text; status).

    Args:
        kind: of the marker: "stated" or "answer".
    """
    text = with_lines(text, situation)
    marked = last_marked(text, kind)
    if speaks_for_others(text):
        return None, "unparsable"
    if situation.answer == "number":
        return _number(text, marked, kind)
    if marked is None:
        return None, "unparsable"
    answer = _text(text, marked)
    return (answer, "ok") if answer else (None, "unparsable")


def _text(text: str, marked: Marked) -> str:
    """The words behind a marker, whole, without what only wraps them: JSON, tags, LaTeX, the signs that end a turn."""
    behind = text[marked.begin :]
    if text[marked.start - 1 : marked.start] in ('"', "'") and (opened := _JSON_TEXT.match(behind)) is not None:
        return _json_text(behind, opened)
    opened = _EMPHASISED.search(text, max(0, marked.start - 8), marked.start)
    line = behind.partition("\n")[0]
    if opened is not None and line.rstrip().endswith(opened[0]):  # **ACTION=Nile**, and a remark below
        return line.rstrip().removesuffix(opened[0]).strip()
    cut = _OWN_LINE.search(behind)
    answer = (behind[: cut.start()] if cut else behind).strip()
    for _ in range(MOST_TOKENS):
        token = _LAST_TOKEN.search(answer, max(0, len(answer) - LONGEST_TOKEN))
        if token is None or (token["tag"] and f"<{token['tag']}" in answer):
            break
        answer = answer[: token.start()].rstrip()
    if (tagged := _TAGGED.fullmatch(answer)) is not None:
        answer = tagged["inner"].strip()
    return undressed(latex["inner"]).strip(" {}") if (latex := _LATEX.fullmatch(answer)) is not None else answer


def _json_text(behind: str, opened: re.Match[str]) -> str:
    """The text between the quotation marks of a JSON value; empty where it is not closed."""
    quote = opened[1]
    close = re.compile(rf"(?<!\\){quote}(?=\s*(?:,\s*[\"']|[}}\]]|\Z))").search(behind, opened.end())
    if close is None:
        return ""
    inner = behind[opened.end() : close.start()]
    try:
        return str(json.loads('"' + _BARE_QUOTE.sub(r"\"", inner) + '"', strict=False)).strip()
    except ValueError:
        return inner.strip()


def _number(text: str, marked: Marked | None, kind: str) -> tuple[str | None, Status]:
    boxed = False
    if marked is None and kind == "answer":
        sentence = _answer_sentence(text)
        boxed, marked = sentence is None, sentence or _boxed(text)
    if marked is None or not marked.whole:
        return None, "unparsable"
    number = read_number(marked.value).number
    if number is None or is_taken_back(marked.after) or _lists_numbers(marked.after):
        return None, "unparsable"
    if _computes_another(marked.after, number) or (boxed and _boxes_another(text, number)):
        return None, "unparsable"
    if any(read_number(m[1]).number not in (None, number) for m in _ANOTHER.finditer(marked.after, 0, OFFERED)):
        return None, "unparsable"
    below = _answer_sentence(marked.after) or _boxed(marked.after)
    concluded = [m[0] for m in _CONCLUSION.finditer(marked.after)] + ([below.value] if below else [])
    if any(read_number(said).number not in (None, number) for said in concluded):
        return None, "unparsable"
    return number, "ok"


def _computes_another(after: str, number: str) -> bool:
    """Whether the text below computes, and all that it computes is another number; or gives another one if."""
    after = _CHECKED.sub("", after[:OFFERED])
    results = [read_number(m[1]).number for m in _EQUATION.finditer(after)]
    if results and number not in results:
        return True
    otherwise = [*_IF_BELOW.finditer(after), *_IF_ABOVE.finditer(after)]
    return any(read_number(m[1]).number not in (None, number) for m in otherwise)


def _boxes_another(text: str, number: str) -> bool:
    """Whether another box of a text without a marker holds another number."""
    return any(
        read_number(m[1]).number not in (None, number)
        for m in _SMALL_BOX.finditer(text, max(0, len(text) - 5 * OFFERED))
    )


def _lists_numbers(after: str) -> bool:
    below = after.lstrip("\n").partition("\n")[0].strip()
    return bool(re.fullmatch(r"[-*•(\s]*(?:or\s+)?[-+]?\d[\d.,]*[)\s]*", below))


def _answer_sentence(text: str) -> Marked | None:
    for found in reversed(list(_ANSWER_IS.finditer(text))[-20:]):
        before = text[max(0, found.start() - 60) : found.start()]
        begin = max(before.rfind(s) for s in (". ", "\n", "! ", "? ", "; ", ": ")) + 1
        if MAY_LEAD.fullmatch(before[begin:]) and not (begin == 0 and len(before) == 60):
            end = text.find("\n", found.end())
            end = len(text) if end < 0 else end
            value = text[found.end() : min(end, found.end() + 2000)]
            return Marked(value, text[end:], found.start(), found.end(), end - found.end() <= 2000)
    return None


def _boxed(text: str) -> Marked | None:
    last = max(_BOXED.finditer(text), key=lambda box: box.start(), default=None)
    if last is None:
        return None
    level, place = 1, last.end()
    while place < len(text) and place < last.end() + 400 and level:
        level += (text[place] == "{") - (text[place] == "}")
        place += 1
    if level:
        return None
    return Marked(text[last.end() : place - 1], text[place:], last.start(), last.end())
