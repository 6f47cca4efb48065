"""From the value of a marker to a label, read to its end or not at all.

A label may be dressed (brackets, quotation marks, markup, LaTeX), led up to ("the", "I choose", "option") and followed
by a remark. Two labels are a tie where several may be named, and no answer where one is to be done. A correction counts
as its last word. A label of one letter counts in its own case, and in the other one where it stands alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...records import Status
from .dressing import look_alike, parted, undressed
from .label_names import DRESSING, Names
from .remarks import CORRECTION, begins_choice, explain

DEEPEST = 4  # corrections of corrections
MOST_LABELS = 50
LONGEST_LABEL = 200  # characters
_WORD = re.compile(r"\w+")
_IN_BRACKETS = re.compile(r"\(([^()]{1,60})\)")
_QUOTES = " \t\"'`*_"
_LEADS = re.compile(
    r"(?:(?:i|we)(?:'ll|'d|'m| am| will| would| shall|'m going to| am going to)?\s+(?:like to |now )?(?:(?:choose|"
    r"choosing|pick|"
    r"press|go with|going with|select|take|play|push|try|recommend|opt for|mark|place(?: at| in)?|answer|use|pull|"
    r"watch|call|run|"
    r"suggest|prefer|vote for|settle on|stick with)(?:\s+to\s+(?:press|pick|choose|play|take|pull|select))?)|"
    r"let's (?:try|go with|press|pick|choose|play|explore|say)|let me (?:try|press|pick|choose)|"
    r"i(?:'d| would)? (?:think|say|believe)(?: that)?(?: it(?:'s| is))?|"
    r"(?:to )?(?:explore|exploit|call|run|"
    r"test|sample|press|choose|pick|pull|"
    r"select|take|play|mark|click|watch|push|try|go with|recommend|place)(?:ing)?|my (?:final )?(?:answer|choice|"
    r"action|"
    r"decision|pick|recommendation)(?: is)?|the (?:final |correct |right |best )?(?:answer|choice|option|action|button|"
    r"cell|move|arm|letter)(?: (?:is|would be|number|no\.?|named|called|marked|labell?ed))?|"
    r"(?:keep(?: on)?|continue)(?: (?:with|pressing|playing|pulling|choosing|picking|to press))|(?:stick|stay|"
    r"remain) with|"
    r"(?:go|move|head|walk|turn|step)(?: to)?(?= (?-i:[a-z]))|"
    r"(?:most )?(?:probably|likely)|presumably|wahrscheinlich|vermutlich|probablement|probablemente|вероятно|"
    r"(?:the )?(?:button|option|arm|choice|cell|move|letter|answer|action|"
    r"label|lever|square|position|field|item|number|movie|film)(?: (?:number|no\.?|is|named|called|labell?ed))?|"
    r"index|(?:(?:place|put|mark) )?(?:an? |my )?[xo] (?:at|in|on|takes|goes (?:to|in|on))|"
    r"it(?:'s| is)(?: an?(?= (?:yes|no)\b))?|"
    r"(?:ok(?:ay)?|sure|fine|alright|well|whatever)[,!.]?|no\.(?= ?\d)|you should (?:press|choose|pick|take|select)|"
    r"(?:final|correct|right) (?:answer|choice)|solution|only|"
    r"(?:le |der |the )?film|映画|電影|电影|看|"
    r"so|thus|therefore|hence|definitely|clearly|surely|certainly|simply|still|again|the|that|that's|"
    r"ich (?:wähle|drücke|nehme|entscheide mich für)|(?:der|die|das|den) (?:knopf|taste)|knopf|taste|feld|"
    r"je choisis(?: de)?|say|tool|function|(?:name|value)(?=[\"']? ?:)|"
    r"j'appuie sur|je recommande|(?:le |la |l')?(?:bouton|case|(?:bonne )?réponse(?: correcte)?|option)(?: est)?|"
    r"(?:die )?(?:richtige )?antwort(?: ist)?(?! nicht)|lieber|plutôt|ich empfehle|elijo|escojo|pulso|(?:el |"
    r"la )?(?:botón|opción|casilla|"
    r"respuesta)(?: correcta)?(?: es)?|"
    r"recomiendo|scelgo|escolho|opção|opzione|(?:я )?(?:выбираю|рекомендую|нажимаю)|кнопк[ау]|вариант|"
    r"(?:правильный )?ответ|клетка|решение|lösung|solución|soluzione|solução|el|la|le|il|der|die|das|den|"
    r"ich (?:würde|werde|will|möchte)(?: lieber)?|nach|à|vers(?: la)?|(?:je vais|aller|tourner)(?: à)?|"
    r"(?:ir|voy|girar) a(?: la)?|hacia(?: la| el)?|a la|to the|иду|идти|поворачиваю)"
    r"(?![\w])|(?:我(?:会|要|将|决定|想|们)?(?:选择|选|按下|按|推荐)|应该|应当|继续|依然|仍然|坚持|选择|选项|选|推荐|按下|按|按钮|正?确?答案是|正?确?答案|位置|정답은|정답|선택|"
    r"ボタン|選択肢|答え(?:は)?|マス)",
    re.IGNORECASE,
)
_NOUN_BEHIND = re.compile(
    r"[\"'`*_)\]}]{0,4}\s+(?:button|option|arm|choice|cell|move|lever|square|one|movie|film|machine|knopf|taste|按钮|"
    r"nehmen|wählen|drücken|spielen|empfehlen)\b"
    r"|\s*(?:按钮|按鈕|ボタン|选项|選項|号|番|项|번|버튼)(?!\w)"
    r"|[ ]?[\"'`*_)]{0,4}\s*(?:(?:按钮|ボタン|选项)\s*)?(?:[にへ](?:行き|進み|曲がり|移動し)ます|"
    r"を(?:押します|押す|選びます|選ぶ|選択します|選択する|選択)|"
    r"にします|にする|です|だ|"
    r"でお願いします|[을를]? ?선택합니다|입니다)(?!\w)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[\s\"'*_`(]{0,4}(?:not|nicht|keinesfalls|pas|no|não|non|не|不是|不选|ではなく|instead of|rather than|statt|"
    r"au lieu de|en vez de|en lugar de|вместо)(?![A-Za-z])\s*(?:the\s+|button\s+|option\s+)*",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"[\s\"'*_`)]{0,4}(?:[,;:—―-]+\s*(?:but|sondern|mais|sino|а|而是|是)?|(?:but|sondern|mais|sino|а|而是)(?![A-Za-z]))\s*"
    r"(?:rather\s+|instead\s+)?(?:the\s+|button\s+|option\s+)*",
    re.IGNORECASE,
)
_TIED = re.compile(r"^[\s,(]*(?:(?:are|is)\s+)?(?:a\s+)?(?:tie|tied|equal|equally good)\b[\s).]*$", re.IGNORECASE)
_BOTH = re.compile(
    r"[\s\"'*_`]*(?:either|both|(?:(?:it's )?an? )?(?:tie|toss-up)(?: is)? (?:between|of|among))\s+", re.IGNORECASE
)
_AND = re.compile(
    r"[\s\"'`*_)\]}]*(?:(?:[,/&+|;=]|\band/or\b|\band\b|\bor\b|\bund\b|\boder\b|\bet\b|\bou\b|\by\b|\bo\b|\bor else\b|"
    r"\bas well as\b|\(?(?:which )?(?:is )?(?:tied|ties) with\b|\btogether with\b|"
    r"和|与|或者|或|、)\s*){1,3}(?:both\s+|also\s+|either\s+|maybe\s+|else\s+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LabelReading:
    """What a value names.

    Attributes:
        labels: several where it ties them; empty where it names none.
        status: `ok`, `illegal` (all of it was understood as a name that is no label) or `unparsable`.
        stopped: the place in the value where understanding stopped; None where it did not.
    """

    labels: tuple[str, ...]
    status: Status
    stopped: int | None = None


def read_labels(value: str, names: Names, *, several: bool, depth: int = 0) -> LabelReading:
    """The labels that a plain value names, read to its end."""
    readings = []
    value = names.set_off(value if names.mixed else parted(value))
    bare = undressed(value)
    for text in dict.fromkeys((value, bare, _latin(bare, names), _latin_led(bare))):
        reading = _read(text, names, several, depth)
        if reading.status == "ok":
            return reading
        readings.append(reading)
    named = next((r for r in readings if r.status == "unparsable"), None)
    return named or readings[0]


def _latin(value: str, names: Names) -> str:
    """The value with letters that look Latin as Latin ones, where it holds nothing else."""
    changed = look_alike(value)
    return changed if changed != value and changed.isascii() else value


def _latin_led(value: str) -> str:
    """What stands behind a lead in Cyrillic or Greek, where that alone can be Latin letters: "Ответ: В"."""
    lead = None if value.isascii() else _LEADS.match(value, _skipped(value, 0))
    led = value[lead.end() :] if lead else ""
    changed = look_alike(led)
    return changed if changed != led and changed.isascii() else value


def _read(value: str, names: Names, several: bool, depth: int) -> LabelReading:
    if names.spoken is not None and (cell := names.spoken(value)) is not None:
        known = cell in names.actions
        return LabelReading((cell,) if known else (), "ok" if known else "illegal", None if known else 0)
    if (named := _named_after_denial(value, names)) is not None:
        return _behind(value, *named, names, several, depth)
    both = _BOTH.match(value)
    place, furthest = both.end() if both else 0, 0
    while place <= len(value):
        for start in _starts(value, place):
            found = names.label_at(value, start)
            if found is None or _is_signed(value, start, found[1]):
                continue
            reading = _behind(value, found[0], found[1], names, several, depth)
            if reading.status == "ok" and (both is None or len(reading.labels) > 1):
                return reading
            furthest = max(furthest, reading.stopped or 0)
        lead = _LEADS.match(value, _skipped(value, place))
        if lead is None:
            break
        begun = _begun_within(value, place, lead.end(), names)
        if begun is not None and (reading := _behind(value, *begun, names, several, depth)).status == "ok":
            return reading
        place = lead.end()
    if furthest or names.mentions_any(value):
        return LabelReading((), "unparsable", furthest or place)
    return LabelReading((), "illegal" if value.strip(DRESSING) else "unparsable", place)


def _named_after_denial(value: str, names: Names) -> tuple[str, int] | None:
    """The label, and where it ends, that is set against a denied one: "not Red but Blue", "不是红，是蓝"."""
    denied = _DENIED.match(value)
    first = _begun(value, denied.end(), names) if denied else None
    contrast = _CONTRAST.match(value, first[1]) if first else None
    second = _begun(value, contrast.end(), names) if contrast else None
    return second if first and second and second[0] != first[0] else None


def _begun(value: str, place: int, names: Names) -> tuple[str, int] | None:
    """The label that begins at a place, perhaps dressed, whatever East Asian sign stands before it."""
    for start in _starts(value, place):
        found = names.label_at(value, start) or names.label_at(value[start : start + LONGEST_LABEL], 0)
        if found is not None:
            return found if found[1] > start else (found[0], start + found[1])
    return None


def _is_signed(value: str, start: int, end: int) -> bool:
    """Whether a sign makes another thing of what it touches: "-4" is not the cell 4, nor "D'" the button D."""
    before, behind = value[start - 1 : start], value[end : end + 1]
    if value[start : start + 1].isdigit() and before and (before in "-+^~>≥≤" or (before == "<" and behind != ">")):
        return True
    return behind in ("'", "’") and behind not in value[:start]


def _begun_within(value: str, place: int, end: int, names: Names) -> tuple[str, int] | None:
    """A label that begins with the last words of a lead: "the move[1]", where "the move" may lead up to "move[1]"."""
    for word in _WORD.finditer(value, place, end):
        found = names.label_at(value, word.start())
        if found is not None and (found[1] > end or not value[found[1] :].strip(DRESSING + ".!")):
            return found
    return None


def _starts(value: str, place: int) -> tuple[int, ...]:
    """Where a label may begin: behind blanks, quotation marks or all dressing; a label's own brackets are none."""
    rest = value[place:]
    ends = (len(rest) - len(rest.lstrip(signs)) for signs in (None, _QUOTES, DRESSING))
    return tuple(dict.fromkeys(place + end for end in ends))


