"""From the value of a marker to a number, read to its end or not at all.

A number is a literal (signs, currencies, thousands, decimals, fractions, powers, scales), or words, with a unit
behind it and a remark behind that. It may stand behind its working (`6 + 1 = 7`), before it (`7 = 6 + 1`), or at the
end of a sentence ("Alice's brother has 7 sisters."). Ranges, alternatives, inequalities, clock times, ordinals and
multiples of a symbol are no number, and what could be read in two ways (`70.000 Euro`) is not read.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from .dressing import undressed
from .number_literals import UnclearNumber, arithmetic_value, canonical_fraction, number_at
from .number_words import number_word
from .remarks import CONDITIONS, CORRECTION, is_taken_back

_LATEX = (
    (re.compile(r"\\[dtc]?frac\s*\{\s*(-?[\d.]{1,40})\s*\}\s*\{\s*(\d{1,40})\s*\}"), r" \1/\2"),
    (re.compile(r"\\([%$#&_])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<=\d)\\[,;:! ](?=\d)"), " "),
    (re.compile(r"\\[,;:! ]"), " "),
    (re.compile(r"\\(?:times|cdot|ast)(?![A-Za-z])"), "×"),
    (re.compile(r"\\(?:approx|simeq|sim)(?![A-Za-z])"), "≈"),
    (re.compile(r"\\degree(?![A-Za-z])|\^\s*\{?\\circ\}?"), "°"),
    (re.compile(r"\^\s*\{([^{}\n]{1,8})\}"), r"^\1"),
    (re.compile(r"[{}]"), ""),
)
_FORMULA = re.compile(r"\s*\$(?P<two>\$)?(?P<inner>[^$\n]{1,200}|\$[^$\n]{1,200})\$(?(two)\$)\s*\.?\s*")
_EMPHASIS = re.compile(r"(?<!\d)(?:\*{2,3}|__)|(?:\*{2,3}|__)(?!\d)|`")
_OPEN = " \t\"'*_([|#:\\"
_LEAD = re.compile(
    r"(?:=|≈|~|->|→|大?约|約|一?共|总共|一?共有|有|答案是|答えは|合計|约为|\blet's say\b|\bi(?:'d| would) say\b|"
    r"\bi get\b|"
    r"\bensgesamt\b|\binsgesamt\b|\ben total\b|\bwe get\b|\bexactly\b|\bprecisely\b|\babout\b|\bapproximately\b|"
    r"\bapprox\.?|"
    r"\baround\b|\broughly\b|"
    r"\bcirca\b|\bca\.|\bungefähr\b|\benviron\b|\ba total of\b|\bin total\b|\btotal\b|\bno\.|\bnr\.|\bnumber\b|"
    r"\bit(?:'s| is| has)\b|\bthere (?:are|is|were|will be)\b|\b(?:the |my )?(?:final |correct |right )?(?:answer|"
    r"result|"
    r"total|sum|number|value|count|price|cost|difference|product)\b(?: of [a-z' ]{1,40}?)?(?:\s*(?:is|equals|would be|"
    r"comes to|=|:))?|\bso\b|\bthus\b|\btherefore\b|\bhence\b|\b[A-Za-z]\w{0,2}\s*=|\b(?:he|she|it) has\b|"
    r"\bthey have\b|\bis\b|\bequals\b|\ball\b(?= \d)|\b(?:only|just|nur|etwa|solo|seulement|still)\b|(?:\b(?:in|"
    r"after)\b|"
    r"仅|只有|等于|答案为|共计)(?=\s*\d)|,(?!\d))\s*",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:has|have|had|is|are|was|were|be|equals?|gets?|got|needs?|takes?|costs?|makes?|made|earns?|leaves?|totals|"
    r"(?<!in )total(?! ?\()|"
    r"pays?|contains?|holds?|remain|gives?|becomes?|hat|haben|ist|sind|a|tiene|hay|est|sont|(?<=, )(?:so|thus|"
    r"therefore|hence|leaving)|=|:)\s+(?:a total of |"
    r"exactly |still |"
    r"also |therefore |thus |now |about |approximately |only |then )?[\"'*_(]*",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"\b(?:so|thus|therefore|hence|total\w*|altogether|in all|sum|mak(?:es?|ing)|leav(?:es?|ing)|giv(?:es?|ing)|means?|"
    r"plus|now|because|since|then|result\w*|answer|also|insgesamt|donc|así|итого)\b|[=→.:;(]",
    re.IGNORECASE,
)
_BAD_BEFORE = re.compile(
    r"\b(?:if|not|no|or|between|than|least|most|either|unless|would|could|might|guess|maybe|cannot|can't|n't|wenn|"
    r"oder|nicht|up to|under|over|above|below|within|unknown|from|said|says|claims?|wrong|incorrect|instead|should)\b|"
    r"n't\b|[<>≤≥≠±?]|!=",
    re.IGNORECASE,
)
_SYMBOL = re.compile(r"(?<![\w'’])[A-Za-z] ?[-+*/×^]|[-+*/×^] ?[A-Za-z](?![\w'’])")  # "M + 1, so 7"
_UNIT_WORD = re.compile(
    r"[ \t]*-?[ \t]*([^\W\d_](?:[^\W\d_]|['’/.·-](?=[^\W\d_]))*[²³]?|[%$€£¥₹°](?:/[^\W\d_]{1,12})?)", re.UNICODE
)
_NO_UNIT = frozenset(
    "or and to plus minus times more less fewer than if but not squared cubed dozen dozens hundred hundreds thousands "
    "thousand million millions billion billions pi π factorial half halves third thirds quarter quarters fourths "
    "fifths "
    "tenths am pm a.m p.m uhr o'clock oclock through until till between either th st nd rd mod modulo divided "
    "multiplied over x y n m z i e oder und bis mal et ou y o to's lakh crore unless wait actually hmm maybe because "
    "since as so which given with where due for versus vs then otherwise else except without before after old-new "
    "sqrt root log ln sin cos infinity at up again wrong incorrect false mistaken seems would could cannot can't "
    "isn't can maybe perhaps probably possibly "
    "guess unlikely too ish almost nearly "
    "doubled tripled halved point under below beneath short "
    "may januar februar märz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre "
    "octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre "
    "mil k b t tsd grand score gross hundert cento hundreds quadrillion quadrillions quintillion zillion tn myriad "
    "myriads mill mills 십 백 천 만 억 조 百 千 fold loss losses deficit debt fewer confident sure certain fois "
    "veces раз volte vezes twice thrice max "
    "maximum "
    "minimum th hundredth hundredths thousandth thousandths "
    "millionth millionths billionths ratio "
    "jan feb apr jun jul aug sep sept oct nov dec january february march "
    "april june july august september october november december".split()
)
_GLUED = re.compile(
    r"(?:%|°[CF]?|km/h|km|cm|mm|kg|g|mg|lbs?|oz|ft|h|min|mins|ms|hrs?|L|ml|kWh|kW|USD|EUR|GBP|€|\$|£|¥|₹|"
    r"mph|GB|MB|KB|TB|px|pts?|cents?|¢|人|个|個|岁|元|名|位|只|天|年|米|块|円|歳|匹|本|枚|冊|台|羽|頭|颗|粒|条|张|件|杯|瓶|辆|枝|棵|头|朵|斤|次|页|步|层|"
    r"公里|千米|厘米|公斤|"
    r"千克|分钟|小时|美元|姐妹|个姐妹|です|人です|個です|"
    r"개입니다|명입니다|개|명|원)[²³]?(?![A-Za-z])"
)
_LEFT_OVER = re.compile(r"\b(left) over\b", re.IGNORECASE)
_PER = re.compile(
    r"^/(?:h|hr|hour|day|week|month|year|person|item|unit|piece|kg|lb|km|mi|min|stunde|tag|woche|monat|jahr|heure|jour|"
    r"mois|hora|día|mes)\b",
    re.IGNORECASE,
)
_OF_A_WHOLE = re.compile(r"^[ ]of (?=(?:the|a|an|all|it|them|his|her|their|its)\b)")
_IN_TOTAL = re.compile(
    r"[ \t]*(?:in (?:total|all)|altogether|overall|all together|insgesamt|en total|au total|в сумме|всего)\b",
    re.IGNORECASE,
)
_END = re.compile(r"[\s.,;:!)\]}\"'*_`>|$~\\✅✔☑✓\u2600-\u2604\U0001f389\U0001f600-\U0001f60f\U0001f44d]*")
_OTHER_DENIED = re.compile(
    r"\s*[,;(]?\s*(?:and )?(?:not|nicht|pas|no|не|rather than|instead of)\s+(?=[\d$€£a-z-])", re.IGNORECASE
)
_PARTS = re.compile(r"\d+(?:\.\d+)?")
_REASON = re.compile(
    r"[\s,;:—-]*[\"'*_]*\(?\s*(?:because|since|as|due to|given|which|that|with|where|for|based on|after|from|including|"
    r"weil|da|denn|car|porque|因为|per|counting|namely|i\.e\.|left|remaining|considering|when|assuming)\b",
    re.IGNORECASE,
)
_TURNS = re.compile(
    rf"{CONDITIONS}|"
    r"\b(?:if|wenn|si|wait|actually|hmm+|instead|on second thought|scratch that|no|unless|correction|sorry|"
    r"alternatively|"
    r"i mean|or|aber|nur|mais|pero|sólo|seulement|но|только|"
    r"oder|otherwise|however|but|so|thus|therefore|hence|answer|wrong|incorrect|not)\b|[?]",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:so|thus|therefore|hence|answer|in fact|really|but|however|or)\b[^.]{0,200}\d|[?]", re.IGNORECASE
)
_SOFT = re.compile(r"\b(?:not|no)\b", re.IGNORECASE)
_CONDITIONAL = re.compile(
    rf"{CONDITIONS}|\bper (?:mille|thousand|hundred)\b|\b(?:if|wenn|at (?:least|most)|minimum|maximum|ago)\b",
    re.IGNORECASE,
)
_CONFIDENCE = re.compile(  # how sure the answer is, and all behind it
    r"[\s(\[]{0,8}\b(?:confidence|certainty|konfidenz|sicherheit|confiance|confianza|уверенность)\b"
    r"[^.\n\d]{0,24}\d.*|[\s(\[]{0,8}(?:置信度|信心|自信|確信)[^.\n\d]{0,8}\d.*|"
    r"[,(\[ ]+\d{1,3}(?:\.\d+)? ?% (?:sure|certain|"
    r"confident)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_PAIR = re.compile(r"(?:^|[,;])\s?[^\W\d][^\d,;:=]{0,30}\s?[:=]\s?[-$€£]?\d")  # "sisters: 7, brothers: 3"
_LOSS = re.compile(r"\b(?:loss|losses|deficit|debt|shortfall|decrease|decline)\b", re.IGNORECASE)
_CLOCK = re.compile(r"\s*:\s*\d|\s*(?:a\.?m\.?|p\.?m\.?|o'clock|uhr)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NumberReading:
    """A number in canonical form, or the place where understanding stopped."""

    number: str | None
    stopped: int | None = None


def read_number(value: str, depth: int = 0) -> NumberReading:
    """The number that a plain value says, read to its end."""
    text = _CONFIDENCE.sub("", _cleaned(value), count=1).strip()
    if re.match(r"\|\s?[-—]|'\d\d(?!\d*[.\d]*')", text):
        return NumberReading(None, 0)  # |-9|, '90
    if text[:1] in ("<", ">"):
        text = text[1:-1] if text[:1] == "<" and text[-1:] == ">" else ""
    for way in (_stated, _behind_working, _in_sentence):
        try:
            found = way(text, depth)
        except UnclearNumber:
            return NumberReading(None, 0)
        if found is not None:
            written = canonical_fraction(found)
            return NumberReading(written, None if written is not None else 0)
    first = re.search(r"\d", text)
    return NumberReading(None, first.end() if first else 0)


def _cleaned(value: str) -> str:
    """The value without LaTeX, tags and emphasis."""
    text = value.replace("\\$", "$") if "\\$" in value else value
    if text.count("$") > 1 and (formula := _FORMULA.fullmatch(text)) is not None:
        text = formula["inner"]
    if "\\" in text or "{" in text or "^" in text:
        for pattern, into in _LATEX:
            text = pattern.sub(into, undressed(text) if into == "" else text)
    if "\\" in text or "<" in text or "~~" in text:
        text = undressed(text)
    return _EMPHASIS.sub("", text)


def _stated(text: str, depth: int) -> Fraction | None:
    """A value that begins with its number, perhaps behind a lead: "about 7 sisters"."""
    place = _skip(text, 0)
    for _ in range(6):
        lead = _LEAD.match(text, place)
        found = None if lead is not None and lead[0].isalpha() and not lead[0].isascii() else number_at(text, place)
        if found is not None:
            return _explained(text, found, depth)
        if lead is None or lead.end() == place:
            return None
        place = _skip(text, lead.end())
    return None


def _explained(text: str, found: tuple[Fraction, int], depth: int) -> Fraction | None:
    value, end = found
    rest = text[end:]
    working = re.match(r"\s*(?:=|≈)\s*", rest)
    if working is not None:
        right = rest[working.end() :].rstrip(" .)$")
        if working[0].strip() == "≈" and re.match(r"-?\d", right):
            raise UnclearNumber  # 7.07 or 7
        return value if re.fullmatch(r"[A-Za-z]\w?", right) or arithmetic_value(right) == value else None
    if rest[:1] in ("'", '"') and rest[:1] not in text[:end]:
        return None  # feet and inches
    return value if depth < 4 and _is_explained(rest, depth, value) else _corrected(rest, depth)


def _corrected(rest: str, depth: int) -> Fraction | None:
    unit = _after_unit(rest)
    rest = rest if unit is None else rest[unit:]
    place = 0
    while depth < 4 and (word := CORRECTION.match(rest, place)) is not None and word.end() > place:
        place = word.end()
        found = _stated(rest[place:], depth + 1)
        if found is not None:
            return found
    return None


def _behind_working(text: str, depth: int) -> Fraction | None:
    """The result behind the last "=" that stands outside brackets: 7 in `6 + 1 (Alice) = 7 sisters`."""
    level, last = 0, -1
    for place, char in enumerate(text):
        level += (char in "([") - (char in ")]")
        if char in "=≈" and level <= 0 and text[place - 1 : place] not in ("!", "<", ">"):
            last = place
    if last < 0 or _BAD_BEFORE.search(text, 0, last) or re.search(r"=[^=]*[,;][^=,;]*$", text[:last]):
        return None
    place = _skip(text, last + 1)
    found = number_at(text, place)
    begun = number_at(text, _skip(text, 0))
    between = text[begun[1] : last] if begun else ""
    if found and begun and found[0] != begun[0] and re.search(r"[;:]|[,.]\s|^[^\W\d]*( [^\W\d]+){0,3} ?$", between):
        return None  # "9; check: 9 - 3 = 6", "1 hour = 60 minutes"
    left = begun if text[last] == "=" else None
    if found is not None and left is not None and not text[left[1] : last].strip() and left[0] != found[0]:
        return None  # "7 = 8"
    return None if found is None else _explained(text, found, depth)


def _in_sentence(text: str, depth: int) -> Fraction | None:
    """The number behind the last verb of a sentence, where the sentence ends with what is counted."""
    if len(_PAIR.findall(text)) > 1 or _LOSS.search(text):
        return None
    begun = number_at(text, _skip(text, 0))
    verbs = list(_VERB.finditer(text))[-8:]
    for place, verb in reversed(list(enumerate(verbs))):
        found = number_at(text, verb.end())
        if found is None:
            continue
        if _says_another(text, verbs[:place], verb, found[0]):
            return None
        if ":" in verb[0] and re.match(r"[.)]\s+\S", text[found[1] :]):
            continue  # "the reasoning: 1. We know ..."
        if begun is not None and begun[0] != found[0]:
            return None  # "3 sisters each have 7 brothers"
        if _BAD_BEFORE.search(text, 0, verb.start()) or _SYMBOL.search(text, 0, verb.start()):
            return None
        return _explained(text, found, depth)
    return None


def _says_another(text: str, earlier: list[re.Match[str]], verb: re.Match[str], value: Fraction) -> bool:
    """Whether a clause before says another number and nothing concludes from it: "he has 9 sisters, she 12"."""
    for other in earlier:
        said = number_at(text, other.end())
        if said is not None and said[0] != value and not _FOLLOWS.search(text, said[1], verb.end()):
            return True
    return False


def _is_explained(rest: str, depth: int, value: Fraction | None = None) -> bool:
    """Whether a unit and a remark are all that stands behind a number."""
    if _CLOCK.match(rest) or _CONDITIONAL.search(rest.partition(".")[0]):
        return False
    rest = _LEFT_OVER.sub(r"\1", _PER.sub(" ", rest))
    if value is not None and value.denominator > 1:
        rest = _OF_A_WHOLE.sub(" ", rest)
    place = _after_unit(rest)
    if place is None:
        return False
    rest = rest[place:]
    rest = rest[summed.end() :] if (summed := _IN_TOTAL.match(rest)) is not None else rest
    if _END.fullmatch(rest):
        return True
    if (denied := _OTHER_DENIED.match(rest)) is not None:
        other = number_at(rest, denied.end())
        return other is not None and other[0] != value and bool(_END.fullmatch(rest, other[1]))
    if rest.lstrip("\"'*_ ")[:1] == "(":
        return _bracket_explained(rest.lstrip("\"'*_ "), depth, value)
    if (reason := _REASON.match(rest)) is not None:
        told = reason[0].casefold().endswith("for") and re.search(r"\d|\band\b", rest)
        return not told and not _TURNS.search(rest)
    sentence = re.match(r"[\"'*_)\]$]*(?:[.!;]+|,|\s+-|\s*[—―]|:)\s+", rest)
    if sentence is None:
        return False
    words = rest[sentence.end() :]
    if sentence[0].strip()[:1] in (".", "!"):
        return not is_taken_back(words) and not _CONCLUDES.search(words)
    if _REASON.match(words):
        return not _TURNS.search(words)
    return not _TURNS.search(words) and not re.search(r"\d|\band\b", words) and number_at(words, 0) is None


def _bracket_explained(rest: str, depth: int, value: Fraction | None) -> bool:
    inner, _, behind = rest[1:].partition(")")
    if inner.lstrip()[:1] in ("≈", "~") or re.match(r"\s*(?:rounded|about|approx\w*|roughly) \d", inner, re.IGNORECASE):
        return False
    parts = _PARTS.findall(inner) if value is not None and len(inner) < 80 else []
    if len(parts) > 1 and sum(map(Fraction, parts)) == value and not _TURNS.search(inner):
        return _is_explained(behind if behind.strip() else "", depth)
    other = number_at(inner, 0)
    if (
        other is not None
        and other[0] != value
        and not re.search(r"\b(?:plus|and|minus|times)\b|[-+×*=/]|\d\s*x\s*\d", inner)
    ):
        return False
    if value is not None and arithmetic_value(inner) not in (None, value):
        return False  # "8 (2 x 5)"
    if re.match(r"\s*(?:or|and|to|-|±|\+/-|oder|bis)\b|\s*[±/]", inner, re.IGNORECASE):
        return False
    turned = [m for m in _TURNS.finditer(inner) if not _SOFT.fullmatch(m[0]) and m[0].casefold() not in ("so", "but")]
    return not turned and _is_explained(behind if behind.strip() else "", depth)


def _after_unit(rest: str) -> int | None:
    """Where the unit ends; None where what follows the number changes it."""
    if re.match(r"[^\W\d_]|[√π°%$€£¥₹¢]", rest):
        glued = _GLUED.match(rest)
        if glued is None:
            return None
        place = glued.end()
    else:
        place = 0
    for _ in range(8):
        word = _UNIT_WORD.match(rest, place)
        if word is None:
            break
        if rest[place : word.start(1)].strip() == "-":
            if rest[place : place + 1] == " ":
                break
            return None  # "3-day"
        if unicodedata.category(word[1][0]) == "No" or (place == 0 and word[1] in ("of", "MM")):
            return None  # "2 ²", "one of them", millions
        number = number_word(rest, word.start(1))
        if word[1].casefold().rstrip(".") in _NO_UNIT or (number is not None and number[1] >= word.end()):
            return place if _REASON.match(rest, place) else None
        place = word.end()
    following = rest[place : place + 3].lstrip(" ")
    if re.match(r"[-+*/^×÷!<>≤≥±√π&]|\d|[,:;/'_]\d", following) and not re.match(r"-\s*[A-Za-z]|-+\s*$", following):
        return None
    return place


def _skip(text: str, place: int) -> int:
    return place + len(text[place:]) - len(text[place:].lstrip(_OPEN))
