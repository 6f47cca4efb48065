"""A text's pieces are the text; what two prompts share at their ends is found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from akrasia.reports.viewer.pieces import Mark, common_ends, found_in, marked_pieces

PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"), max_size=60)


@given(
    PLAIN, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from(["stated", "done"])), max_size=5)
)
def test_the_pieces_of_a_plain_text_are_the_text(text: str, marks: list[tuple[int, int, str]]) -> None:
    marked = [Mark(min(a, len(text)), min(b, len(text)), kind) for a, b, kind in marks]
    pieces = marked_pieces(text, marked)
    assert "".join(p.text for p in pieces) == text
    covered = {i for m in marked for i in range(m.begin, m.end)}
    at = 0
    for p in pieces:
        assert all((i in covered) == bool(p.kind) for i in range(at, at + len(p.text)))
        at += len(p.text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_common_ends_are_the_longest(text: str, other: str) -> None:
    begin, end = common_ends(text, other)
    assert text[:begin] == other[:begin] and (begin == min(len(text), len(other)) or text[begin] != other[begin])
    a, b = text[begin:], other[begin:]
    assert end <= min(len(a), len(b)) and (not end or a[-end:] == b[-end:])
    assert end == min(len(a), len(b)) or a[len(a) - end - 1] != b[len(b) - end - 1]


def test_characters_that_act_are_shown_by_name() -> None:
    pieces = marked_pieces("a\x1b[31mb\u202ec\u200d\td\x00")
    assert [p.text for p in pieces if p.kind == "acting"] == ["␛", "<U+202E>", "␀"]
    assert "".join(p.text for p in pieces if not p.kind) == "a[31mbc\u200d\td"


def test_a_long_text_says_how_much_is_left_out() -> None:
    pieces = marked_pieces("x" * 1_000_000)
    (cut,) = [p for p in pieces if p.kind == "cut"]
    shown = sum(len(p.text) for p in pieces if not p.kind)
    assert cut.text == f"{1_000_000 - shown:,} characters are left out here" and shown == 22_000
    assert marked_pieces("x" * 1_000_000, whole=True)[0].text == "x" * 1_000_000


def test_words_are_found_whatever_their_case_and_signs() -> None:
    assert [(m.begin, m.end) for m in found_in("A.b a.B aXb", "a.b")] == [(0, 3), (4, 7)]
    assert found_in("anything", "") == []
