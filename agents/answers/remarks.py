"""What may stand behind an answer without changing it, and what takes it back.

`explain` reads a remark from its first sign to its end: a reason, an aside in brackets, what a choice says in full.
Whatever else it meets stops it, so that the answer before it is not read: another label that might be meant, a
condition, an alternative, a denial, a question.
"""

from __future__ import annotations

import re

CONDITIONS = (
    r"\b(?:as long as|so long as|as far as|as soon as|as if|as though|as in|assuming|"
    r"(?<!has )(?<!have )(?<!had )(?<!it )provid(?:ed|ing)|"
    r"suppos(?:ed|ing)|in case|on (?:the )?condition|in the event|contingent|subject to|"
    r"with (?:an? )?(?:\d+ ?% )?(?:prob(?:ability)?|chance)\b|(?<!pressed )(?<!tried )(?<!pulled )(?<!only )twice|"
    r"(?:is|was) (?:the |my )?(?:second|third|runner)|because it(?:'s| is) (?:the )?(?:worst|bad|wrong|lowest)|"
    r"half (?:of )?the time|% of the time|in the (?:worst|best) case|at (?:best|worst)|"
    r"quot(?:ing|ed)|(?:for )?example|for instance|e\.g|hypothetical\w*|placeholder|"
    r"tentative\w*|preliminar\w*|provisional\w*|to be (?:decided|determined|confirmed)|tbd|tbc|draft|pending|i refuse|"
    r"(?:critics?|others?|agents?|user|they|somebody|someone|everyone|everybody|people) (?:all )?"
    r"(?:want|insist|ask|demand|tell|told|prefer|recommend|request|vote)\w*|"
    r"solange|sofern|vorausgesetzt|es sei denn|au[sß]er|angenommen|falls|vorläufig|"
    r"pourvu que|à (?:moins|condition)|sauf|tant que|en supposant|"
    r"a menos|a condici[oó]n|con tal|siempre que|salvo|suponiendo|a n[aã]o ser|desde que|contanto|"
    r"a meno|purch[eé]|se (?:non|possibile|consentito|permesso|[eè]|possível|for|der)|tenzij|mits|"
    r"indien|e[gğ]er|je[sś]li|je[zż]eli|pokud|jestli|om(?= (?:det|inte|den))|hvis|jos|если|разве что|при условии|якщо)"
    r"(?!\w)|除非|只要|否则|不然|さもな|假如|假设|要是|如果|若|倘|的话|情况下|もし|ならば|なら|場合|とき|れば|たら|"
    r"限り|만약|경우|"
    r"으면|라면"
)
_REASON = re.compile(
    r"(?:because|since|as(?! (?:well|in|if|though|long|far|soon)\b)|due to|given|"
    r"which|that|for(?! the (?:first|next|last|rest|remaining|following|time|moment)\b)(?= (?:it|its|the|a|an|"
    r"exploration|"
    r"now|this|being|having|maxim|explor)\b)|so(?= \w)|based on|"
    r"with(?= (?!all\b|a \d+ ?% ch)[^.]{0,40}\b(?:mean|averages?|ucb|scores?|values?|rewards?|index|bound|highest|"
    r"most|best|payoff|"
    r"caution|(?:\d+%?|full|high|great|some|low|medium|moderate) confidence))|having|being|though|although|"
    r"even though|despite|while|"
    r"whereas|"
    r"according to (?:the|this|its|my) (?:rule|data|ucb|values|history|index)|"
    r"by|from|after|to (?:explore|maximi[sz]e|try|test|win|block|learn|get|gain)|in order to|"
    r"weil|da|denn|obwohl|mit|parce qu|car|puisque|porque|ya que|pois|perché|потому)\b|因为|由于|所以|它|,?因|なぜなら|"
    r"لأن\w*|بسبب|"
    r"(?=[\u3040-\u30ff\u4e00-\u9fff\w .%]{2,60}(?:ため|ので|から)(?:です)?[).\s]*$)[\u3040-\u30ff\u4e00-\u9fff]",
    re.IGNORECASE,
)
_PREDICATE = re.compile(
    r"(?:(?:only|alone)(?=\W*$)|it(?:'s| is| has| was)|was(?= (?:the|best|right|never|untried|unexplored|"
    r"highest|most)\b)|(?:is|seems|looks|remains)(?= (?:my|the|best|right|"
    r"correct|optimal|clearly|still|"
    r"untried|unexplored|highest|most|never)\b)|"
    r"has(?= (?:the|a|an|never|not|only|no|paid|given|shown|yielded|higher|highest|most|been (?:the|best|pressed|tried|"
    r"sampled|pulled|good|most|higher))\b)|pays|paid|gives|gave|yields|rather than|instead of|in place of|"
    r"over(?! and)|ahead of|"
    r"statt|anstatt|anstelle von|au lieu de|"
    r"plutôt que|en lugar de|en vez de|вместо|(?:and |und )?not|und nicht)\b"
    r"|(?:it is|now|again|please|obviously|clearly|indeed|next|once more|one more time|(?:i|ich) (?:think|guess|"
    r"believe|denke|glaube))(?=\s*(?:[.!)]|$))",
    re.IGNORECASE,
)
_HARD = re.compile(
    r"\s*(?:(?<=\s)(?:\#|//)(?=\s)|(?:→|⇒|->)(?=\s)|[,;.:)\]|!]+(?=\s|$|[(\[*\"'`])|\s-+\s|[—―]+|[)\]]\s*|[(\[])\s*"
)
_NOT_TRIED = re.compile(
    r"\b(?:not|never|n't)\s+(?:yet\s+)?(?:been\s+)?(?:yet\s+)?(?:tried|tested|pressed|pulled|explored|chosen|sampled|"
    r"used|played|picked|selected|taken|seen|visited|taken|ever)\b(?:\s+(?:yet|before|so far))?"
    r"|\bno (?:rewards?|data|trials?|pulls?|samples?|observations?|history)\b|\bfor now\b"
    r"|\bno (?:doubt|question|other|further|more|need|player|one|additional|such|exceptions?)\b|"
    r"\b(?:but )?only (?:just|barely|narrowly|by a (?:hair|little|small margin))\b"
    r"|\bbut (?:it(?:'s| is) )?(?:close|barely|narrowly|by a hair|just about)\b"
    r"|\beverything (?:is|was|has been|has|needed|required)\b"
    r"|\b(?:the )?same as (?:last time|before|always|ever|last round)\b|\bties? (?:was |were )?broken\b"
    r"|(?:ещё |еще )?\bне (?:был\w? )?(?:пробов|нажат|нажим|испыт|выбира|выбран)\w*|"
    r"\bno (?:se )?ha(?:n)? (?:sido )?prob\w+"
    r"|\b(?:noch (?:nie|nicht)|nie) (?:\w+ )?(?:gedrückt|getestet|probiert|gewählt|versucht|ausprobiert)\b"
    r"|\b(?:pas|jamais) encore (?:essay|test|choisi|appuy)\w*|\bjamais (?:essay|test|choisi)\w*"
    r"|\bnot the (?:sequel|second|original|remake|first|other one|series)\b"
    r"|\bnothing (?:is |else |more )?(?:is )?(?:left|remains|missing)(?: to (?:do|be done|\w+))?",
    re.IGNORECASE,
)
_DANGER = re.compile(
    rf"{CONDITIONS}|"
    r"\b(?:or|oder|not|no|none|n't|never|if|unless|until|wenn|falls|si|but|however|except|wait|actually|hmm|instead|"
    r"rather|maybe|perhaps|else|otherwise|wrong|incorrect|false|worst|bad|question mark|kidding|joking|unlikely|"
    r"improbable|"
    r"least (?:likely|good|"
    r"promising|probable|plausible|suitable|attractive|rewarding|correct)|also (?:acceptable|fine|possible|right|"
    r"correct|valid|good|works?)|avoid\w*|exclude\w*|reject\w*|ruled? out|"
    r"isn|unsure|uncertain|alternatively|both|either|neither|any|all|every\w*|nothing|cannot|can't|don't|doesn't|"
    r"isn't|won't|wouldn't|sondern|aber|nur|nicht|seulement|sólo|solo|только|ma|mas|kein\w*|mais|pas|pero|nein|non|"
    r"correction|sorry|scratch|mistake|"
    r"depends?|tie[ds]?|equal\w*|same|then|unclear|unknown|says|said|claims?|thinks|believes|suggests?|argues)\b|"
    r"[?]|(?:而)?不是|не\b|不|或|还是|但|都|也|次|ない|ません|しかし|けど|ただし|只|仅|如果|等等|другой|или|нет|но\b|\b(?:أو|لا|ليس|لكن|إذا|إلا|"
    r"ربما)\b",
    re.IGNORECASE,
)
_TURNS = re.compile(
    rf"{CONDITIONS}|"
    r"\b(?:wait|actually|hmm+|instead|on second thought|scratch that|no,|unless|correction|sorry|alternatively|"
    r"i mean|or else|otherwise|but (?:if|i|the|on)|however|if not|says|said|claims?|thinks|believes|suggests?)\b|[?]"
    r"|等等|不对",
    re.IGNORECASE,
)
_CONTRADICTS = re.compile(
    rf"{_TURNS.pattern}|\b(?:but|not|n't|never|only|if|no|aber|nur|wenn|mais|seulement|si|pero|s[oó]lo|no|ma|mas|но|"
    rf"только|"
    r"не)\b|n't\b|但|只|仅|不过|しかし|けど|ただし|だけ|ない|ません",
    re.IGNORECASE,
)
_SAYS_OTHERWISE = re.compile(
    r"\b(?:wait|no,|actually|hmm+|on second thought|scratch that|sorry|i mean|or (?:else|rather)|unless|instead)\b|[?]",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"(?:\b(?:than|not|nor|over|(?:fork|line|diagonal|threats?|pair|together|block(?:s|ing)?) (?:with|of|at|on|"
    r"through)|broken (?:at random |randomly |by chance )?(?:with|against)|unlike|above|beats?|"
    r"compared (?:to|with)|in place of|statt|anstatt|anstelle von|"
    r"au lieu de|en lugar de|en vez de|"
    r"plutôt que|вместо|versus|vs\.?|instead of|rather than|against|"
    r"exceeds|outperforms|of|from|[\d.]{1,8}%? for|"
    r"(?:second|third|next|worst|last|lowest|runner-up)(?:[ -](?:best|choice|"
    r"place))?(?: is)?\s*[:=]?|"
    r"never|row|column|col|step|round|trial|outranks|like|while|whereas|and not|nicht|que|als|pas|не|不是|sequel to|"
    r"prequel to)"
    r")\s+(?:the\s+|button\s+|option\s+|arm\s+|cell\s+)*[\"'*_`(]*$",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"[\"'*_`)]*\s*(?:button\s+|arm\s+|option\s+|and\s+\w+\s+)?(?:can (?:safely )?be (?:ruled|excluded|eliminated|"
    r"dismissed|discarded)|would (?:fail|lose|cost|waste|require|need|imply|mean|violate|contradict|only|not|make|"
    r"give|lead|result|pay less|give less|be (?:worse|bad|wrong|risky|too))|is|"
    r"was|has|had|paid|pays|gave|gives|got|were|are|"
    r"have|did|does|schlechter|weniger|seltener|niedriger|falsch|fausse?s?|falsos?|falsas?|неверн\w+|неправильн\w+|"
    r"menos|moins|меньше|peor|pire|хуже|worse|lower|costs?|yields?|do not|don't|cannot|can't|"
    r"contradicts?|conflicts?|fails?|only|yielded|looks|seems|wins|loses|"
    r"remains|hat|hatte|ist|war|bringt|brachte|gab|liefert|lieferte|zahlt|zahlte|schnitt|tiene|tenía|es|era|fue|dio|da|"
    r"rindió|pagó|paga|est|était|a|avait|donne|donnait|rapporte|rapportait|дал|дала|дало|давал[аио]?|да[её]т|"
    r"плати[тл]\w?|приносит|приносил[аио]?|принёс|"
    r"принес|был|была|было)\b(?!\s+(?:\w+\s+){0,2}(?:better|"
    r"best|right|correct|prefer\w*|optimal|my|equal\w*|tied|also|too|acceptable|valid|possible|plausible|fine|good|"
    r"okay|"
    r"ok|next|what|where|chosen|picked|besser|beste[rns]?|richtig|auch|mejor|también|meilleure?|mieux|aussi|"
    r"the (?:best|one|right)))",
    re.IGNORECASE,
)
_CAPITAL = re.compile(
    r"[\"'*_`]*(?:It|Its|Because|Since|As|This|That|My|I|Highest|With|Given|Untried|Never|Not|Reason|Reasoning|Mean|"
    r"UCB|High|Higher|Best|Largest|Explor\w+|Due|Based|Confidence|Here|Also|To|Based)\b"
)
_AGAINST = re.compile(
    r"[\s\"'*_`]*(?:\([^()\n]{0,60}\)\s*)?(?:vs\.?|versus|against|gegen|contre|contra)\s+[\"'*_`(]*", re.I
)
_FIGURE = re.compile(
    r"\b(?!(?:action|best|cell|button|option|answer|arm|square|choice|move|label|field)\b)[a-z_]{1,12} ?[=≈] ?$|"
    r"\b(?:mean|average|avg|ucb|score|reward|n)(?: (?:of|is))? $",
    re.IGNORECASE,
)
_OTHER_LABEL = re.compile(r"(?:\s*(?:than|of))?\s+(?:the\s+|button\s+|option\s+)*[\"'*_`(]*")
_JOINED = re.compile(r"[\s\"'*_`,&]*(?:and|und|et|y)?[\s\"'*_`]*", re.IGNORECASE)
_SAYS = re.compile(r"[^\W_]|[?/<=+^~#%&@]|>[^>]*[^\W_]")  # what is more than punctuation
_NO_ARTICLE = re.compile(r" (?:in|on|at|is|was|for|if|or|and|would|could|might|as|of|by|under|when|before|after)\b")
_LEGAL = re.compile(
    r"(?:yes|no), (?:because|since|as|if|unless|but|only|the|it|a|an|he|she|they|there|this|that|both|neither)\b", re.I
)
_NO_IT_IS = re.compile(r"\W*(?:it|they|that) (?:is|are|does|do|was)\W*$", re.IGNORECASE)
_AS_LONG_AS = ("while", "whereas")  # without a comma before it a condition: "Red while the budget lasts"
_SPECIES = re.compile(
    r"\.\s*(?:difficile|elegans|botulinum|perfringens|tetani|diphtheriae|albicans|jejuni|trachomatis|subtilis|cereus|"
    r"anthracis|pertussis|burgdorferi|fragilis|melanogaster|rerio|thaliana|fumigatus|flavus|baumannii|aegypti|coli)\b"
)
_DRESSED = re.compile(r" ?[\"'`*_]+")
_GLUED = tuple("#+^²³%=<@&")
_CALLED = (".", "[", "(", "{")  # behind a label that is a call: an attribute or an item of it, or another call
_DENIES = re.compile(
    r"[\u274c\u2717\u2718\u2716\U0001f6ab\U0001f44e\u26d4\u274e\u2753\u2754\U0001f937\U0001f914]|\u00d7(?! ?\d)"
)
_ARROW = re.compile(r"--+\s")

