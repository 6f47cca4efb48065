"""Concepts of text forms that a program can check: letters, words, lines and syllables.

A value is a tuple of lines, each a tuple of lower-case words, or for the palindrome a string of letters. Instances
come from a word bank and need not make sense, since only the form counts. For every word in the bank the heuristic
counts as many syllables as a dictionary does.

Syllables are counted by a documented heuristic, `syllables`: groups of adjacent vowels (a e i o u y), without a silent
e at the end ("stone") or before a final d ("moved"), but never less than one; "-le" after a consonant counts ("maple").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from numpy.random import Generator

from .concept import Concept, Constraint, TextFormat, pick, strip_markup

Lines = tuple[tuple[str, ...], ...]

BANK = tuple(
    """amber anchor apple arrow autumn bell birch bottle branch bridge bright bronze candle carry cedar clever clock
    cloud copper corner cotton crystal dance dark dawn deep desert distant door dream dusty eager early earth
    echo ember empty falcon feather fern field flame forest fox frozen garden gentle ghost glass golden grain
    green gravel hammer harbour hazel hidden hollow honey humble iron island ivory ivy jacket jigsaw jolly
    journey jumping juniper kettle kind king kiss kite lamp lantern lazy lemon light linen little maple marble
    meadow midnight mirror moon morning mountain narrow needle night north nutmeg oak ocean old olive open
    orange orchard paint paper pebble pine pocket pond proud quartz queen quick quill rain raven ribbon river
    rock rose rough saddle sail salt shadow shy silent silver sky slow small snow soft south spring star still
    stone storm street sudden sugar summer sun swift tall tea thin thorn thunder tiny tower town tree turn
    umbrella under unit upper urban valley velvet vessel vine vivid wagon walk warm water wave wax west
    whisper wild willow wind winter wooden yard yarn yellow young zebra zephyr zero zigzag zinc""".split()
)
NO_E = tuple(w for w in BANK if "e" not in w)
SHORT = ("a", "i", "an", "it", "no", "we", "old", "our", "sky", "you")  # so that there is a word of every length
LONG = ("lanterns", "mountain", "umbrellas", "nightfall", "blackberry", "cornflower", "candlelight", "grasshopper")
BY_INITIAL = {c: tuple(w for w in BANK if w[0] == c) for c in sorted({w[0] for w in BANK})}
BY_LENGTH = {
    n: tuple(w for w in (*SHORT, *BANK, *LONG) if len(w) == n) for n in sorted({len(w) for w in (*SHORT, *BANK, *LONG)})
}
HEADS = tuple(w for w in BANK if 4 <= len(w) <= 5 and all(len(BY_INITIAL.get(c, ())) > 3 for c in w))
ALPHABET = "abcdefghijklmnopqrstuvwxyz"

_WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*")
_REST = re.compile(r"[\s.,;:!?()…\"“”‘’'–—-]*")


def syllables(word: str) -> int:
    """Syllables of a word by the heuristic in the module's docstring."""
    letters = re.sub(r"[^a-z]", "", word.casefold())
    groups = len(re.findall(r"[aeiouy]+", letters))
    silent = re.search(r"[^aeiouy]e$", letters) and not re.search(r"[^aeiouy]le$", letters)
    quiet = re.search(r"[^aeiouytd]ed$", letters)
    return max(1, groups - bool(silent) - bool(quiet))


def _parse(text: str) -> Lines | None:
    lines = []
    for line in strip_markup(text).casefold().splitlines():
        if not line.strip():
            continue
        if _REST.fullmatch(_WORD.sub("", line)) is None:
            return None
        words = tuple(w.replace("’", "'") for w in _WORD.findall(line))
        if not words:
            return None
        lines.append(words)
    return tuple(lines) or None


def _write(lines: Lines) -> str:
    return "\n".join(" ".join(line) for line in lines)


def _units(lines: Lines) -> tuple[str, ...]:
    """The words in order, with a mark at each end of a line: joining or splitting lines is a change too."""
    return tuple(unit for line in lines for unit in (*line, "\n"))


