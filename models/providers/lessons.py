"""What a provider's refusal of a parameter teaches: once per model, and never more than the sentence says.

A request that is refused for a parameter was not served, and costs nothing. If somebody requires the parameter, the run
ends with the provider's sentence. Any other is left out from then on, or sent under the name that the provider gives,
or within the limit that it names; an answer says what it was asked without.

The wordings are those of the providers' public references and of public reports: OpenAI and Azure ("Unsupported
parameter: 'top_p' is not supported with this model."), Anthropic ("`temperature` is deprecated for this model.",
"temperature: Extra inputs are not permitted", "max_tokens: 50000 > 8192, which is the maximum"), Gemini ("Thinking
level is not supported for this model."), Mistral and other validators (`extra_forbidden`), xAI ("Argument not supported
on this model: stop"), Ollama ('"llama3" does not support thinking'), vLLM ("This model's maximum context length is 8192
tokens. However, you requested ..."), litellm ("gpt-5 models don't support temperature=0.7").
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is done from now on about the parameter `name`, by OpenAI's names.

    Attributes:
        instead: the name under which the provider takes it; else it is left out.
        beside: it is left out only beside this other one.
        most: the most that the provider takes for it.
    """

    name: str
    instead: str = ""
    beside: str = ""
    most: int = 0


