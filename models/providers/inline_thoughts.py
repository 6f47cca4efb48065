"""Thoughts that stand inside an answer, between tags: apart from the answer, whichever transport carried it.

Servers without a parser for a model's template leave its thoughts in the text. Only thoughts before the answer are
taken out, and only by tags that templates use. Templates that open the tag in the prompt leave its end alone.
"""

from __future__ import annotations

import re

__all__ = ["split_inline"]

_NAMES = r"think|thinking|thought|thoughts|reasoning|seed:think"
_OPENS = re.compile(rf"\s*(?:<({_NAMES})>|\[(THINK)\])", re.IGNORECASE)
_CLOSES = re.compile(r"</(?:think|thinking|seed:think)>|\[/THINK\]", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s*final\s*(?:<\|constrain\|>\w*)?<\|message\|>")
_MARKS = re.compile(r"<\|(?:start|end|channel|message|return|call)\|>(?:assistant|analysis|commentary|final)?")


def split_inline(text: str) -> tuple[str, str]:
    """(thoughts, answer) of a text; the thoughts are empty where it has none.

    An answer that was cut off inside a thought is all thought.
    """
    if "<|channel|>" in text:
        final = _CHANNEL.search(text)
        before, after = (text[: final.start()], text[final.end() :]) if final else (text, "")
        return _MARKS.sub("", before).strip(), _MARKS.sub("", after).strip()
    opened = _OPENS.match(text)
    if opened:
        name = opened[1] or opened[2]
        end = re.compile(rf"</{name}>|\[/{name}\]", re.IGNORECASE).search(text, opened.end())
        if end is None:
            return text[opened.end() :].strip(), ""
        return text[opened.end() : end.start()].strip(), text[end.end() :].lstrip()
    end = _CLOSES.search(text) if "</" in text or "[/" in text else None
    if end is not None:
        return text[: end.start()].strip(), text[end.end() :].lstrip()
    return "", text