def _skipped(value: str, place: int) -> int:
    return place + len(value[place:]) - len(value[place:].lstrip(DRESSING))


def _behind(value: str, label: str, end: int, names: Names, several: bool, depth: int) -> LabelReading:
    """The reading of a value that begins with a label."""
    labels = [label]
    noun = _NOUN_BEHIND.match(value, end)
    end = noun.end() if noun else end
    while len(labels) < MOST_LABELS and (joint := _AND.match(value, end)) is not None:
        start = next((s for s in _starts(value, joint.end()) if names.label_at(value, s)), None)
        lead = None if start is not None else _LEADS.match(value, joint.end())
        if lead is not None:
            start = next((s for s in _starts(value, lead.end()) if names.label_at(value, s)), None)
        other = None if start is None else names.label_at(value, start)
        if other is None or _told_of(value, other[1], joint[0], names):
            break
        labels.append(other[0])
        noun = _NOUN_BEHIND.match(value, other[1])
        end = noun.end() if noun else other[1]
    rest = value[end:]
    letter = label.isalpha() and all(len(a) == 1 for a in names.actions)
    if depth < DEEPEST and not (letter and begins_choice(rest, names.anywhere)):
        corrected = _corrected(rest, names, several, depth)
        if corrected is not None:
            return corrected
    if len(labels) > 1 and several:
        rest = _TIED.sub("", rest)
    verdict = "yes" in names.own and "true" in names.own
    stopped = explain(rest, names.anywhere, label, letter=letter, verdict=verdict)
    if stopped is None and _names_another_cell(rest, label, names):
        stopped = 0
    if stopped is None and names.is_longer(value[end - len(label) :] if not noun else label, label):
        stopped = 0
    if stopped is not None:
        return LabelReading((), "unparsable", end + stopped)
    distinct = tuple(dict.fromkeys(labels))
    if (len(distinct) > 1 and not several) or (len(labels) > len(distinct) and label.isdigit()):
        return LabelReading((), "unparsable", end)
    return LabelReading(distinct, "ok")