def _mutate(rng: Generator, lines: Lines) -> Lines:
    """One word replaced, most often the first or the last of a line."""
    i = int(rng.integers(len(lines)))
    j = pick(rng, (0, len(lines[i]) - 1, int(rng.integers(len(lines[i])))))
    word: str = pick(rng, [w for w in BANK if w != lines[i][j]])
    return (*lines[:i], (*lines[i][:j], word, *lines[i][j + 1 :]), *lines[i + 1 :])


def _constraints(rng: Generator, lines: Lines) -> tuple[Constraint, ...]:
    i = int(rng.integers(len(lines)))
    word = pick(rng, lines[i])
    count, least = len(lines), min(len(line) for line in lines)
    constraints = [Constraint("one line" if count == 1 else f"{count} lines", lambda v: len(v) == count)]
    if count > 1 and len(set(lines)) == count:
        constraints.append(Constraint("no two lines are the same", lambda v: len(set(v)) == len(v)))
    constraints.append(
        Constraint(f"at least {least} words in every line", lambda v: min(len(line) for line in v) >= least)
    )
    constraints.append(Constraint(f"line {i + 1} contains the word '{word}'", lambda v: len(v) > i and word in v[i]))
    most = min(4, min(len(set(line)) for line in lines))
    constraints.append(
        Constraint(f"at least {most} different words in every line", lambda v: min(len(set(x)) for x in v) >= most)
    )
    return tuple(constraints)


def _headed_constraints(rng: Generator, lines: Lines) -> tuple[Constraint, ...]:
    head = lines[0][0]
    i = int(rng.integers(1, len(lines)))
    word = pick(rng, lines[i][1:])
    return (
        Constraint(f"the first line is the word '{head}'", lambda v: v[0] == (head,)),
        Constraint(f"line {i + 1} contains the word '{word}'", lambda v: len(v) > i and word in v[i]),
        Constraint("every line but the first has at least 3 words", lambda v: all(len(line) >= 3 for line in v[1:])),
    )


def _parse_letters(text: str) -> str | None:
    stripped = strip_markup(text).casefold()
    letters = "".join(_WORD.findall(stripped))
    if _REST.fullmatch(_WORD.sub("", stripped)) is None or not letters:
        return None
    return re.sub(r"[^a-z]", "", letters)


def _mutate_letter(rng: Generator, letters: str) -> str:
    i = int(rng.integers(len(letters)))
    other: str = pick(rng, [c for c in ALPHABET if c != letters[i]])
    return letters[:i] + other + letters[i + 1 :]


def _letter_constraints(rng: Generator, letters: str) -> tuple[Constraint, ...]:
    n, i = len(letters), int(rng.integers(len(letters)))
    kinds = len(set(letters))
    return (
        Constraint(f"exactly {n} letters", lambda v: len(v) == n),
        Constraint(f"letter {i + 1} is '{letters[i]}'", lambda v: len(v) > i and v[i] == letters[i]),
        Constraint(f"at least {kinds} different letters", lambda v: len(set(v)) >= kinds),
    )


_PLAIN = (
    "words of the letters a to z, separated by spaces; punctuation and capitals do not count, and it need not make "
    "sense"
)
LINES = TextFormat(
    f"one or more lines of {_PLAIN}", "word", _parse, _write, _units, _mutate, _constraints, ordered=True
)
HEADED = TextFormat(
    f"a first line with one word alone, then lines of {_PLAIN}",
    "word",
    _parse,
    _write,
    _units,
    _mutate,
    _headed_constraints,
    ordered=True,
)
LETTERS = TextFormat(
    "letters a to z on one line; spaces, punctuation and capitals do not count, and it need not make sense",
    "letter",
    _parse_letters,
    str,
    tuple,
    _mutate_letter,
    _letter_constraints,
    ordered=True,
)


def _flat(lines: Lines) -> list[str]:
    return [word for line in lines for word in line]


def _is_acrostic(v: Lines) -> bool:
    return len(v[0]) == 1 and len(v) > 3 and v[0][0] == "".join(line[0][0] for line in v[1:])


def _is_haiku(v: Lines) -> bool:
    return [sum(map(syllables, line)) for line in v] == [5, 7, 5]


def _is_abab(v: Lines) -> bool:
    ends = [line[-1][-1] for line in v]
    return len(ends) == 4 and ends[0] == ends[2] != ends[1] == ends[3]