CORRECTION = re.compile(
    r"[\s.,;:!?\"'`*_)(\[\]—→>-]*(?:\b(?:wait|(?:no|nein|non|нет)(?=\s*(?:[.,;:!?)—-]|$)|\s+(?:wait|actually|it|i|make|"
    r"let|sorry|rather)\b)|nope|hmm+|actually|"
    r"sorry|correction|rather(?! than)|i mean|on second thought|"
    r"on reflection|scratch that|oops|make that|hold on|or rather|doch|warte|moment|vielmehr|attends|en fait|"
    r"plutôt(?! que)|espera|perdón|mejor dicho|погоди)\b|不对|等等|不是(?=\s*[,.])|不,|应该是)[\s.,;:!\"'`*_—-]*",
    re.IGNORECASE,
)
_ANSWERS_AGAIN = re.compile(
    r"^\W{0,6}(?:so |then |thus )?(?:my |the )?(?:new |final |last |correct |right |actual |real )?(?:answer|"
    r"choice|decision|action|"
    r"recommendation|pick)\b[^\n]{0,80}|^\W{0,6}final\s*:[^\n]{0,80}|"
    r"(?:^|[.!?;:][ ]{1,3})\W{0,6}(?:(?:so|then|thus|therefore|hence),? )?(?:my |the )(?:right|correct|actual|real|"
    r"true|better|best|final) \w{1,12} (?:is|should be|would be|must be)\b[^\n]{0,80}|"
    r"(?:^|[.!?;:][ ]{1,3})\W{0,6}(?:(?:so|then|thus|therefore|hence),? )?i(?:'ll| will| would| am going to)? ?"
    r"(?:choose|pick|press|go with|take|select|switch)\b[^\n]{0,80}",
    re.IGNORECASE | re.MULTILINE,
)
_CHOOSES = re.compile(
    r"^[^\w\n]{0,8}(?:\w+,? ){0,2}(?:i(?:'ll| will| would| am going to)? ?(?:choose|pick|press|go with|take|select|"
    r"switch)|(?:my |the )?(?:\w+ )?(?:choice|decision|action|pick)\b)",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"(?:^|[.!?:\n]\s{0,3})\W{0,6}(?:(?:though|but|however|and|oh),? )?"
    r"(?:wait\b|no,|no\.|no!|hold on|hmm+\b|actually\b|sorry\b|correction\b|"
    r"oops\b|let me (?:correct|reconsider|rethink|revise|change|re-|redo|double|recheck)|on (?:second thought|"
    r"reflection|reconsideration)|scratch that|i (?:made (?:a|an) (?:mistake|error)|was wrong|take (?:that|it) back|"
    r"change my (?:mind|answer|choice)|changed my (?:mind|answer|choice)|retract|should (?:have|instead)|meant|"
    r"mean\b|must correct|need to correct)|"
    r"(?:that|this|the (?:above|answer above|last line))(?:'s| is| was| seems)? (?:wrong|not right|not correct|"
    r"incorrect|a mistake|an error|false|not my)|instead,?\b|rather,|or\b|but (?:wait|if|actually|i)\b|edit:|"
    r"update:|i(?:'d| would) rather|my (?:real|actual|"
    r"corrected|revised|true) |unless\b|disregard\b|ignore (?:that|the|my)|strike that|not really|just kidding|"
    r"alternatively\b|warte\b|nein\b|moment\b|halt\b|stimmt nicht|falsch\b|attends\b|non,|en fait\b|erreur\b|espera\b|"
    r"en realidad\b|perdón\b|等等|不对|等一下|更正|нет,|погоди)",
    re.IGNORECASE,
)


