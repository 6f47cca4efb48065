"""The labels of a situation, ready to be found in a text: whole, in any dressing and case, and by their other names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

from ...records import plain_signs
from .dressing import EAST_ASIAN, lower, parted

DRESSING = " \t\"'`*_<[({$#\\>:=|^-•‣+¡"
_CALL = re.compile(r"\w[(\[{]|=")
_QUOTE = "[\"']"  # of a call: either will do
_SIGN = re.compile(r"\s*([^\w\s])\s*")
# Of a word. Patterns are compiled for every set of labels, and in a class a sign beyond Latin takes half a millisecond.
_LETTER = r"[^\W_]"
_TRUE = {
    "yes": ("true", "correct", "sí", "si", "oui", "ja", "sim", "да", "是", "是的", "对", "正确", "はい", "예", "네",
            "y", "yep", "yeah", "yup", "affirmative"),
    "no": ("false", "incorrect", "non", "nein", "não", "nao", "нет", "否", "不是", "不", "不对", "不正确", "错误",
           "いいえ", "아니요", "아니오", "n", "nope", "nay", "nah", "no way", "negative"),
}  # fmt: skip


@dataclass(frozen=True)
class Names:
    """The labels of a situation, ready to be found.

    Attributes:
        own: a label by its folded form, and other words for it.
        here: matches a label, whole, at a place.
        spoken: the label that a task's own way of speaking names, such as a cell by its row and column.
    """

    own: dict[str, str]
    here: re.Pattern[str]
    actions: tuple[str, ...]
    spoken: Callable[[str], str | None] | None = None

    def label_at(self, value: str, place: int) -> tuple[str, int] | None:
        """(the label, where it ends) at a place; the longest there is."""
        found = self.here.match(value, place)
        label = None if found is None else self.label_of(found)
        if found is None or label is None:
            return None
        behind = value[found.end() :].strip(DRESSING + ")]}.!,;")
        if len(label) == 1 and found[0] != label and label.isalpha() and behind:
            return None
        return label, found.end()

    def label_of(self, found: re.Match[str]) -> str | None:
        """The label that `here` matched; None where it has a letter that only patterns take for another, as the "ı"."""
        if found[0] in self.actions:
            return found[0]
        folded = _folded(found[0])
        return self.own.get(folded) or self.own.get(folded.replace("'", '"'))

    def is_longer(self, value: str, label: str) -> bool:
        """Whether a value is another label that begins with this one, were it not for its signs: "Alien (3)"."""
        begun = _folded(label)
        longer = [name for name in self.own if len(name) > len(label) and name.startswith(begun)]
        return bool(longer) and _bare(value).startswith(tuple(map(_bare, longer)))

    @cached_property
    def mixed(self) -> bool:
        """Whether a label has East Asian signs beside Latin ones, so that no blank may be set between them."""
        return any(parted(plain_signs(a)) != plain_signs(a) for a in self.actions)

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        """Finds labels in a remark; East Asian ones within words too, which no blank parts from what stands around."""
        unparted = [name for name in self.own if EAST_ASIAN.match(name)]
        if not unparted:
            return self.here
        within = "|".join(map(re.escape, sorted(unparted, key=len, reverse=True)))
        return re.compile(rf"{self.here.pattern}|{within}", re.IGNORECASE)

    def set_off(self, value: str) -> str:
        """The value with blanks around an East Asian label that it begins with: "选 红 按钮" for "选红按钮"."""
        if value.isascii() or not any(EAST_ASIAN.match(a) for a in self.actions):
            return value
        return self._led.sub(r"\1 \2 ", value, count=1)

    @cached_property
    def _led(self) -> re.Pattern[str]:
        labels = "|".join(map(re.escape, sorted(self.actions, key=len, reverse=True)))
        return re.compile(
            r"^(\W{0,8}(?:(?:我(?:会|要|将|决定|想|们)?)?(?:选择?|按下?)|应该|应当|继续|依然|仍然|坚持|ボタン)?) ?"
            rf"({labels}) ?"
            r"(?=按钮|ボタン|です|を|[にへ](?:し|す|行|進|曲|移)|[\W]|$)"
        )

    def mentions_any(self, value: str) -> bool:
        """Whether a label stands anywhere in a value."""
        return self.here.search(value) is not None


def names_of(actions: tuple[str, ...], spoken: Callable[[str], str | None] | None = None) -> Names:
    """The names of some labels."""
    return _names_of(actions, spoken)


@lru_cache(maxsize=256)
def _names_of(actions: tuple[str, ...], spoken: Callable[[str], str | None] | None) -> Names:
    own = {_folded(plain_signs(a)): a for a in reversed(actions)}
    quoted = {k.replace("'", '"') if _CALL.search(k) else k: a for k, a in own.items()}
    own = quoted if len(quoted) == len(own) else own
    if own.keys() == {"yes", "no"}:
        own |= {word: own[label] for label, words in _TRUE.items() for word in words}
    parts = sorted(filter(None, own), key=len, reverse=True)
    pattern = "|".join(_whole(list(alike), *ends) for ends, alike in groupby(parts, _ends))
    return Names(own, re.compile(pattern or r"(?!)", re.IGNORECASE), actions, spoken)


def _ends(part: str) -> tuple[bool, bool]:
    """Whether a name begins and whether it ends with a letter or a digit."""
    return part[0].isalnum(), part[-1].isalnum()


def _whole(parts: list[str], begins: bool, ends: bool) -> str:
    """A pattern for names with the same ends, each whole: what stands around them is looked at once for them all."""
    before = rf"(?<!{_LETTER})(?<!{_LETTER}[-'._])(?<!{_LETTER}’)" if begins else ""
    behind = rf"(?!{_LETTER})(?![-_.']{_LETTER})(?!’{_LETTER})" if ends else ""
    names = "|".join(map(_spelled, parts))
    return f"{before}(?:{names}){behind}"


def _spelled(part: str) -> str:
    """A pattern for a name; around the signs of a call, blanks may stand or not: "f(x=1,y=2)"."""
    if not _CALL.search(part):
        return r"\s+".join(map(re.escape, part.split()))
    pieces = [r"\s+".join(map(re.escape, piece.split())) for piece in _SIGN.split(part)]
    return r"\s{0,4}".join(_QUOTE if piece == '"' else piece for piece in pieces if piece)


def _folded(text: str) -> str:
    folded = " ".join(lower(text).split())
    return _SIGN.sub(r"\1", folded) if _CALL.search(folded) else folded


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", lower(text)))