def _names_another_cell(rest: str, label: str, names: Names) -> bool:
    """Whether what stands behind a cell, or in brackets there, is how another one is named: "4 (top left)"."""
    if names.spoken is None or not rest.strip():
        return False
    told = [rest.strip(" \t-,:;.()[]*_"), *_IN_BRACKETS.findall(rest)]
    return any(names.spoken(said) not in (None, label) for said in told)


def _told_of(value: str, end: int, joint: str, names: Names) -> bool:
    """Whether what looks like a second label is told of: "Red, Blue being worse" is left to the remark's own rules."""
    behind = value[end : end + 40]
    return joint.strip() in (",", ";") and bool(re.match(r"\s+(?:is|was|has|had|being|paid|pays)\b", behind))


def _corrected(rest: str, names: Names, several: bool, depth: int) -> LabelReading | None:
    """What a correction at the beginning of the rest ends with; None where there is no correction."""
    place = 0
    while (word := CORRECTION.match(rest, place)) is not None and word.end() > place:
        place = word.end()
        remaining = rest[place:]
        if not remaining.strip(DRESSING + ".,!?"):
            return LabelReading((), "unparsable", 0)
        reading = read_labels(remaining, names, several=several, depth=depth + 1)
        if reading.status == "ok":
            return reading
    return LabelReading((), "unparsable", place) if place else None
