"""Splitting what a model thought from what it answered, one rule for every transport.

A thought stands between signs: `<think>`, `<thinking>`, `<reasoning>` and their like, Kimi's `◁think▷`, Mistral's
`[THINK]`, Cohere's `<|START_THINKING|>`, `<|begin_of_thought|>`, and the channels of gpt-oss (with their signs, or with
what is left of them where a server drops special tokens: `analysis...assistantfinal...`). A closing sign alone ends a
thought that began in the prompt. A sign in quotation marks or backticks is a mention and splits nothing, nor does one
that ends a sentence and the text.

Invariant: linear in the text, and `split_thoughts(answer)` of an answer that was split changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOOKED_BACK = 400  # characters of a line before a sign
MOST = 8  # thoughts of one kind within the answer of another
_NAMES = (
    "think|thinking|thoughts?|reasoning|reflection|scratchpad|seed:think|antthinking|deepthink|cot|chain_of_thought|"
    "(?:thought|thinking|reasoning)_process|inner_(?:thoughts?|monologue)|internal_(?:thoughts?|monologue)|monologue"
)
_SIGN = re.compile(
    rf"<(?P<slash>/?)(?P<name>{_NAMES})(?:\s[^<>\n]{{0,80}})?>|◁(?P<kimi>/?)think▷|\[(?P<mistral>/?)THINK\]"
    r"|<\|(?P<cohere>START|END)_THINKING\|>|<\|(?P<open>begin|start|end)_of_(?:thought|thinking|think|reasoning)\|>"
    r"|<\|(?P<token>/?)(?:think|thinking)\|>",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w{1,40})[^<\n]{0,200}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>")
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_BARE_CHANNEL = re.compile(r"\s*analysis(?=[A-Z])")
_MENTION = ("`", '"', "'", "“")


@dataclass(frozen=True, slots=True)
class SplitAnswer:
    """An answer without its thoughts.

    Attributes:
        text: what was answered; the text itself where it holds no thought.
        reasoning: what was thought, without the signs around it.
        cut: whether the text ends inside a thought, so that there is no answer.
    """

    text: str
    reasoning: str = ""
    cut: bool = False


def split_thoughts(text: str) -> SplitAnswer:
    """The thoughts and the answer in what a model wrote."""
    split = _once(text)
    for _ in range(MOST):
        if split.cut or split.text == text:
            break
        text, again = split.text, _once(split.text)
        split = SplitAnswer(again.text, _joined([split.reasoning, again.reasoning]), again.cut)
    return split


def _once(text: str) -> SplitAnswer:
    if "<|channel|>" in text:
        return _of_channels(text)
    if text.lstrip()[:8] == "analysis" and (bare := _of_bare_channels(text)) is not None:
        return bare
    if "<" not in text and "◁" not in text and "[" not in text:
        return SplitAnswer(text)
    return _of_signs(text)


def _of_signs(text: str) -> SplitAnswer:
    answers: list[str] = []
    thoughts: list[str] = []
    inside, begin = "", 0
    signs = [(sign, *_kind(sign)) for sign in _SIGN.finditer(text)]
    last_end = {name: sign.start() for sign, name, closes in signs if closes}
    for sign, name, closes in signs:
        if not inside and text[max(0, sign.start() - 1) : sign.start()] in _MENTION:
            continue
        if not inside and not closes and last_end.get(name, -1) < sign.start() and _is_last_word(text, begin, sign):
            continue  # a word about thoughts, as in "I would not write <think>."
        if inside:
            if name == inside and closes:
                thoughts.append(text[begin : sign.start()])
                inside, begin = "", sign.end()
        elif closes:  # a thought that began in the prompt
            thoughts += [*answers, text[begin : sign.start()]]
            answers, begin = [], sign.end()
        else:
            answers.append(text[begin : sign.start()])
            inside, begin = name, sign.end()
    if inside:
        thoughts.append(text[begin:])
    elif not thoughts:
        return SplitAnswer(text)
    else:
        answers.append(text[begin:])
    return SplitAnswer(_joined(answers), _joined(thoughts), bool(inside))


def _is_last_word(text: str, begin: int, sign: re.Match[str]) -> bool:
    """Whether a sign ends a sentence of the answer that begins at `begin`, with no word behind it."""
    line = text[max(text.rfind("\n", begin, sign.start()) + 1, begin, sign.start() - LOOKED_BACK) : sign.start()]
    return bool(line.strip()) and not re.search(r"\w", text[sign.end() : sign.end() + LOOKED_BACK])


def _kind(sign: re.Match[str]) -> tuple[str, bool]:
    """(name of the pair of signs, whether it is the closing one)."""
    if sign["name"]:
        return sign["name"].casefold(), bool(sign["slash"])
    for pair in ("kimi", "mistral", "token"):
        if sign[pair] is not None:
            return pair, bool(sign[pair])
    if sign["open"] is not None:
        return "open", sign["open"].casefold() == "end"
    return "cohere", sign["cohere"].upper() == "END"


def _of_channels(text: str) -> SplitAnswer:
    heads = list(_CHANNEL.finditer(text))
    first = text[: text.index("<|channel|>")].removeprefix("<|start|>assistant")
    thoughts = [_CHANNEL_ENDS.sub("", first).removesuffix("assistant")]
    answers: list[str] = []
    for here, after in zip(heads, [*heads[1:], None], strict=False):
        part = text[here.end() : after.start() if after else None]
        end = _CHANNEL_ENDS.search(part)
        (answers if here[1] == "final" else thoughts).append(part[: end.start()] if end else part)
    return SplitAnswer(_joined(answers), _joined(thoughts), not answers)


def _of_bare_channels(text: str) -> SplitAnswer | None:
    thought, sign, answer = text.rpartition("assistantfinal")
    if sign:
        return SplitAnswer(answer.strip(), thought.lstrip().removeprefix("analysis").strip())
    if _BARE_CHANNEL.match(text):
        return SplitAnswer("", text.lstrip().removeprefix("analysis").strip(), True)
    return None


def _joined(parts: list[str]) -> str:
    return "\n".join(p.strip() for p in parts if p.strip())