def _is_anadiplosis(v: Lines) -> bool:
    return len(v) >= 3 and all(a[-1] == b[0] for a, b in zip(v, v[1:], strict=False))


def _is_rhopalic(v: Lines) -> bool:
    words = [len(re.sub(r"[^a-z]", "", w)) for w in _flat(v)]
    return len(words) >= 4 and all(b == a + 1 for a, b in zip(words, words[1:], strict=False))


def _words(rng: Generator, n: int, bank: tuple[str, ...] = BANK) -> tuple[str, ...]:
    return tuple(bank[i] for i in rng.choice(len(bank), size=n, replace=False))


def _lines(rng: Generator, first: str = "", last: str = "") -> Lines:
    """Three or four lines of four or five words with the same word at the start or at the end."""
    made = []
    for _ in range(int(rng.integers(3, 5))):
        words = _words(rng, int(rng.integers(3, 5)), tuple(w for w in BANK if w not in (first, last)))
        made.append((*((first,) if first else ()), *words, *((last,) if last else ())))
    return tuple(made)


def _acrostic(rng: Generator) -> Lines:
    head = pick(rng, HEADS)
    return ((head,), *((pick(rng, BY_INITIAL[c]), *_words(rng, int(rng.integers(2, 4)))) for c in head))


def _palindrome(rng: Generator) -> str:
    half: str = pick(rng, [w for w in BANK if 4 <= len(w) <= 7])
    return half + (half[::-1] if rng.random() < 0.5 else half[-2::-1])


def _haiku(rng: Generator) -> Lines:
    def line(total: int) -> tuple[str, ...]:
        words: list[str] = []
        while total:
            word = pick(rng, BANK)
            if syllables(word) <= total and word not in words:
                words.append(word)
                total -= syllables(word)
        return tuple(words)

    return line(5), line(7), line(5)


def _anadiplosis(rng: Generator) -> Lines:
    lines = [_words(rng, 4)]
    while len(lines) < 3 + int(rng.integers(2)):
        lines.append((lines[-1][-1], *_words(rng, 3)))
    return tuple(lines)


def _abab(rng: Generator) -> Lines:
    ends = [c for c in ALPHABET if sum(w[-1] == c for w in BANK) >= 4]
    a, b = (ends[i] for i in rng.choice(len(ends), size=2, replace=False))
    return tuple((*_words(rng, 3), pick(rng, [w for w in BANK if w[-1] == c])) for c in (a, b, a, b))


def _pangram(rng: Generator) -> Lines:
    words: list[str] = []
    missing = set(ALPHABET)
    for word in _words(rng, len(BANK)):
        if missing & set(word) and (len(words) < 3 or len(missing & set(word)) > 1 or len(missing) < 6):
            words.append(word)
            missing -= set(word)
    return (tuple(words),) if not missing else _pangram(rng)


def _rhopalic(rng: Generator) -> Lines:
    start, count = int(rng.integers(1, 4)), int(rng.integers(5, 7))
    return (tuple(pick(rng, BY_LENGTH[n]) for n in range(start, start + count)),)


def _all_start(v: Lines, at: int) -> bool:
    return len(v) >= 3 and len({line[at] for line in v}) == 1 and all(len(line) > 1 for line in v)


def _concept(
    name: str,
    title: str,
    definition: str,
    wrong: tuple[str, ...],
    test: Callable[[Any], bool],
    sample: Callable[[Generator], Any],
    form: TextFormat = LINES,
    note: str = "",
    robust: bool = False,
) -> Concept:
    return Concept(name, title, "text", definition, wrong, form, test, sample, note, robust=robust)