@dataclass
class Lessons:
    """What is known of one model from its refusals.

    Attributes:
        left_out: the parameters that it does not take, with the sentence that said so.
        renamed: those that it takes under another name.
        apart: pairs of which it takes one only.
        most: the most tokens of an answer; 0 where it has not said.
        most_logprobs: the most tokens in each place whose log-probability it gives; 0 where it has not said.
        context: the tokens of a prompt and its answer together; 0 where it has not said.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    apart: set[tuple[str, str]] = field(default_factory=set)
    most: int = 0
    most_logprobs: int = 0
    context: int = 0

    def room_beside(self, prompt_bytes: int) -> int:
        """The tokens that a prompt is sure to leave in the context; 0 where the context is not known."""
        return max(0, self.context - prompt_bytes // 2 - _FORM) if self.context else 0

    def learn(self, lesson: Lesson, said: str) -> None:
        """Keep a lesson."""
        if lesson.name == "top_logprobs" and lesson.most:
            self.most_logprobs = lesson.most
        elif lesson.most:
            self.most = min(self.most or lesson.most, lesson.most)
        elif lesson.beside:
            self.apart.add((lesson.beside, lesson.name))
        elif lesson.instead:
            self.renamed[lesson.name] = lesson.instead
        else:
            self.left_out.setdefault(lesson.name, said)


_FORM = 64  # tokens by which a chat's own form may exceed its contents

# How providers call a parameter, beside its own name in OpenAI's protocol. In lower case.
_CALLED = {
    "temperature": r"temperature",
    "top_p": r"top[_ \-]?p|nucleus",
    "top_k": r"top[_ \-]?k",
    "max_tokens": r"max_(?:completion_|output_|new_)?tokens|max(?:output|new)?tokens|num_predict",
    "stop": r"stop(?:[_ ]?sequences?)?",
    "seed": r"(?:random_)?seed",
    "reasoning_effort": r"reasoning[_. ]?effort|thinking[_ ]?levels?|thinkinglevel|output_config(?:\.effort)?|effort|"
    r"reasoning\b|does(?:n't| not) support think|thinking|budget \d+ is invalid",
    "thinking": r"thinking(?:[_ ]?(?:config|budget|mode))?|budget_tokens|budget \d+ is invalid|chat_template_kwargs",
    "service_tier": r"service[_ ]?tier",
    "response_format": r"response[_ ]?format|json[_ ]?schema|json mode|structured[_ ]outputs?|output_config\.format|"
    r"responseschema|response_schema|this response_format type",
    "logprobs": r"(?:top[_ ]?)?log[_ ]?probs|logprobs",
    "top_logprobs": r"top[_ ]?log[_ ]?probs",
    "tool_choice": r"tool[_ ]?choice",
    "parallel_tool_calls": r"parallel[_ ]tool[_ ]calls",
    "tools": r"tools?|tool use|tool calling|function[_ ]calling|functions?",
}
_INSTEAD = re.compile(
    r"use\W+(?:the\W+)?['`\"]?(max_(?:completion_|output_|new_)?tokens)['`\"]?\W+(?:parameter\W+)?instead"
)
_FORCES_A_TOOL = re.compile(r"forc(?:es|ed|ing) tool use")
_APART = re.compile(
    r"\b(temperature)\b.{0,20}\b(top_p)\b.{0,40}(?:cannot|can't|not) (?:both|be)|"
    r"(?:cannot|can't|not) (?:both )?(?:specify|set|use) .{0,20}(temperature).{0,20}(top_p)"
)
_MOST = re.compile(
    r"at most (\d[\d,_]*)|less than or equal to `?(\d[\d,_]*)|maximum (?:value|allowed)?[^0-9.]{0,60}(\d[\d,_]*)|"
    r"(?:\d[\d,_]*) > (\d[\d,_]*)|<=? ?(\d[\d,_]*)|(?:between|range)\W.{0,30}?(?:and|to|,|\.\.)\W*(\d[\d,_]*)|"
    r"limit (?:is|of) (\d[\d,_]*)|must be (?:in|within) \[\d+, ?(\d[\d,_]*)\]"
)
_CONTEXT = re.compile(r"maximum context length (?:is|of) (\d[\d,]*)")
_PROMPT = re.compile(
    r"\(?(\d[\d,]*) (?:in|of) (?:the )?(?:messages|text|input|prompt)|contains at least (\d[\d,]*) input|"
    r"prompt contains (\d[\d,]*)|has (\d[\d,]*) input tokens"
)
_UNTAKEN = re.compile(
    r"unsupported|not supported|does(?:n't| not) (?:currently )?support|do(?:n't| not) support|deprecated|"
    r"unknown (?:parameter|argument|field|name)|unrecognized|unexpected|extra inputs are not permitted|extra_forbidden|"
    r"not permitted|not allowed|only the default|extraneous|may only be set to 1|only temperature=1|must be unset|"
    r"not (?:available|applicable|compatible|valid) (?:for|with|on) (?:this|the)|incompatible|is invalid\. this model|"
    r"cannot be (?:set|used|specified|disabled|turned off)|can(?:no|')t be set|is unavailable now|not enabled|"
    r"only \d[\d.]* is allowed"
)
_ASIDE = re.compile(
    r"\bto drop unsupported\b|\bplease (?:remove|use|consult|see)\b|\binstead\b|\bsupported values are\b"
)


def lesson_of(said: str, sent: Collection[str]) -> Lesson | None:
    """The lesson of a refusal; None where the sentence does not say what to do.

    Args:
        said: the provider's sentence and codes.
        sent: the parameters that the request held, by OpenAI's names.
    """
    plain = _plain(said)
    limit = _limit(plain) if "max_tokens" in sent else 0
    if limit:
        return Lesson("max_tokens", most=limit)
    if _FORCES_A_TOOL.search(plain):
        return next((Lesson(name) for name in ("tool_choice", "response_format") if name in sent), None)
    pair = _APART.search(plain)
    if pair:
        first, second = [name for name in pair.groups() if name]
        return Lesson(second, beside=first) if {first, second} <= set(sent) else None
    renamed = _INSTEAD.search(plain)
    if renamed and "max_tokens" in sent:
        return Lesson("max_tokens", instead=renamed[1])
    if not _UNTAKEN.search(plain):
        return None
    aside = _ASIDE.search(plain)
    told = plain[: aside.start()] if aside else plain
    named = [(name == "tools", place, name) for name in sent if (place := _find(name, told)) >= 0]
    return Lesson(min(named)[2]) if named else None


def room_in_context(said: str) -> tuple[int, int]:
    """(tokens of the model's context, tokens that the prompt leaves in it), by the sentence that refused the request.

    Both are 0 where it does not say.
    """
    plain = _plain(said)
    context, prompt = _CONTEXT.search(plain), _PROMPT.search(plain)
    return (_number(context), max(0, _number(context) - _number(prompt))) if context and prompt else (0, 0)


def _limit(plain: str) -> int:
    """The most tokens of an answer that a sentence names, where that is why the request was refused."""
    if not re.search(_CALLED["max_tokens"] + r"|(?:completion|output) tokens", plain) or _CONTEXT.search(plain):
        return 0
    most = _MOST.search(plain)
    return _number(most) if most else 0


def _number(match: re.Match[str]) -> int:
    return int(next(g for g in match.groups() if g).replace(",", "").replace("_", ""))


def _find(name: str, plain: str) -> int:
    """Where a sentence names a parameter; -1 where it does not."""
    found = re.search(rf"(?<![a-z_])(?:{_CALLED.get(name) or re.escape(name.lower())})(?![a-z_])", plain)
    return found.start() if found else -1


def _plain(text: str) -> str:
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower().split())