def is_taken_back(after: str) -> bool:
    """Whether the text below an answer takes it back ("Wait, ...") without giving another one."""
    return bool(_TAKEN_BACK.search(_lines(after)))


def _lines(text: str) -> str:
    """The lines of a text that hold something, without the blanks around them."""
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def begins_choice(rest: str, mentions: re.Pattern[str]) -> bool:
    """Whether what stands behind a letter is its choice, though it begins with a word that may correct it."""
    begin = re.match(r"[\"'*_`]*[).:]\s+", rest)
    spoken = _LEGAL.match(rest, begin.end()) if begin else None
    return spoken is not None and not any(m[0].isupper() for m in mentions.finditer(rest, spoken.end()))


def answers_again(after: str, *, stated: bool = False) -> list[str]:
    """Lines below an answer that give one in other words ("My final answer is Red").

    Args:
        stated: only those that say what is best; "I pick Blue" tells what is done.
    """
    found = [m[0] for m in _ANSWERS_AGAIN.finditer(_lines(after))]
    return [line for line in found if not _CHOOSES.search(line)] if stated else found


def explain(
    rest: str, mentions: re.Pattern[str], label: str, *, letter: bool = False, verdict: bool = False
) -> int | None:
    """Where a remark can no longer be explained; None where all of it can.

    Args:
        rest: what stands behind a label, to the end of its line.
        mentions: finds the labels.
        letter: whether the label is a letter, whose choice may be written out behind it.
        verdict: whether the labels are yes and no, so that "no" in a remark is a word like any other.
    """
    if rest[:1] in _GLUED or (rest[:1] == "-" and not _ARROW.match(rest)):
        return 0
    if label[-1:] in (")", "]", "}") and rest[:1] in _CALLED and rest[1:2] not in ("", " "):
        return 0
    if not rest.isascii() and (denied := _DENIES.search(rest)) is not None:
        return denied.start()
    if not _SAYS.search(rest):
        return None
    if (against := _AGAINST.match(rest)) is not None and mentions.match(rest, against.end()):
        return 0
    if verdict and label == "no" and _NO_IT_IS.match(rest):
        return 0
    closed = dressed.end() if (dressed := _DRESSED.match(rest)) else 0
    start = _HARD.match(rest, closed)
    begin = start.end() if start else closed + len(rest[closed:]) - len(rest[closed:].lstrip(" \t\"'`*_"))
    reason = _REASON.match(rest, begin)
    if start is None and (reason is None or reason[0] in _AS_LONG_AS) and not _PREDICATE.match(rest, begin):
        return begin
    sign = start[0].strip()[:1] if start else "("
    if letter and _SPECIES.match(rest):
        return 0
    if letter and reason is None and sign in (".", ")", ":") and rest[begin : begin + 1]:
        return _option_text(rest, begin, mentions)
    capital = rest[begin : begin + 1].isupper() and not _CAPITAL.match(rest, begin)
    if reason is None and sign in (",", ":", "-", "—", ";", "") and not letter and not verdict and capital:
        return begin
    if reason is None and sign == ":" and "=" in rest:
        return begin
    danger = _DANGER if reason is None else _TURNS
    if verdict:
        danger = _TURNS if label == "no" or reason else _CONTRADICTS
    words = _NOT_TRIED.sub(lambda m: "·" * len(m[0]), rest)
    bad = [d.start() for d in danger.finditer(words, begin) if not _safe_denial(words, d, mentions)]
    bad += _unsafe_mentions(rest, begin, mentions, label, bool(reason))
    return min(bad) if bad else None