TEXT = (
    _concept(
        "acrostic", "an acrostic",
        "A text whose lines begin with letters that, read downwards, spell a word.",
        ("A text whose lines end with letters that, read downwards, spell a word.",
         "A text in which every word begins with the same letter.",
         "A text whose lines read the same forwards and backwards."),
        _is_acrostic, _acrostic, HEADED, "The first line is the word that the others spell (3 letters or more).",
    ),
    _concept(
        "palindrome", "a palindrome",
        "A text that reads the same forwards and backwards, letter by letter.",
        ("A text whose letters can be put in another order to make another text.",
         "A text that uses every letter of the alphabet.",
         "A text whose second half repeats the letters of the first half in the same order."),
        lambda v: len(v) >= 3 and v == v[::-1], _palindrome, LETTERS, "At least 3 letters.",
    ),
    _concept(
        "anaphora", "an anaphora that runs through all lines",
        "Successive lines begin with the same word.",
        ("Successive lines end with the same word.",
         "Each line begins with the word that ended the line before.",
         "The words of a line all begin with the same letter."),
        lambda v: _all_start(v, 0), lambda r: _lines(r, first=pick(r, BANK)), note="At least 3 lines.",
        robust=True,
    ),
    _concept(
        "epistrophe", "an epistrophe that runs through all lines",
        "Successive lines end with the same word.",
        ("Successive lines begin with the same word.",
         "Successive lines end with words that rhyme but differ.",
         "Each line begins with the word that ended the line before."),
        lambda v: _all_start(v, -1), lambda r: _lines(r, last=pick(r, BANK)), note="At least 3 lines.",
        robust=True,
    ),
    _concept(
        "alliteration", "an alliteration of all its words",
        "Words that follow each other begin with the same letter.",
        ("Words that follow each other end with the same letter.",
         "Words that follow each other share the same vowels.",
         "Words that follow each other have the same number of letters."),
        lambda v: len(_flat(v)) >= 4 and len({w[0] for w in _flat(v)}) == 1,
        lambda r: (_words(r, 5, BY_INITIAL[pick(r, [c for c, w in BY_INITIAL.items() if len(w) >= 6])]),),
        note="At least 4 words; spelling counts, not sound.",
    ),
    _concept(
        "haiku", "a haiku by its syllables",
        "A poem of three lines with five, seven and five syllables.",
        ("A poem of three lines with seven, five and seven syllables.",
         "A poem of five lines with five, seven, five, seven and seven syllables.",
         "A poem of three lines with five, seven and five words."),
        _is_haiku, _haiku,
        note="Syllables are counted by spelling: groups of vowels (a e i o u y) in each word, at least one. A final e "
        "after a consonant does not count, except in consonant + le; nor does the e of a final ed, except after t, d "
        "or a vowel.",
    ),
    _concept(
        "lipogram", "a lipogram that avoids the letter e",
        "A text that does without a certain letter altogether.",
        ("A text in which a certain letter occurs in every word.",
         "A text in which no letter occurs twice.",
         "A text in which no word begins with a certain letter."),
        lambda v: len(_flat(v)) >= 6 and not any("e" in w for w in _flat(v)),
        lambda r: (_words(r, int(r.integers(6, 9)), NO_E),), note="At least 6 words.",
    ),
    _concept(
        "pangram", "a pangram",
        "A text in which every letter of the alphabet occurs.",
        ("A text in which no letter of the alphabet occurs twice.",
         "A text that reads the same forwards and backwards.",
         "A text in which every vowel occurs."),
        lambda v: set(ALPHABET) <= set("".join(_flat(v))), _pangram,
    ),
    _concept(
        "anadiplosis", "an anadiplosis that links all lines",
        "The word that ends one line begins the next one.",
        ("The word that begins one line ends the same line.",
         "The word that begins one line begins the next one.",
         "The words of one line return in the next one in reverse order."),
        _is_anadiplosis, _anadiplosis, note="At least 3 lines.",
    ),
    _concept(
        "alternate_endings", "a quatrain with the ending scheme ABAB",
        "Four lines of which the first and third, and the second and fourth, end alike, and the two pairs differ.",
        ("Four lines of which the first and second, and the third and fourth, end alike, and the two pairs differ.",
         "Four lines of which the first and fourth, and the second and third, end alike, and the two pairs differ.",
         "Four lines that all end alike."),
        _is_abab, _abab, note="Two lines end alike if their last letters are the same.", robust=True,
    ),
    _concept(
        "rhopalic", "a rhopalic line",
        "A text in which each word has one letter more than the word before it.",
        ("A text in which each word has one letter less than the word before it.",
         "A text in which all words have the same number of letters.",
         "A text in which each word begins with the letter that follows in the alphabet."),
        _is_rhopalic, _rhopalic, note="At least 4 words.",
    ),
)  # fmt: skip