def _option_text(rest: str, begin: int, mentions: re.Pattern[str]) -> int | None:
    """What the choice of a letter says may hold any words, but neither a second choice nor a correction."""
    spoken = _LEGAL.match(rest, begin) if begins_choice(rest, mentions) else None
    turned = _SAYS_OTHERWISE.search(rest, spoken.end() if spoken else begin)
    bad = [turned.start()] if turned else []
    for mention in mentions.finditer(rest, begin):
        listed = bool(re.match(r"[).:]\s*\S", rest[mention.end() : mention.end() + 8]))
        before = rest[max(begin, mention.start() - 12) : mention.start()]
        other = re.search(r"\bor\s+[(\[]*$", before) and not re.search(r"\beither\b", rest[begin:], re.IGNORECASE)
        if mention[0].isupper() and (listed or other):
            bad.append(mention.start())
    first = mentions.match(rest, begin)
    if (
        first is not None
        and not re.match(r"\s*(?:and|,|&)", rest[first.end() :])
        and not _BEHIND.match(rest[first.end() :])
    ):
        bad.append(begin)
    return min(bad) if bad else None


def _unsafe_mentions(rest: str, begin: int, mentions: re.Pattern[str], label: str, reason: bool) -> list[int]:
    """Where other labels stand that might be meant; joined labels ("A, C and D are wrong") are told of as one."""
    groups: list[list[re.Match[str]]] = []
    for mention in mentions.finditer(rest, begin):
        between = rest[groups[-1][-1].end() : mention.start()] if groups else "x"
        if groups and _JOINED.fullmatch(between):
            groups[-1].append(mention)
        else:
            groups.append([mention])
    return [
        group[0].start()
        for group in groups
        if not all(m[0].casefold() == label.casefold() for m in group)
        and not _safe_mention(rest, group[0], group[-1], reason)
    ]


def _safe_denial(words: str, danger: re.Match[str], mentions: re.Pattern[str]) -> bool:
    """Whether a denial is one of another label alone: "Red, not Blue"."""
    if danger[0].casefold() not in (
        "not", "never", "rather", "instead", "don't", "nicht", "pas", "不是", "而不是", "не",
    ):  # fmt: skip
        return False
    other = _OTHER_LABEL.match(words, danger.end())
    label = mentions.match(words, other.end()) if other else None
    return label is not None


def _safe_mention(rest: str, first: re.Match[str], last: re.Match[str], reason: bool) -> bool:
    """Whether other labels in a remark are compared with, or told of, and not meant."""
    name = first[0]
    behind = rest[last.end() : last.end() + 60]
    if (
        len(name) == 1
        and not _NO_ARTICLE.match(behind)
        and (name in "ai" or re.match(r"['’ ]+[a-z]|'", behind) and name in "AI" and first is last)
    ):
        return not _BEHIND.match(behind) or reason
    before = rest[max(0, first.start() - 40) : first.start()]
    if name.isdigit() and (re.match(r"[.%]?\d", behind) or _FIGURE.search(before)):
        return True
    if re.search(r"\b(?:or|oder|ou|then|but|and then)\s+[\"'*_`(]*$", before, re.IGNORECASE):
        return False
    if _BEFORE.search(before):
        return True
    if name.casefold() in ("yes", "no") and reason:
        return True
    return (reason or bool(re.search(r"[.;(]\s*$", before))) and bool(_BEHIND.match(behind))
